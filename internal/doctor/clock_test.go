package doctor

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestSkew: how far a clock must be off to matter, the way to it apart.
func TestSkew(t *testing.T) {
	begun := time.Date(2030, 5, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		off, way time.Duration
		want     Severity
	}{
		"right":                     {0, 0, ""},
		"half a second":             {500 * time.Millisecond, 0, ""},
		"more":                      {501 * time.Millisecond, 0, Warning},
		"behind by more":            {-501 * time.Millisecond, 0, Warning},
		"a second":                  {time.Second, 0, Warning},
		"more than a second":        {1001 * time.Millisecond, 0, Problem},
		"behind more than a second": {-1001 * time.Millisecond, 0, Problem},
		"a long way":                {0, 10 * time.Second, ""},
		"ahead, a long way":         {10 * time.Second, 2 * time.Second, Problem},
	} {
		t.Run(name, func(t *testing.T) {
			now := begun
			e := &examination{now: func() time.Time { return now }}
			require.NoError(t, e.clock(t.Context(), "it", 0, func(context.Context) (time.Time, error) {
				now = now.Add(c.way)
				return now.Add(-c.way / 2).Add(c.off), nil
			}))
			if c.want == "" {
				assert.Empty(t, e.findings)
				return
			}
			require.Len(t, e.findings, 1)
			assert.Equal(t, c.want, e.findings[0].Severity)
		})
	}
}
