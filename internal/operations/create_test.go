package operations_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/operations"
)

func account(id, number, identifier string) operations.NewObject {
	return operations.NewObject{
		Type: access.TypeCustomerAccount, Parent: access.Platform, ID: &id, Name: id, CustomerNumber: number, Identifier: identifier,
	}
}

// TestACreationThatFailsKeepsNothing: its id, number and identifier are free again.
func TestACreationThatFailsKeepsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.given("platform:gatehouse#operator@user:olga")
	hafen := account("hafen", "64497", "as64497")
	hafen.Contract.Reseller = "nord"
	_, _, err := w.Create(t.Context(), w.by("olga"), hafen)
	require.True(t, access.HasCode(err, "unknown_reseller"), "got %v", err)

	_, _, err = w.Create(t.Context(), w.by("olga"), account("nord", "64496", "as64496"))
	require.NoError(t, err)
	created, at, err := w.Create(t.Context(), w.by("olga"), hafen)
	require.NoError(t, err)
	assert.NotEmpty(t, at)

	found, err := w.Object(t.Context(), created.Object)
	require.NoError(t, err)
	assert.Equal(t, access.ObjectProfile{
		Object: w.object("customer_account:hafen"), Name: "hafen", TimeZone: "Europe/Zurich", CustomerNumber: "64497", Identifier: "as64497",
	}, found)
}

func TestOfManyCreationsOneSucceeds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.given("platform:gatehouse#operator@user:olga")
	olga := w.by("olga")
	successes := 0
	for _, err := range atOnce(20, func(int) error {
		_, _, err := w.Create(t.Context(), olga, account("alp", "10042", "alp"))
		return err
	}) {
		if err == nil {
			successes++
			continue
		}
		assert.True(t, access.HasCode(err, "taken"), "got %v", err)
	}
	assert.Equal(t, 1, successes)
	assert.Len(t, w.facts(access.On(w.object("customer_account:alp"), "admin_version")), 1)
}

// TestCreateNoticesThatTheParentGoes between the caller's permission and the
// commit.
func TestCreateNoticesThatTheParentGoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.given("partner:lex#platform@platform:gatehouse", "partner:lex#admin@user:paula")
	w.meanwhile(func() { w.gone("partner:lex#platform@platform:gatehouse") })

	_, _, err := w.Create(t.Context(), w.by("paula"), operations.NewObject{
		Type: access.TypeClient, Parent: w.object("partner:lex"), ID: new("acme"), Name: "Acme",
	})

	assert.True(t, access.IsKind(err, access.NotFound), "got %v", err)
	assert.Empty(t, w.facts(access.Filter{ResourceType: access.TypeClient}))
}
