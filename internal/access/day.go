package access

import "time"

// Day is a date of the calendar, wherever it is observed.
type Day struct {
	Year  int
	Month time.Month
	Day   int
}

// lastYear is the last in which a day may lie: its end must be a time that JSON can
// tell, and "for good" is said by no date at all.
const lastYear = 8999

// ParseDay reads YYYY-MM-DD. Errors: Invalid (invalid_date).
func ParseDay(text string) (Day, error) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil || t.Year() > lastYear {
		return Day{}, Fail(Invalid, "invalid_date", "%q is not a date such as 2026-12-31", Clip(text))
	}
	return dayOf(t), nil
}

func dayOf(t time.Time) Day {
	year, month, day := t.Date()
	return Day{year, month, day}
}

func (d Day) String() string { return d.in(time.UTC).Format(time.DateOnly) }

func (d Day) in(zone *time.Location) time.Time {
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, zone)
}

func (d Day) after(other Day) bool { return d.in(time.UTC).After(other.in(time.UTC)) }

// End is the first instant in a time zone whose local date is later: what holds
// until the end of the day, inclusively, holds until then (NINE-5). Midnight may
// not exist, may exist twice, and a zone may skip a whole day: so it looks for the
// instant in each stretch of time between two changes of the clocks.
func (d Day) End(zone *time.Location) time.Time {
	next := d.in(time.UTC).AddDate(0, 0, 1)
	// No zone is more than a day away from UTC.
	for t := next.AddDate(0, 0, -2).In(zone); ; {
		if dayOf(t).after(d) {
			return t.UTC()
		}
		_, offset := t.Zone()
		midnight := next.Add(-time.Duration(offset) * time.Second)
		// On the last day of a leap year far ahead, Go takes a change for past that is
		// none at all.
		_, changes := t.ZoneBounds()
		if !changes.After(t) || midnight.Before(changes) {
			return midnight
		}
		t = changes
	}
}
