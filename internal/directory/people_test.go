package directory_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/directory"
	"github.com/gatehouse/gatehouse/internal/email"
)

func login(subject string, address email.Address) access.Login {
	return access.Login{
		Issuer: "https://login.example.com", Subject: subject, Email: address, EmailVerified: true,
		GivenName: "Ann", FamilyName: "Lee",
	}
}

func TestFirstSignInMakesAPerson(t *testing.T) {
	onEach(t, func(t *testing.T, d *directory.Directory, w *world) {
		ann, err := d.SignIn(t.Context(), login("1", "ann@example.com"))
		require.NoError(t, err)
		id, err := ulid.ParseStrict(ann.ID)
		require.NoError(t, err)
		assert.Equal(t, ulid.Timestamp(w.now()), id.Time())
		assert.Equal(t, access.Person{
			ID: ann.ID, Email: "ann@example.com", GivenName: "Ann", FamilyName: "Lee", Language: access.English, HasLogin: true, CreatedAt: w.now(),
		}, ann)

		w.pass(time.Hour)
		again, err := d.SignIn(t.Context(), login("1", "ann@example.com"))
		require.NoError(t, err)
		assert.Equal(t, ann, again)
	})
}

func TestFirstSignInLinksTheContact(t *testing.T) {
	onEach(t, func(t *testing.T, d *directory.Directory, _ *world) {
		contact, err := d.EnsurePerson(t.Context(), "ann@example.com", "Anna", "")
		require.NoError(t, err)
		require.False(t, contact.HasLogin)

		ann, err := d.SignIn(t.Context(), login("1", "ann@example.com"))
		require.NoError(t, err)
		contact.HasLogin, contact.FamilyName = true, "Lee"
		assert.Equal(t, contact, ann, "the same person, with the empty name filled")

		known, err := d.PersonByEmail(t.Context(), "ann@example.com")
		require.NoError(t, err)
		assert.Equal(t, ann, known)
	})
}

func TestFirstSignInNeedsAVerifiedEmail(t *testing.T) {
	onEach(t, func(t *testing.T, d *directory.Directory, _ *world) {
		_, err := d.EnsurePerson(t.Context(), "ann@example.com", "", "")
		require.NoError(t, err)
		unverified := login("1", "ann@example.com")
		unverified.EmailVerified = false
		for _, l := range []access.Login{unverified, login("1", "")} {
			_, err := d.SignIn(t.Context(), l)
			require.True(t, access.IsKind(err, access.Forbidden), "%v", err)
			require.True(t, access.HasCode(err, "email_unverified"), "%v", err)
		}
		contact, err := d.PersonByEmail(t.Context(), "ann@example.com")
		require.NoError(t, err)
		assert.False(t, contact.HasLogin)
	})
}

func TestKnownLoginIsItsPersonWhateverItsEmailSays(t *testing.T) {
	onEach(t, func(t *testing.T, d *directory.Directory, _ *world) {
		ann, err := d.SignIn(t.Context(), login("1", "ann@example.com"))
		require.NoError(t, err)
		_, err = d.EnsurePerson(t.Context(), "eve@example.com", "Eve", "")
		require.NoError(t, err)

		unverified := login("1", "eve@example.com")
		unverified.EmailVerified = false
		for _, l := range []access.Login{login("1", "eve@example.com"), unverified, login("1", "")} {
			again, err := d.SignIn(t.Context(), l)
			require.NoError(t, err)
			assert.Equal(t, ann, again)
		}
	})
}

func TestAnotherLoginWithTheSameEmailIsRefused(t *testing.T) {
	onEach(t, func(t *testing.T, d *directory.Directory, _ *world) {
		ann, err := d.SignIn(t.Context(), login("1", "ann@example.com"))
		require.NoError(t, err)

		otherIssuer := login("1", "ann@example.com")
		otherIssuer.Issuer = "https://elsewhere.example.com"
		for _, l := range []access.Login{login("2", "ann@example.com"), otherIssuer} {
			_, err := d.SignIn(t.Context(), l)
			require.True(t, access.IsKind(err, access.Conflict), "%v", err)
			require.True(t, access.HasCode(err, "taken"), "%v", err)
		}
		again, err := d.SignIn(t.Context(), login("1", "ann@example.com"))
		require.NoError(t, err)
		assert.Equal(t, ann, again)
	})
}

func TestSubjectsAreCaseSensitive(t *testing.T) {
	onEach(t, func(t *testing.T, d *directory.Directory, _ *world) {
		lower, err := d.SignIn(t.Context(), login("a", "ann@example.com"))
		require.NoError(t, err)
		upper, err := d.SignIn(t.Context(), login("A", "eve@example.com"))
		require.NoError(t, err)
		assert.NotEqual(t, lower.ID, upper.ID)
	})
}

