package integration

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// bad is a request that is refused whoever sends it.
type bad struct {
	name         string
	method, path string
	body         any
	status       int
	code         string // empty: any
	headers      []string
}

func post(name, path string, body any, status int, code string) bad {
	return bad{name: name, method: http.MethodPost, path: path, body: body, status: status, code: code}
}

func get(name, path string, status int, code string) bad {
	return bad{name: name, method: http.MethodGet, path: path, status: status, code: code}
}

// TestBadInputIsRefused sends what makes no sense, or means harm, as somebody who
// may do anything. Every refusal says what is wrong, and changes nothing.
func TestBadInputIsRefused(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := build(t, s, "bad")
	almighty := w.almighty(t)
	w.share(t, true) // or sharing would be forbidden
	elsewhere := shared.operator(t).post(t, "/v1/check", question("project", "a", "view", object{"type": "user", "id": "ann"})).
		want(t, http.StatusOK).text(t, "checked_at")

	rows := map[string][]bad{
		"profiles":    badProfiles(),
		"announced":   badAnnouncements(w),
		"shares":      badShares(w),
		"names":       badNames(w),
		"e-mails":     badEmails(w),
		"roles":       badRoles(w),
		"objects":     badObjects(w),
		"invitations": badInvitations(w),
		"checks":      badChecks(w, elsewhere),
		"pages":       badPages(w),
		"audit":       badAudit(w),
		"paths":       badPaths(w),
		"headers":     badHeaders(w),
	}
	for topic, bads := range rows {
		t.Run(topic, func(t *testing.T) {
			before := s.relationships(t)
			for _, b := range bads {
				t.Run(b.name, func(t *testing.T) {
					got := almighty.do(t, b.method, b.path, b.body, b.headers...)
					assert.Equal(t, b.status, got.status, "%s", got.body)
					assert.Less(t, len(got.body), 1000, "a refusal does not repeat what it refuses")
					if b.code != "" {
						got.code(t, b.code)
					}
				})
			}
			assert.Equal(t, before, s.relationships(t))
		})
	}

	// Mails are written in the order of what they are about, so none is under way any more.
	almighty.post(t, w.path("project")+"/invitations", object{"email": "last@bad.example"}).want(t, http.StatusCreated)
	s.letter(t, "last@bad.example")
	assert.Len(t, s.letters(t), 1)
}

func badNames(w world) (rows []bad) {
	person := func(field, name string) object {
		body := named("ann@bad.example")
		body[field] = name
		return body
	}
	for what, name := range map[string]string{
		"NUL":               "Ann\x00",
		"carriage return":   "Ann\r\nBcc: eve@evil.example",
		"line feed":         "Ann\nLee",
		"tab":               "Ann\tLee",
		"escape":            "\x1b[31mAnn",
		"delete":            "Ann\x7f",
		"C1 control":        "Ann\u0085",
		"line separator":    "Ann\u2028Lee",
		"right-to-left":     "Ann\u202eeel",
		"isolate":           "Ann\u2066Lee",
		"Arabic mark":       "Ann\u061c",
		"201 characters":    strings.Repeat("ä", 201),
		"10,000 characters": strings.Repeat("a", 10_000),
	} {
		rows = append(rows,
			post("partner with "+what, "/v1/partners", object{"name": name}, 422, "invalid_name"),
			post("project with "+what, w.path("client")+"/projects", object{"name": name}, 422, "invalid_name"),
			post("member's given name with "+what, w.path("project")+"/members", person("given_name", name), 422, "invalid_name"),
			post("member's family name with "+what, w.path("project")+"/members", person("family_name", name), 422, "invalid_name"),
			post("invited one's given name with "+what, w.path("project")+"/invitations", object{"email": "ann@bad.example", "given_name": name}, 422, "invalid_name"),
		)
	}
	return append(rows,
		post("none", "/v1/partners", object{}, 422, "invalid_name"),
		post("empty", "/v1/partners", object{"name": ""}, 422, "invalid_name"),
		post("white", "/v1/partners", object{"name": " \u00a0\u2003"}, 422, "invalid_name"),
		post("number", "/v1/partners", object{"name": 7}, 400, "malformed_json"),
	)
}

