package doctor

import (
	"context"
	"time"

	"github.com/gatehouse/gatehouse/internal/audit"
	"github.com/gatehouse/gatehouse/internal/database"
	"github.com/gatehouse/gatehouse/internal/directory"
	"github.com/gatehouse/gatehouse/internal/mailqueue"
)

// directoryDatabase looks at the Postgres of the directory.
func directoryDatabase(ctx context.Context, e *examination) {
	db, err := database.Open(ctx, e.DirectoryURL)
	if err != nil {
		e.problem("unreachable", "start the Postgres that --directory-url names, or correct user, password and database there", "%v", err)
		return
	}
	defer func() { _ = db.Close() }() // it was only read
	e.tables("the directory", func(owner string) (int64, error) { return database.Version(ctx, db, owner) })
	e.inquire(e.clock(ctx, "the directory's Postgres", 0, func(ctx context.Context) (time.Time, error) { return database.Now(ctx, db) }))
}

// tables compares the versions of tables with those that this program knows.
func (e *examination) tables(whose string, version func(owner string) (int64, error)) {
	for _, known := range []func() (string, int64){directory.Tables, audit.Tables, mailqueue.Tables} {
		owner, newest := known()
		there, err := version(owner)
		switch {
		case err != nil:
			e.inquire(err)
		case there > newest:
			e.problem("tables_newer", "run the newer Gatehouse that wrote them, or restore a backup from before it",
				"the %s tables of %s have version %d, and this program knows up to %d", owner, whose, there, newest)
		case there > 0 && there < newest:
			e.warning("tables_older", "back up, then start this Gatehouse: it brings them up to date",
				"the %s tables of %s have version %d of %d", owner, whose, there, newest)
		}
	}
}

// spiceDBDatabase looks at the database below SpiceDB, which servers know nothing of.
func spiceDBDatabase(ctx context.Context, e *examination) {
	if e.Beneath.DatabaseURL == "" {
		e.unexamined("spicedb_database_not_named", "name it with --spicedb-database-url",
			"the database below SpiceDB was not examined, nor was its clock, by which roles end")
		return
	}
	db, err := database.Open(ctx, e.Beneath.DatabaseURL)
	if err != nil {
		e.problem("unreachable", "start it, or correct --spicedb-database-url", "the database below SpiceDB: %v", err)
		return
	}
	defer func() { _ = db.Close() }()
	keeps, err := database.KeepsCommitTimes(ctx, db)
	e.inquire(err)
	if err == nil && !keeps {
		e.problem("track_commit_timestamp", trackCommits, "the Postgres below SpiceDB does not keep the times of commits: SpiceDB cannot tell of changes, so there is no audit, no mail and no cache")
	}
	e.inquire(e.clock(ctx, "the database below SpiceDB", 0, func(ctx context.Context) (time.Time, error) { return database.Now(ctx, db) }))
}

const trackCommits = "ALTER SYSTEM SET track_commit_timestamp = on, then restart that Postgres, then SpiceDB"

// inquire notes what could not be asked of a part that is reached.
func (e *examination) inquire(err error) {
	if err != nil {
		e.unexamined("not_told", "let the doctor ask, or look there yourself", "%v", err)
	}
}
