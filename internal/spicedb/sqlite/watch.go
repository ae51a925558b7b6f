package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/structpb"

	"github.com/authzed/spicedb/pkg/datastore"
	"github.com/authzed/spicedb/pkg/tuple"
)

// batch is about how many changes a watch reads at once.
const batch = 1000

// Watch tells what was committed after the revision, each revision once and in
// order, then follows commits as they are made. It reads the file and so resumes
// where it ended, also in another process, for as long as the revision is not
// collected.
// Errors, on the channel: InvalidRevisionError; WatchDisconnectedError when the
// consumer does not read; WatchCanceledError; MaximumChangesSizeExceededError;
// ErrClosed; those of the driver.
func (d *Datastore) Watch(ctx context.Context, after datastore.Revision, o datastore.WatchOptions) (<-chan datastore.RevisionChanges, <-chan error) {
	if o.WatchBufferLength == 0 {
		o.WatchBufferLength = d.settings.watchBufferLength
	}
	if o.WatchBufferWriteTimeout <= 0 {
		o.WatchBufferWriteTimeout = d.settings.watchWriteTimeout
	}
	w := &watch{Datastore: d, options: o, changes: make(chan datastore.RevisionChanges, o.WatchBufferLength)}
	errs := make(chan error, 1)
	err := w.begin(after)
	if err == nil {
		err = d.start(func() {
			defer close(errs)
			defer close(w.changes)
			errs <- w.follow(ctx)
		})
	}
	if err != nil {
		errs <- err
		close(w.changes)
		close(errs)
	}
	return w.changes, errs
}

type watch struct {
	*Datastore
	options datastore.WatchOptions
	changes chan datastore.RevisionChanges
	cursor  int64 // the last revision that was told
}

// begin sets the cursor.
func (w *watch) begin(after datastore.Revision) error {
	own, ok := after.(Revision)
	switch {
	case w.options.EmissionStrategy == datastore.EmitImmediatelyStrategy:
		return errors.New("emit immediately strategy is unsupported in SQLite")
	case !ok || uint64(own) > w.head.Load().revision:
		return datastore.NewInvalidRevisionErr(after, datastore.CouldNotDetermineRevision)
	}
	w.cursor = int64(own)
	return nil
}

func (w *watch) wants(c datastore.WatchContent) bool { return w.options.Content&c != 0 }

// follow returns why it ended.
func (w *watch) follow(ctx context.Context) error {
	for {
		// Ask before reading, or a commit in between would wake nobody.
		committed := w.committed.next()
		for newest := int64(w.head.Load().revision); w.cursor < newest; {
			told, last, err := w.read(ctx, newest)
			if ctx.Err() != nil {
				return datastore.NewWatchCanceledErr()
			} else if err != nil {
				return err
			}
			if w.cursor = last; w.wants(datastore.WatchCheckpoints) {
				told = append(told, datastore.RevisionChanges{Revision: Revision(last), IsCheckpoint: true})
			}
			for _, c := range told {
				if err := w.tell(ctx, c); err != nil {
					return err
				}
			}
		}
		select {
		case <-committed:
		case <-ctx.Done():
			return datastore.NewWatchCanceledErr()
		case <-w.closing.Done():
			return ErrClosed
		}
	}
}

// tell hands a change to the consumer.
func (w *watch) tell(ctx context.Context, c datastore.RevisionChanges) error {
	select {
	case w.changes <- c:
		return nil
	default:
	}
	timer := time.NewTimer(w.options.WatchBufferWriteTimeout)
	defer timer.Stop()
	select {
	case w.changes <- c:
		return nil
	case <-timer.C:
		return datastore.NewWatchDisconnectedErr()
	case <-ctx.Done():
		return datastore.NewWatchCanceledErr()
	case <-w.closing.Done():
		return ErrClosed
	}
}