func badProfiles() (rows []bad) {
	change := func(name string, body any, status int, code string) {
		rows = append(rows, bad{name: name, method: http.MethodPatch, path: "/v1/me", body: body, status: status, code: code})
	}
	for what, name := range map[string]string{
		"an e-mail": "ann@bad.example", "space": "ann lee", "line": "ann\n", "NUL": "ann\x00", "dot first": ".ann", "dot last": "ann.", "umlaut": "änn",
		"Cyrillic a": "аnn", "65 characters": strings.Repeat("a", 65), "10,000 characters": strings.Repeat("a", 10_000),
	} {
		change("user name: "+what, object{"user_name": name}, 422, "invalid_user_name")
	}
	for _, field := range []string{"given_name", "family_name"} {
		change(field+" of two lines", object{field: "Ann\nLee"}, 422, "invalid_name")
		change(field+" of 201 characters", object{field: strings.Repeat("ä", 201)}, 422, "invalid_name")
	}
	change("an unknown language", object{"language": "fr"}, 422, "invalid_language")
	change("no language", object{"language": ""}, 422, "invalid_language")
	change("no e-mail", object{"email": ""}, 422, "invalid_email")
	change("another's e-mail", object{"email": "eve@evil.example"}, 403, "email_mismatch")
	change("the id", object{"id": "another"}, 400, "unknown_field")
	change("a login", object{"has_login": false}, 400, "unknown_field")
	return rows
}

func badAnnouncements(w world) (rows []bad) {
	path := w.path("customer_account") + "/announcements"
	with := func(field string, value any) object {
		body := object{"kind": "important_information", "subject": object{"en": "News"}, "text": object{"en": "All is well."}}
		body[field] = value
		return body
	}
	for what, text := range map[string]string{"empty": "", "white": " \n", "NUL": "a\x00", "right-to-left": "a\u202eb", "10,001 characters": strings.Repeat("ä", 10_001)} {
		rows = append(rows,
			post("subject: "+what, path, with("subject", object{"en": text}), 422, "invalid_subject"),
			post("text: "+what, path, with("text", object{"en": text}), 422, "invalid_text"),
		)
	}
	return append(rows,
		post("subject: header", path, with("subject", object{"en": "News\r\nBcc: eve@evil.example"}), 422, "invalid_subject"),
		post("subject: German header", path, with("subject", object{"en": "News", "de": "Neues\nBcc: eve@evil.example"}), 422, "invalid_subject"),
		post("text: German alone", path, with("text", object{"de": "Alles ist gut."}), 422, "invalid_text"),
		post("text: another language", path, with("text", object{"en": "Well.", "fr": "Bien."}), 400, "unknown_field"),
		post("kind: unknown", path, with("kind", "gossip"), 422, "invalid_kind"),
		post("kind: of another mail", path, with("kind", "invitation"), 422, "invalid_kind"),
		post("to nobody", "/v1/customer-accounts/nobody/announcements", with("kind", "important_information"), 404, "not_found"),
	)
}

func badShares(w world) (rows []bad) {
	path := w.path("instance") + "/shares"
	with := func(field string, value any) object {
		body := object{"email": "ann@bad.example", "instance": "home", "inventory": "read", "customer_care": "none"}
		body[field] = value
		return body
	}
	for _, date := range []string{"", "tomorrow", "2050-02-30", "31.12.2050", "2050-12-31T00:00:00Z", "9999-12-31"} {
		rows = append(rows,
			post("until "+date, path, with("ends_on", date), 422, "invalid_date"),
			bad{name: "changed until " + date, method: http.MethodPut, path: path + "/ann", body: object{"inventory": "read", "customer_care": "none", "ends_on": date}, status: 422, code: "invalid_date"},
		)
	}
	return append(rows,
		post("until a past day", path, with("ends_on", "2020-12-31"), 422, "past_date"),
		post("of an unknown level", path, with("inventory", "all"), 422, "invalid_level"),
		post("of nothing", path, with("inventory", "none"), 422, "nothing_shared"),
		post("with everybody", path, with("instance", "*"), 422, "malformed_reference"),
		bad{name: "changed without levels", method: http.MethodPut, path: path + "/ann", body: object{"inventory": "read"}, status: 422, code: "incomplete"},
		bad{name: "changed for everybody", method: http.MethodPut, path: path + "/*", body: object{"inventory": "read", "customer_care": "none"}, status: 422, code: "malformed_reference"},
		bad{name: "changed for nobody", method: http.MethodPut, path: path + "/nobody", body: object{"inventory": "read", "customer_care": "none"}, status: 404, code: "not_shared"},
	)
}

