package httpapi

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/operations"
	"github.com/gatehouse/gatehouse/internal/roles"
)

func TestEveryRouteNamesWhatItsCallerNeeds(t *testing.T) {
	table, err := readContract(Spec)
	require.NoError(t, err)
	assert.Len(t, table, strings.Count(string(Spec), "operationId:"))
}

func TestRouteWithoutPermissionDoesNotStart(t *testing.T) {
	for _, undone := range []string{"", "      x-permission: whatever\n"} {
		spec := strings.Replace(string(Spec), "      x-permission: operate on platform\n", undone, 1)
		_, err := readContract([]byte(spec))
		require.ErrorContains(t, err, "names no permission")
	}
}

func TestNothingInTheTableOfNeedsIsUnused(t *testing.T) {
	for name := range needs {
		assert.Contains(t, string(Spec), "x-permission: "+name+"\n")
	}
}

// What the contract enumerates is what the code has.
func TestContractEnumerates(t *testing.T) {
	for _, kind := range roles.Kinds {
		assert.True(t, Collection(strings.ReplaceAll(kind.Collection, "_", "-")).Valid(), "collection %s", kind.Collection)
	}
	for _, outcome := range []operations.Outcome{operations.Created, operations.Granted, operations.Upgraded, operations.Extended, operations.Unchanged} {
		assert.True(t, AddedMemberOutcome(outcome).Valid(), "outcome %s", outcome)
	}
	for _, status := range []operations.Status{operations.Pending, operations.Accepted, operations.Revoked, operations.Replaced, operations.Expired} {
		assert.True(t, InvitationStatus(status).Valid(), "status %s", status)
	}
}

func TestEveryKindOfErrorHasAStatus(t *testing.T) {
	for kind, want := range map[access.Kind]int{
		access.Malformed: http.StatusBadRequest, access.Invalid: http.StatusUnprocessableEntity,
		access.Unauthenticated: http.StatusUnauthorized, access.Forbidden: http.StatusForbidden,
		access.NotFound: http.StatusNotFound, access.Conflict: http.StatusConflict, access.Gone: http.StatusGone,
		access.TooMany: http.StatusTooManyRequests, access.Unavailable: http.StatusServiceUnavailable,
	} {
		p := problem(&access.Error{Kind: kind, Code: "some_code", Detail: "Some detail.", Cause: assert.AnError})
		assert.Equal(t, want, p.Status, kind)
		assert.Equal(t, "urn:gatehouse:problem:some_code", p.Type)
	}
	p := problem(assert.AnError)
	assert.Equal(t, http.StatusInternalServerError, p.Status)
	assert.NotContains(t, p.Detail, assert.AnError.Error(), "what we did not mean to say is not said")
}
