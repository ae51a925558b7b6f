package oracle_test

import (
	"maps"
	"slices"
	"time"
)

// powers are the sets of roles that together make somebody an admin.
var powers = map[string][][]string{
	"partner":          {{"partner_admin"}},
	"customer_account": {{"customer_admin", "cockpit_access"}, {"portal_admin"}},
	"instance":         {{"company_admin"}},
}

// admins are those who have a whole power, with the time at which the first of its
// roles ends.
func (f *facts) admins(on string, power []string) map[string]time.Time {
	found := map[string]time.Time{}
	for h, end := range f.held {
		if _, removed := f.removed[removal{h.who, on}]; removed || h.on != on || h.role != power[0] {
			continue
		}
		whole := true
		for _, roleID := range power[1:] {
			other, held := f.held[holding{h.who, roleID, on}]
			whole = whole && held
			if noSooner(end, other) {
				end = other
			}
		}
		if whole {
			found[h.who] = end
		}
	}
	return found
}

// losesLastAdmin says whether an object that has an admin would lose one, or have one
// for shorter, and not keep any whose power is permanent and whole.
func (f *facts) losesLastAdmin(next *facts) bool {
	for on := range f.parent {
		for _, power := range powers[kind(on)] {
			left, reduced, permanent := next.admins(on, power), false, false
			for who, until := range f.admins(on, power) {
				end, still := left[who]
				reduced = reduced || !still || !noSooner(end, until)
			}
			for _, end := range left {
				permanent = permanent || end.IsZero()
			}
			if reduced && !permanent {
				return true
			}
		}
	}
	return false
}

// wanted reads the roles that are asked for; a project has a default.
func wanted(on string, ids []string) ([]role, error) {
	if len(ids) == 0 && kind(on) == "project" {
		ids = []string{"project_member"}
	}
	if len(ids) == 0 {
		return nil, refusal("role_required")
	}
	var found []role
	for _, id := range ids {
		if r := find(id); !slices.Contains(found, r) {
			found = append(found, r)
		}
	}
	for _, r := range found {
		if slices.ContainsFunc(found, r.rivals) {
			return nil, refusal("exclusive_roles")
		}
	}
	return found, nil
}

// endOf is the end of a last day, inclusively, in the zone of the object.
func (f *facts) endOf(on string, last time.Time, asked ...role) (time.Time, error) {
	if last.IsZero() {
		return time.Time{}, nil
	}
	if slices.ContainsFunc(asked, func(r role) bool { return r.forever }) {
		return time.Time{}, refusal("role_does_not_end")
	}
	end := time.Date(last.Year(), last.Month(), last.Day()+1, 0, 0, 0, 0, f.zone[on])
	if !end.After(f.now) {
		return time.Time{}, refusal("past_date")
	}
	return end, nil
}

func (f *facts) add(by, who, on string, ids []string, last time.Time) (string, error) {
	asked, err := wanted(on, ids)
	if err != nil {
		return "", err
	}
	end, err := f.endOf(on, last, asked...)
	if err != nil {
		return "", err
	}
	return f.try(func(f *facts) (string, error) {
		// The reseller appoints the first portal admin, and no more.
		first := kind(on) == "customer_account" && len(asked) == 1 && asked[0].id == "portal_admin" &&
			f.may(by, "appoint_first_portal_admin", on) && len(f.admins(on, []string{"portal_admin"})) == 0
		if err := f.mayGive(by, on, asked); err != nil && !first {
			return "", err
		}
		return f.give(by, who, on, asked, end)
	})
}

func (f *facts) mayGive(by, on string, asked []role) error {
	for _, r := range asked {
		if err := f.require(by, on, r.givenBy); err != nil {
			return err
		}
	}
	return nil
}

var strength = []string{"unchanged", "extended", "granted", "upgraded"}

// give follows the table of outcomes. What the viewer does not see of the person in
// the site does not count.
func (f *facts) give(viewer, who, on string, asked []role, end time.Time) (string, error) {
	site := f.site(on)
	if cleaning, removed := f.removed[removal{who, site}]; cleaning {
		return "", refusal("cleanup_under_way")
	} else if removed {
		delete(f.removed, removal{who, site})
		for _, r := range asked {
			f.held[holding{who, r.id, on}] = end
		}
		return "reactivated", nil
	}
	known, level := false, 0
	for h := range f.held {
		if h.who == who && f.site(h.on) == site {
			known = known || viewer == who || f.sees(viewer, h.on)
			if kind(site) == "partner" {
				level = max(level, find(h.role).rank)
			}
		}
	}
	strongest := 0
	for _, r := range asked {
		outcome, err := f.giveOne(who, on, r, end, level)
		if err != nil {
			return "", err
		}
		strongest = max(strongest, slices.Index(strength, outcome))
	}
	if !known && strongest >= slices.Index(strength, "granted") {
		return "created", nil
	}
	return strength[strongest], nil
}

func (f *facts) giveOne(who, on string, r role, end time.Time, level int) (string, error) {
	for _, above := range f.line(on)[1:] {
		for h, until := range f.held {
			if h.who == who && h.on == above && find(h.role).rank >= r.rank && noSooner(until, end) {
				return "unchanged", nil
			}
		}
	}
	own := holding{who, r.id, on}
	if until, held := f.held[own]; held {
		if noSooner(until, end) {
			return "unchanged", nil
		}
		f.held[own] = end
		return "extended", nil
	}
	outcome := "granted"
	for _, rival := range table {
		until, held := f.held[holding{who, rival.id, on}]
		switch {
		case !held || !r.rivals(rival):
		case rival.rank > r.rank && noSooner(until, end):
			return "unchanged", nil
		case rival.rank < r.rank && noSooner(end, until):
			delete(f.held, holding{who, rival.id, on})
			outcome = "upgraded"
		default:
			return "", refusal("would_shorten")
		}
	}
	if level > 0 && r.rank > level {
		outcome = "upgraded"
		maps.DeleteFunc(f.held, func(h holding, until time.Time) bool {
			return h.who == who && h.on != on && slices.Contains(f.line(h.on), on) && find(h.role).rank < r.rank && noSooner(end, until)
		})
	}
	f.held[own] = end
	return outcome, nil
}