func badEmails(w world) (rows []bad) {
	for what, email := range map[string]string{
		"empty":                   "",
		"no at":                   "ann.bad.example",
		"no domain":               "ann@",
		"no local part":           "@bad.example",
		"no top-level domain":     "ann@localhost",
		"two":                     "ann@bad.example, eve@evil.example",
		"two ats":                 "ann@bad.example@evil.example",
		"display name":            "Ann <ann@bad.example>",
		"angle brackets":          "<ann@bad.example>",
		"comment":                 "ann(friend)@bad.example",
		"quoted":                  `"ann lee"@bad.example`,
		"address literal":         "ann@[127.0.0.1]",
		"address":                 "ann@127.0.0.1",
		"header":                  "ann@bad.example\r\nBcc: eve@evil.example",
		"header in the local":     "ann\r\nBcc: eve@evil.example\r\n\r\n@bad.example",
		"line feed":               "ann@bad.example\n",
		"NUL":                     "ann\x00@bad.example",
		"NUL in the domain":       "ann@bad.example\x00.evil.example",
		"inner space":             "ann lee@bad.example",
		"Cyrillic a":              "аnn@bad.example",
		"full-width a":            "ａnn@bad.example",
		"dotless i":               "ıda@bad.example",
		"mixed scripts":           "ann@bаd.example",
		"zero width":              "ann@bad\u200b.example\u2028",
		"right-to-left":           "ann@\u202ebad.example",
		"broken punycode":         "ann@xn--\u00e4.example",
		"empty label":             "ann@bad..example",
		"hyphen before":           "ann@-bad.example",
		"underscore":              "ann@b_ad.example",
		"two dots":                "ann..lee@bad.example",
		"65 characters before at": strings.Repeat("a", 65) + "@bad.example",
		"64 characters a label":   "ann@" + strings.Repeat("a", 64) + ".example",
		"10,000 characters":       strings.Repeat("a", 10_000) + "@bad.example",
		"10,000 in the domain":    "ann@" + strings.Repeat("bad.", 2500) + "example",
	} {
		rows = append(rows,
			post("member: "+what, w.path("project")+"/members", named(email), 422, "invalid_email"),
			post("account member: "+what, w.path("customer_account")+"/members", object{"email": email, "roles": []string{"technical_contact"}}, 422, "invalid_email"),
			post("invitation: "+what, w.path("project")+"/invitations", object{"email": email}, 422, "invalid_email"),
		)
		if email != "" {
			rows = append(rows, post("check: "+what, "/v1/check", question("project", w.id("project"), "view", object{"type": "user", "email": email}), 422, "invalid_email"))
		}
	}
	for objectType, role := range map[string]string{"partner": "partner_admin", "client": "client_admin", "project": "project_member"} {
		for what, again := range map[string]any{"missing": nil, "another": "amy@bad.example", "no e-mail": "ann", "with a line": "ann@bad.example\n"} {
			body := named("ann@bad.example", role)
			if delete(body, "email_confirmation"); again != nil {
				body["email_confirmation"] = again
			}
			rows = append(rows, post(objectType+" confirmation "+what, w.path(objectType)+"/members", body, 422, "email_confirmation"))
		}
	}
	return append(rows, post("account confirmation another", w.path("customer_account")+"/members",
		object{"email": "ann@bad.example", "email_confirmation": "amy@bad.example", "roles": []string{"technical_contact"}}, 422, "email_confirmation"))
}

