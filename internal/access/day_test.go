package access_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
)

func TestDayEndsByHand(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ day, zone, end string }{
		"in winter":                       {"2026-12-31", "Europe/Zurich", "2026-12-31T23:00:00Z"},
		"before the clocks go forward":    {"2026-03-28", "Europe/Zurich", "2026-03-28T23:00:00Z"},
		"while the clocks go forward":     {"2026-03-29", "Europe/Zurich", "2026-03-29T22:00:00Z"},
		"while the clocks go back":        {"2026-10-25", "Europe/Zurich", "2026-10-25T23:00:00Z"},
		"midnight does not exist":         {"2018-11-03", "America/Sao_Paulo", "2018-11-04T03:00:00Z"},
		"the day is an hour longer":       {"2018-02-17", "America/Sao_Paulo", "2018-02-18T03:00:00Z"},
		"midnight comes twice":            {"2010-11-06", "America/St_Johns", "2010-11-07T02:30:00Z"},
		"the day after does not exist":    {"2011-12-29", "Pacific/Apia", "2011-12-30T10:00:00Z"},
		"the day itself does not exist":   {"2011-12-30", "Pacific/Apia", "2011-12-30T10:00:00Z"},
		"the day begins with a new clock": {"2011-12-31", "Pacific/Apia", "2011-12-31T10:00:00Z"},
		"far east":                        {"2026-06-01", "Pacific/Kiritimati", "2026-06-01T10:00:00Z"},
		"far west":                        {"2026-06-01", "Etc/GMT+12", "2026-06-02T12:00:00Z"},
		"a leap day":                      {"2028-02-29", "UTC", "2028-03-01T00:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			day, err := access.ParseDay(c.day)
			require.NoError(t, err)
			zone, err := time.LoadLocation(c.zone)
			require.NoError(t, err)
			assert.Equal(t, c.end, day.End(zone).Format(time.RFC3339Nano))
			assert.Equal(t, c.day, day.String())
		})
	}
}

// TestDayEndsEverywhere tries every zone there is and every day of four decades:
// the end is later than the day, and no instant before it is.
func TestDayEndsEverywhere(t *testing.T) {
	t.Parallel()
	zones := zones(t)
	require.Greater(t, len(zones), 300)
	for _, name := range zones {
		zone, err := time.LoadLocation(name)
		require.NoError(t, err)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for at := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC); at.Year() <= 2040; at = at.AddDate(0, 0, 1) {
				day := access.Day{Year: at.Year(), Month: at.Month(), Day: at.Day()}
				end := day.End(zone)
				over := func(t time.Time) bool {
					year, month, date := t.In(zone).Date()
					return time.Date(year, month, date, 0, 0, 0, 0, time.UTC).After(at)
				}
				if !over(end) {
					t.Fatalf("%s ends at %s, and is not over then", day, end)
				}
				// Dates only change at midnight and when clocks do, so these are all
				// the instants before the end at which the day could first be over.
				for before := end; end.Sub(before) < 72*time.Hour; {
					if before = before.Add(-time.Nanosecond); over(before) {
						t.Fatalf("%s ends at %s, and was over at %s", day, end, before)
					}
					if before, _ = before.In(zone).ZoneBounds(); !before.IsZero() && before.Before(end) && over(before) {
						t.Fatalf("%s ends at %s, and was over at %s", day, end, before)
					}
				}
			}
		})
	}
}

// zones lists what the operating system knows and Go does, each set of rules under
// one of its names.
func zones(t *testing.T) (names []string) {
	t.Helper()
	const root = "/usr/share/zoneinfo"
	seen := map[string]bool{}
	require.NoError(t, filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		name := strings.TrimPrefix(path, root+"/")
		if err != nil || entry.IsDir() || strings.HasPrefix(name, "right/") || strings.HasPrefix(name, "posix/") {
			return err
		}
		rules, err := os.ReadFile(path)
		if _, unknown := time.LoadLocation(name); unknown == nil && !seen[string(rules)] {
			seen[string(rules)] = true
			names = append(names, name)
		}
		return err
	}))
	return names
}

func TestParseDay(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "2026-02-29", "2026-2-1", "31.12.2026", "2026-12-31T00:00:00Z", "tomorrow", "-001-01-01", "2026-13-01", "9000-01-01", "9999-12-31"} {
		_, err := access.ParseDay(text)
		assert.True(t, access.IsKind(err, access.Invalid) && access.HasCode(err, "invalid_date"), "%q: %v", text, err)
	}
}
