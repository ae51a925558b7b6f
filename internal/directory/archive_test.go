package directory_test

import (
	"database/sql"
	"errors"
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/directory"
	"github.com/gatehouse/gatehouse/internal/spicedb/sqlite"
)

func openArchive(t *testing.T, db *sql.DB) *directory.Archive {
	t.Helper()
	a, err := directory.OpenArchive(t.Context(), db, time.Now)
	require.NoError(t, err)
	return a
}

func exported(t *testing.T, a *directory.Archive) []access.Record {
	t.Helper()
	var all []access.Record
	for record, err := range a.Export(t.Context()) {
		require.NoError(t, err)
		all = append(all, record)
	}
	return all
}

func replay(records []access.Record, end error) iter.Seq2[access.Record, error] {
	return func(yield func(access.Record, error) bool) {
		for _, record := range records {
			if !yield(record, nil) {
				return
			}
		}
		if end != nil {
			yield(access.Record{}, end)
		}
	}
}

// lived is a directory in which everything happened, and its database.
func lived(t *testing.T, path string) (*sql.DB, *world) {
	t.Helper()
	db, w := openDatabase(t, path), newWorld()
	d, err := directory.New(t.Context(), db, w.now, w.exists)
	require.NoError(t, err)

	ann, err := d.SignIn(t.Context(), login("1", "ann@example.com"))
	require.NoError(t, err)
	_, err = d.EnsurePerson(t.Context(), "zoë@example.com", "Zoë", `O'Brien "Q" \`)
	require.NoError(t, err)
	reserve(t, d, account("acme", "1", "one"))
	reserve(t, d, client("globex"))
	require.NoError(t, d.AddInvitation(t.Context(), access.InvitationProfile{
		ID: "first", InviteeID: ann.ID, Email: ann.Email, CreatedAt: w.now(), ExpiresAt: w.now().Add(time.Hour),
	}))
	require.NoError(t, d.AddInvitationToken(t.Context(), "first", [32]byte{0xff, 0x00, 0x80}))
	require.NoError(t, d.SetCursor(t.Context(), "mail", "GhUKEzE="))
	require.Nil(t, begin(t, d, ann.ID, "key"))
	return db, w
}

func TestDirectoryTravels(t *testing.T) {
	for from, source := range databases(t) {
		db, w := lived(t, source)
		for to, target := range databases(t) {
			t.Run("from "+from+" to "+to, func(t *testing.T) {
				records := exported(t, openArchive(t, db))
				require.Len(t, records, 7)

				arrived := openDatabase(t, target)
				a := openArchive(t, arrived)
				require.NoError(t, a.Import(t.Context(), replay(records, nil)))
				require.NoError(t, a.Finish(t.Context()))
				assert.ElementsMatch(t, records, exported(t, a))

				before, err := directory.New(t.Context(), db, w.now, w.exists)
				require.NoError(t, err)
				after, err := directory.New(t.Context(), arrived, w.now, w.exists)
				require.NoError(t, err)
				ann, err := before.PersonByEmail(t.Context(), "ann@example.com")
				require.NoError(t, err)
				again, err := after.SignIn(t.Context(), login("1", "ann@example.com"))
				require.NoError(t, err)
				assert.Equal(t, ann, again)
				requireProfile(t, after, account("acme", "1", "one"))
				requireProfile(t, after, client("globex"))
				invitation, err := after.InvitationByToken(t.Context(), [32]byte{0xff, 0x00, 0x80})
				require.NoError(t, err)
				assert.Equal(t, "first", invitation.ID)

				at, err := after.Cursor(t.Context(), "mail")
				require.NoError(t, err)
				assert.Empty(t, at, "a cursor is a moment of the other SpiceDB")
				assert.Nil(t, begin(t, after, ann.ID, "key"), "replies stay behind")
			})
		}
	}
}

func TestUnfinishedImportIsNoDirectory(t *testing.T) {
	for name, path := range databases(t) {
		t.Run(name, func(t *testing.T) {
			source, w := lived(t, sqlite.InMemory)
			db := openDatabase(t, path)
			a := openArchive(t, db)
			require.NoError(t, a.Import(t.Context(), replay(exported(t, openArchive(t, source)), nil)))

			_, err := directory.New(t.Context(), db, w.now, w.exists)
			require.True(t, access.HasCode(err, "unfinished_import"), "%v", err)
			require.ErrorContains(t, err, "import again")
			_, err = directory.OpenArchive(t.Context(), db, time.Now)
			require.True(t, access.HasCode(err, "unfinished_import"), "%v", err)

			require.NoError(t, a.Finish(t.Context()))
			_, err = directory.New(t.Context(), db, w.now, w.exists)
			require.NoError(t, err)
		})
	}
}

func TestImportOfRowsIsAllOrNothing(t *testing.T) {
	good := exported(t, openArchive(t, first(lived(t, sqlite.InMemory))))
	cut := errors.New("the file ends")
	for name, c := range map[string]struct {
		records []access.Record
		end     error
		says    string
	}{
		"the records break off":    {good[:3], cut, "the file ends"},
		"a table that is not ours": {append(good[:1:1], access.Record{Kind: "pg_user", JSON: []byte(`{}`)}), nil, "no place"},
		"one that stays behind":    {append(good[:1:1], access.Record{Kind: "cursors", JSON: []byte(`{}`)}), nil, "no place"},
		"a column is missing":      {append(good[:1:1], access.Record{Kind: "people", JSON: []byte(`{"id":"1"}`)}), nil, "has no email"},
		"a column too many": {append(good[:1:1], access.Record{
			Kind: "logins", JSON: []byte(`{"issuer":"","subject":"","person_id":"","x":1}`),
		}), nil, "columns other than"},
		"a value of another type": {append(good[:1:1], access.Record{Kind: "people", JSON: []byte(`{"id":1}`)}), nil, "id"},
		"not JSON":                {append(good[:1:1], access.Record{Kind: "people", JSON: []byte(`{`)}), nil, "people"},
	} {
		for kind, path := range databases(t) {
			t.Run(name+"/"+kind, func(t *testing.T) {
				a := openArchive(t, openDatabase(t, path))
				require.ErrorContains(t, a.Import(t.Context(), replay(c.records, c.end)), c.says)
				assert.Empty(t, exported(t, a))
				require.NoError(t, a.Import(t.Context(), replay(good, nil)), "it can be tried again at once")
			})
		}
	}
}

func TestImportNeedsAnEmptyDirectory(t *testing.T) {
	for name, path := range databases(t) {
		t.Run(name, func(t *testing.T) {
			db, w := openDatabase(t, path), newWorld()
			d, err := directory.New(t.Context(), db, w.now, w.exists)
			require.NoError(t, err)
			require.NoError(t, d.SetCursor(t.Context(), "mail", "GhUKEzE="))
			err = openArchive(t, db).Import(t.Context(), replay(nil, nil))
			require.True(t, access.HasCode(err, "not_empty"), "%v", err)
			require.ErrorContains(t, err, "cursors")
		})
	}
}

// TestEveryTableTravelsOrStays keeps the lists of tables and columns complete.
func TestEveryTableTravelsOrStays(t *testing.T) {
	db := openDatabase(t, sqlite.InMemory)
	openArchive(t, db)
	rows, err := db.QueryContext(t.Context(), `
		SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c
		WHERE t.type = 'table' AND t.name NOT IN ('directory_migrations', 'unfinished_imports', 'sqlite_sequence') AND t.name NOT LIKE 'spicedb\_%' ESCAPE '\'`)
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	columns := map[string][]string{}
	for rows.Next() {
		var table, column string
		require.NoError(t, rows.Scan(&table, &column))
		columns[table] = append(columns[table], column)
	}
	require.NoError(t, rows.Err())
	travelling, staying := directory.Columns()
	for _, name := range staying {
		assert.Contains(t, columns, name)
		delete(columns, name)
	}
	assert.Equal(t, columns, travelling)
}

func first[A, B any](a A, _ B) A { return a }