func badRoles(w world) (rows []bad) {
	offer := func(roles ...string) object { return object{"email": "ann@bad.example", "roles": roles} }
	for _, c := range []struct {
		name, objectType, code string
		roles                  []string
	}{
		{"unknown", "project", "unknown_role", []string{"emperor"}},
		{"empty", "project", "unknown_role", []string{""}},
		{"of another case", "project", "unknown_role", []string{"Project_Admin"}},
		{"with a line", "project", "unknown_role", []string{"project_admin\n"}},
		{"too long", "project", "unknown_role", []string{strings.Repeat("a", 10_000)}},
		{"a relation", "project", "unknown_role", []string{"member"}},
		{"the parent's", "project", "unknown_role", []string{"client_admin"}},
		{"another product's", "project", "unknown_role", []string{"portal_admin"}},
		{"of a share", "instance", "unknown_role", []string{"inventory_writer"}},
		{"of the configuration", "platform", "unknown_role", []string{"operator"}},
		{"a good and an unknown one", "project", "unknown_role", []string{"project_member", "emperor"}},
		{"exclusive on a project", "project", "exclusive_roles", []string{"project_admin", "project_member"}},
		{"exclusive in the portal", "customer_account", "exclusive_roles", []string{"portal_admin", "technical_contact", "portal_read_only_user"}},
		{"none on a platform", "platform", "role_required", nil},
		{"none on a partner", "partner", "role_required", nil},
		{"none on a client", "client", "role_required", []string{}},
		{"none on an account", "customer_account", "role_required", nil},
		{"none on an instance", "instance", "role_required", []string{}},
	} {
		rows = append(rows,
			post("added: "+c.name, w.path(c.objectType)+"/members", named("ann@bad.example", c.roles...), 422, c.code),
			post("invited: "+c.name, w.path(c.objectType)+"/invitations", offer(c.roles...), 422, c.code),
		)
	}
	end := func(name, objectType, user, role string, status int, code string) bad {
		return bad{name: "ended: " + name, method: http.MethodDelete, path: w.path(objectType) + "/members/" + user + "/roles/" + role, status: status, code: code}
	}
	many := strings.Fields(strings.Repeat("project_member ", 21))
	return append(rows,
		post("added: 21", w.path("project")+"/members", named("ann@bad.example", many...), 422, ""),
		post("invited: 21", w.path("project")+"/invitations", offer(many...), 422, ""),
		post("added: a text", w.path("project")+"/members", object{"email": "ann@bad.example", "roles": "project_member"}, 400, "malformed_json"),
		end("unknown", "project", "ann", "emperor", 422, "unknown_role"),
		end("the parent's", "project", "ann", "client_admin", 422, "unknown_role"),
		end("of a share", "instance", "ann", "inventory_writer", 422, "unknown_role"),
		end("of the configuration", "platform", "ann", "operator", 422, "unknown_role"),
		end("everybody's", "project", "*", "project_member", 422, "malformed_reference"),
		end("by e-mail", "project", "ann@bad.example", "project_member", 422, "malformed_reference"),
		end("of too long an id", "project", strings.Repeat("a", 1025), "project_member", 422, "malformed_reference"),
	)
}

func badObjects(w world) (rows []bad) {
	account := func(field string, value any) object {
		return object{"name": "A", "customer_number": w.fresh(), "identifier": w.fresh(), field: value}
	}
	for what, id := range map[string]string{
		"empty": "", "slash": "a/b", "wildcard": "*", "dot": "a.b", "dots": "..", "space": "a b", "line": "a\n", "NUL": "a\x00",
		"percent": "%2e", "pipe": "a|b", "hyphen first": "-a", "umlaut": "ä", "Cyrillic": "а", "65 characters": strings.Repeat("a", 65),
	} {
		rows = append(rows,
			post("partner id: "+what, "/v1/partners", object{"id": id, "name": "A"}, 422, "malformed_id"),
			post("project id: "+what, w.path("client")+"/projects", object{"id": id, "name": "A"}, 422, "malformed_id"),
			post("account id: "+what, "/v1/customer-accounts", account("id", id), 422, "malformed_id"),
		)
	}
	for what, zone := range map[string]string{
		"unknown": "Mars/Phobos", "this machine's": "Local", "this machine's file": "localtime", "a path": "../../etc/passwd", "absolute": "/etc/localtime",
		"an offset": "+02:00", "a line": "Europe/Zurich\n", "lower case": "europe/zurich", "10,000 characters": strings.Repeat("a", 10_000),
	} {
		rows = append(rows,
			post("partner's zone: "+what, "/v1/partners", object{"name": "A", "time_zone": zone}, 422, "invalid_time_zone"),
			post("account's zone: "+what, "/v1/customer-accounts", account("time_zone", zone), 422, "invalid_time_zone"),
		)
	}
	for what, number := range map[string]string{
		"empty": "", "space": "1 2", "line": "12\n", "hyphen first": "-12", "quotes": "1'; --", "65 characters": strings.Repeat("1", 65),
	} {
		rows = append(rows,
			post("customer number: "+what, "/v1/customer-accounts", account("customer_number", number), 422, "invalid_customer_number"),
			post("identifier: "+what, "/v1/customer-accounts", account("identifier", number), 422, "invalid_identifier"),
		)
	}
	for what, reseller := range map[string]string{
		"unknown": "nobody", "wildcard": "*", "space": "a b", "line": "a\n", "of another type": w.id("partner"), "10,000 characters": strings.Repeat("a", 10_000),
	} {
		rows = append(rows, post("reseller: "+what, "/v1/customer-accounts", account("contract", object{"reseller": reseller}), 422, ""))
	}
	return append(rows,
		post("customer number: taken", "/v1/customer-accounts", account("customer_number", w.name), 409, "taken"),
		post("identifier: taken", "/v1/customer-accounts", account("identifier", w.name), 409, "taken"),
		post("id: taken", "/v1/partners", object{"id": w.id("partner"), "name": "A"}, 409, "taken"),
		post("its own reseller", "/v1/customer-accounts", object{
			"id": "self", "name": "A", "customer_number": "self", "identifier": "self", "contract": object{"reseller": "self"},
		}, 422, "unknown_reseller"),
		post("client of nobody", "/v1/partners/nobody/clients", object{"name": "A"}, 404, "not_found"),
		post("project of a partner", "/v1/clients/"+w.id("partner")+"/projects", object{"name": "A"}, 404, "not_found"),
		post("contract of flags that are not", "/v1/customer-accounts", account("contract", object{"direct": "yes"}), 400, "malformed_json"),
	)
}

