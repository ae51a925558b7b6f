package access_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
)

// FuzzParseDay: a day has one spelling, and ends after the one before, everywhere.
func FuzzParseDay(f *testing.F) {
	for _, text := range []string{"2026-03-29", "2024-02-29", "2023-02-29", "0001-01-01", "9999-12-31", "2026-3-9", " 2026-03-29", "2026-03-29T00:00:00Z", "-001-01-01"} {
		f.Add(text)
	}
	var zones []*time.Location
	for _, name := range []string{"UTC", "Europe/Zurich", "America/Santiago", "Pacific/Apia", "Pacific/Kiritimati"} {
		zone, err := time.LoadLocation(name)
		require.NoError(f, err)
		zones = append(zones, zone)
	}
	f.Fuzz(func(t *testing.T, text string) {
		day, err := access.ParseDay(text)
		if err != nil {
			assert.True(t, access.IsKind(err, access.Invalid), "%v", err)
			return
		}
		require.Equal(t, text, day.String())
		start, err := time.Parse(time.DateOnly, text)
		require.NoError(t, err)
		for _, zone := range zones {
			length := day.End(zone).Sub(start)
			assert.Greater(t, length, 24*time.Hour-15*time.Hour, "%s in %s", text, zone)
			assert.Less(t, length, 24*time.Hour+15*time.Hour, "%s in %s", text, zone)
		}
	})
}

// FuzzCheckTimeZone: what passes is a zone, and no path to anything else.
func FuzzCheckTimeZone(f *testing.F) {
	for _, name := range []string{"Europe/Zurich", "UTC", "Local", "", "../UTC", "Europe/../UTC", "/etc/localtime", "Etc/GMT+12", "posixrules", "europe/zurich", "Europe\\Zurich", "Europe/Zurich\x00"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if err := access.CheckTimeZone(name); err != nil {
			assert.True(t, access.HasCode(err, "invalid_time_zone"), "%v", err)
			return
		}
		zone, err := time.LoadLocation(name)
		require.NoError(t, err)
		assert.Equal(t, name, zone.String())
		assert.True(t, filepath.IsLocal(name) && !strings.Contains(name, ".."), name)
	})
}

// FuzzCursor: whatever comes as a cursor continues a list in order, or is refused.
func FuzzCursor(f *testing.F) {
	f.Add("", 2)
	f.Add(access.CursorAt("b"), 1)
	f.Add(access.CursorAt("\x00\xff"), 3)
	f.Add("YQ==", 2)
	f.Add("§", 2)
	f.Fuzz(func(t *testing.T, cursor string, limit int) {
		limit = max(1, limit%5)
		all := []string{"d", "b", "a", "c", "b", "\xff"}
		page, next, err := access.Cut(slices.Clone(all), access.Page{Limit: limit, Cursor: cursor}, func(s string) string { return s }, strings.Compare)
		if err != nil {
			assert.True(t, access.HasCode(err, "malformed_cursor"), "%v", err)
			return
		}
		assert.LessOrEqual(t, len(page), limit)
		assert.True(t, slices.IsSorted(page))
		after, err := access.Page{Cursor: cursor}.After()
		require.NoError(t, err)
		for _, item := range page {
			assert.True(t, cursor == "" || item > after)
		}
		if next != "" {
			last, err := access.Page{Cursor: next}.After()
			require.NoError(t, err)
			assert.Equal(t, page[len(page)-1], last)
		}
	})
}
