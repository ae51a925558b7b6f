package audit_test

import (
	"bytes"
	"database/sql"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gatehouse/gatehouse/internal/audit"
)

// exported is an export in lines, with their ends.
func (c *chained) exported(t *testing.T, s audit.Span) []string {
	t.Helper()
	var file bytes.Buffer
	_, err := audit.Export(t.Context(), &file, audit.Kept(c.db, s))
	require.NoError(t, err)
	return slices.Collect(strings.Lines(file.String()))
}

func from(lines ...string) audit.Lines {
	return audit.Exported(func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(strings.Join(lines, ""))), nil })
}

// TestAnExportVerifiesAsTheAuditDoes, and is read as it was written.
func TestAnExportVerifiesAsTheAuditDoes(t *testing.T) {
	onEach(t, func(t *testing.T, db *sql.DB) {
		c := newChained(t, db)
		want, err := c.verify(t, c.anchor...)
		require.NoError(t, err)
		lines := c.exported(t, audit.Span{})
		got, err := audit.Verify(t.Context(), from(lines...), c.trust, c.anchor, unheard)
		require.NoError(t, err)
		assert.Equal(t, want, got)

		var again bytes.Buffer
		end, err := audit.Export(t.Context(), &again, from(lines...))
		require.NoError(t, err)
		assert.Equal(t, strings.Join(lines, ""), again.String())
		assert.Equal(t, audit.End{Records: want.Records, Digests: want.Digests}, end)
	})
}

// TestAStretchIsVerifiedByItself, with the digests that lie in it.
func TestAStretchIsVerifiedByItself(t *testing.T) {
	onEach(t, func(t *testing.T, db *sql.DB) {
		c := newChained(t, db)
		at := func(n int) time.Time { return noon.Add(time.Duration(n-1) * 24 * time.Hour) } // of record n
		for name, s := range map[string]struct {
			span                          audit.Span
			first, last, digests, covered int64
		}{
			"all":                {audit.Span{}, 5, 15, 3, 12},
			"since":              {audit.Span{Since: at(10)}, 10, 15, 1, 12},
			"since a digest":     {audit.Span{Since: at(9)}, 9, 15, 2, 12},
			"until":              {audit.Span{Until: at(10)}, 5, 9, 2, 8},
			"between":            {audit.Span{Since: at(7), Until: at(14)}, 7, 13, 2, 12},
			"before all":         {audit.Span{Since: at(-1), Until: at(1)}, 5, 4, 0, 0},
			"after all":          {audit.Span{Since: at(20)}, 16, 15, 0, 0},
			"since before it":    {audit.Span{Since: at(-1)}, 5, 15, 3, 12},
			"until after it":     {audit.Span{Until: at(20)}, 5, 15, 3, 12},
			"where no digest is": {audit.Span{Since: at(14)}, 14, 15, 0, 0},
		} {
			lines := c.exported(t, s.span)
			found, err := audit.Verify(t.Context(), from(lines...), c.trust, c.anchor, unheard)
			require.NoError(t, err, "%s\n%s", name, strings.Join(lines, ""))
			assert.Equal(t, []int64{s.first, s.last, s.last - s.first + 1, s.digests, s.covered},
				[]int64{found.First, found.Last, found.Records, found.Digests, found.Covered}, name)
			assert.Equal(t, s.span != audit.Span{}, found.Part, name)
		}
	})
}

// TestNoLineOfAnExportCanBeChanged, left out, doubled or moved.
func TestNoLineOfAnExportCanBeChanged(t *testing.T) {
	db := onSQLite(t)
	c := newChained(t, db)
	lines := c.exported(t, audit.Span{})
	require.Len(t, lines, 1+1+11+3+1)
	rapid.Check(t, func(rt *rapid.T) {
		changed := slices.Clone(lines)
		n := rapid.IntRange(0, len(lines)-1).Draw(rt, "line")
		switch rapid.SampledFrom([]string{"edit", "drop", "double", "move", "swap", "cut"}).Draw(rt, "how") {
		case "edit":
			line := []byte(changed[n])
			i := rapid.IntRange(0, len(line)-1).Draw(rt, "byte")
			line[i] += byte(rapid.IntRange(1, 255).Draw(rt, "delta"))
			changed[n] = string(line)
		case "drop":
			changed = slices.Delete(changed, n, n+1)
		case "double":
			changed = slices.Insert(changed, n, changed[n])
		case "move":
			to := rapid.IntRange(0, len(lines)-2).Draw(rt, "to")
			if to == n {
				to++
			}
			line := changed[n]
			changed = slices.Insert(slices.Delete(changed, n, n+1), to, line)
		case "swap":
			other := (n + rapid.IntRange(1, len(lines)-1).Draw(rt, "by")) % len(lines)
			changed[n], changed[other] = changed[other], changed[n]
		case "cut":
			changed = changed[:n]
		}
		if slices.Equal(changed, lines) {
			return
		}
		_, err := audit.Verify(t.Context(), from(changed...), c.trust, nil, unheard)
		var fault *audit.Fault
		require.ErrorAs(rt, err, &fault)
	})
}