func badInvitations(w world) (rows []bad) {
	for what, seconds := range map[string]any{
		"a second under an hour": 3599, "a second over 30 days": 2_592_001, "nothing": 0, "negative": -3600,
		"an hour of nanoseconds, modulo 2^64": 18_446_747_674, "the largest": uint64(1<<63 - 1),
	} {
		rows = append(rows, post("open for "+what, w.path("project")+"/invitations", object{"email": "ann@bad.example", "expires_in": seconds}, 422, "invalid_expiry"))
	}
	for what, seconds := range map[string]string{"text": `"7d"`, "half seconds": "3600.5", "too large a number": "1e400", "beyond 64 bits": "18446744073709551617"} {
		rows = append(rows, post("open for "+what, w.path("project")+"/invitations", `{"email":"ann@bad.example","expires_in":`+seconds+`}`, 400, "malformed_json"))
	}
	return append(rows,
		post("accepted without a token", "/v1/invitations/accept", object{"token": ""}, 404, "not_found"),
		post("accepted with a made-up token", "/v1/invitations/accept", object{"token": strings.Repeat("A", 43)}, 404, "not_found"),
		post("accepted with too long a token", "/v1/invitations/accept", object{"token": strings.Repeat("A", 100_000)}, 404, "not_found"),
		post("resent: unknown", "/v1/invitations/nothing/resend", nil, 404, "not_found"),
		post("resent: wildcard", "/v1/invitations/*/resend", nil, 422, "malformed_reference"),
		bad{name: "revoked: unknown", method: http.MethodDelete, path: "/v1/invitations/nothing", status: 404, code: "not_found"},
		bad{name: "revoked: space", method: http.MethodDelete, path: "/v1/invitations/a%20b", status: 422, code: "malformed_reference"},
	)
}

func question(resourceType, id, permission string, subject object) object {
	return object{"resource": object{"type": resourceType, "id": id}, "permission": permission, "subject": subject}
}

