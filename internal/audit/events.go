package audit

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse/gatehouse/internal/access"
)

// Events implements access.Audit.
func (l *Log) Events(ctx context.Context, q access.AuditQuery) ([]access.AuditEvent, string, error) {
	var w where
	if q.Page.Cursor != "" {
		before, err := position(q.Page.Cursor)
		if err != nil {
			return nil, "", err
		}
		w.and("sequence < %s", before)
	}
	w.choose(q)
	// One more than a page tells whether there is another.
	events, err := eventsWhere(ctx, l.db, w, fmt.Sprintf("ORDER BY sequence DESC LIMIT %d", q.Page.Limit+1))
	if err != nil {
		return nil, "", err
	}
	next := ""
	if len(events) > q.Page.Limit {
		events = events[:q.Page.Limit]
		next = base64.RawURLEncoding.EncodeToString(strconv.AppendInt(nil, events[len(events)-1].Sequence, 10))
	}
	return events, next, l.fill(ctx, events, q)
}

// position reads a cursor. Errors: Invalid (malformed_cursor).
func position(cursor string) (int64, error) {
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err == nil {
		var sequence int64
		if sequence, err = strconv.ParseInt(string(text), 10, 64); err == nil {
			return sequence, nil
		}
	}
	return 0, access.Fail(access.Invalid, "malformed_cursor", "this cursor does not continue this list")
}

// where gathers conditions and what they bind.
type where struct {
	conditions []string
	values     []any
}

// and adds a condition, with %s where each value goes.
func (w *where) and(condition string, values ...any) {
	binds := make([]any, len(values))
	for i, v := range values {
		w.values = append(w.values, v)
		binds[i] = fmt.Sprintf("$%d", len(w.values))
	}
	w.conditions = append(w.conditions, fmt.Sprintf(condition, binds...))
}

func (w where) String() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return "WHERE " + strings.Join(w.conditions, " AND ")
}

func (w *where) choose(q access.AuditQuery) {
	if q.Actor != (access.Object{}) {
		w.and("actor_type = %s AND actor_id = %s", q.Actor.Type, q.Actor.ID)
	}
	if q.Operation != "" {
		w.and("operation = %s", q.Operation)
	}
	if !q.From.IsZero() {
		w.and("happened_at >= %s", q.From.UnixMicro())
	}
	if !q.To.IsZero() {
		w.and("happened_at < %s", q.To.UnixMicro())
	}
	updates := where{values: w.values}
	updates.chooseUpdates(q)
	if len(updates.conditions) > 0 {
		w.conditions = append(w.conditions, "sequence IN (SELECT sequence FROM audit_updates "+updates.String()+")")
		w.values = updates.values
	}
}

// chooseUpdates asks for updates that are on the object and about the person.
func (w *where) chooseUpdates(q access.AuditQuery) {
	w.visible(q)
	if q.Person != "" {
		w.and("person_id = %s", q.Person)
	}
	switch {
	case q.Open || q.On == (access.Object{}): // visible asks already, or nobody does
	case q.On.Type == access.TypeInvitation:
		w.and("resource_type = %s AND resource_id = %s", q.On.Type, q.On.ID)
	default:
		w.and("on_type = %s AND on_id = %s", q.On.Type, q.On.ID)
	}
}

// visible leaves out what is not open to those who may see the people of an object
// but no more: what the same change did elsewhere, and who was invited. Were that
// told, an invitation would tell whether its e-mail was known before.
func (w *where) visible(q access.AuditQuery) {
	if q.Open {
		w.and("on_type = %s AND on_id = %s AND NOT (resource_type = %s AND relation = 'invitee')", q.On.Type, q.On.ID, access.TypeInvitation)
	}
}

func eventsWhere(ctx context.Context, q querier, w where, order string) ([]access.AuditEvent, error) {
	rows, err := q.QueryContext(ctx, `SELECT sequence, hash, `+eventColumns+` FROM audit_events `+w.String()+` `+order, w.values...)
	if err != nil {
		return nil, down(err)
	}
	defer func() { _ = rows.Close() }() // what matters of it is in Err
	var events []access.AuditEvent
	for rows.Next() {
		var e access.AuditEvent
		var at int64
		if err := rows.Scan(&e.Sequence, &e.Hash, &e.Moment, &e.GapFrom, &e.Operation, &e.Actor.Type, &e.Actor.ID, &e.Reason, &e.RequestID, &e.From, &at); err != nil {
			return nil, down(err)
		}
		e.At = time.UnixMicro(at).UTC()
		events = append(events, e)
	}
	return events, down(rows.Err())
}

// fill adds the updates to events, as far as whoever asks may see them.
func (l *Log) fill(ctx context.Context, events []access.AuditEvent, q access.AuditQuery) error {
	const batch = 500
	for some := range slices.Chunk(events, batch) {
		var w where
		of, sequences := map[int64]*access.AuditEvent{}, make([]any, len(some))
		for i := range some {
			of[some[i].Sequence], sequences[i] = &some[i], some[i].Sequence
		}
		w.and("sequence IN ("+strings.TrimSuffix(strings.Repeat("%s, ", len(some)), ", ")+")", sequences...)
		w.visible(q)
		if err := updatesWhere(ctx, l.db, w, func(sequence, _ int64, u access.AuditUpdate) {
			of[sequence].Updates = append(of[sequence].Updates, u)
		}); err != nil {
			return err
		}
	}
	return nil
}

func updatesWhere(ctx context.Context, q querier, w where, found func(sequence, position int64, u access.AuditUpdate)) error {
	rows, err := q.QueryContext(ctx, `SELECT `+updateColumns+` FROM audit_updates `+w.String()+` ORDER BY sequence, position`, w.values...)
	if err != nil {
		return down(err)
	}
	defer func() { _ = rows.Close() }() // what matters of it is in Err
	for rows.Next() {
		var sequence, place int64
		var end *int64
		var u access.AuditUpdate
		r := &u.Relationship
		if err := rows.Scan(&sequence, &place, &u.Verb, &r.Resource.Type, &r.Resource.ID, &r.Relation,
			&r.Subject.Type, &r.Subject.ID, &r.Subject.Relation, &end, &u.On.Type, &u.On.ID, &u.Person); err != nil {
			return down(err)
		}
		if end != nil {
			r.EndsAt = time.UnixMicro(*end).UTC()
		}
		found(sequence, place, u)
	}
	return down(rows.Err())
}
