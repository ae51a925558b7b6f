package operations_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/operations"
)

// site is a partner with one client and one project, and their admins.
var site = []string{
	"partner:lex#platform@platform:gatehouse", "partner:lex#admin@user:paula", "partner:lex#admin_version@version:0",
	"client:acme#partner@partner:lex", "client:acme#admin@user:carl",
	"project:apollo#client@client:acme", "project:apollo#admin@user:pete",
	"platform:gatehouse#operator@user:olga",
}

func TestOfManyAcceptsOneSucceeds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.given(site...)
	token := w.link(w.invite("pete", "ann", "project:apollo", "project_member"))
	ann := w.by("ann")
	w.store.forget()

	successes := 0
	for _, err := range atOnce(100, func(int) error {
		_, err := w.Accept(t.Context(), ann, address("ann"), token)
		return err
	}) {
		if err == nil {
			successes++
			continue
		}
		assert.True(t, access.HasCode(err, "not_pending"), "want not_pending, got %v", err)
	}
	assert.Equal(t, 1, successes)
	assert.Len(t, w.store.writes(), 1)
	assert.Equal(t, []string{"project:apollo#member@user:ann"}, w.facts(access.Filter{ResourceType: access.TypeProject}.To(ann.Actor)))
}

func TestAcceptOrRevokeNeverBoth(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.given(site...)
	ann, pete := w.by("ann"), w.by("pete")
	for range 10 {
		i := w.invite("pete", "ann", "project:apollo", "project_member")
		token := w.link(i)
		errs := atOnce(2, func(n int) (err error) {
			if n == 0 {
				_, err = w.Accept(t.Context(), ann, address("ann"), token)
			} else {
				_, err = w.Revoke(t.Context(), pete, i.ID)
			}
			return err
		})
		assert.NotEqual(t, errs[0] == nil, errs[1] == nil, "accept: %v, revoke: %v", errs[0], errs[1])
		assert.Equal(t, errs[0] == nil, w.may("ann", "view", "project:apollo"))
		_, err := w.EndRole(t.Context(), pete, w.object("project:apollo"), ann.Actor, "project_member", nil)
		require.NoError(t, err)
	}
}

// TestAcceptRestsOnTheInvitersRight takes the right away from inviters who have
// it on different grounds, before Ann accepts and at the last moment before the
// commit. Either way nothing is written, and who is entitled may resend.
func TestAcceptRestsOnTheInvitersRight(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		inviter string
		loses   func(w *world)
		other   string // an admin who is still entitled
	}{
		"a role on the object": {
			inviter: "pete", other: "carl",
			loses: func(w *world) { w.ends("carl", "project_admin", "pete", "project:apollo") },
		},
		"a role on the parent": {
			inviter: "carl", other: "pete",
			loses: func(w *world) { w.ends("paula", "client_admin", "carl", "client:acme") },
		},
		"a role at the root": {
			inviter: "paula", other: "pete",
			loses: func(w *world) {
				w.given("partner:lex#admin@user:eve")
				w.ends("eve", "partner_admin", "paula", "partner:lex")
			},
		},
		"a role that a removal from the site suspends": {
			inviter: "pete", other: "carl",
			loses: func(w *world) { w.given("partner:lex#removed@user:pete") },
		},
		"the platform": {
			inviter: "olga", other: "pete",
			loses: func(w *world) { w.gone("platform:gatehouse#operator@user:olga") },
		},
		"the way from object to parent": {
			inviter: "carl", other: "pete",
			loses: func(w *world) {
				w.given("client:other#partner@partner:lex", "project:apollo#client@client:other")
				w.gone("project:apollo#client@client:acme")
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			engine := start(t)
			for moment, lose := range map[string]func(w *world){
				"before":                  test.loses,
				"between read and commit": func(w *world) { w.meanwhile(func() { test.loses(w) }) },
			} {
				t.Run(moment, func(t *testing.T) {
					engine.clear(t)
					w := engine.world(t)
					w.given(site...)
					i := w.invite(test.inviter, "ann", "project:apollo", "project_member")
					token := w.link(i)

					lose(w)
					_, err := w.accept("ann", token)

					require.True(t, access.HasCode(err, "inviter_lost_right"), "got %v", err)
					assert.False(t, w.may("ann", "view", "project:apollo"))
					assert.Equal(t, operations.Pending, w.status(i))

					resent, _, err := w.Resend(t.Context(), w.by(test.other), i.ID)
					require.NoError(t, err)
					_, err = w.accept("ann", w.link(resent))
					require.NoError(t, err)
					assert.True(t, w.may("ann", "view", "project:apollo"))
				})
			}
		})
	}
}

