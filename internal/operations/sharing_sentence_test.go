package operations_test

import (
	"fmt"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/operations"
	"github.com/gatehouse/gatehouse/internal/roles"
)

func configureSharing(w *world, by operations.By, words []string) (string, error) {
	s, _, err := w.ConfigureSharing(w.t.Context(), by, w.object(words[0]), operations.Sharing{Enabled: words[1] == "on", Allowed: list(words[2])})
	return fmt.Sprintf("enabled: %t, allowed: %s", s.Enabled, strings.Join(s.Allowed, ", ")), err
}

func share(w *world, by operations.By, words []string) (string, error) {
	added, err := w.Share(w.t.Context(), by, w.object(words[0]), string(address(words[1])), words[2], levels(words[3]), w.day(words[4]))
	return outcome(added), err
}

func changeShare(w *world, by operations.By, words []string) (string, error) {
	s, _, err := w.ChangeShare(w.t.Context(), by, w.object(words[1]), w.person(words[0]), levels(words[2]), w.day(words[3]))
	return "shares " + held(s.Roles), err
}

func unshare(w *world, by operations.By, words []string) (string, error) {
	_, err := w.Unshare(w.t.Context(), by, w.object(words[0]), w.person(words[1]))
	return "unshared", err
}

// levels reads "inventory=read customer_care=write".
func levels(text string) roles.Share {
	s := roles.Share{}
	for word := range strings.FieldsSeq(text) {
		area, level, _ := strings.Cut(word, "=")
		s[area] = roles.Level(level)
	}
	return s
}

// signIn gives somebody a login.
func signIn(w *world, by operations.By, _ []string) (string, error) {
	people, err := w.directory.PeopleByID(w.t.Context(), []string{by.Actor.ID})
	require.NoError(w.t, err)
	_, err = w.directory.SignIn(w.t.Context(), access.Login{
		Issuer: "test", Subject: by.Actor.ID, Email: people[by.Actor.ID].Email, EmailVerified: true,
	})
	return "", err
}
