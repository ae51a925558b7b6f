package transfer

import (
	"context"
	"encoding/json"
	"io"
	"iter"

	"github.com/gatehouse/gatehouse/internal/access"
)

// Export writes a snapshot of the stores.
// Errors: NotFound (no_schema), those of the stores, and those of the writer; what
// was written then is not a snapshot.
func Export(ctx context.Context, to io.Writer, rs Relationships, d Directory, a Audit, now access.Clock, heard Progress) (Summary, error) {
	schema, at, err := rs.Schema(ctx)
	if err != nil {
		return Summary{}, err
	}
	h := header{Format: format, TakenAt: now().UTC(), Revision: at}
	w, err := newWriter(to, h, heard.counter(0))
	if err != nil {
		return Summary{}, err
	}
	if err := w.all(d.Export(ctx)); err != nil {
		return Summary{}, err
	}
	if err := w.all(a.Export(ctx)); err != nil {
		return Summary{}, err
	}
	text, err := json.Marshal(schema)
	if err != nil {
		return Summary{}, err
	}
	if err := w.write(access.Record{Kind: kindSchema, JSON: text}); err != nil {
		return Summary{}, err
	}
	if err := w.all(rs.Export(ctx, at)); err != nil {
		return Summary{}, err
	}
	return h.summary(w.records), w.close()
}

func (w *writer) all(records iter.Seq2[access.Record, error]) error {
	for record, err := range records {
		if err != nil {
			return err
		}
		if err := w.write(record); err != nil {
			return err
		}
	}
	return nil
}