// TestAcceptFallsBackOnAnotherRight of the inviter if the one the plan rests on
// is lost before the commit.
func TestAcceptFallsBackOnAnotherRight(t *testing.T) {
	t.Parallel()
	engine := start(t)
	for _, lost := range []string{"project:apollo#admin@user:carl", "client:acme#admin@user:carl"} {
		t.Run(lost, func(t *testing.T) {
			engine.clear(t)
			w := engine.world(t)
			w.given(site...)
			w.given("project:apollo#admin@user:carl")
			token := w.link(w.invite("carl", "ann", "project:apollo", "project_member"))
			w.meanwhile(func() { w.gone(lost) })

			_, err := w.accept("ann", token)

			require.NoError(t, err)
			assert.True(t, w.may("ann", "view", "project:apollo"))
		})
	}
}

func TestAcceptNeedsTheInvitedPerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.given(site...)
	i := w.invite("pete", "ann", "project:apollo", "project_member")
	token := w.link(i)
	for name, attempt := range map[string]func() error{
		"signed in with another address": func() error {
			_, err := w.Accept(t.Context(), w.by("ann"), address("anne"), token)
			return err
		},
		"signed in without a verified address": func() error {
			_, err := w.Accept(t.Context(), w.by("ann"), "", token)
			return err
		},
		"somebody else": func() error {
			_, err := w.accept("bob", token)
			return err
		},
		"somebody else who has that address now": func() error {
			_, err := w.Accept(t.Context(), w.by("bob"), address("ann"), token)
			return err
		},
	} {
		assert.True(t, access.HasCode(attempt(), "email_mismatch"), name)
	}
	assert.Equal(t, operations.Pending, w.status(i))

	_, err := w.accept("ann", "a guess")
	assert.True(t, access.IsKind(err, access.NotFound), "got %v", err)

	_, err = w.accept("ann", token)
	assert.NoError(t, err, "the refusals have used nothing up")
}

// TestInvitationRunsOut waits for the end of an invitation. SpiceDB keeps it, by
// the real time, so this one is moved from the far future to a moment ahead.
func TestInvitationRunsOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.given(site...)
	i := w.invite("pete", "ann", "project:apollo", "project_member")
	token := w.link(i)

	w.moveEnd(i, time.Now().Add(300*time.Millisecond))
	require.Eventually(t, func() bool { return w.status(i) == operations.Expired }, 10*time.Second, 10*time.Millisecond)

	_, err := w.accept("ann", token)
	assert.True(t, access.IsKind(err, access.Gone) && access.HasCode(err, "expired"), "got %v", err)
	assert.False(t, w.may("ann", "accept", "invitation:"+i.ID))
	assert.False(t, w.may("ann", "view", "project:apollo"))
}

// TestEveryLinkOfAnInvitationWorks because a mail that was lost half-way is sent
// again with a link of its own.
func TestEveryLinkOfAnInvitationWorks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.given(site...)
	i := w.invite("pete", "ann", "project:apollo", "project_member")
	first, second := w.link(i), w.link(i)

	added, err := w.accept("ann", first)
	require.NoError(t, err)
	assert.Equal(t, address("ann"), added.Person.Email)
	assert.NotEmpty(t, added.WrittenAt)

	_, err = w.accept("ann", second)
	assert.True(t, access.HasCode(err, "not_pending"), "got %v", err)
}
