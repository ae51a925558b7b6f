package sweep_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/sweep"
)

// ahead keeps ends by a clock that is ahead of SpiceDB's, and tells when it was asked
// what is due for the second time.
type ahead struct {
	access.Ends
	end   access.Relationship
	asked int
	again context.CancelFunc
}

func (a *ahead) DueEnds(context.Context, int) ([]access.Relationship, time.Time, error) {
	if a.asked++; a.asked == 2 {
		a.again()
	}
	return []access.Relationship{a.end}, time.Time{}, nil
}

// TestEndThatSpiceDBHasNotSeen: the end of what is no role is kept while SpiceDB,
// whose clock is behind, still answers by it.
func TestEndThatSpiceDBHasNotSeen(t *testing.T) {
	w := newWorld(t)
	servers := access.Object{Type: "gatehouse", ID: "gatehouse"}
	pulse := access.Relate(servers, "pulse", servers)
	pulse.EndsAt = time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	var write access.Write
	write.Touch(pulse)
	_, err := w.gateway.Write(t.Context(), write)
	require.NoError(t, err)
	require.NoError(t, w.names.AddEnd(t.Context(), pulse, access.Everything))

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	kept := &ahead{Ends: w.names, end: pulse, again: stop}
	sweep.NewEnds(w.gateway, kept, w.ends.Tuplesets, time.Now, slog.New(slog.DiscardHandler)).Run(ctx)
	end, err := w.names.FirstEnd(t.Context(), access.Everything)
	require.NoError(t, err)
	assert.True(t, pulse.EndsAt.Equal(end), "%s", end)
}
