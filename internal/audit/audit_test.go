package audit_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/audit"
	"github.com/gatehouse/gatehouse/internal/database"
	"github.com/gatehouse/gatehouse/internal/database/postgrestest"
	"github.com/gatehouse/gatehouse/internal/spicedb/sqlite"
)

var postgres *postgrestest.Cluster

func TestMain(m *testing.M) { postgrestest.Main(m, func(c *postgrestest.Cluster) { postgres = c }) }

var noon = time.Date(2026, time.March, 29, 12, 0, 0, 123456000, time.UTC)

func now() time.Time { return noon }

// nothing is what SpiceDB holds in most tests.
func nothing(context.Context, ...access.Filter) ([]access.Relationship, access.Token, error) {
	return nil, "", nil
}

// onSQLite is an empty database in a file.
func onSQLite(t *testing.T) *sql.DB {
	t.Helper()
	engine, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "gatehouse.db"))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, engine.Close()) })
	return engine.DB()
}

// onEach runs a test on an empty database of each kind.
func onEach(t *testing.T, test func(t *testing.T, db *sql.DB)) {
	t.Run("sqlite", func(t *testing.T) { test(t, onSQLite(t)) })
	t.Run("postgres", func(t *testing.T) {
		db, err := database.Open(t.Context(), postgres.Database(t))
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, db.Close()) })
		test(t, db)
	})
}

func open(t *testing.T, db *sql.DB, read audit.Read) *audit.Log {
	t.Helper()
	l, err := audit.New(t.Context(), db, now, read)
	require.NoError(t, err)
	return l
}

func project(id string) access.Object { return access.Object{Type: access.TypeProject, ID: id} }

func member(id, name string) access.Relationship {
	return access.Relate(project(id), "member", access.User(name))
}

func invitation(id string) access.Object {
	return access.Object{Type: access.TypeInvitation, ID: id}
}

// change is one that touches relationships at a moment.
func change(at access.Token, cause access.Cause, rs ...access.Relationship) access.Change {
	var w access.Write
	w.Touch(rs...)
	return access.Change{Updates: w.Updates, Cause: cause, At: at}
}

func handle(t *testing.T, l *audit.Log, changes ...access.Change) {
	t.Helper()
	for _, c := range changes {
		require.NoError(t, l.Handle(t.Context(), c))
	}
}

// listed are all events of a query, page by page.
func listed(t *testing.T, l *audit.Log, q access.AuditQuery) []access.AuditEvent {
	t.Helper()
	var all []access.AuditEvent
	if q.Page.Limit == 0 {
		q.Page.Limit = 2
	}
	for {
		events, next, err := l.Events(t.Context(), q)
		require.NoError(t, err)
		require.LessOrEqual(t, len(events), q.Page.Limit)
		all = append(all, events...)
		if q.Page.Cursor = next; next == "" {
			return all
		}
		require.Len(t, events, q.Page.Limit)
	}
}

func moments(events []access.AuditEvent) string {
	var all []string
	for _, e := range events {
		all = append(all, string(e.Moment))
	}
	return strings.Join(all, " ")
}

func TestAnEventHasAllThatTheChangeSays(t *testing.T) {
	onEach(t, func(t *testing.T, db *sql.DB) {
		l := open(t, db, nothing)
		cause := access.Cause{
			Operation: "add", Actor: access.User("pete"), Reason: `Ärger: "vorbei"`, RequestID: "request-1",
			From: "2001:db8::1", At: noon.Add(-time.Second),
		}
		ending := member("apollo", "ann")
		ending.EndsAt = noon.Add(time.Hour)
		c := change("t1", cause, ending)
		c.Updates = append(c.Updates, access.Update{Verb: access.Delete, Relationship: member("zeus", "bob")})
		handle(t, l, c)

		events := listed(t, l, access.AuditQuery{})
		require.Len(t, events, 1)
		assert.Equal(t, access.AuditEvent{
			Sequence: 1, Cause: cause, Moment: "t1", Hash: events[0].Hash,
			Updates: []access.AuditUpdate{
				{Update: c.Updates[0], On: project("apollo"), Person: "ann"},
				{Update: c.Updates[1], On: project("zeus"), Person: "bob"},
			},
		}, events[0])
	})
}

