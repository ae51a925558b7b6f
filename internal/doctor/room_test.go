package doctor

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestDisksFillUp(t *testing.T) {
	t.Parallel()
	free, err := available(t.TempDir())
	assert.NoError(t, err)
	assert.Positive(t, free)
	for free, want := range map[uint64][]Severity{2 << 30: nil, 500 << 20: {Warning}, 1 << 20: {Problem}, 0: {Problem}} {
		e := &examination{now: time.Now}
		e.left(free)
		var got []Severity
		for _, f := range e.findings {
			got = append(got, f.Severity)
		}
		assert.Equal(t, want, got, free)
	}
}
