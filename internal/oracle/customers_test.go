package oracle_test

// createdBy is the permission on its parent that creating an object takes.
var createdBy = map[string]string{
	"partner": "operate", "customer_account": "operate", "instance": "operate",
	"client": "add_client", "project": "add_project", "resource": "manage_resources",
}

func (f *facts) create(by, object, parent string) (string, error) {
	if _, taken := f.parent[object]; taken {
		return "", refusal("taken")
	}
	return f.try(func(f *facts) (string, error) {
		if err := f.require(by, parent, createdBy[kind(object)]); err != nil {
			return "", err
		}
		f.parent[object], f.zone[object] = parent, zurich
		return "created", nil
	})
}

func (f *facts) configureContract(by, account string, c contract) (string, error) {
	return f.try(func(f *facts) (string, error) {
		if err := f.require(by, account, "configure_contract"); err != nil {
			return "", err
		}
		for above := c.reseller; above != ""; above = f.contracts[above].reseller {
			if above == account {
				return "", refusal("reseller_cycle")
			}
		}
		f.contracts[account] = c
		return "configured", nil
	})
}

// addSubCustomer makes an account to which another resells, with a first admin or
// without.
func (f *facts) addSubCustomer(by, reseller, account, first string) (string, error) {
	return f.try(func(f *facts) (string, error) {
		if err := f.require(by, reseller, "add_sub_customer"); err != nil {
			return "", err
		}
		if _, taken := f.parent[account]; taken {
			return "", refusal("taken")
		}
		f.parent[account], f.zone[account] = platform, zurich
		f.contracts[account] = contract{reseller: reseller}
		if first != nobody {
			f.held[holding{first, "portal_admin", account}] = forGood
		}
		return "created", nil
	})
}

// order provides a service, which whoever pays orders.
func (f *facts) order(by, object, consumer string, s service) (string, error) {
	if _, taken := f.parent[object]; taken {
		return "", refusal("taken")
	}
	return f.try(func(f *facts) (string, error) {
		needs := []string{"order_service"}
		if s.resold {
			needs = []string{"resell_order"}
		}
		if s.kind == "campus_fiber" {
			needs = append(needs, "order_campus_fiber")
		}
		if err := f.require(by, consumer, needs...); err != nil {
			return "", err
		}
		f.parent[object], f.services[object] = consumer, s
		return "ordered", nil
	})
}

// makeKey makes an API key, which is a technical user or nothing.
func (f *facts) makeKey(by, key, account string, technical bool) (string, error) {
	return f.try(func(f *facts) (string, error) {
		needs := []string{"manage_api_keys"}
		if technical {
			needs = append(needs, "manage_portal_roles")
		}
		if err := f.require(by, account, needs...); err != nil {
			return "", err
		}
		f.parent[key] = account
		if technical {
			f.held[holding{key, "portal_technical_user", account}] = forGood
		}
		return "made", nil
	})
}

// delete takes what belongs to an account.
func (f *facts) delete(by, object string) (string, error) {
	return f.try(func(f *facts) (string, error) {
		if err := f.require(by, object, "delete"); err != nil {
			return "", err
		}
		delete(f.held, holding{object, "portal_technical_user", f.parent[object]})
		delete(f.parent, object)
		delete(f.services, object)
		return "deleted", nil
	})
}
