package access

import "time"

// Check asks whether Subject has Permission on Resource.
type Check struct {
	Resource   Object
	Permission string
	Subject    Subject
	Context    map[string]any // caveat context, may be nil
	Exact      bool           // is to be computed now, whatever was computed before
}

// Decision answers a Check. A permission that depends on caveat context the
// check did not bring is not allowed.
type Decision struct {
	Allowed     bool
	Conditional bool  // it depends on caveat context that the check did not bring
	Cached      bool  // it was computed before, and still holds
	CheckedAt   Token // the answer is no older than this
}

// Answer is one answer of several that were asked for at once: a decision, or why
// there is none.
type Answer struct {
	Decision Decision
	Err      error
}

// Lookup is one page of ids that an answer to "which" consists of.
type Lookup struct {
	IDs       []string
	Next      string // cursor of the following page, empty at the end
	CheckedAt Token
}

// Clock tells the time; tests replace it.
type Clock func() time.Time
