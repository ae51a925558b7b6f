package operations_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/operations"
)

func TestOfManyInvitationsOneStaysPending(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.given(site...)
	pete, ann, apollo := w.by("pete"), w.person("ann"), w.object("project:apollo")

	for _, err := range atOnce(50, func(int) error {
		_, _, err := w.Invite(t.Context(), pete, apollo, newcomer("ann"), nil, nil, 0)
		return err
	}) {
		if err != nil {
			assert.True(t, access.HasCode(err, "contended"), "an invitation may only fail for the crowd: %v", err)
		}
	}
	assert.Len(t, w.facts(access.Filter{ResourceType: access.TypeInvitation, Relation: "invitee"}.To(ann)), 1)

	pending, _, err := w.Invitations(t.Context(), apollo, operations.Pending, access.Page{Limit: 100})
	require.NoError(t, err)
	assert.Len(t, pending, 1)
}

// TestInvitingTellsNothingAboutThePerson compares what the inviter is answered.
func TestInvitingTellsNothingAboutThePerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.given(site...)
	w.given(
		"project:apollo#admin@user:holder",
		"partner:lex#removed@user:removed",
		"partner:rex#admin@user:elsewhere",
	)
	_, err := w.SignIn(t.Context(), access.Login{Issuer: "i", Subject: "s", Email: address("known"), EmailVerified: true, GivenName: "Kim", FamilyName: "Known"})
	require.NoError(t, err)
	w.invite("carl", "invited", "project:apollo", "project_member")

	answer := func(name string) operations.Invitation {
		i := w.invite("pete", name, "project:apollo", "project_member")
		assert.Equal(t, address(name), i.Email)
		assert.Regexp(t, `^[a-z2-7]{16}-\d+$`, i.ID)
		i.ID, i.InviteeID, i.Email = "", "", ""
		return i
	}
	stranger := answer("stranger")
	for _, name := range []string{"known", "holder", "removed", "elsewhere", "invited"} {
		assert.Equal(t, stranger, answer(name), name)
	}
}

// TestResendFindsTheInvitationSettled because something happened to it between
// the resend's reading and its commit. No new invitation must come of that.
func TestResendFindsTheInvitationSettled(t *testing.T) {
	t.Parallel()
	for code, settle := range map[string]func(w *world, i operations.Invitation) error{
		"not_pending": func(w *world, i operations.Invitation) error {
			_, err := w.accept("ann", w.link(i))
			return err
		},
		"revoked": func(w *world, i operations.Invitation) error {
			_, err := w.Revoke(t.Context(), w.by("pete"), i.ID)
			return err
		},
		"replaced": func(w *world, i operations.Invitation) error {
			_, _, err := w.Resend(t.Context(), w.by("carl"), i.ID)
			return err
		},
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.given(site...)
			i := w.invite("pete", "ann", "project:apollo", "project_member")
			w.meanwhile(func() { require.NoError(t, settle(w, i)) })
			w.store.forget()

			_, _, err := w.Resend(t.Context(), w.by("pete"), i.ID)

			assert.True(t, access.HasCode(err, code), "got %v", err)
			assert.Len(t, w.store.writes(), 1, "only what settled it is written")
		})
	}
}

func TestInvitationsAreListedNewestFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.given(site...)
	w.given("project:hermes#client@client:acme")
	apollo := w.object("project:apollo")
	w.invite("carl", "ann", "project:hermes", "project_member")
	var made []operations.Invitation
	for n := range 5 {
		made = append(made, w.invite("pete", fmt.Sprintf("guest%d", n), "project:apollo", "project_member"))
	}
	_, err := w.Revoke(t.Context(), w.by("pete"), made[1].ID)
	require.NoError(t, err)
	_, err = w.accept("guest3", w.link(made[3]))
	require.NoError(t, err)

	statuses := func(status operations.Status) (listed []string) {
		page := access.Page{Limit: 2}
		for {
			found, next, err := w.Invitations(t.Context(), apollo, status, page)
			require.NoError(t, err)
			assert.LessOrEqual(t, len(found), 2)
			for _, i := range found {
				listed = append(listed, w.named("user:"+i.InviteeID)+" "+string(i.Status))
			}
			if page.Cursor = next; next == "" {
				return listed
			}
		}
	}
	assert.Equal(t, []string{"user:guest4 pending", "user:guest3 accepted", "user:guest2 pending", "user:guest1 revoked", "user:guest0 pending"}, statuses(""))
	assert.Equal(t, []string{"user:guest4 pending", "user:guest2 pending", "user:guest0 pending"}, statuses(operations.Pending))

	_, _, err = w.Invitations(t.Context(), apollo, "", access.Page{Limit: 2, Cursor: "no cursor!"})
	assert.True(t, access.HasCode(err, "malformed_cursor"), "got %v", err)
}
