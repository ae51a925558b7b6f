package access

import (
	"context"
	"iter"
	"time"

	"github.com/gatehouse/gatehouse/internal/email"
)

// Relationships is the store of all authorization facts: SpiceDB.
// Every method may fail with Unavailable.
type Relationships interface {
	// Write commits all of w or nothing. Errors: ErrPreconditionFailed.
	Write(ctx context.Context, w Write) (Token, error)
	// Forget deletes every relationship of which this is the subject, or nothing;
	// it updates nothing else. Errors: ErrPreconditionFailed.
	Forget(ctx context.Context, subject Object, ps []Precondition, c Cause) (Token, error)
	// Read returns the live relationships that match any of the filters, all
	// read at one moment no older than any write acknowledged before the call.
	Read(ctx context.Context, filters ...Filter) ([]Relationship, Token, error)
	// Grounds answers a check together with preconditions that hold as long
	// as the relationships the answer rests on do. A denial has none.
	Grounds(ctx context.Context, c Check) (allowed bool, grounds []Precondition, err error)
	// Head is a token of the present moment.
	Head(ctx context.Context) (Token, error)
	// Watch yields every change committed after a token, in order, at least
	// once. It ends with the context's or the store's error, Gone (cursor_lost)
	// if what came after the token is not known any more.
	Watch(ctx context.Context, after Token) iter.Seq2[Change, error]
}

// Checker evaluates permissions on relationships no older than any write
// acknowledged before the call. Errors: Invalid (unknown_type,
// unknown_permission, invalid_context), Unavailable.
type Checker interface {
	Check(ctx context.Context, c Check) (Decision, error)
}

// Lookups answers "which resources", on relationships no older than any write
// acknowledged before the call. Errors: as Checker, and Invalid (malformed_cursor).
type Lookups interface {
	LookupResources(ctx context.Context, resourceType, permission string, subject Subject, page Page) (Lookup, error)
}

// People is the part of the directory that knows persons.
// Every method may fail with Unavailable.
type People interface {
	// SignIn finds the person of a login. On a login's first sight it links
	// the person who has that verified e-mail and no login yet, or makes a new
	// one. Errors: Forbidden (email_unverified) where linking needs the
	// e-mail, Conflict (taken) if that e-mail belongs to somebody with another login.
	SignIn(ctx context.Context, l Login) (Person, error)
	// EnsurePerson finds the person with that e-mail or makes a contact
	// without a login. The names of a known person stay as they are.
	EnsurePerson(ctx context.Context, address email.Address, givenName, familyName string) (Person, error)
	// PersonByEmail fails with NotFound (not_found).
	PersonByEmail(ctx context.Context, address email.Address) (Person, error)
	// PeopleByID returns those of the persons that exist, by id.
	PeopleByID(ctx context.Context, ids []string) (map[string]Person, error)
	// DeletePerson forgets a person, with their login and what they were invited to.
	// Deleting who is not there changes nothing.
	DeletePerson(ctx context.Context, personID string) error
	// ChangeProfile changes all that is asked for, or nothing.
	// Errors: Conflict (taken), naming the field; NotFound (not_found).
	ChangeProfile(ctx context.Context, personID string, c ProfileChange) (Person, error)
}

// ClaimTime is how long a claim is respected before its object exists.
const ClaimTime = time.Minute

// Objects is the part of the directory that knows what objects are called.
// Every method may fail with Unavailable.
type Objects interface {
	// ReserveObject claims the id, and the unique names, of an object about to
	// be created. Once a claim is older than ClaimTime it may be taken over,
	// unless the object was created.
	// Errors: Conflict (taken), naming the field.
	ReserveObject(ctx context.Context, p ObjectProfile) (claim string, err error)
	// ReleaseObject gives up a claim whose object will not be created.
	ReleaseObject(ctx context.Context, claim string) error
	// ObjectsByID returns the profiles of those of the objects that have one.
	ObjectsByID(ctx context.Context, objects []Object) (map[Object]ObjectProfile, error)
}

