package oracle_test

import "slices"

// share is what somebody may do in each area: none, read or write.
type share struct{ inventory, customerCare string }

// roles are what a share consists of.
func (s share) roles() []role {
	ids := map[string]string{"read": "reader", "write": "writer"}
	var found []role
	if id := ids[s.inventory]; id != "" {
		found = append(found, find("inventory_"+id))
	}
	if id := ids[s.customerCare]; id != "" {
		found = append(found, find("customer_care_"+id))
	}
	return found
}

// rank is that of what is held, or asked for, in one area.
func rank(area string, some []role) int {
	for _, r := range some {
		if r.rivalry == area {
			return r.rank
		}
	}
	return 0
}

func (f *facts) sharedWith(who, instance string) []role {
	var found []role
	for _, r := range table {
		if r.on == "instance" && r.shared && f.holds(who, r.id, instance) {
			found = append(found, r)
		}
	}
	return found
}

func (f *facts) share(by, who, instance, home string, s share) (string, error) {
	if len(s.roles()) == 0 {
		return "", refusal("nothing_shared")
	}
	return f.try(func(f *facts) (string, error) {
		if err := f.require(by, instance, "grant_share"); err != nil {
			return "", err
		}
		if !f.login[who] || !slices.Contains(f.allowed[instance], home) || !f.may(who, "affiliated", home) {
			return "", refusal("not_shareable")
		}
		return f.give(by, who, instance, s.roles(), forGood)
	})
}

func (f *facts) changeShare(by, who, instance string, s share) (string, error) {
	if len(s.roles()) == 0 {
		return "", refusal("nothing_shared")
	}
	return f.try(func(f *facts) (string, error) {
		if err := f.require(by, instance, "manage_shares"); err != nil {
			return "", err
		}
		before := f.sharedWith(who, instance)
		if len(before) == 0 {
			return "", refusal("not_shared")
		}
		for _, area := range []string{"inventory", "customer_care"} {
			if rank(area, s.roles()) <= rank(area, before) {
				continue // lowering takes no more
			}
			if err := f.require(by, instance, "grant_share"); err != nil {
				return "", err
			}
			if !f.may(who, "guest", instance) {
				return "", refusal("not_shareable")
			}
		}
		for _, r := range before {
			delete(f.held, holding{who, r.id, instance})
		}
		for _, r := range s.roles() {
			f.held[holding{who, r.id, instance}] = forGood
		}
		return "changed", nil
	})
}

func (f *facts) unshare(by, who, instance string) (string, error) {
	return f.try(func(f *facts) (string, error) {
		if err := f.require(by, instance, "manage_shares"); err != nil {
			return "", err
		}
		for _, r := range f.sharedWith(who, instance) {
			delete(f.held, holding{who, r.id, instance})
		}
		return "unshared", nil
	})
}

func (f *facts) configureSharing(by, instance string, enabled bool, allowed []string) (string, error) {
	if slices.Contains(allowed, instance) {
		return "", refusal("own_instance")
	}
	return f.try(func(f *facts) (string, error) {
		if err := f.require(by, instance, "configure_sharing"); err != nil {
			return "", err
		}
		f.shareable[instance], f.allowed[instance] = enabled, allowed
		return "configured", nil
	})
}
