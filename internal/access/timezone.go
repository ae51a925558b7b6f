package access

import (
	"regexp"
	"time"
)

// zonePattern is how IANA names its zones. A machine's folder of zones holds other
// files as well, such as localtime.
var zonePattern = regexp.MustCompile(`^[A-Z][A-Za-z0-9_+\-]*(/[A-Za-z0-9_+\-]+)*$`)

// CheckTimeZone accepts the name of an IANA time zone.
// Errors: Invalid (invalid_time_zone).
func CheckTimeZone(name string) error {
	if _, err := time.LoadLocation(name); err != nil || name == "Local" || !zonePattern.MatchString(name) {
		return Fail(Invalid, "invalid_time_zone", "time_zone must be an IANA name such as Europe/Zurich")
	}
	return nil
}
