package operations_test

import (
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/operations"
	"github.com/gatehouse/gatehouse/internal/roles"
)

func configureContract(w *world, by operations.By, words []string) (string, error) {
	var c operations.Contract
	for word := range strings.FieldsSeq(words[1]) {
		name, value, _ := strings.Cut(word, "=")
		switch name {
		case "direct":
			c.Direct = true
		case "colocation":
			c.Colocation = true
		case "partner_status":
			c.PartnerStatus = true
		case "reseller":
			c.Reseller = value
		}
	}
	_, err := w.ConfigureContract(w.t.Context(), by, w.object(words[0]), c)
	return "customer type: " + string(c.Type()), err
}

func addSubCustomer(w *world, by operations.By, words []string) (string, error) {
	var first *operations.Newcomer
	if words[2] != "" {
		n := newcomer(words[2])
		first = &n
	}
	created, _, _, err := w.AddSubCustomer(w.t.Context(), by, w.object(words[1]), operations.NewObject{
		ID: &words[0], Name: words[0], CustomerNumber: words[0], Identifier: words[0], ExternalReference: "42/" + words[0],
	}, first)
	return "created " + created.Object.String(), err
}

func order(w *world, by operations.By, words []string) (string, error) {
	s, _, err := w.ProvisionService(w.t.Context(), by, w.object(words[1]), operations.NewObject{ID: &words[0], Name: words[0]}, words[3], roles.Supply(words[2]))
	return "ordered " + s.Profile.String(), err
}

func deletes(w *world, by operations.By, words []string) (string, error) {
	_, err := w.Delete(w.t.Context(), by, w.object(words[0]))
	return "deleted", err
}

func makeKey(w *world, by operations.By, words []string) (string, error) {
	key, secret, _, err := w.CreateAPIKey(w.t.Context(), by, w.object(words[0]), "Robot", words[1])
	if err == nil {
		require.Regexp(w.t, `^ghk_[A-Za-z0-9_-]{43}_[0-9a-f]{8}$`, secret)
	}
	return "made api_key:" + key.ID, err
}