func TestSignInFillsOnlyEmptyNames(t *testing.T) {
	onEach(t, func(t *testing.T, d *directory.Directory, _ *world) {
		nameless := login("1", "ann@example.com")
		nameless.GivenName, nameless.FamilyName = "", ""
		for _, step := range []struct{ given, family, wantGiven, wantFamily string }{
			{"", "", "", ""},
			{"", "Lee", "", "Lee"},
			{"Ann", "Other", "Ann", "Lee"},
			{"Other", "Other", "Ann", "Lee"},
		} {
			l := nameless
			l.GivenName, l.FamilyName = step.given, step.family
			p, err := d.SignIn(t.Context(), l)
			require.NoError(t, err)
			assert.Equal(t, []string{step.wantGiven, step.wantFamily}, []string{p.GivenName, p.FamilyName})
			stored, err := d.PersonByEmail(t.Context(), "ann@example.com")
			require.NoError(t, err)
			assert.Equal(t, p, stored)
		}
	})
}

func TestEnsurePersonLeavesAKnownPersonAlone(t *testing.T) {
	onEach(t, func(t *testing.T, d *directory.Directory, w *world) {
		ann, err := d.EnsurePerson(t.Context(), "ann@example.com", "", "Lee")
		require.NoError(t, err)
		w.pass(time.Hour)
		again, err := d.EnsurePerson(t.Context(), "ann@example.com", "Other", "Other")
		require.NoError(t, err)
		assert.Equal(t, ann, again)
	})
}

func TestParallelEnsurePersonGivesOnePerson(t *testing.T) {
	onEach(t, func(t *testing.T, d *directory.Directory, _ *world) {
		people, errs := parallel(t, func(run int) (access.Person, error) {
			return d.EnsurePerson(t.Context(), "ann@example.com", fmt.Sprint(run), "")
		})
		for run := range people {
			require.NoError(t, errs[run])
			assert.Equal(t, people[0], people[run])
		}
	})
}

func TestParallelSignInsGiveOnePerson(t *testing.T) {
	onEach(t, func(t *testing.T, d *directory.Directory, _ *world) {
		people, errs := parallel(t, func(int) (access.Person, error) {
			return d.SignIn(t.Context(), login("1", "ann@example.com"))
		})
		for run := range people {
			require.NoError(t, errs[run])
			assert.Equal(t, people[0], people[run])
		}
	})
}

func TestOfRacingLoginsOneGetsThePerson(t *testing.T) {
	onEach(t, func(t *testing.T, d *directory.Directory, _ *world) {
		contact, err := d.EnsurePerson(t.Context(), "ann@example.com", "Ann", "Lee")
		require.NoError(t, err)
		people, errs := parallel(t, func(run int) (access.Person, error) {
			return d.SignIn(t.Context(), login(fmt.Sprint(run%10), "ann@example.com"))
		})
		winners := map[int]bool{}
		for run := range people {
			if errs[run] == nil {
				assert.Equal(t, contact.ID, people[run].ID)
				winners[run%10] = true
				continue
			}
			assert.True(t, access.HasCode(errs[run], "taken"), "%v", errs[run])
		}
		assert.Len(t, winners, 1)
	})
}

func TestPersonByEmailNotFound(t *testing.T) {
	onEach(t, func(t *testing.T, d *directory.Directory, _ *world) {
		_, err := d.PersonByEmail(t.Context(), "nobody@example.com")
		require.True(t, access.IsKind(err, access.NotFound), "%v", err)
		require.True(t, access.HasCode(err, "not_found"), "%v", err)
	})
}

func TestPeopleByID(t *testing.T) {
	onEach(t, func(t *testing.T, d *directory.Directory, _ *world) {
		none, err := d.PeopleByID(t.Context(), nil)
		require.NoError(t, err)
		assert.Empty(t, none)

		want := map[string]access.Person{}
		ids := []string{"nobody", "' OR 1=1 --"}
		for i := range 510 { // more than one batch
			p, err := d.EnsurePerson(t.Context(), email.Address(fmt.Sprintf("p%d@example.com", i)), "", "")
			require.NoError(t, err)
			if i < 505 {
				want[p.ID] = p
				ids = append(ids, p.ID, p.ID)
			}
		}
		ann, err := d.SignIn(t.Context(), login("1", "ann@example.com"))
		require.NoError(t, err)
		want[ann.ID] = ann

		got, err := d.PeopleByID(t.Context(), append(ids, ann.ID))
		require.NoError(t, err)
		assert.Equal(t, want, got)
	})
}