func badChecks(w world, elsewhere string) (rows []bad) {
	ann := object{"type": "user", "id": "ann"}
	about := func(field string, value any) object {
		q := question("project", w.id("project"), "view", ann)
		q[field] = value
		return q
	}
	project := object{"type": "project", "id": w.id("project")}
	for _, c := range []struct {
		name string
		body object
		code string
	}{
		{"unknown type", about("resource", object{"type": "unicorn", "id": "a"}), "unknown_type"},
		{"malformed type", about("resource", object{"type": "Project!", "id": "a"}), "malformed_reference"},
		{"no type", about("resource", object{"id": "a"}), "malformed_reference"},
		{"wildcard id", about("resource", object{"type": "project", "id": "*"}), "malformed_reference"},
		{"no id", about("resource", object{"type": "project"}), "malformed_reference"},
		{"id with a line", about("resource", object{"type": "project", "id": "a\n"}), "malformed_reference"},
		{"id of 1,025", about("resource", object{"type": "project", "id": strings.Repeat("a", 1025)}), "malformed_reference"},
		{"unknown permission", about("permission", "fly"), "unknown_permission"},
		{"malformed permission", about("permission", "platform->operate"), "unknown_permission"},
		{"no permission", about("permission", ""), "unknown_permission"},
		{"unknown subject type", about("subject", object{"type": "unicorn", "id": "a"}), "unknown_type"},
		{"unknown subject relation", about("subject", object{"type": "client", "id": "a", "relation": "nobody"}), "unknown_permission"},
		{"everybody", about("subject", object{"type": "user", "id": "*"}), "malformed_reference"},
		{"nobody", about("subject", object{"type": "user"}), "malformed_reference"},
		{"id and e-mail", about("subject", object{"type": "user", "id": "a", "email": "ann@bad.example"}), "malformed_reference"},
		{"a client's e-mail", about("subject", object{"type": "client", "email": "ann@bad.example"}), "malformed_reference"},
		{"malformed subject relation", about("subject", object{"type": "client", "id": "a", "relation": "*"}), "unknown_permission"},
		{"fresh as nonsense", about("consistency", object{"at_least_as_fresh": "nonsense"}), "malformed_token"},
		{"fresh as base64", about("consistency", object{"at_least_as_fresh": "AAAA"}), "malformed_token"},
		{"fresh as 10,000 characters", about("consistency", object{"at_least_as_fresh": strings.Repeat("G", 10_000)}), "malformed_token"},
		{"fresh as another server", about("consistency", object{"at_least_as_fresh": elsewhere}), "foreign_token"},
		{"fresh in two ways", about("consistency", object{"at_least_as_fresh": elsewhere, "fully_consistent": true}), "malformed_consistency"},
	} {
		rows = append(rows, post("check: "+c.name, "/v1/check", c.body, 422, c.code))
	}
	for _, c := range []struct {
		name, field string
		value       any
		code        string
	}{
		{"unknown type", "resource_type", "unicorn", "unknown_type"},
		{"malformed type", "resource_type", "project:a", "unknown_type"},
		{"unknown permission", "permission", "fly", "unknown_permission"},
		{"malformed permission", "permission", "Fly", "unknown_permission"},
		{"everybody", "subject", object{"type": "user", "id": "*"}, "malformed_reference"},
		{"unknown subject type", "subject", object{"type": "unicorn", "id": "a"}, "unknown_type"},
		{"no pages", "limit", 0, "invalid_limit"},
		{"negative pages", "limit", -1, "invalid_limit"},
		{"large pages", "limit", 1001, "invalid_limit"},
		{"foul cursor", "cursor", "§", "malformed_cursor"},
		{"long cursor", "cursor", strings.Repeat("A", 5000), ""},
		{"stale beyond reason", "consistency", object{"at_least_as_fresh": "nonsense"}, "malformed_token"},
	} {
		body := object{"resource_type": "project", "permission": "view", "subject": ann}
		body[c.field] = c.value
		rows = append(rows, post("resources: "+c.name, "/v1/lookup/resources", body, 422, c.code))
	}
	for _, c := range []struct {
		name, field string
		value       any
		code        string
	}{
		{"unknown type", "resource", object{"type": "unicorn", "id": "a"}, "unknown_type"},
		{"wildcard", "resource", object{"type": "project", "id": "*"}, "malformed_reference"},
		{"unknown permission", "permission", "fly", "unknown_permission"},
		{"unknown subject type", "subject_type", "unicorn", "unknown_type"},
		{"malformed subject type", "subject_type", "user:*", "unknown_type"},
		{"no pages", "limit", 0, "invalid_limit"},
		{"large pages", "limit", 1001, "invalid_limit"},
		{"foul cursor", "cursor", "====", "malformed_cursor"},
	} {
		body := object{"resource": project, "permission": "view", "subject_type": "user"}
		body[c.field] = c.value
		rows = append(rows, post("subjects: "+c.name, "/v1/lookup/subjects", body, 422, c.code))
	}
	many := make([]object, 1001)
	for i := range many {
		many[i] = question("project", fmt.Sprint(i), "view", ann)
	}
	return append(rows,
		post("bulk: none", "/v1/check/bulk", object{"checks": []object{}}, 422, "invalid_checks"),
		post("bulk: 1,001", "/v1/check/bulk", object{"checks": many}, 422, "invalid_checks"),
		post("check: in look-alike letters", "/v1/check", `{"resource":{"type":"project","id":"a"},"permiſſion":"view","subject":{"type":"user","id":"ann"}}`, 400, "unknown_field"),
		post("bulk: no list", "/v1/check/bulk", object{"checks": object{}}, 400, "malformed_json"),
		post("resources: pages of text", "/v1/lookup/resources", object{"resource_type": "project", "permission": "view", "subject": ann, "limit": "x"}, 400, "malformed_json"),
	)
}

