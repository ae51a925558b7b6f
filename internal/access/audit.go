package access

import "time"

// Operations that are in the audit without a Cause that names them.
const (
	OperationOutside = "outside" // a change made with zed or another client of SpiceDB
	OperationGap     = "gap"     // changes that could not be read any more, so nothing is known of them
)

// AuditEvent is one committed change as the audit keeps it: ids, no names.
type AuditEvent struct {
	Sequence int64 // in the order of commits, from 1 on, without gaps
	Cause          // who, why and when; At is when it was read, where the change does not say
	Updates  []AuditUpdate
	Moment   Token  // of the commit; of a gap, where it ends
	GapFrom  Token  // of a gap, the last moment before it
	Hash     string `json:",omitempty"` // of all this and of the hash before it
}

// AuditUpdate is one update of an event.
type AuditUpdate struct {
	Update
	On     Object // what it is about: its resource, or what an invitation invites to
	Person string // the id of whom it concerns, if anybody
}

// AuditQuery chooses events; what is empty chooses all.
type AuditQuery struct {
	Actor     Object
	On        Object
	Person    string
	Operation string
	From      time.Time // inclusive
	To        time.Time // exclusive
	// Open leaves out who was invited, which those who invite must not learn, and
	// every update that is not on the object.
	Open bool
	Page Page
}
