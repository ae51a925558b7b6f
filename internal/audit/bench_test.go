package audit_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/audit"
	"github.com/gatehouse/gatehouse/internal/database"
	"github.com/gatehouse/gatehouse/internal/spicedb/sqlite"
)

// BenchmarkRecord is what recording one change of three updates costs.
func BenchmarkRecord(b *testing.B) {
	record := func(b *testing.B, db *sql.DB) {
		l, err := audit.New(b.Context(), db, now, nothing)
		require.NoError(b, err)
		cause := access.Cause{Operation: "add", Actor: access.User("pete"), Reason: "new here", RequestID: "01J9Z", From: "192.0.2.7"}
		for n := 0; b.Loop(); n++ {
			require.NoError(b, l.Handle(b.Context(), change(access.Token(fmt.Sprint("t", n)), cause,
				member("apollo", "ann"), member("zeus", "ann"), member("hermes", "bob"))))
		}
	}
	b.Run("sqlite", func(b *testing.B) {
		engine, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "gatehouse.db"))
		require.NoError(b, err)
		b.Cleanup(func() { assert.NoError(b, engine.Close()) })
		record(b, engine.DB())
	})
	b.Run("postgres", func(b *testing.B) {
		db, err := database.Open(b.Context(), postgres.Database(b))
		require.NoError(b, err)
		b.Cleanup(func() { assert.NoError(b, db.Close()) })
		record(b, db)
	})
}
