package transfer

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"

	"github.com/gatehouse/gatehouse/internal/access"
)

// writer writes the lines of a snapshot and remembers what its end must say.
type writer struct {
	zip     *gzip.Writer
	sum     hash.Hash
	records map[string]int
	one     func() // counts
}

func newWriter(to io.Writer, h header, one func()) (*writer, error) {
	// Most lines resemble the one before: more effort would make the file little
	// smaller, and the export much slower.
	zip, err := gzip.NewWriterLevel(to, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	w := &writer{zip: zip, sum: sha256.New(), records: map[string]int{}, one: one}
	return w, w.line(kindHeader, h)
}

func (w *writer) write(r access.Record) error {
	w.records[r.Kind]++
	w.one()
	return w.line(r.Kind, r.JSON)
}

func (w *writer) close() error {
	err := w.line(kindTrailer, trailer{Records: w.records, SHA256: hex.EncodeToString(w.sum.Sum(nil))})
	if err != nil {
		return err
	}
	if err := w.zip.Close(); err != nil {
		return fmt.Errorf("write the snapshot: %w", err)
	}
	return nil
}

func (w *writer) line(kind string, value any) error {
	text, err := json.Marshal(map[string]any{kind: value})
	if err != nil {
		return err
	}
	text = append(text, '\n')
	w.sum.Write(text) // never fails
	if _, err := w.zip.Write(text); err != nil {
		return fmt.Errorf("write the snapshot: %w", err)
	}
	return nil
}
