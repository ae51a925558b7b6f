package operations

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/roles"
)

// Member is a person with roles on an object.
type Member struct {
	Person access.Person
	Roles  []HeldRole
}

// HeldRole is a role, with its end if it has one.
type HeldRole struct {
	Role   roles.Role
	EndsAt time.Time
}

// bySubject sorts what was found on one object by the id of who holds it, and by
// relation.
func bySubject(found []access.Relationship) map[string]map[string]access.Relationship {
	held := map[string]map[string]access.Relationship{}
	for _, r := range found {
		if held[r.Subject.ID] == nil {
			held[r.Subject.ID] = map[string]access.Relationship{}
		}
		held[r.Subject.ID][r.Relation] = r
	}
	return held
}

// rolesOf reads roles off the relationships that give them.
func rolesOf(held []access.Relationship) []HeldRole {
	var found []HeldRole
	for _, r := range held {
		if role, ok := roleOf(r); ok {
			found = append(found, HeldRole{Role: role, EndsAt: r.EndsAt})
		}
	}
	return found
}

// MemberQuery chooses, orders and pages members.
type MemberQuery struct {
	Search string // part of a name or e-mail, any case
	RoleID string // only those who hold it
	Sort   string // "name" (the default) or "email", with "-" in front for descending
	Page   access.Page
}

// Members lists the people with roles on an object.
// Errors: Invalid (invalid_search, unknown_role, invalid_sort, malformed_cursor).
func (o *Operations) Members(ctx context.Context, object access.Object, q MemberQuery) ([]Member, string, error) {
	if utf8.RuneCountInString(q.Search) > maxName {
		return nil, "", access.Fail(access.Invalid, "invalid_search", "search for at most %d characters", maxName)
	}
	key, order, err := memberOrder(q.Sort)
	if err != nil {
		return nil, "", err
	}
	if q.RoleID != "" {
		if _, err := roles.Find(object.Type, q.RoleID); err != nil {
			return nil, "", err
		}
	}
	relationships, _, err := o.Relationships.Read(ctx, access.On(object, "").ToType(access.TypeUser))
	if err != nil {
		return nil, "", err
	}
	held := bySubject(relationships)
	people, err := o.Directory.PeopleByID(ctx, slices.Collect(maps.Keys(held)))
	if err != nil {
		return nil, "", err
	}
	var found []Member
	for id, relations := range held {
		m := Member{Person: people[id]}
		m.Person.ID = id // somebody zed wrote, whom the directory does not know, is listed too
		m.Roles = rolesOf(inOrder(object.Type, relations))
		if len(m.Roles) > 0 && m.matches(q) {
			found = append(found, m)
		}
	}
	return access.Cut(found, q.Page, key, order)
}

func (m Member) matches(q MemberQuery) bool {
	if q.RoleID != "" && !slices.ContainsFunc(m.Roles, func(h HeldRole) bool { return h.Role.ID == q.RoleID }) {
		return false
	}
	text := strings.ToLower(m.Person.GivenName + " " + m.Person.FamilyName + " " + string(m.Person.Email))
	return strings.Contains(text, strings.ToLower(q.Search))
}

// memberOrder reads a sort into the key members are ordered by. The id makes
// keys unique, so that a page ends at a definite place.
func memberOrder(sort string) (key func(Member) string, order func(a, b string) int, err error) {
	order = cmp.Compare[string]
	field, descending := strings.CutPrefix(sort, "-")
	if descending {
		order = func(a, b string) int { return cmp.Compare(b, a) }
	}
	switch field {
	case "", "name":
		key = func(m Member) string {
			return strings.ToLower(m.Person.FamilyName+"\x00"+m.Person.GivenName) + "\x00" + m.Person.ID
		}
	case "email":
		key = func(m Member) string { return string(m.Person.Email) + "\x00" + m.Person.ID }
	default:
		return nil, nil, access.Fail(access.Invalid, "invalid_sort", "sort must be name, -name, email or -email")
	}
	return key, order, nil
}
