package operations_test

import (
	"strings"

	"github.com/gatehouse/gatehouse/internal/operations"
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
