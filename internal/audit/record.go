package audit

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse/gatehouse/internal/access"
)

// Handle records a change, once however often it is told. Moments at which no
// relationship changed are not recorded.
func (l *Log) Handle(ctx context.Context, c access.Change) error {
	if len(c.Updates) == 0 {
		return nil
	}
	event := access.AuditEvent{Cause: l.cause(c.Cause), Moment: c.At}
	for _, u := range c.Updates {
		on, err := l.on(ctx, u.Relationship, c.Updates)
		if err != nil {
			return err
		}
		event.Updates = append(event.Updates, access.AuditUpdate{Update: u, On: on, Person: person(u.Relationship)})
	}
	return l.record(ctx, event)
}

// Lost records that changes between two moments cannot be told any more.
func (l *Log) Lost(ctx context.Context, from, to access.Token) error {
	return l.record(ctx, access.AuditEvent{
		Cause:  l.cause(access.Cause{Operation: access.OperationGap, Actor: access.System}),
		Moment: to, GapFrom: cmp.Or(from, "unknown"),
	})
}

// MarkImport records a gap if the audit came from elsewhere: it goes on from the
// present, and its last moment is one of the SpiceDB it was kept beside.
func (l *Log) MarkImport(ctx context.Context, head func(context.Context) (access.Token, error)) error {
	at, err := l.Cursor(ctx, "")
	if err != nil || at != "" {
		return err
	}
	events, _, err := l.Events(ctx, access.AuditQuery{Page: access.Page{Limit: 1}})
	if err != nil || len(events) == 0 {
		return err
	}
	to, err := head(ctx)
	if err != nil {
		return err
	}
	return l.Lost(ctx, events[0].Moment, to)
}

// cause is what the audit believes of a cause. Whoever has the key to SpiceDB can
// write any metadata: it may be empty, or not fit, but must not stop the audit. No
// change was committed after it was read, whatever its clock said.
func (l *Log) cause(c access.Cause) access.Cause {
	now := l.now().UTC()
	if c.At.IsZero() || c.At.After(now) {
		c.At = now
	}
	c.At = c.At.UTC().Truncate(time.Microsecond)
	if c.Operation = plain(c.Operation); c.Operation == "" {
		c.Operation = access.OperationOutside
	}
	if actor, err := access.ParseObject(c.Actor.Type, c.Actor.ID); err != nil {
		c.Actor = access.Object{}
	} else {
		c.Actor = actor
	}
	c.Reason, c.RequestID, c.From = plain(c.Reason), plain(c.RequestID), plain(c.From)
	return c
}

// plain keeps text bearable, and free of what Postgres does not keep.
func plain(s string) string {
	const most = 2000 // bytes
	return strings.ToValidUTF8(strings.ReplaceAll(s[:min(len(s), most)], "\x00", ""), "")
}

// on finds what a relationship is about. Of an invitation that is what it offers,
// which the change may say, or an earlier one, or else SpiceDB: offers stay.
func (l *Log) on(ctx context.Context, r access.Relationship, beside []access.Update) (access.Object, error) {
	if r.Resource.Type != access.TypeInvitation {
		return r.Resource, nil
	}
	for _, u := range beside {
		if u.Relationship.Resource == r.Resource && offers(u.Relationship) {
			return u.Relationship.Subject.Object, nil
		}
	}
	var known access.Object
	err := l.db.QueryRowContext(ctx, `
		SELECT on_type, on_id FROM audit_updates WHERE resource_type = $1 AND resource_id = $2 AND on_type <> $1
		ORDER BY sequence DESC LIMIT 1`, r.Resource.Type, r.Resource.ID).Scan(&known.Type, &known.ID)
	if err == nil {
		return known, nil
	} else if !errors.Is(err, sql.ErrNoRows) {
		return known, down(err)
	}
	found, _, err := l.read(ctx, access.On(r.Resource, ""))
	if i := slices.IndexFunc(found, offers); i >= 0 {
		return found[i].Subject.Object, err
	}
	return r.Resource, err
}

func offers(r access.Relationship) bool { return strings.HasPrefix(r.Relation, "offers_") }

// person is whom a relationship concerns: who has the role or, of an invitation,
// who was invited, not who invited them.
func person(r access.Relationship) string {
	settles := r.Resource.Type == access.TypeInvitation && r.Relation != "invitee" && r.Relation != "accepted_by"
	if r.Subject.Type != access.TypeUser || r.Subject.ID == "*" || settles {
		return ""
	}
	return r.Subject.ID
}

func (l *Log) record(ctx context.Context, e access.AuditEvent) error {
	recorded := false
	err := l.move(ctx, e.Moment, func(tx *sql.Tx) error {
		before, err := head(ctx, tx)
		if err != nil {
			return err
		}
		e.Sequence = before.sequence + 1
		e.Hash = hash(before.hash, e)
		recorded, err = insert(ctx, tx, e)
		return err
	})
	if err == nil && recorded {
		l.last.Store(e.Sequence)
	}
	return err
}

// insert adds an event unless it is there.
func insert(ctx context.Context, tx *sql.Tx, e access.AuditEvent) (inserted bool, err error) {
	values := append([]any{e.Sequence, e.Hash}, eventValues(e)...)
	result, err := tx.ExecContext(ctx, `
		INSERT INTO audit_events (sequence, hash, `+eventColumns+`) VALUES `+tuple(0, len(values))+`
		ON CONFLICT (moment, gap_from) DO NOTHING`, values...)
	if err != nil {
		return false, down(err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return false, down(err)
	}
	return true, insertUpdates(ctx, tx, e)
}

const eventColumns = `moment, gap_from, operation, actor_type, actor_id, reason, request_id, client_address, happened_at`

func eventValues(e access.AuditEvent) []any {
	return []any{string(e.Moment), string(e.GapFrom), e.Operation, e.Actor.Type, e.Actor.ID, e.Reason, e.RequestID, e.From, e.At.UnixMicro()}
}

const updateColumns = `sequence, position, verb, resource_type, resource_id, relation,
	subject_type, subject_id, subject_relation, ends_at, on_type, on_id, person_id`

// insertUpdates adds the updates of an event, of which there may be any number.
func insertUpdates(ctx context.Context, tx *sql.Tx, e access.AuditEvent) error {
	const batch = 500
	position := 0
	for some := range slices.Chunk(e.Updates, batch) {
		var binds []string
		var values []any
		for _, u := range some {
			r := u.Relationship
			var end *int64
			if !r.EndsAt.IsZero() {
				micro := r.EndsAt.UnixMicro()
				end = &micro
			}
			row := []any{
				e.Sequence, position, int(u.Verb), r.Resource.Type, r.Resource.ID, r.Relation,
				r.Subject.Type, r.Subject.ID, r.Subject.Relation, end, u.On.Type, u.On.ID, u.Person,
			}
			binds = append(binds, tuple(len(values), len(row)))
			values = append(values, row...)
			position++
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO audit_updates (`+updateColumns+`) VALUES `+strings.Join(binds, ", "), values...); err != nil {
			return down(err)
		}
	}
	return nil
}

// tuple is "($8, $9, …)": so many binds, after those there are.
func tuple(after, n int) string {
	binds := make([]string, n)
	for i := range binds {
		binds[i] = fmt.Sprintf("$%d", after+i+1)
	}
	return "(" + strings.Join(binds, ", ") + ")"
}
