package integration

import (
	"regexp"
	"slices"
	"testing"

	v1 "github.com/authzed/authzed-go/proto/authzed/api/v1"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestSpiceDBIsRestoredIntoANewPostgres from a backup: the places of followers are ahead
// of all there is, and SpiceDB would tell nothing until as much has happened as was lost.
func TestSpiceDBIsRestoredIntoANewPostgres(t *testing.T) {
	t.Parallel()
	before := startPostgres(t)
	after := startPostgres(t)
	lost := before.Database(t)
	spicedb := startSpiceDB(t, lost)
	mails, flags := receive(t)
	flags = append(flags, "--dev", "--spicedb-endpoint", spicedb.address, "--spicedb-key", spicedb.key, "--directory-url", after.Database(t), "--grpc-addr", "")
	dir := t.TempDir()
	s, err := serve(dir, flags...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.stop()) })
	w := build(t, s, "restored")
	add := func(name string) {
		id := w.add(t, "project", w.email(name), "project_member")
		w.server.operator(t).event(t, "operation=add&person="+id)
		await(t, "the mail", func() bool { return len(to(mails.letters(), w.email(name))) == 1 })
	}

	restored := after.Restore(t, lost)
	age(t, lost)
	add("early")
	require.NoError(t, s.stop())
	require.NoError(t, spicedb.stop())
	spicedb.store[slices.Index(spicedb.store, lost)] = restored
	_, err = say(t.Context(), "", findSpiceDB(t), append([]string{"datastore", "repair", "transaction-ids"}, spicedb.store...)...)
	require.NoError(t, err)
	spicedb.run(t)
	await(t, "SpiceDB", func() bool {
		_, err := v1.NewSchemaServiceClient(spicedb.conn).ReadSchema(t.Context(), &v1.ReadSchemaRequest{})
		return err == nil
	})

	again, err := serve(dir, flags...)
	require.NoError(t, err)
	w.server = again
	t.Cleanup(func() {
		require.ErrorContains(t, again.stop(), `logged "`)
		for _, fault := range faults.FindAllString(again.stderr.String(), -1) {
			assert.Contains(t, fault, "changes were lost")
		}
	})
	for _, follower := range []string{"audit", "mail"} {
		await(t, follower+" to go on from now", func() bool {
			return regexp.MustCompile(`msg="changes were lost.* follower=` + follower).MatchString(again.stderr.String())
		})
	}
	again.operator(t).event(t, "operation=gap")
	add("late")
}

// age lets many transactions pass in a database of Postgres.
func age(t *testing.T, url string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(t.Context())) }()
	_, err = conn.Exec(t.Context(), `SET synchronous_commit = off`)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), `DO $$ BEGIN FOR i IN 1..100000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$`)
	require.NoError(t, err)
}