func badPages(w world) (rows []bad) {
	lists := []string{
		"/v1/projects", w.path("partner") + "/clients", w.path("client") + "/projects",
		w.path("project") + "/members", w.path("project") + "/invitations", "/v1/audit-events", "/v1/mails",
		w.path("instance") + "/shares", w.path("partner") + "/site-users", "/v1/me/cockpits",
		w.path("customer_account") + "/sub-customers", w.path("customer_account") + "/services",
		w.path("customer_account") + "/resources", w.path("customer_account") + "/api-keys",
	}
	for _, path := range lists {
		for _, c := range []struct {
			query  string
			status int
			code   string
		}{
			{"limit=0", 422, "invalid_limit"},
			{"limit=-1", 422, "invalid_limit"},
			{"limit=1001", 422, "invalid_limit"},
			{"limit=x", 400, "malformed_parameter"},
			{"limit=1.5", 400, "malformed_parameter"},
			{"limit=99999999999999999999", 400, "malformed_parameter"},
			{"limit=", 400, "malformed_parameter"},
			{"limit=%zz", 400, "malformed_parameter"},
			{"cursor=%C2%A7", 422, "malformed_cursor"},
			{"cursor=YQ==", 422, "malformed_cursor"},
			{"cursor=A", 422, "malformed_cursor"},
			{"cursor=" + strings.Repeat("A", 5000), 422, ""},
			{"cursor=%zz", 400, "malformed_parameter"},
		} {
			rows = append(rows, get(path+"?"+c.query[:min(len(c.query), 40)], path+"?"+c.query, c.status, c.code))
		}
	}
	members, invitations := w.path("project")+"/members", w.path("project")+"/invitations"
	return append(rows,
		get("sorted by shoe size", members+"?sort=shoe_size", 422, "invalid_sort"),
		get("sorted by two", members+"?sort=name,email", 422, "invalid_sort"),
		get("of an unknown role", members+"?role=emperor", 422, "unknown_role"),
		get("of another object's role", members+"?role=portal_admin", 422, "unknown_role"),
		get("found by a novel", members+"?q="+strings.Repeat("a", 10_000), 422, ""),
		get("of an unknown field", members+"?colour=red", 400, "unknown_parameter"),
		get("of a parameter another list takes", members+"?status=pending", 400, "unknown_parameter"),
		get("of an unknown status", invitations+"?status=lost", 422, ""),
	)
}

func badAudit(w world) (rows []bad) {
	for _, c := range []struct{ query, code string }{
		{"object=project", "malformed_reference"},
		{"object=:a", "malformed_reference"},
		{"object=project:*", "malformed_reference"},
		{"object=project:a%20b", "malformed_reference"},
		{"object=" + w.id("project"), "malformed_reference"},
		{"object=project:" + strings.Repeat("a", 1025), "malformed_reference"},
		{"actor=*", "malformed_reference"},
		{"actor=ann@bad.example", "malformed_reference"},
		{"actor=user:", "malformed_reference"},
		{"person=user:ann", "malformed_reference"},
		{"person=ann@bad.example", "malformed_reference"},
		{"person=%00", "malformed_reference"},
		{"operation=Add", "invalid_operation"},
		{"operation=add,invite", "invalid_operation"},
		{"operation=%27%20OR%201", "invalid_operation"},
		{"operation=" + strings.Repeat("a", 65), "invalid_operation"},
		{"from=yesterday", "invalid_time"},
		{"from=2026-03-29", "invalid_time"},
		{"from=2026-03-29T12:00:00", "invalid_time"},
		{"to=2026-02-30T12:00:00Z", "invalid_time"},
		{"to=1774785600", "invalid_time"},
		{"to=99999-01-01T00:00:00Z", "invalid_time"},
	} {
		rows = append(rows, get(c.query[:min(len(c.query), 40)], "/v1/audit-events?"+c.query, 422, c.code))
	}
	return append(rows, get("who", "/v1/audit-events?who=ann", 400, "unknown_parameter"))
}

