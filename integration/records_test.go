package integration

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// kept are the tables that requests write to, beside relationships, and what is read of
// each: not what changes by itself.
var kept = map[string]string{
	"people": "*", "logins": "*", "objects": "*", "invitations": "*", "invitation_tokens": "hex(hash)", "replays": "person_id, idempotency_key",
	"api_keys": "id, name", "applications": "*", "application_keys": "id", "announcements": "*",
}

// records reads what a server keeps in its directory, by table.
func (s *server) records(t *testing.T) map[string][]string {
	t.Helper()

	db, err := sql.Open("sqlite", "file:"+filepath.Join(s.dataDir, "gatehouse.db")+"?_pragma=query_only(1)&_pragma=busy_timeout(10000)")
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	found := map[string][]string{}
	for table, columns := range kept {
		rows, err := db.QueryContext(t.Context(), "SELECT "+columns+" FROM "+table+" ORDER BY rowid")
		require.NoError(t, err)
		names, err := rows.Columns()
		require.NoError(t, err)
		for rows.Next() {
			values := make([]any, len(names))
			for i := range values {
				values[i] = new(any)
			}
			require.NoError(t, rows.Scan(values...))
			var text strings.Builder
			for _, v := range values {
				fmt.Fprint(&text, *v.(*any), "|")
			}
			found[table] = append(found[table], text.String())
		}
		require.NoError(t, rows.Err())
		require.NoError(t, rows.Close())
	}
	return found
}
