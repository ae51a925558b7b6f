package directory_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/directory"
	"github.com/gatehouse/gatehouse/internal/email"
)

func pointer[T any](v T) *T { return &v }

func ensure(t *testing.T, d *directory.Directory, address email.Address) access.Person {
	t.Helper()
	p, err := d.EnsurePerson(t.Context(), address, "Ann", "Lee")
	require.NoError(t, err)
	return p
}

// TestDCX10_ProfileChangesWhatIsAsked and leaves the rest.
func TestDCX10_ProfileChangesWhatIsAsked(t *testing.T) {
	onEach(t, func(t *testing.T, d *directory.Directory, _ *world) {
		want := ensure(t, d, "ann@example.com")
		for _, step := range []struct {
			change access.ProfileChange
			then   func()
		}{
			{access.ProfileChange{}, func() {}},
			{access.ProfileChange{GivenName: pointer("Anna"), FamilyName: pointer("")}, func() { want.GivenName, want.FamilyName = "Anna", "" }},
			{access.ProfileChange{UserName: pointer("as64496.ann")}, func() { want.UserName = "as64496.ann" }},
			{access.ProfileChange{UserName: pointer("as64496.ann"), Language: pointer(access.German)}, func() { want.Language = access.German }},
			{access.ProfileChange{Email: pointer(email.Address("anna@example.com"))}, func() { want.Email = "anna@example.com" }},
			{access.ProfileChange{UserName: pointer("")}, func() { want.UserName = "" }},
		} {
			step.then()
			got, err := d.ChangeProfile(t.Context(), want.ID, step.change)
			require.NoError(t, err)
			assert.Equal(t, want, got)
		}
		_, err := d.ChangeProfile(t.Context(), "nobody", access.ProfileChange{})
		require.True(t, access.IsKind(err, access.NotFound), "%v", err)
	})
}

// TestDCX10_WhatIsAnothersIsTaken and user names are case sensitive.
func TestDCX10_WhatIsAnothersIsTaken(t *testing.T) {
	onEach(t, func(t *testing.T, d *directory.Directory, _ *world) {
		ann, eve := ensure(t, d, "ann@example.com"), ensure(t, d, "eve@example.com")
		_, err := d.ChangeProfile(t.Context(), ann.ID, access.ProfileChange{UserName: pointer("ann.lee")})
		require.NoError(t, err)
		for _, change := range []access.ProfileChange{
			{UserName: pointer("ann.lee"), GivenName: pointer("Eve")}, {Email: &ann.Email, GivenName: pointer("Eve")},
		} {
			_, err := d.ChangeProfile(t.Context(), eve.ID, change)
			require.True(t, access.HasCode(err, "taken"), "%v", err)
		}
		got, err := d.PersonByEmail(t.Context(), "eve@example.com")
		require.NoError(t, err)
		assert.Equal(t, eve, got, "nothing of a refused change is made")
		_, err = d.ChangeProfile(t.Context(), eve.ID, access.ProfileChange{UserName: pointer("Ann.Lee")})
		require.NoError(t, err)
	})
}

func TestDCX10_OfManyOneTakesAUserName(t *testing.T) {
	onEach(t, func(t *testing.T, d *directory.Directory, _ *world) {
		var people [100]access.Person
		for i := range people {
			people[i] = ensure(t, d, email.Address(fmt.Sprintf("p%d@example.com", i)))
		}
		_, errs := parallel(t, func(run int) (access.Person, error) {
			return d.ChangeProfile(t.Context(), people[run].ID, access.ProfileChange{UserName: pointer("ann.lee")})
		})
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
				continue
			}
			assert.True(t, access.HasCode(err, "taken"), "%v", err)
		}
		assert.Equal(t, 1, won)
	})
}

// TestChangedEmailFollowsThePerson: their login stays theirs, and the old address is
// free for whoever owns it.
func TestChangedEmailFollowsThePerson(t *testing.T) {
	onEach(t, func(t *testing.T, d *directory.Directory, _ *world) {
		ann, err := d.SignIn(t.Context(), login("1", "ann@example.com"))
		require.NoError(t, err)
		ann, err = d.ChangeProfile(t.Context(), ann.ID, access.ProfileChange{Email: pointer(email.Address("anna@example.com"))})
		require.NoError(t, err)

		again, err := d.SignIn(t.Context(), login("1", "ann@example.com"))
		require.NoError(t, err)
		assert.Equal(t, ann, again)
		_, err = d.SignIn(t.Context(), login("2", "anna@example.com"))
		require.True(t, access.HasCode(err, "taken"), "%v", err)
		other, err := d.SignIn(t.Context(), login("3", "ann@example.com"))
		require.NoError(t, err)
		assert.NotEqual(t, ann.ID, other.ID)
	})
}

// TestOldSnapshotsAreImported that know nothing of user names and languages.
func TestOldSnapshotsAreImported(t *testing.T) {
	for name, path := range databases(t) {
		t.Run(name, func(t *testing.T) {
			db, w := openDatabase(t, path), newWorld()
			a := openArchive(t, db)
			require.NoError(t, a.Import(t.Context(), replay([]access.Record{{
				Kind: "people", JSON: []byte(`{"id":"1","email":"ann@example.com","given_name":"Ann","family_name":"Lee","created_at":0}`),
			}}, nil)))
			require.NoError(t, a.Finish(t.Context()))
			d, err := directory.New(t.Context(), db, w.now, w.exists)
			require.NoError(t, err)
			ann, err := d.PersonByEmail(t.Context(), "ann@example.com")
			require.NoError(t, err)
			assert.Equal(t, access.English, ann.Language)
			assert.Empty(t, ann.UserName)
		})
	}
}