func (f *facts) endRole(by, who, on, id string, last time.Time) (string, error) {
	r := find(id)
	if r.notOwn && by == who {
		return "", refusal("self_removal")
	}
	end, err := f.endOf(on, last, r)
	if err != nil {
		return "", err
	}
	return f.try(func(f *facts) (string, error) {
		if err := f.require(by, on, r.takenBy); err != nil {
			return "", err
		}
		own := holding{who, id, on}
		if _, held := f.held[own]; !held && !last.IsZero() {
			return "", refusal("not_held")
		}
		if last.IsZero() {
			delete(f.held, own)
		} else {
			f.held[own] = end
		}
		return "ended", nil
	})
}

// memberOf says whether somebody has a role on an object as a member.
func (f *facts) memberOf(who, on string) bool {
	return slices.ContainsFunc(memberRoles(on), func(id string) bool { return f.holds(who, id, on) })
}

func (f *facts) changeRoles(by, who, on string, ids []string, last time.Time) (string, error) {
	if len(ids) == 0 {
		return "", refusal("role_required")
	}
	asked, err := wanted(on, ids)
	if err != nil {
		return "", err
	}
	end, err := f.endOf(on, last, asked...)
	if err != nil {
		return "", err
	}
	before := f
	return f.try(func(f *facts) (string, error) {
		if !f.memberOf(who, on) {
			return "", refusal("not_found")
		}
		if f.removed[removal{who, f.site(on)}] {
			return "", refusal("cleanup_under_way")
		}
		outcome := "unchanged"
		for _, id := range memberRoles(on) {
			r, own := find(id), holding{who, id, on}
			until, held := f.held[own]
			wanted := slices.Contains(asked, r)
			if held && wanted && (last.IsZero() || until.Equal(end)) || !held && !wanted {
				continue
			}
			if held && r.notOwn && by == who {
				return "", refusal("self_removal")
			}
			if held {
				if err := before.require(by, on, r.takenBy); err != nil {
					return "", err
				}
			}
			if wanted {
				if err := before.require(by, on, r.givenBy); err != nil {
					return "", err
				}
			}
			outcome = "changed"
			if wanted {
				f.held[own] = end
			} else {
				delete(f.held, own)
			}
		}
		return outcome, nil
	})
}

func (f *facts) remove(by, who, on string) (string, error) {
	if kind(on) == "partner" {
		return f.removeFromSite(by, who, on)
	}
	before := f
	return f.try(func(f *facts) (string, error) {
		for _, id := range memberRoles(on) {
			if own := (holding{who, id, on}); f.holds(who, id, on) {
				if err := before.require(by, on, find(id).takenBy); err != nil {
					return "", err
				}
				delete(f.held, own)
			}
		}
		return "removed", nil
	})
}

// removeFromSite ends everything somebody has in a site at once. What they held
// stays until the clean-up, and gives nothing.
func (f *facts) removeFromSite(by, who, partner string) (string, error) {
	if by == who {
		return "", refusal("self_removal")
	}
	return f.try(func(f *facts) (string, error) {
		_, removed := f.removed[removal{who, partner}]
		if here := f.inSite(who, partner) || f.invitedTo(who, partner); removed || !here {
			return "removed", nil
		}
		right := "manage_people"
		if f.holds(who, "partner_admin", partner) {
			right = "remove_partner_admin"
		}
		if err := f.require(by, partner, right); err != nil {
			return "", err
		}
		delete(f.held, holding{who, "partner_admin", partner})
		f.removed[removal{who, partner}] = true
		return "removed", nil
	})
}

func (f *facts) inSite(who, site string) bool {
	for h := range f.held {
		if h.who == who && f.site(h.on) == site {
			return true
		}
	}
	return false
}

func (f *facts) invitedTo(who, site string) bool {
	return slices.ContainsFunc(f.invitations, func(i invitation) bool {
		return i.who == who && i.statusAt(f.now) == "pending" && f.site(i.on) == site
	})
}

// tidy cleans up after a removal, in the name of who removed.
func (f *facts) tidy(by, who, partner string) {
	if !f.removed[removal{who, partner}] {
		return
	}
	f.removed[removal{who, partner}] = false
	maps.DeleteFunc(f.held, func(h holding, _ time.Time) bool { return h.who == who && f.site(h.on) == partner })
	for n, i := range f.invitations {
		if i.who == who && i.statusAt(f.now) == "pending" && f.site(i.on) == partner {
			f.invitations[n].status, f.invitations[n].settledBy = "revoked", by
		}
	}
}

// deleteProfile forgets a person, wherever they are.
func (f *facts) deleteProfile(who string) (string, error) {
	return f.try(func(f *facts) (string, error) {
		maps.DeleteFunc(f.held, func(h holding, _ time.Time) bool { return h.who == who })
		maps.DeleteFunc(f.removed, func(r removal, _ bool) bool { return r.who == who })
		f.login[who] = false
		for n := range f.invitations {
			f.invitations[n].forget(who)
		}
		return "deleted", nil
	})
}
