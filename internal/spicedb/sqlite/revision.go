package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/authzed/spicedb/pkg/datastore"
)

// Revision counts the transactions that were committed to a file.
type Revision uint64

// of is the number of a revision. NoRevision is 0, which comes before them all.
func of(r datastore.Revision) uint64 {
	own, _ := r.(Revision)
	return uint64(own)
}

func (r Revision) String() string                            { return strconv.FormatUint(uint64(r), 10) }
func (r Revision) Equal(other datastore.Revision) bool       { return uint64(r) == of(other) }
func (r Revision) GreaterThan(other datastore.Revision) bool { return uint64(r) > of(other) }
func (r Revision) LessThan(other datastore.Revision) bool    { return uint64(r) < of(other) }

// ByteSortable is false: "10" sorts before "9".
func (r Revision) ByteSortable() bool { return false }

// RevisionFromString is the inverse of Revision.String.
// Errors: it is not a number.
func (d *Datastore) RevisionFromString(s string) (datastore.Revision, error) {
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		return datastore.NoRevision, fmt.Errorf("%q is not a revision: %w", s, err)
	}
	return Revision(n), nil
}

// head is the newest revision. It is kept here, so that a check need not ask the
// file for it: there is no other writer.
type head struct {
	revision  uint64
	committed time.Time
	hash      string // of the schema
}

func (h *head) answer() datastore.RevisionWithSchemaHash {
	return datastore.RevisionWithSchemaHash{Revision: Revision(h.revision), SchemaHash: h.hash}
}

// HeadRevision is the newest revision: it covers every acknowledged write.
// Errors: ErrClosed.
func (d *Datastore) HeadRevision(context.Context) (datastore.RevisionWithSchemaHash, error) {
	if d.closing.Err() != nil {
		return datastore.RevisionWithSchemaHash{}, ErrClosed
	}
	return d.head.Load().answer(), nil
}

// optimized is the revision that stale reads share.
type optimized struct {
	sync.Mutex
	head  *head
	until time.Time
}

// OptimizedRevision is the newest revision as it was at some moment since the
// present quantum began.
// Errors: ErrClosed.
func (d *Datastore) OptimizedRevision(ctx context.Context) (datastore.RevisionWithSchemaHash, error) {
	quantum := d.settings.quantization
	if quantum <= 0 || d.closing.Err() != nil {
		return d.HeadRevision(ctx)
	}
	d.optimized.Lock()
	defer d.optimized.Unlock()
	if now := time.Now(); !now.Before(d.optimized.until) {
		d.optimized.head, d.optimized.until = d.head.Load(), now.Truncate(quantum).Add(quantum)
	}
	return d.optimized.head.answer(), nil
}

// CheckRevision says whether a snapshot can be read: the newest always can, the
// others until they have left the window.
// Errors: InvalidRevisionError, ErrClosed, those of the driver.
func (d *Datastore) CheckRevision(ctx context.Context, r datastore.Revision) error {
	if d.closing.Err() != nil {
		return ErrClosed
	}
	own, ok := r.(Revision)
	newest := d.head.Load().revision
	switch {
	case !ok || uint64(own) > newest:
		return datastore.NewInvalidRevisionErr(r, datastore.CouldNotDetermineRevision)
	case uint64(own) == newest:
		return nil
	}
	var committed int64
	err := d.readers.queryRow(ctx, `SELECT committed FROM spicedb_revision WHERE id = ?`, int64(own)).Scan(&committed)
	if errors.Is(err, sql.ErrNoRows) || err == nil && time.UnixMicro(committed).Before(time.Now().Add(-d.settings.gcWindow)) {
		return datastore.NewInvalidRevisionErr(r, datastore.RevisionStale)
	}
	return err
}

// readable says whether a read at the revision would be exact. Unlike
// CheckRevision it grants a reader the time until the rows are really gone.
func (d *Datastore) readable(revision uint64) error {
	switch {
	case revision < d.collected.Load():
		return datastore.NewInvalidRevisionErr(Revision(revision), datastore.RevisionStale)
	case revision == 0 || revision > d.head.Load().revision:
		return datastore.NewInvalidRevisionErr(Revision(revision), datastore.CouldNotDetermineRevision)
	}
	return nil
}
