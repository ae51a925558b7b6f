package roles

import "github.com/gatehouse/gatehouse/internal/access"

// Level is how far a share reaches in one area of an instance's cockpit (NEZ-4).
type Level string

// The levels.
const (
	None  Level = "none"
	Read  Level = "read"
	Write Level = "write"
)

// Areas are the parts of a cockpit that are shared apart. The roles of an area are
// rivals, and its name is their rivalry.
var Areas = []string{"inventory", "customer_care"}

// Share is what somebody may do in each area of an instance's cockpit.
type Share map[string]Level

// Shared lists the roles that a share consists of.
// Errors: Invalid (invalid_level, nothing_shared).
func Shared(s Share) ([]Role, error) {
	var found []Role
	for _, area := range Areas {
		switch s[area] {
		case None, "":
		case Read, Write:
			for _, r := range On(access.TypeInstance) {
				if r.Rivalry == area && r.level() == s[area] {
					found = append(found, r)
				}
			}
		default:
			return nil, access.Fail(access.Invalid, "invalid_level", "%s must be none, read or write", area)
		}
	}
	if len(found) == 0 {
		return nil, access.Fail(access.Invalid, "nothing_shared", "share at least one of inventory and customer_care")
	}
	return found, nil
}

// ShareOf is what the sharing roles among those held amount to.
func ShareOf(held []Role) Share {
	s := Share{}
	for _, area := range Areas {
		s[area] = None
	}
	for _, r := range held {
		if r.Way == Sharing {
			s[r.Rivalry] = r.level()
		}
	}
	return s
}

// level is how far a sharing role reaches: of two rivals, the higher one writes.
func (r Role) level() Level {
	if r.Rank > 10 {
		return Write
	}
	return Read
}
