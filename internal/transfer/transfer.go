// Package transfer carries everything from one set of stores, a SpiceDB, a
// directory and an audit, into another by way of a file: to a backup, or from the embedded
// engine to Postgres.
//
// # The file
//
// A snapshot is gzipped JSON Lines. Every line is an object with one field, whose
// name is the kind of what it holds:
//
//	{"snapshot":{"format":3,"taken_at":"2026-03-29T00:59:59Z","revision":"GhUKEzE="}}
//	{"people":{"id":"01KMV…","email":"ann@example.com",…}}     every row of the directory, by table
//	{"audit_event":{"Sequence":1,…}}                           every event of the audit, in order
//	{"schema":"definition user {}…"}                           as SpiceDB prints it
//	{"relationship":{"resource":{"objectType":"project",…}}    in the JSON of SpiceDB's API
//	{"end":{"records":{"people":1,…},"sha256":"…"}}            of all lines above it
//
// A file without its last line, or with a line that the last one does not speak
// for, is damaged and nothing of it is imported.
//
// # The moment
//
// The schema is read first, and its revision is that of every relationship. The
// directory is read after that moment, because operations name things before they
// relate them: so whatever a relationship refers to has its row. It may have rows
// besides, of operations that had not committed yet; they mean nothing without
// relationships. The audit is read right after it: of the last instants it may tell
// less than the relationships, for it follows them, or more.
//
// # A half import
//
// The file is read to its end before anything is written. Then the directory is
// filled in one transaction, which also marks it as unfinished; the schema and the
// relationships follow in many; and the mark is taken away last. A marked directory
// opens for nobody, so an import that broke off is never served as if it were whole.
package transfer

import (
	"context"
	"iter"
	"time"

	"github.com/gatehouse/gatehouse/internal/access"
)

// Relationships are the schema and the relationships of one SpiceDB.
type Relationships interface {
	// Schema returns the schema and the moment it was read at. Where there is
	// none, there are no relationships. Errors: NotFound (no_schema).
	Schema(ctx context.Context) (text string, at access.Token, err error)
	ApplySchema(ctx context.Context, text string) error
	// Export yields every relationship of a moment.
	Export(ctx context.Context, at access.Token) iter.Seq2[access.Record, error]
	// Import adds the relationships. After an error it may have added some.
	Import(ctx context.Context, records iter.Seq2[access.Record, error]) error
}

// Directory is all that is kept of people and names.
type Directory interface {
	// Export yields every row of one moment, in an order in which Import takes them.
	Export(ctx context.Context) iter.Seq2[access.Record, error]
	// Import adds all of the rows, or none, and opens to nobody until Finish.
	// Errors: Conflict (not_empty).
	Import(ctx context.Context, records iter.Seq2[access.Record, error]) error
	Finish(ctx context.Context) error
}

// Audit is the record of who changed what.
type Audit interface {
	// Export yields every event, in an order in which Import takes them.
	Export(ctx context.Context) iter.Seq2[access.Record, error]
	// Import adds all of the events, or none. Errors: Conflict (not_empty).
	Import(ctx context.Context, records iter.Seq2[access.Record, error]) error
}

// Summary says what a snapshot holds.
type Summary struct {
	TakenAt  time.Time
	Revision access.Token   // a moment of the SpiceDB it was taken of
	Records  map[string]int // by kind
}

// Progress hears of every thousandth record, and how many there will be; zero
// where that is not known yet.
type Progress func(done, total int)
