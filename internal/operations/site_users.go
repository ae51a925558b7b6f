package operations

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/roles"
)

// SiteUser is a person of a site (C9-7).
type SiteUser struct {
	Person access.Person
	Level  roles.Role // the highest they have anywhere in the site, or are invited to; none if removed
	Status SiteStatus
}

// SiteStatus is where somebody stands in a site.
type SiteStatus string

// The statuses.
const (
	SiteActive  SiteStatus = "active"
	SiteInvited SiteStatus = "invited" // and has no role yet
	SiteRemoved SiteStatus = "removed"
)

// SiteUserQuery chooses, orders and pages the users of a site.
type SiteUserQuery struct {
	Search string // part of a name or e-mail, any case
	Sort   string // "name" (the default), "email", "level" or "status", with "-" in front for descending
	Page   access.Page
}

// SiteUsers lists every user of a site: whoever has a role on the partner or on
// anything beneath, is invited to one, or was removed.
// Errors: Invalid (invalid_search, invalid_sort, malformed_cursor).
func (o *Operations) SiteUsers(ctx context.Context, site access.Object, q SiteUserQuery) ([]SiteUser, string, error) {
	if utf8.RuneCountInString(q.Search) > maxName {
		return nil, "", access.Fail(access.Invalid, "invalid_search", "search for at most %d characters", maxName)
	}
	key, order, err := siteUserOrder(q.Sort)
	if err != nil {
		return nil, "", err
	}
	objects, err := o.objectsOf(ctx, site)
	if err != nil {
		return nil, "", err
	}
	users := map[string]*SiteUser{}
	if err := o.holders(ctx, objects, users); err != nil {
		return nil, "", err
	}
	if err := o.invitees(ctx, objects, users); err != nil {
		return nil, "", err
	}
	ids := make([]string, 0, len(users))
	for id := range users {
		ids = append(ids, id)
	}
	people, err := o.Directory.PeopleByID(ctx, ids)
	if err != nil {
		return nil, "", err
	}
	var found []SiteUser
	for id, user := range users {
		user.Person = people[id]
		user.Person.ID = id
		if user.Status == SiteInvited {
			// Whoever invited them learns no more than the address they typed.
			user.Person = access.Person{ID: string(user.Person.Email), Email: user.Person.Email}
		}
		if (Member{Person: user.Person}).matches(MemberQuery{Search: q.Search}) {
			found = append(found, *user)
		}
	}
	return access.Cut(found, q.Page, key, order)
}

// objectsOf lists a partner, its clients and their projects.
func (o *Operations) objectsOf(ctx context.Context, site access.Object) ([]access.Object, error) {
	objects, level := []access.Object{site}, []access.Object{site}
	for _, childType := range []string{access.TypeClient, access.TypeProject} {
		kind, _ := roles.KindOf(childType)
		var filters []access.Filter
		for _, parent := range level {
			filters = append(filters, access.Filter{ResourceType: childType, Relation: kind.Tie}.To(parent))
		}
		ties, _, err := o.Relationships.Read(ctx, filters...)
		if err != nil {
			return nil, err
		}
		level = nil
		for _, tie := range ties {
			level = append(level, tie.Resource)
		}
		objects = append(objects, level...)
	}
	return objects, nil
}

// holders finds who has a role on any of the objects, or was removed.
func (o *Operations) holders(ctx context.Context, objects []access.Object, users map[string]*SiteUser) error {
	var filters []access.Filter
	for _, object := range objects {
		filters = append(filters, access.On(object, "").ToType(access.TypeUser))
	}
	found, _, err := o.Relationships.Read(ctx, filters...)
	for _, r := range found {
		if r.Relation == "removed" {
			users[r.Subject.ID] = &SiteUser{Status: SiteRemoved}
		}
	}
	for _, r := range found {
		for _, role := range roles.On(r.Resource.Type) {
			if role.Relation == r.Relation {
				raise(users, r.Subject.ID, role, SiteActive)
			}
		}
	}
	return err
}

// invitees finds who is invited to any of the objects.
func (o *Operations) invitees(ctx context.Context, objects []access.Object, users map[string]*SiteUser) error {
	var filters []access.Filter
	for _, object := range objects {
		filters = append(filters, access.Filter{
			ResourceType: access.TypeInvitation, ResourceIDPrefix: invitationPrefix(object), Relation: "invitee",
		})
	}
	pending, _, err := o.Relationships.Read(ctx, filters...)
	if err != nil || len(pending) == 0 {
		return err
	}
	filters, invitee := nil, map[string]string{}
	for _, r := range pending {
		filters, invitee[r.Resource.ID] = append(filters, access.On(r.Resource, "")), r.Subject.ID
	}
	offers, _, err := o.Relationships.Read(ctx, filters...)
	for _, r := range offers {
		var i Invitation
		i.learn(r)
		for _, role := range i.Roles {
			raise(users, invitee[r.Resource.ID], role, SiteInvited)
		}
	}
	return err
}

// raise notes a role of a person. One they have counts above those they are
// offered, and nothing counts for whoever was removed.
func raise(users map[string]*SiteUser, person string, role roles.Role, status SiteStatus) {
	user := users[person]
	if user == nil {
		user = &SiteUser{Status: status}
		users[person] = user
	}
	if user.Status == status && role.Rank > user.Level.Rank {
		user.Level = role
	}
}

// siteUserOrder reads a sort into the key that users are ordered by.
func siteUserOrder(sort string) (key func(SiteUser) string, order func(a, b string) int, err error) {
	order = cmp.Compare[string]
	field, descending := strings.CutPrefix(sort, "-")
	if descending {
		order = func(a, b string) int { return cmp.Compare(b, a) }
	}
	name := func(u SiteUser) string {
		return strings.ToLower(u.Person.FamilyName+"\x00"+u.Person.GivenName) + "\x00" + u.Person.ID
	}
	keys := map[string]func(SiteUser) string{
		"": name, "name": name,
		"email":  func(u SiteUser) string { return string(u.Person.Email) + "\x00" + u.Person.ID },
		"level":  func(u SiteUser) string { return fmt.Sprintf("%03d", u.Level.Rank) + "\x00" + name(u) },
		"status": func(u SiteUser) string { return string(u.Status) + "\x00" + name(u) },
	}
	if key = keys[field]; key == nil {
		return nil, nil, access.Fail(access.Invalid, "invalid_sort", "sort must be name, email, level or status, or one of them with - in front")
	}
	return key, order, nil
}
