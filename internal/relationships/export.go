package relationships

import (
	"context"
	"errors"
	"io"
	"iter"

	v1 "github.com/authzed/authzed-go/proto/authzed/api/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/gatehouse/gatehouse/internal/access"
)

const (
	exportPage = 1000
	// exportSize bounds a page in bytes: so many relationships with the largest
	// ids and caveat contexts that SpiceDB accepts.
	exportSize = 64 << 20
)

// Export yields every relationship of one moment, except those that have ended
// since. Where the connection breaks, the export goes on over another, as long as it
// gets further each time.
func (a *Archive) Export(ctx context.Context, at access.Token) iter.Seq2[access.Record, error] {
	return func(yield func(access.Record, error) bool) {
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		request := &v1.ExportBulkRelationshipsRequest{Consistency: exactly(at), OptionalLimit: exportPage}
		for {
			cursor, wanted, err := a.exportFrom(ctx, request, yield)
			switch {
			case !wanted || err == nil:
				return
			case status.Code(err) != codes.Unavailable || cursor == nil:
				yield(access.Record{}, apiError(err))
				return
			}
			request.OptionalCursor = cursor
		}
	}
}

// exportFrom yields to the end of one stream, and returns the cursor that follows
// what was yielded, nil if there was nothing.
func (a *Archive) exportFrom(
	ctx context.Context, request *v1.ExportBulkRelationshipsRequest, yield func(access.Record, error) bool,
) (cursor *v1.Cursor, wanted bool, err error) {
	stream, err := a.permissions.ExportBulkRelationships(ctx, request, grpc.MaxCallRecvMsgSize(exportSize))
	if err != nil {
		return nil, true, err
	}
	for {
		page, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil, true, nil
		}
		if err != nil {
			return cursor, true, err
		}
		for _, r := range page.GetRelationships() {
			if r.GetResource().GetObjectType() == beatType {
				continue
			}
			text, err := protojson.Marshal(r)
			if !yield(access.Record{Kind: RecordKind, JSON: text}, err) || err != nil {
				return nil, false, nil
			}
		}
		cursor = page.GetAfterResultCursor()
	}
}