// Invitations is the part of the directory that knows who was invited and which
// mailed token is whose. Every method may fail with Unavailable.
type Invitations interface {
	AddInvitation(ctx context.Context, p InvitationProfile) error
	// InvitationsByID returns those of the invitations that exist, by id.
	InvitationsByID(ctx context.Context, ids []string) (map[string]InvitationProfile, error)
	// AddInvitationToken lets a token stand for an invitation, by its hash.
	AddInvitationToken(ctx context.Context, invitationID string, hash [32]byte) error
	// InvitationByToken fails with NotFound (not_found).
	InvitationByToken(ctx context.Context, hash [32]byte) (InvitationProfile, error)
}

// APIKeys is the part of the directory that knows what API keys are called and by
// which secrets they are recognised. Every method may fail with Unavailable.
type APIKeys interface {
	AddAPIKey(ctx context.Context, p APIKeyProfile) error
	// APIKeysByID returns those of the keys that exist, by id.
	APIKeysByID(ctx context.Context, ids []string) (map[string]APIKeyProfile, error)
}

// Applications is the part of the directory that knows what applications are called
// and by which secrets their keys are recognised. Every method may fail with Unavailable.
type Applications interface {
	AddApplication(ctx context.Context, p ApplicationProfile) error
	// ApplicationsByID returns those of the applications that exist, by id.
	ApplicationsByID(ctx context.Context, ids []string) (map[string]ApplicationProfile, error)
	AddApplicationKey(ctx context.Context, p ApplicationKeyProfile) error
	// ApplicationKeysByID returns those of the keys that exist, by id.
	ApplicationKeysByID(ctx context.Context, ids []string) (map[string]ApplicationKeyProfile, error)
	// ApplicationKeyByHash fails with NotFound (not_found).
	ApplicationKeyByHash(ctx context.Context, hash [32]byte) (ApplicationKeyProfile, error)
	// KeyUsed notes when a key was used, unless it was used later.
	KeyUsed(ctx context.Context, keyID string, at time.Time) error
}

// Cursors remembers how far each follower of Watch has come.
// Every method may fail with Unavailable.
type Cursors interface {
	// Cursor is empty for a follower that never ran.
	Cursor(ctx context.Context, follower string) (Token, error)
	SetCursor(ctx context.Context, follower string, at Token) error
}

// Ends keeps account of the instants at which relationships end, or were to end
// once: an end that was moved is kept beside the new one until it is due.
// Every method may fail with Unavailable.
type Ends interface {
	// AddEnd notes when a relationship ends, and how far it reaches, once.
	AddEnd(ctx context.Context, r Relationship, reach Reach) error
	// ForgetEnd forgets this end of a relationship.
	ForgetEnd(ctx context.Context, r Relationship) error
	// DueEnds returns the first of the relationships that have ended by now, and
	// when the next one will; zero if none will.
	DueEnds(ctx context.Context, limit int) (due []Relationship, next time.Time, err error)
	// FirstEnd returns the first end, due or not, of whatever reaches as far as any
	// of these; zero if there is none.
	FirstEnd(ctx context.Context, reaches ...Reach) (time.Time, error)
}

// Audit is the record of who changed what. Every method may fail with Unavailable.
type Audit interface {
	// Events lists what was asked for, the newest first, and the cursor of the
	// next page. Errors: Invalid (malformed_cursor).
	Events(ctx context.Context, q AuditQuery) ([]AuditEvent, string, error)
}

// Reply is what a write answered, kept to answer its repetitions.
type Reply struct {
	Status int
	Body   []byte
}

// Replays remembers what was answered under an Idempotency-Key for a day. Keys
// of different persons are different. Every method may fail with Unavailable.
type Replays interface {
	// Begin returns the earlier reply to this person's key, or nil if the
	// request is to be carried out now. A request that was begun but neither
	// finished nor abandoned within a minute was lost and may be begun again.
	// Errors: Invalid (idempotency_key_reused) if the fingerprint differs from
	// that of the first use, Conflict (in_progress).
	Begin(ctx context.Context, personID, key string, fingerprint [32]byte) (*Reply, error)
	Finish(ctx context.Context, personID, key string, r Reply) error
	Abandon(ctx context.Context, personID, key string) error
}
