package oracle_test

import (
	"fmt"
	"slices"
	"time"
)

// invitation is an offer of roles to a person.
type invitation struct {
	name      string
	who, by   string // empty once their profile is deleted
	on        string
	roles     []role
	end       time.Time // of the roles; zero: for good
	lasts     time.Duration
	expires   time.Time
	status    string // pending also where its time is up
	settledBy string
}

// Nobody is who was forgotten.
const nobody = ""

func (f *facts) invitation(name string) invitation {
	i := slices.IndexFunc(f.invitations, func(i invitation) bool { return i.name == name })
	return f.invitations[i]
}

func (i invitation) statusAt(now time.Time) string {
	if i.status == "pending" && !i.expires.After(now) {
		return "expired"
	}
	return i.status
}

// standsAt says whether what it offers has not ended.
func (i invitation) standsAt(now time.Time) bool { return i.end.IsZero() || i.end.After(now) }

// forget deletes a person from it. That they revoked it nobody can tell any more, so
// it only is not pending: it reads as expired.
func (i *invitation) forget(who string) {
	if i.who == who {
		i.who, i.status = nobody, "forgotten"
	}
	if i.by == who {
		i.by = nobody
	}
	if i.status == "revoked" && i.settledBy == who {
		i.status = "pending"
		i.expires = time.Time{}
	}
}

// vanishedAt says whether nothing is left of it but its link: what it offered has ended,
// and so has whoever offered it. By its id it is not found then.
func (i invitation) vanishedAt(now time.Time) bool {
	return i.statusAt(now) == "expired" && i.by == nobody && !i.standsAt(now)
}

// settled is the code that says why an invitation is not pending.
func (i invitation) settled(now time.Time) error {
	switch status := i.statusAt(now); status {
	case "pending":
		return nil
	case "accepted":
		return refusal("not_pending")
	case "forgotten":
		return refusal("not_found")
	default:
		return refusal(status)
	}
}

func (f *facts) invite(by, who, on string, ids []string, last time.Time, lasts time.Duration) (string, error) {
	asked, err := wanted(on, ids)
	if err != nil {
		return "", err
	}
	end, err := f.endOf(on, last, asked...)
	if err != nil {
		return "", err
	}
	return f.try(func(f *facts) (string, error) {
		return f.offer(invitation{who: who, by: by, on: on, roles: asked, end: end, lasts: lasts})
	})
}

// offer opens an invitation in place of those that are pending.
func (f *facts) offer(i invitation) (string, error) {
	if err := f.mayGive(i.by, i.on, i.roles); err != nil {
		return "", err
	}
	for n, other := range f.invitations {
		if other.who == i.who && other.on == i.on && other.statusAt(f.now) == "pending" {
			f.invitations[n].status = "replaced"
		}
	}
	i.name, i.status, i.expires = fmt.Sprintf("invitation:%d", len(f.invitations)+1), "pending", f.now.Add(i.lasts)
	if !i.end.IsZero() && i.end.Before(i.expires) {
		i.expires = i.end
	}
	f.invitations = append(f.invitations, i)
	return "invited", nil
}

func (f *facts) accept(by, name string) (string, error) {
	i := f.invitation(name)
	switch {
	case i.who == nobody:
		return "", refusal("not_found")
	case i.who != by:
		return "", refusal("email_mismatch")
	}
	if err := i.settled(f.now); err != nil {
		return "", err
	}
	return f.try(func(f *facts) (string, error) {
		f.settle(name, "accepted", by)
		if i.by == nobody || f.mayGive(i.by, i.on, i.roles) != nil {
			return "", refusal("inviter_lost_right")
		}
		return f.give(by, by, i.on, i.roles, i.end)
	})
}

func (f *facts) settle(name, status, by string) {
	for n := range f.invitations {
		if f.invitations[n].name == name {
			f.invitations[n].status, f.invitations[n].settledBy = status, by
		}
	}
}

// resend offers the same anew. What was offered until a day that is over cannot be.
func (f *facts) resend(by, name string) (string, error) {
	i := f.invitation(name)
	if i.vanishedAt(f.now) {
		return "", refusal("not_found")
	}
	if err := i.settled(f.now); err != nil && err != refusal("expired") {
		return "", err
	}
	if !i.standsAt(f.now) {
		return "", refusal("expired")
	}
	return f.try(func(f *facts) (string, error) {
		f.settle(name, "replaced", nobody)
		again := i
		again.by = by
		return f.offer(again)
	})
}

func (f *facts) revoke(by, name string) (string, error) {
	i := f.invitation(name)
	if i.vanishedAt(f.now) {
		return "", refusal("not_found")
	}
	if err := i.settled(f.now); err != nil {
		return "", err
	}
	return f.try(func(f *facts) (string, error) {
		if err := f.require(by, name, "revoke"); err != nil {
			return "", err
		}
		f.settle(name, "revoked", by)
		return "revoked", nil
	})
}