// TestAChangeToldTwiceIsOneEvent, whoever it is told to: also to two servers at
// once, and to the next after a crash.
func TestAChangeToldTwiceIsOneEvent(t *testing.T) {
	onEach(t, func(t *testing.T, db *sql.DB) {
		const servers, changes = 3, 30
		done := make(chan error, servers)
		for range servers {
			l := open(t, db, nothing)
			go func() {
				for n := range changes {
					at := access.Token(fmt.Sprintf("t%02d", n))
					for range 2 {
						if err := l.Handle(t.Context(), change(at, access.Cause{Operation: "add"}, member("apollo", string(at)))); err != nil {
							done <- err
							return
						}
					}
					_ = l.SetCursor(t.Context(), "audit", at)
				}
				done <- nil
			}()
		}
		for range servers {
			require.NoError(t, <-done)
		}
		events := listed(t, open(t, db, nothing), access.AuditQuery{Page: access.Page{Limit: 7}})
		require.Len(t, events, changes)
		for n, e := range events {
			assert.Equal(t, int64(changes-n), e.Sequence, "newest first, none is left out")
			assert.Equal(t, access.Token(fmt.Sprintf("t%02d", changes-n-1)), e.Moment)
			assert.Len(t, e.Updates, 1)
		}
	})
}

// TestAnEventMovesThePlace with it, so that no copy of the database holds an event
// without it.
func TestAnEventMovesThePlace(t *testing.T) {
	onEach(t, func(t *testing.T, db *sql.DB) {
		l := open(t, db, nothing)
		at := func() access.Token {
			at, err := open(t, db, nothing).Cursor(t.Context(), "audit")
			require.NoError(t, err)
			return at
		}
		assert.Empty(t, at())
		handle(t, l, change("t1", access.Cause{}, member("apollo", "ann")))
		assert.Equal(t, access.Token("t1"), at())
		handle(t, l, access.Change{At: "t2"})
		assert.Equal(t, access.Token("t1"), at())
		require.NoError(t, l.SetCursor(t.Context(), "audit", "t2"))
		assert.Equal(t, access.Token("t2"), at())
		assert.Equal(t, "t1", moments(listed(t, l, access.AuditQuery{})), "a moment without updates is no event")

		require.ErrorContains(t, audit.MoveCursor(t.Context(), db, func(access.Token) (access.Token, error) { return "", errors.New("unreadable") }), "unreadable")
		require.NoError(t, audit.MoveCursor(t.Context(), db, func(at access.Token) (access.Token, error) { return "new " + at, nil }))
		assert.Equal(t, access.Token("new t2"), at())
	})
}

// TestOthersMayWriteAnyMetadata without stopping the audit, or telling it tales of
// the future.
func TestOthersMayWriteAnyMetadata(t *testing.T) {
	onEach(t, func(t *testing.T, db *sql.DB) {
		for name, c := range map[string]struct{ cause, want access.Cause }{
			"none":             {access.Cause{}, access.Cause{Operation: "outside", At: noon}},
			"an actor of none": {access.Cause{Operation: "x", Actor: access.Object{Type: "no-type"}}, access.Cause{Operation: "x", At: noon}},
			"NUL":              {access.Cause{Operation: "a\x00b", Reason: "\x00"}, access.Cause{Operation: "ab", At: noon}},
			"too long":         {access.Cause{Reason: strings.Repeat("ä", 2000)}, access.Cause{Operation: "outside", Reason: strings.Repeat("ä", 1000), At: noon}},
			"the future":       {access.Cause{Operation: "x", At: noon.Add(time.Hour)}, access.Cause{Operation: "x", At: noon}},
			"the past":         {access.Cause{Operation: "x", At: noon.Add(-time.Hour)}, access.Cause{Operation: "x", At: noon.Add(-time.Hour)}},
		} {
			l := open(t, db, nothing)
			handle(t, l, change(access.Token(name), c.cause, member("apollo", "ann")))
			assert.Equal(t, c.want, listed(t, l, access.AuditQuery{})[0].Cause, name)
		}
	})
}

