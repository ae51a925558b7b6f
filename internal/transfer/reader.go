package transfer

import (
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"maps"

	"github.com/gatehouse/gatehouse/internal/access"
)

// longest bounds a line in bytes: the longest is the schema.
const longest = 16 << 20

// reader reads the records of a snapshot, and vouches for them once it has read
// the last.
type reader struct {
	header  header
	lines   *bufio.Scanner
	sum     hash.Hash
	records map[string]int
	part    int
	ahead   *access.Record // read but not taken
	ended   bool
}

// damaged says what is wrong with a file and what can be done about it.
func damaged(format string, args ...any) error {
	return fmt.Errorf("the snapshot is damaged: "+format+". Nothing of it can be trusted: export it again, or take another copy", args...)
}

func newReader(from io.Reader) (*reader, error) {
	zip, err := gzip.NewReader(from)
	if err != nil {
		return nil, fmt.Errorf("this is not a snapshot: %w", err)
	}
	r := &reader{lines: bufio.NewScanner(zip), sum: sha256.New(), records: map[string]int{}}
	r.lines.Buffer(make([]byte, 64<<10), longest)
	first, err := r.line()
	if err != nil {
		return nil, err
	}
	if first.Kind != kindHeader {
		return nil, errors.New("this is not a snapshot: it does not begin as one")
	}
	if err := json.Unmarshal(first.JSON, &r.header); err != nil {
		return nil, damaged("%w", err)
	}
	if r.header.Format > format {
		return nil, fmt.Errorf("the snapshot has format %d, and this program reads up to %d: import it with the version of gatehouse that exported it, or a newer one", r.header.Format, format)
	}
	return r, nil
}

// next takes a record. After the last it returns io.EOF if the file was whole.
func (r *reader) next() (access.Record, error) {
	record, err := r.peek()
	r.ahead = nil
	return record, err
}

func (r *reader) peek() (access.Record, error) {
	switch {
	case r.ended:
		return access.Record{}, io.EOF
	case r.ahead != nil:
		return *r.ahead, nil
	}
	record, err := r.line()
	if err != nil {
		return access.Record{}, err
	}
	if record.Kind == kindTrailer {
		return access.Record{}, r.end(record)
	}
	if part(record.Kind) < r.part {
		return access.Record{}, damaged("%q follows what it should precede", record.Kind)
	}
	r.part = part(record.Kind)
	r.records[record.Kind]++
	r.ahead = &record
	return record, nil
}

// end compares what was read with what the last line says.
func (r *reader) end(last access.Record) error {
	var said trailer
	if err := json.Unmarshal(last.JSON, &said); err != nil {
		return damaged("%w", err)
	}
	switch {
	case said.SHA256 != hex.EncodeToString(r.sum.Sum(nil)):
		return damaged("its contents do not have the checksum they had when it was written")
	case !maps.Equal(said.Records, r.records):
		return damaged("it holds %v, and should hold %v", r.records, said.Records)
	case r.records[kindSchema] != 1:
		return damaged("it has %d schemas", r.records[kindSchema])
	case r.lines.Scan():
		return damaged("it goes on after its end")
	case r.lines.Err() != nil:
		return damaged("%w", r.lines.Err())
	}
	r.ended = true
	return io.EOF
}

func (r *reader) line() (access.Record, error) {
	if !r.lines.Scan() {
		if err := r.lines.Err(); err != nil {
			return access.Record{}, damaged("%w", err)
		}
		return access.Record{}, damaged("its end is missing")
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(r.lines.Bytes(), &fields); err != nil {
		return access.Record{}, damaged("%w", err)
	}
	if len(fields) != 1 {
		return access.Record{}, damaged("a line has %d fields", len(fields))
	}
	var record access.Record
	for kind, value := range fields {
		record = access.Record{Kind: kind, JSON: value}
	}
	if record.Kind != kindTrailer {
		r.sum.Write(r.lines.Bytes()) // never fails
		r.sum.Write([]byte{'\n'})
	}
	return record, nil
}

// of yields the records of one part of the file.
func (r *reader) of(p int) iter.Seq2[access.Record, error] {
	return func(yield func(access.Record, error) bool) {
		for {
			record, err := r.peek()
			if errors.Is(err, io.EOF) || err == nil && part(record.Kind) != p {
				return
			}
			r.ahead = nil
			if !yield(record, err) || err != nil {
				return
			}
		}
	}
}