func badPaths(w world) (rows []bad) {
	for _, c := range []struct {
		path   string
		status int
		code   string
	}{
		{"/v1", 404, "not_found"},
		{"/v1/", 404, "not_found"},
		{"/v2/me", 404, "not_found"},
		{"/V1/me", 404, "not_found"},
		{"/v1/me/", 404, "not_found"},
		{"//v1/me", 404, "not_found"},
		{"/v1//me", 400, "malformed_parameter"},
		{"/v1/../v1/me", 404, "not_found"},
		{"/v1/unicorns", 404, "not_found"},
		{"/v1/unicorns/a", 404, "not_found"},
		{"/v1/unicorns/a/members", 404, "not_found"},
		{"/v1/unicorns/a/invitations", 404, "not_found"},
		{"/v1/projects/", 404, "not_found"},
		{"/v1/projects//members", 400, "malformed_parameter"},
		{"/v1/projects/nothing", 404, "not_found"},
		{"/v1/projects/nothing/members", 404, "not_found"},
		{"/v1/platforms/another", 404, "not_found"},
		{"/v1/projects/" + w.id("client"), 404, "not_found"},
		{"/v1/projects/" + w.id("project") + "/secrets", 404, "not_found"},
		{"/v1/projects/" + w.id("project") + "%2Fmembers", 404, "not_found"},
		{"/v1/projects/..", 422, "malformed_reference"},
		{"/v1/projects/*", 422, "malformed_reference"},
		{"/v1/projects/a.b", 422, "malformed_reference"},
		{"/v1/projects/a%20b", 422, "malformed_reference"},
		{"/v1/projects/a:b", 422, "malformed_reference"},
		{"/v1/projects/%00", 422, "malformed_reference"},
		{"/v1/projects/%0d%0a", 422, "malformed_reference"},
		{"/v1/projects/%ff", 422, "malformed_reference"},
		{"/v1/projects/%D0%B0/members", 422, "malformed_reference"},
		{"/v1/projects/" + strings.Repeat("a", 1025), 422, "malformed_reference"},
		{"/v1/projects/" + strings.Repeat("a", 8000) + "/invitations", 422, "malformed_reference"},
	} {
		rows = append(rows, get(c.path[:min(len(c.path), 60)], c.path, c.status, c.code))
	}
	for _, c := range []struct{ method, path string }{
		{http.MethodPost, "/v1/me"},
		{http.MethodPatch, w.path("project")},
		{http.MethodDelete, w.path("partner")},
		{http.MethodPut, "/v1/check"},
		{http.MethodDelete, "/v1/invitations"},
		{"BREW", "/v1/me"},
	} {
		rows = append(rows, bad{name: c.method + " " + c.path, method: c.method, path: c.path, status: 405, code: "method_not_allowed"})
	}
	return rows
}

func badHeaders(w world) []bad {
	creating := func(name string, headers ...string) bad {
		return bad{name: name, method: http.MethodPost, path: "/v1/partners", body: object{"name": "A"}, status: 400, code: "malformed_parameter", headers: headers}
	}
	return []bad{
		creating("long key", "Idempotency-Key", strings.Repeat("k", 201)),
		creating("key that is no UTF-8", "Idempotency-Key", "key \xff"),
		creating("long reason", "Gatehouse-Reason", strings.Repeat("r", 501)),
		creating("reason that is no UTF-8", "Gatehouse-Reason", "because \xff"),
	}
}

// TestRefusedCreationLeavesNothingBehind lets the next request have what a refused
// one asked for.
func TestRefusedCreationLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	operator := shared.operator(t)

	name := empty(shared, "left-behind").name
	account := object{
		"id": name, "name": "A", "customer_number": name, "identifier": name,
		"contract": object{"reseller": "nobody"},
	}
	operator.post(t, "/v1/customer-accounts", account).want(t, http.StatusUnprocessableEntity).code(t, "unknown_reseller")
	delete(account, "contract")
	operator.post(t, "/v1/customer-accounts", account).want(t, http.StatusCreated)
}

// TestHostileRequestIDsAreReplaced keeps what a caller calls a request out of logs
// and answers unless it is a plain word.
func TestHostileRequestIDsAreReplaced(t *testing.T) {
	t.Parallel()

	for given, kept := range map[string]bool{
		"from-me.1":              true,
		"spaced out":             false,
		"<script>":               false,
		"\xff":                   false,
		strings.Repeat("a", 129): false,
	} {
		got := shared.nobody().do(t, http.MethodGet, "/v1/me", nil, "X-Request-ID", given)
		require.Equal(t, kept, got.header.Get("X-Request-ID") == given, "%q", given)
	}
}
