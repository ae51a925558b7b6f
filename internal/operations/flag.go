package operations

import (
	"slices"

	"github.com/gatehouse/gatehouse/internal/access"
)

// setFlag plans for a flag to stand or not, as it was found among relationships.
// The write requires what it leaves as it is, too: what is set together is set as
// one.
func setFlag(w *access.Write, object access.Object, flag string, set bool, found []access.Relationship) {
	for _, tuple := range flagged(object, flag) {
		switch is := slices.Contains(found, tuple); {
		case is && set:
			w.Require(access.MustMatch(access.Exactly(tuple)))
		case is:
			w.Replace(tuple)
		case set:
			w.Require(access.MustNotMatch(access.Exactly(tuple)))
			w.Touch(tuple)
		default:
			w.Require(access.MustNotMatch(access.Exactly(tuple)))
		}
	}
}

// isFlagged reports whether a flag was found set, for people.
func isFlagged(object access.Object, flag string, found []access.Relationship) bool {
	return slices.Contains(found, flagged(object, flag)[0])
}