// read reads what was done after the cursor, up to the newest revision or until
// it is a batch, and says which revision was the last of it.
func (w *watch) read(ctx context.Context, newest int64) ([]datastore.RevisionChanges, int64, error) {
	select {
	case w.slots <- struct{}{}:
		defer func() { <-w.slots }()
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
	b := &changes{limit: w.options.MaximumBufferedChangesByteSize}
	last, err := newest, error(nil)
	if w.wants(datastore.WatchRelationships) {
		if last, err = w.readRelationships(ctx, b, newest); err != nil {
			return nil, 0, err
		}
	}
	if w.wants(datastore.WatchSchema) {
		if err := w.readDefinitions(ctx, b, last); err != nil {
			return nil, 0, err
		}
	}
	if w.wants(datastore.WatchRelationships | datastore.WatchSchema) {
		if err := w.readMetadata(ctx, b, last); err != nil {
			return nil, 0, err
		}
	}
	// Had anything of this been collected meanwhile, that would be known by now.
	if uint64(w.cursor) < w.collected.Load() {
		return nil, 0, datastore.NewInvalidRevisionErr(Revision(w.cursor), datastore.RevisionStale)
	}
	return b.inOrder(), last, nil
}

func (w *watch) readRelationships(ctx context.Context, b *changes, newest int64) (int64, error) {
	rows, err := w.readers.query(ctx, `SELECT revision, removed, object_type, object_id, relation, subject_type, subject_id, subject_relation, caveat, context, expiration
		FROM spicedb_change WHERE revision > ? AND revision <= ? ORDER BY revision, position`, w.cursor, newest)
	if err != nil {
		return 0, fmt.Errorf("query changes: %w", err)
	}
	defer rows.Close()
	last := w.cursor
	told := map[key]int{} // where in the change of a revision
	for n := 0; rows.Next(); n++ {
		var revision int64
		var removed bool
		var k key
		var c caveated
		if err := rows.Scan(&revision, &removed, &k[objectType], &k[objectID], &k[relation], &k[subjectType], &k[subjectID], &k[subjectRelation],
			&c.caveat, &c.context, &c.expiration); err != nil {
			return 0, fmt.Errorf("read a change: %w", err)
		}
		if revision > last {
			if n >= batch {
				return last, nil // a revision is told as a whole
			}
			clear(told)
		}
		last = revision
		r, err := c.of(&k)
		if err != nil {
			return 0, err
		}
		update := tuple.Touch(r)
		if removed {
			update = tuple.Delete(r)
		}
		change, err := b.at(revision, &r)
		if err != nil {
			return 0, err
		}
		// The last word of a transaction counts: delete and touch is a touch.
		if i, again := told[k]; again {
			change.RelationshipChanges[i] = update
			continue
		}
		told[k] = len(change.RelationshipChanges)
		change.RelationshipChanges = append(change.RelationshipChanges, update)
	}
	return newest, closeRows(ctx, rows)
}

func (w *watch) readDefinitions(ctx context.Context, b *changes, last int64) error {
	// What a definition was replaced by says more than that it was deleted.
	rows, err := w.readers.query(ctx, `SELECT created AS revision, kind, name, body FROM spicedb_definition WHERE created > ?1 AND created <= ?2
		UNION ALL SELECT deleted, kind, name, NULL FROM spicedb_definition AS d WHERE deleted > ?1 AND deleted <= ?2
			AND NOT EXISTS (SELECT 1 FROM spicedb_definition WHERE kind = d.kind AND name = d.name AND created = d.deleted)`, w.cursor, last)
	if err != nil {
		return fmt.Errorf("query changes of the schema: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var revision int64
		var kind, name string
		var body []byte
		if err := rows.Scan(&revision, &kind, &name, &body); err != nil {
			return fmt.Errorf("read a change of the schema: %w", err)
		}
		if err := b.define(revision, kind, name, body); err != nil {
			return err
		}
	}
	return closeRows(ctx, rows)
}

func (w *watch) readMetadata(ctx context.Context, b *changes, last int64) error {
	rows, err := w.readers.query(ctx, `SELECT id, metadata FROM spicedb_revision WHERE id > ? AND id <= ? AND metadata IS NOT NULL`, w.cursor, last)
	if err != nil {
		return fmt.Errorf("query metadata: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var revision int64
		var raw sql.RawBytes
		if err := rows.Scan(&revision, &raw); err != nil {
			return fmt.Errorf("read metadata: %w", err)
		}
		metadata, err := unmarshalContext(raw)
		if err != nil {
			return fmt.Errorf("read metadata: %w", err)
		}
		change, err := b.at(revision, nil)
		if err != nil {
			return err
		}
		change.Metadatas = []*structpb.Struct{metadata}
	}
	return closeRows(ctx, rows)
}