// TestAnExportNamesThePlace of what is not as it was.
func TestAnExportNamesThePlace(t *testing.T) {
	db := onSQLite(t)
	c := newChained(t, db)
	lines := c.exported(t, audit.Span{})
	nth := func(sequence int) int {
		return slices.IndexFunc(lines, func(l string) bool {
			return strings.HasPrefix(l, `{"record":{"sequence":`+string(rune('0'+sequence))+`,`)
		})
	}
	verify := func(lines []string) error {
		_, err := audit.Verify(t.Context(), from(lines...), c.trust, nil, unheard)
		return err
	}
	swapped := slices.Clone(lines)
	swapped[nth(5)], swapped[nth(7)] = swapped[nth(7)], swapped[nth(5)]
	f := fault(t, verify(swapped), audit.OutOfOrder)
	assert.Equal(t, "record 5 (2026-04-04T12:00:00.123456Z): out of order: it comes later", f.Error())

	f = fault(t, verify(slices.Delete(slices.Clone(lines), nth(6), nth(6)+2)), audit.Missing)
	assert.Equal(t, "record 6 (2026-04-02T12:00:00.123456Z): missing: record 8 comes next", f.Error())

	edited := slices.Clone(lines)
	edited[nth(9)] = strings.Replace(edited[nth(9)], "reason 9", "all is well", 1)
	f = fault(t, verify(edited), audit.Edited)
	assert.Equal(t, "record 9 (2026-04-06T12:00:00.123456Z): edited: it does not have the hash of what it says", f.Error())

	for _, other := range []string{
		strings.Replace(lines[nth(9)], `"at":"2026-04-06T12:00:00.123456Z"`, `"at":"2026-04-06T12:00:00.1234567Z"`, 1),
		strings.Replace(lines[nth(9)], `"at":"2026-04-06T12:00:00.123456Z"`, `"at":"2026-04-06T14:00:00.123456+02:00"`, 1),
		strings.Replace(lines[nth(9)], `"reason":"reason 9"`, `"reason":"all is well","reason":"reason 9"`, 1),
		strings.Replace(lines[nth(9)], `"reason":"reason 9"`, `"note":"all is well","reason":"reason 9"`, 1),
		strings.Replace(lines[nth(9)], `{"record"`, `{"Record"`, 1),
		strings.TrimSuffix(lines[nth(9)], "\n") + "\r\n",
		"{}\n", "\n", "[]\n",
	} {
		edited[nth(9)] = other
		f = fault(t, verify(edited), audit.Malformed)
		assert.Equal(t, nth(9)+1, f.Line, other)
	}
}

// FuzzAnExportIsReadOneWay: what is accepted is written again as it was, so two
// programs cannot read it differently.
func FuzzAnExportIsReadOneWay(f *testing.F) {
	f.Add([]byte(`{"audit":{"format":1,"first":1,"previous":""}}` + "\n" +
		`{"record":{"sequence":1,"hash":"00","moment":"t1","gap_from":"","operation":"add","actor_type":"user","actor_id":"pete","reason":"<&>","request_id":"","client_address":"::1","at":"2026-03-29T12:00:00.123456Z","updates":[{"verb":"touch","resource_type":"project","resource_id":"apollo","relation":"member","subject_type":"user","subject_id":"ann","subject_relation":"","ends_at":"2026-03-29T13:00:00Z","on_type":"project","on_id":"apollo","person_id":"ann"}]}}` + "\n" +
		`{"digest":{"number":1,"first":1,"last":1,"hash":"00","at":"2026-03-29T12:00:00Z","previous":"","key":"","signature":""}}` + "\n" +
		`{"end":{"records":1,"digests":1}}` + "\n"))
	f.Add([]byte(`{"audit":{"format":1,"first":5,"previous":"00","part":true}}` + "\n" + `{"beginning":{"first":5,"hash":"00","at":"2026-03-29T12:00:00Z","key":"","signature":""}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		lines := from(string(text))
		if _, err := audit.Verify(t.Context(), lines, audit.Trust{}, nil, unheard); err == nil {
			for l, err := range lines(t.Context()) {
				require.NoError(t, err)
				require.Nil(t, l.Digest, "nobody is trusted")
			}
		}
		var again bytes.Buffer
		if _, err := audit.Export(t.Context(), &again, lines); err == nil {
			require.Equal(t, string(text), again.String())
		}
	})
}