// TestInvitationsAreAboutWhatTheyOffer, also in changes that do not say it: it was
// said before, or SpiceDB knows.
func TestInvitationsAreAboutWhatTheyOffer(t *testing.T) {
	onEach(t, func(t *testing.T, db *sql.DB) {
		offers := func(id string) access.Relationship {
			return access.Relate(invitation(id), "offers_project_member", project("apollo"))
		}
		l := open(t, db, func(_ context.Context, filters ...access.Filter) ([]access.Relationship, access.Token, error) {
			if filters[0] == access.On(invitation("old"), "") {
				return []access.Relationship{access.Relate(invitation("old"), "inviter", access.User("pete")), offers("old")}, "", nil
			}
			return nil, "", nil
		})
		revoked := func(id string) access.Relationship {
			return access.Relate(invitation(id), "revoked_by", access.User("pete"))
		}
		handle(t, l,
			change("t1", access.Cause{Operation: "invite"}, access.Relate(invitation("new"), "invitee", access.User("ann")), offers("new")),
			change("t2", access.Cause{Operation: "revoke_invitation"}, revoked("new")),
			change("t3", access.Cause{Operation: "revoke_invitation"}, revoked("old")),
			change("t4", access.Cause{}, revoked("odd")),
		)
		apollo := access.AuditQuery{On: project("apollo")}
		assert.Equal(t, "t3 t2 t1", moments(listed(t, l, apollo)))
		assert.Equal(t, "t2 t1", moments(listed(t, l, access.AuditQuery{On: invitation("new")})))
		assert.Equal(t, "t4", moments(listed(t, l, access.AuditQuery{On: invitation("odd")})))
		assert.Equal(t, "t1", moments(listed(t, l, access.AuditQuery{Person: "ann"})))
		assert.Empty(t, listed(t, l, access.AuditQuery{Person: "pete"}), "who revokes is the actor")

		apollo.Open = true
		assert.Equal(t, "t3 t2 t1", moments(listed(t, l, apollo)))
		apollo.Person = "ann"
		assert.Empty(t, listed(t, l, apollo), "nor does a filter tell who was invited")
	})
}

// TestOpenQueriesShowTheirObjectOnly, where one change reached many.
func TestOpenQueriesShowTheirObjectOnly(t *testing.T) {
	onEach(t, func(t *testing.T, db *sql.DB) {
		l := open(t, db, nothing)
		handle(t, l, change("t1", access.Cause{Operation: "delete_profile"}, member("apollo", "ann"), member("zeus", "ann")))
		of := func(q access.AuditQuery) []access.AuditUpdate { return listed(t, l, q)[0].Updates }
		assert.Len(t, of(access.AuditQuery{On: project("zeus")}), 2)
		open := of(access.AuditQuery{On: project("zeus"), Open: true})
		require.Len(t, open, 1)
		assert.Equal(t, project("zeus"), open[0].On)
		assert.Empty(t, listed(t, l, access.AuditQuery{On: project("hermes"), Open: true}))
	})
}

