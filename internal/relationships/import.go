package relationships

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	v1 "github.com/authzed/authzed-go/proto/authzed/api/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/gatehouse/gatehouse/internal/access"
)

const (
	// importMessage bounds a message in bytes, below the 4 MiB that a gRPC server
	// takes by default.
	importMessage = 1 << 20
	// importCommit bounds what is committed at once. SpiceDB gives a stream 30
	// seconds; the slowest engine commits so many in a few.
	importCommit = 20_000
)

// Import adds relationships to a SpiceDB that has none of them. It commits now
// and then: after an error some are there and some are not.
func (a *Archive) Import(ctx context.Context, records iter.Seq2[access.Record, error]) error {
	ctx, stop := context.WithCancel(ctx) // gives up a stream that was not committed
	defer stop()
	load := &load{open: func() (bulkImport, error) { return a.permissions.ImportBulkRelationships(ctx) }}
	for record, err := range records {
		if err != nil {
			return err
		}
		r := &v1.Relationship{}
		if err := protojson.Unmarshal(record.JSON, r); err != nil {
			return fmt.Errorf("read a relationship: %w", err)
		}
		if err := load.add(r); err != nil {
			return err
		}
	}
	return load.commit()
}

type bulkImport = grpc.ClientStreamingClient[v1.ImportBulkRelationshipsRequest, v1.ImportBulkRelationshipsResponse]

// load gathers relationships into messages, and messages into commits.
type load struct {
	open    func() (bulkImport, error)
	stream  bulkImport // nil between commits
	sent    uint64     // over the stream
	waiting []*v1.Relationship
	size    int // of those waiting, in bytes
}

func (l *load) add(r *v1.Relationship) error {
	l.waiting, l.size = append(l.waiting, r), l.size+proto.Size(r)
	if l.size >= importMessage {
		if err := l.send(); err != nil {
			return err
		}
	}
	if l.sent+uint64(len(l.waiting)) >= importCommit {
		return l.commit()
	}
	return nil
}

func (l *load) send() (err error) {
	if l.stream == nil {
		if l.stream, err = l.open(); err != nil {
			return apiError(err)
		}
	}
	err = l.stream.Send(&v1.ImportBulkRelationshipsRequest{Relationships: l.waiting})
	if errors.Is(err, io.EOF) { // the server has ended the stream, and says why only to one who receives
		_, err = l.stream.CloseAndRecv()
	}
	l.sent += uint64(len(l.waiting))
	l.waiting, l.size = nil, 0
	return apiError(err)
}

func (l *load) commit() error {
	if len(l.waiting) > 0 {
		if err := l.send(); err != nil {
			return err
		}
	}
	if l.stream == nil {
		return nil
	}
	response, err := l.stream.CloseAndRecv()
	if err != nil {
		return apiError(err)
	}
	if response.GetNumLoaded() != l.sent {
		return fmt.Errorf("SpiceDB took %d of %d relationships", response.GetNumLoaded(), l.sent)
	}
	l.stream, l.sent = nil, 0
	return nil
}
