package relationships_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/relationships"
)

// changes follows until so many changes with updates have come.
func changes(t *testing.T, g *relationships.Gateway, after access.Token, count int) []access.Change {
	t.Helper()
	var found []access.Change
	for change, err := range g.Watch(t.Context(), after) {
		require.NoError(t, err)
		if len(change.Updates) > 0 {
			found = append(found, change)
		}
		if len(found) == count {
			break
		}
	}
	return found
}

// TestWatchTellsWhatWasWrittenAndWhy, from any moment on.
func TestWatchTellsWhatWasWrittenAndWhy(t *testing.T) {
	t.Parallel()
	g, _ := start(t)
	beginning, err := g.Head(t.Context())
	require.NoError(t, err)
	ending := member("apollo", "bob")
	ending.EndsAt = time.Date(2100, time.June, 30, 22, 0, 0, 0, time.UTC)
	var written []access.Write
	for _, w := range []access.Write{
		{
			Updates: touching(admin("apollo", "ann")).Updates,
			Cause:   access.Cause{Operation: "add", Actor: access.User("pete"), Reason: "Ärger: \"vorbei\"\n", RequestID: "request-1"},
		},
		{Updates: touching(ending).Updates, Cause: access.Cause{Operation: "invite", Actor: access.System}},
		{
			Updates: append(deleting(admin("apollo", "ann")).Updates, touching(member("apollo", "ann")).Updates...),
			Cause:   access.Cause{Operation: "end_role", Actor: access.User("pete")},
		},
	} {
		_, err := g.Write(t.Context(), w)
		require.NoError(t, err)
		written = append(written, w)
	}

	all := changes(t, g, beginning, len(written))
	for n, change := range all {
		assert.ElementsMatch(t, written[n].Updates, change.Updates)
		assert.Equal(t, written[n].Cause, change.Cause)
		assert.NotEmpty(t, change.At)
	}
	for n := range all[:len(all)-1] {
		assert.Equal(t, all[n+1:], changes(t, g, all[n].At, len(all)-n-1), "resumed after change %d", n)
	}
}

// TestWatchMovesOnInQuietTimes, so that a follower need not go back to its last
// change.
func TestWatchMovesOnInQuietTimes(t *testing.T) {
	t.Parallel()
	g, _ := start(t)
	before, err := g.Head(t.Context())
	require.NoError(t, err)
	_, err = g.Write(t.Context(), deleting(member("apollo", "nobody")))
	require.NoError(t, err)
	for change, err := range g.Watch(t.Context(), before) {
		require.NoError(t, err)
		assert.Empty(t, change.Updates)
		assert.NotEmpty(t, change.At)
		break
	}
}

func TestWatchEndsWithItsContext(t *testing.T) {
	t.Parallel()
	g, _ := start(t)
	at, err := g.Head(t.Context())
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var last error
	for _, err := range g.Watch(ctx, at) {
		last = err
	}
	assert.ErrorIs(t, last, context.Canceled)
}

func TestWatchRefusesAForeignMoment(t *testing.T) {
	t.Parallel()
	g, _ := start(t)
	var last error
	for _, err := range g.Watch(t.Context(), "nonsense") {
		last = err
	}
	assert.Error(t, last)
}
