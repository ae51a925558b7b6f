package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/authzed/spicedb/pkg/datastore"
	"github.com/authzed/spicedb/pkg/datastore/options"
)

// ErrBusy is what a transaction is told that has waited too long for its turn to
// write while its function was running. It is run again, from the start, once it
// is its turn.
var ErrBusy = errors.New("another transaction is writing")

const (
	patience = time.Second
	attempts = 10
)

// ReadWriteTx runs the function as one transaction: all it did is committed, or
// nothing. The turn to write, and the revision with it, are taken when the
// function first reads or writes; so a transaction sees all that was committed
// before its revision, and those that do nothing wait for nobody.
// Errors: the function's own, as it is; ErrSchemaHashPreconditionFailed,
// ErrSchemaNotFound; ErrBusy when it kept returning that; the context's; those of
// the driver.
func (d *Datastore) ReadWriteTx(ctx context.Context, fn datastore.TxUserFunc, opts ...options.RWTOptionsOption) (datastore.Revision, error) {
	config := options.NewRWTOptionsWithOptions(opts...)
	for attempt := 1; ; attempt++ {
		t := &transaction{datastore: d, config: config, eager: attempt > 1 || config.SchemaHashPrecondition != ""}
		t.reader = reader{datastore: d, transaction: t}
		r, err := t.run(ctx, fn)
		if !errors.Is(err, ErrBusy) || config.DisableRetries || attempt == attempts {
			return r, err
		}
	}
}

// transaction is the one that writes, from its first use on.
type transaction struct {
	reader
	datastore *Datastore
	config    *options.RWTOptions
	eager     bool // takes its turn before the function runs

	begun     bool
	wrote     bool
	committed bool
	failed    error // what broke it: SQLite may have rolled back
	revision  int64
	changes   int64
	hash      string // of the schema
}

func (t *transaction) run(ctx context.Context, fn datastore.TxUserFunc) (datastore.Revision, error) {
	defer t.end(ctx)
	if t.eager {
		if err := t.begin(ctx); err != nil {
			return datastore.NoRevision, err
		}
	}
	if want := t.config.SchemaHashPrecondition; want != "" && want != t.hash {
		if t.hash == "" {
			return datastore.NoRevision, datastore.ErrSchemaNotFound
		}
		return datastore.NoRevision, datastore.ErrSchemaHashPreconditionFailed
	}
	if err := fn(ctx, t); err != nil {
		return datastore.NoRevision, err
	}
	if !t.wrote {
		if t.datastore.closing.Err() != nil {
			return datastore.NoRevision, ErrClosed
		}
		return Revision(t.datastore.head.Load().revision), nil
	}
	return t.commit(ctx)
}

// begin takes the turn to write, if the transaction has not yet.
// Errors: ErrBusy, ErrClosed, what broke the transaction before, the context's.
func (t *transaction) begin(ctx context.Context) error {
	if t.begun || t.failed != nil {
		return errors.Join(t.failed, ctx.Err())
	}
	wait := time.Duration(0)
	if !t.eager && !t.config.DisableRetries {
		// Whoever has the turn may be waiting for this very function to end.
		wait = patience
	}
	d := t.datastore
	if err := d.takeTurn(ctx, wait); err != nil {
		return err
	}
	if _, err := d.writer.exec(context.WithoutCancel(ctx), `BEGIN IMMEDIATE`); err != nil {
		d.endTurn()
		if is(err, codeBusy) {
			return fmt.Errorf("%w: %w", ErrBusy, err)
		}
		return err
	}
	t.begun = true
	newest := d.head.Load()
	t.revision, t.hash = int64(newest.revision)+1, newest.hash
	return nil
}

// exec changes rows. The driver is not given the context: an interrupted
// statement would roll all of the transaction back behind our back.
func (t *transaction) exec(ctx context.Context, text string, args ...any) (int64, error) {
	if err := t.begin(ctx); err != nil {
		return 0, err
	}
	t.wrote = true
	n, err := t.datastore.writer.exec(context.WithoutCancel(ctx), text, args...)
	if err != nil && !is(err, codeConstraint) {
		t.failed = err
	}
	return n, err
}

func (t *transaction) commit(ctx context.Context) (datastore.Revision, error) {
	if err := errors.Join(t.failed, ctx.Err()); err != nil {
		return datastore.NoRevision, err
	}
	d := t.datastore
	committed := time.Now()
	if last := d.head.Load().committed; committed.Before(last) {
		committed = last // the clock was set back, but not the window
	}
	metadata, err := marshalContext(t.config.Metadata)
	if err != nil {
		return datastore.NoRevision, err
	}
	if _, err := t.exec(ctx, `INSERT INTO spicedb_revision (id, committed, metadata) VALUES (?, ?, ?)`, t.revision, committed.UnixMicro(), metadata); err != nil {
		return datastore.NoRevision, err
	}
	if _, err := t.exec(ctx, `COMMIT`); err != nil {
		return datastore.NoRevision, fmt.Errorf("commit: %w", err)
	}
	d.head.Store(&head{revision: uint64(t.revision), committed: committed, hash: t.hash})
	t.committed = true
	d.committed.raise()
	return Revision(t.revision), nil
}

// end rolls back what was not committed, and gives up the turn.
func (t *transaction) end(ctx context.Context) {
	t.failed = errEnded
	if !t.begun {
		return
	}
	if !t.committed {
		// SQLite may have rolled back already, which is all an error can mean.
		_, _ = t.datastore.writer.exec(context.WithoutCancel(ctx), `ROLLBACK`)
	}
	t.datastore.endTurn()
}

var errEnded = errors.New("the transaction has ended")

// takeTurn waits, in the order of arrival, until nobody else in this process
// writes; no longer than the time given, if any.
func (d *Datastore) takeTurn(ctx context.Context, wait time.Duration) error {
	if d.closing.Err() != nil {
		return ErrClosed
	}
	select {
	case d.turn <- struct{}{}:
		return nil
	default:
	}
	var late <-chan time.Time
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case d.turn <- struct{}{}:
		return nil
	case <-late:
		return ErrBusy
	case <-ctx.Done():
		return ctx.Err()
	case <-d.closing.Done():
		return ErrClosed
	}
}

func (d *Datastore) endTurn() { <-d.turn }

// inTurn does one thing as a transaction of its own, without a revision.
func (d *Datastore) inTurn(ctx context.Context, do func(context.Context) (int64, error)) (n int64, err error) {
	if err := d.takeTurn(ctx, 0); err != nil {
		return 0, err
	}
	defer d.endTurn()
	ctx = context.WithoutCancel(ctx)
	if _, err := d.writer.exec(ctx, `BEGIN IMMEDIATE`); err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			if _, lost := d.writer.exec(ctx, `ROLLBACK`); lost != nil {
				err = errors.Join(err, lost)
			}
		}
	}()
	if n, err = do(ctx); err != nil {
		return 0, err
	}
	_, err = d.writer.exec(ctx, `COMMIT`)
	return n, err
}