func TestEventsAreChosen(t *testing.T) {
	onEach(t, func(t *testing.T, db *sql.DB) {
		l := open(t, db, nothing)
		at := func(minutes int) time.Time { return noon.Add(time.Duration(minutes-60) * time.Minute) }
		by := func(actor access.Object, operation string, minutes int) access.Cause {
			return access.Cause{Operation: operation, Actor: actor, At: at(minutes)}
		}
		pete := access.User("pete")
		handle(t, l,
			change("t1", by(pete, "add", 1), member("apollo", "ann")),
			change("t2", by(access.System, "role_ended", 2), member("apollo", "bob")),
			change("t3", by(pete, "end_role", 3), member("zeus", "ann")),
			change("t4", by(access.User("ann"), "add", 4), member("zeus", "bob")),
			change("t5", by(pete, "add", 5), member("zeus", "ann"), member("apollo", "cid")),
		)
		for want, q := range map[string]access.AuditQuery{
			"t5 t4 t3 t2 t1": {},
			"t5 t3 t1":       {Actor: pete},
			"t2":             {Actor: access.System},
			"t5 t4 t1":       {Operation: "add"},
			"t5 t1":          {Operation: "add", Actor: pete},
			"t5 t2 t1":       {On: project("apollo")},
			"t5 t4 t3":       {On: project("zeus"), Open: true},
			"t4 t2":          {Person: "bob"},
			"t1":             {Person: "ann", On: project("apollo")},
			"t4 t3 t2":       {From: at(2), To: at(5)},
			"t3":             {From: at(2), Actor: pete, To: at(5)},
			"":               {On: project("hermes")},
		} {
			assert.Equal(t, want, moments(listed(t, l, q)), "%+v", q)
		}
		for _, cursor := range []string{"§", "A", "YQ==", "YQ", "MQ=="} {
			_, _, err := l.Events(t.Context(), access.AuditQuery{Page: access.Page{Limit: 1, Cursor: cursor}})
			assert.True(t, access.HasCode(err, "malformed_cursor"), "%q: %v", cursor, err)
		}
	})
}

// TestPagesAreNotShifted by what happens between them.
func TestPagesAreNotShifted(t *testing.T) {
	onEach(t, func(t *testing.T, db *sql.DB) {
		l := open(t, db, nothing)
		for _, at := range []access.Token{"t1", "t2", "t3"} {
			handle(t, l, change(at, access.Cause{}, member("apollo", "ann")))
		}
		first, next, err := l.Events(t.Context(), access.AuditQuery{Page: access.Page{Limit: 2}})
		require.NoError(t, err)
		assert.Equal(t, "t3 t2", moments(first))
		handle(t, l, change("t4", access.Cause{}, member("apollo", "ann")))
		second, last, err := l.Events(t.Context(), access.AuditQuery{Page: access.Page{Limit: 2, Cursor: next}})
		require.NoError(t, err)
		assert.Equal(t, "t1", moments(second))
		assert.Empty(t, last)
	})
}

// TestManyUpdatesAreOneEvent, as when somebody with very many roles is deleted.
func TestManyUpdatesAreOneEvent(t *testing.T) {
	onEach(t, func(t *testing.T, db *sql.DB) {
		l := open(t, db, nothing)
		rs := make([]access.Relationship, 1201)
		for n := range rs {
			rs[n] = member(fmt.Sprint("p", n), "ann")
		}
		handle(t, l, change("t1", access.Cause{}, rs...))
		events := listed(t, l, access.AuditQuery{})
		require.Len(t, events, 1)
		require.Len(t, events[0].Updates, len(rs))
		assert.Equal(t, rs[1200], events[0].Updates[1200].Relationship)
	})
}

// TestGapsAreEvents even where the present is a moment that was recorded.
func TestGapsAreEvents(t *testing.T) {
	onEach(t, func(t *testing.T, db *sql.DB) {
		l := open(t, db, nothing)
		handle(t, l, change("t9", access.Cause{}, member("apollo", "ann")))
		for range 2 {
			require.NoError(t, l.Lost(t.Context(), "t5", "t9"))
		}
		events := listed(t, l, access.AuditQuery{Operation: access.OperationGap})
		require.Len(t, events, 1)
		assert.Equal(t, access.AuditEvent{
			Sequence: 2, Cause: access.Cause{Operation: "gap", Actor: access.System, At: noon}, Moment: "t9", GapFrom: "t5", Hash: events[0].Hash,
		}, events[0])
	})
}

