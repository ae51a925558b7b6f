//go:build killpoints

package server

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/email"
	"github.com/gatehouse/gatehouse/internal/follow"
)

// In a build with the tag killpoints, the server ends itself, as a failing machine
// would, before or after any step that outlives it: as the file named in
// KILLPOINT_FILE says, in the words of point.

// steps are all there are. Some say what they are about: a write its operation, a
// follower's its name, a mail its kind.
var steps = []string{
	"Write", "Forget",
	"Handle", "SetCursor",
	"SignIn", "EnsurePerson", "DeletePerson", "ChangeProfile",
	"ReserveObject", "ReleaseObject", "AddInvitation", "AddInvitationToken", "AddAPIKey",
	"AddEnd", "ForgetEnd",
	"Begin", "Finish", "Abandon",
	"Enqueue", "Announce", "Send",
	"Seal",
}

func init() { fmt.Fprintln(os.Stderr, "killpoints:", strings.Join(steps, " ")) }

// around ends the process here, or where the function that it returns is called.
func around(step, about string) func() {
	if !slices.Contains(steps, step) {
		panic("killpoints: steps lack " + step)
	}
	die("before", step, about)
	return func() { die("after", step, about) }
}

// die ends the process if the point is where it is to end.
func die(point ...string) {
	wanted, err := os.ReadFile(os.Getenv("KILLPOINT_FILE"))
	if err != nil || strings.TrimSpace(string(wanted)) != strings.TrimSpace(strings.Join(point, " ")) {
		return
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // it may take a moment
}

// seam puts points around the steps of a part.
func seam[T any](part T) T {
	switch p := any(&part).(type) {
	case *access.Relationships:
		*p = mortalRelationships{*p}
	case *keeper:
		*p = mortalKeeper{*p}
	case *access.Mails:
		*p = mortalMails{*p}
	case *access.Mailer:
		*p = mortalMailer{*p}
	case *seals:
		*p = mortalSeals{*p}
	case **follow.Follower:
		f := **p
		f.Cursors = mortalCursors{f.Cursors}
		handle := f.Handle
		f.Handle = func(ctx context.Context, c access.Change) error {
			defer around("Handle", f.Name)()
			return handle(ctx, c)
		}
		*p = &f
	default:
		panic(fmt.Sprintf("killpoints: nothing is known of a %T", part))
	}
	return part
}

type mortalRelationships struct{ access.Relationships }

func (m mortalRelationships) Write(ctx context.Context, w access.Write) (access.Token, error) {
	defer around("Write", w.Cause.Operation)()
	return m.Relationships.Write(ctx, w)
}

func (m mortalRelationships) Forget(ctx context.Context, subject access.Object, ps []access.Precondition, c access.Cause) (access.Token, error) {
	defer around("Forget", "")()
	return m.Relationships.Forget(ctx, subject, ps, c)
}

type mortalCursors struct{ access.Cursors }

func (m mortalCursors) SetCursor(ctx context.Context, follower string, at access.Token) error {
	defer around("SetCursor", follower)()
	return m.Cursors.SetCursor(ctx, follower, at)
}

type mortalKeeper struct{ keeper }

func (m mortalKeeper) SignIn(ctx context.Context, l access.Login) (access.Person, error) {
	defer around("SignIn", "")()
	return m.keeper.SignIn(ctx, l)
}

func (m mortalKeeper) EnsurePerson(ctx context.Context, address email.Address, givenName, familyName string) (access.Person, error) {
	defer around("EnsurePerson", "")()
	return m.keeper.EnsurePerson(ctx, address, givenName, familyName)
}

func (m mortalKeeper) DeletePerson(ctx context.Context, personID string) error {
	defer around("DeletePerson", "")()
	return m.keeper.DeletePerson(ctx, personID)
}

func (m mortalKeeper) ChangeProfile(ctx context.Context, personID string, c access.ProfileChange) (access.Person, error) {
	defer around("ChangeProfile", "")()
	return m.keeper.ChangeProfile(ctx, personID, c)
}

func (m mortalKeeper) ReserveObject(ctx context.Context, p access.ObjectProfile) (claim string, err error) {
	defer around("ReserveObject", "")()
	return m.keeper.ReserveObject(ctx, p)
}

func (m mortalKeeper) ReleaseObject(ctx context.Context, claim string) error {
	defer around("ReleaseObject", "")()
	return m.keeper.ReleaseObject(ctx, claim)
}

func (m mortalKeeper) AddInvitation(ctx context.Context, p access.InvitationProfile) error {
	defer around("AddInvitation", "")()
	return m.keeper.AddInvitation(ctx, p)
}

func (m mortalKeeper) AddInvitationToken(ctx context.Context, invitationID string, hash [32]byte) error {
	defer around("AddInvitationToken", "")()
	return m.keeper.AddInvitationToken(ctx, invitationID, hash)
}

func (m mortalKeeper) AddAPIKey(ctx context.Context, p access.APIKeyProfile) error {
	defer around("AddAPIKey", "")()
	return m.keeper.AddAPIKey(ctx, p)
}

func (m mortalKeeper) AddEnd(ctx context.Context, r access.Relationship, reach access.Reach) error {
	defer around("AddEnd", "")()
	return m.keeper.AddEnd(ctx, r, reach)
}

func (m mortalKeeper) ForgetEnd(ctx context.Context, r access.Relationship) error {
	defer around("ForgetEnd", "")()
	return m.keeper.ForgetEnd(ctx, r)
}

func (m mortalKeeper) Begin(ctx context.Context, personID, key string, fingerprint [32]byte) (*access.Reply, error) {
	defer around("Begin", "")()
	return m.keeper.Begin(ctx, personID, key, fingerprint)
}

func (m mortalKeeper) Finish(ctx context.Context, personID, key string, r access.Reply) error {
	defer around("Finish", "")()
	return m.keeper.Finish(ctx, personID, key, r)
}

func (m mortalKeeper) Abandon(ctx context.Context, personID, key string) error {
	defer around("Abandon", "")()
	return m.keeper.Abandon(ctx, personID, key)
}

// queue has a name that none of its methods has.
type queue = access.Mails

type mortalMails struct{ queue }

func (m mortalMails) Enqueue(ctx context.Context, orders ...access.MailOrder) error {
	defer around("Enqueue", kind(orders))()
	return m.queue.Enqueue(ctx, orders...)
}

func (m mortalMails) Announce(ctx context.Context, a access.Announcement, recipients []string) (mails int, err error) {
	defer around("Announce", "")()
	return m.queue.Announce(ctx, a, recipients)
}

type mortalMailer struct{ access.Mailer }

func (m mortalMailer) Send(ctx context.Context, mail access.Mail) error {
	defer around("Send", string(mail.Kind))()
	return m.Mailer.Send(ctx, mail)
}

// kind is that of the first of the mails, if there is one.
func kind(orders []access.MailOrder) string {
	if len(orders) == 0 {
		return ""
	}
	return string(orders[0].Kind)
}

type mortalSeals struct{ seals }

func (m mortalSeals) Seal(ctx context.Context) error {
	defer around("Seal", "")()
	return m.seals.Seal(ctx)
}
