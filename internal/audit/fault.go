package audit

import (
	"fmt"
	"time"
)

// The kinds of Fault.
const (
	Edited     = "edited"       // a record does not say what it said
	OutOfOrder = "out of order" // a record is not where it was
	Missing    = "missing"      // records are gone, with others behind them
	Inserted   = "inserted"     // a record is there that never was, or no more
	Truncated  = "truncated"    // records at the end are gone
	Rewritten  = "rewritten"    // records agree with each other, but not with what was signed
	BadDigest  = "bad digest"   // a signed statement is not what was signed, or there are some missing
	UnknownKey = "unknown key"  // a statement is signed with a key that was not named
	Malformed  = "malformed"    // an export has a line that none writes
)

// Fault is the first place at which an audit is not as it was.
type Fault struct {
	Kind     string
	Sequence int64     // of the record, or the first of several; zero: it is not about one
	Digest   int64     // number of the digest that it is about, or that shows it; or zero
	Line     int       // of an export that cannot be read
	At       time.Time // of the record, or of what stands beside what is gone
	Detail   string
}

func (f *Fault) Error() string {
	place := "the beginning"
	switch {
	case f.Line > 0:
		place = fmt.Sprintf("line %d", f.Line)
	case f.Sequence != 0 || f.Kind == Inserted: // somebody's may have any number
		place = fmt.Sprintf("record %d", f.Sequence)
	case f.Digest > 0:
		place = fmt.Sprintf("digest %d", f.Digest)
	}
	when := ""
	if !f.At.IsZero() {
		when = " (" + f.At.UTC().Format(time.RFC3339Nano) + ")"
	}
	return fmt.Sprintf("%s%s: %s: %s", place, when, f.Kind, f.Detail)
}