func TestTheAuditTravels(t *testing.T) {
	onEach(t, func(t *testing.T, db *sql.DB) {
		l := open(t, db, nothing)
		ending := member("apollo", "ann")
		ending.EndsAt = noon
		for n := range 501 {
			handle(t, l, change(access.Token(fmt.Sprint("t", n)), access.Cause{Operation: "add", Actor: access.User("pete")}, ending))
		}
		require.NoError(t, l.Lost(t.Context(), "t500", "t600"))
		archive, err := audit.OpenArchive(t.Context(), db)
		require.NoError(t, err)
		records := archive.Export(t.Context())
		onEach(t, func(t *testing.T, target *sql.DB) {
			arrived, err := audit.OpenArchive(t.Context(), target)
			require.NoError(t, err)
			require.Error(t, arrived.Import(t.Context(), func(yield func(access.Record, error) bool) {
				for r := range records {
					_ = yield(r, nil) && yield(access.Record{}, errors.New("the file ends"))
					return
				}
			}))
			require.NoError(t, arrived.Import(t.Context(), records), "nothing of what broke off is there")
			there := open(t, target, nothing)
			all := access.AuditQuery{Page: access.Page{Limit: 1000}}
			assert.Equal(t, listed(t, l, all), listed(t, there, all))
			assert.True(t, access.HasCode(arrived.Import(t.Context(), records), "not_empty"))

			at, err := there.Cursor(t.Context(), "audit")
			require.NoError(t, err)
			assert.Empty(t, at, "a place is a moment of the other SpiceDB")
			head := func(context.Context) (access.Token, error) { return "u1", nil }
			for range 2 {
				require.NoError(t, there.MarkImport(t.Context(), head))
			}
			gaps := listed(t, there, access.AuditQuery{Operation: access.OperationGap})
			require.Len(t, gaps, 2)
			assert.Equal(t, access.Token("t600"), gaps[0].GapFrom)
			assert.Equal(t, access.Token("u1"), gaps[0].Moment)
		})
	})
}

func TestASnapshotReadsTheSameTomorrow(t *testing.T) {
	onEach(t, func(t *testing.T, db *sql.DB) {
		l := open(t, db, nothing)
		handle(t, l, change("t1", access.Cause{Operation: "add", Actor: access.User("pete"), From: "::1"}, member("apollo", "ann")))
		archive, err := audit.OpenArchive(t.Context(), db)
		require.NoError(t, err)
		for record, err := range archive.Export(t.Context()) {
			require.NoError(t, err)
			assert.Equal(t, audit.RecordKind, record.Kind)
			assert.JSONEq(t, `{"Sequence": 1, "Hash": "de19d8c519a26eea4522d8cbd04e31f8b98a134af30dac420926505a6a322233", "Moment": "t1", "GapFrom": "", "Operation": "add", "Actor": {"Type": "user", "ID": "pete"},
				"Reason": "", "RequestID": "", "From": "::1", "At": "2026-03-29T12:00:00.123456Z", "Updates": [{"Verb": 0,
				"Relationship": {"Resource": {"Type": "project", "ID": "apollo"}, "Relation": "member",
					"Subject": {"Type": "user", "ID": "ann", "Relation": ""}, "EndsAt": "0001-01-01T00:00:00Z"},
				"On": {"Type": "project", "ID": "apollo"}, "Person": "ann"}]}`, string(record.JSON))
		}
	})
}

func TestTheAuditIsDown(t *testing.T) {
	onEach(t, func(t *testing.T, db *sql.DB) {
		l := open(t, db, nothing)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, _, err := l.Events(ctx, access.AuditQuery{Page: access.Page{Limit: 1}})
		assert.True(t, access.IsKind(err, access.Unavailable), "%v", err)
		err = l.Handle(ctx, change("t1", access.Cause{}, member("apollo", "ann")))
		assert.True(t, access.IsKind(err, access.Unavailable), "%v", err)
	})
}
