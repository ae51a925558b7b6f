package operations

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gatehouse/gatehouse/internal/access"
)

// maxName bounds, in characters, what people and objects are called.
const maxName = 200

// checkName refuses names that cannot stand on one line of a page or a mail.
// Errors: Invalid (invalid_name), naming the field.
func checkName(field, name string, required bool) error {
	switch {
	case required && strings.TrimSpace(name) == "":
		return access.Fail(access.Invalid, "invalid_name", "%s must not be empty", field)
	case !utf8.ValidString(name) || utf8.RuneCountInString(name) > maxName:
		return access.Fail(access.Invalid, "invalid_name", "%s must be at most %d characters", field, maxName)
	case strings.ContainsFunc(name, func(r rune) bool {
		return unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control)
	}):
		return access.Fail(access.Invalid, "invalid_name", "%s must not contain control characters", field)
	}
	return nil
}
