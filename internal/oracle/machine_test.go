package oracle_test

import (
	"errors"
	"flag"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/operations"
	"github.com/gatehouse/gatehouse/internal/roles"
)

// system acts for Gatehouse itself.
const system = "gatehouse"

var people = []string{"ann", "bob", "cid", "dan", "olga"}

// sequences is how many are played on each product: a thousand in all, of 50 steps on
// average, or as many as GATEHOUSE_TEST_SEQUENCES says.
var sequences = 250

func TestMain(m *testing.M) {
	debug.SetGCPercent(400) // time matters here, and memory does not
	flag.Parse()
	if text := os.Getenv("GATEHOUSE_TEST_SEQUENCES"); text != "" {
		all, err := strconv.Atoi(text)
		if err != nil {
			panic(err)
		}
		sequences = all / len(products)
	}
	given := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { given[f.Name] = true })
	for name, value := range map[string]string{"rapid.checks": strconv.Itoa(sequences), "rapid.steps": "100"} {
		if !given[name] {
			if err := flag.Set(name, value); err != nil {
				panic(err)
			}
		}
	}
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent())
}

// product is what a sequence begins with, and what it is about.
type product struct {
	objects []string // each followed by what it hangs from
	held    []holding
	actions []string
}

var products = map[string]product{
	"site": {
		objects: []string{"partner:lex", platform, "client:one", "partner:lex", "project:a", "client:one", "project:b", "client:one", "partner:nex", platform, "client:two", "partner:nex"},
		held: []holding{
			{"olga", "operator", platform}, {"ann", "partner_admin", "partner:lex"}, {"bob", "partner_admin", "partner:nex"}, {"cid", "client_admin", "client:one"},
		},
		actions: []string{"create", "tidy"},
	},
	"customer": {
		objects: []string{"customer_account:alp", platform, "customer_account:sub", platform},
		held: []holding{
			{"olga", "operator", platform},
			{"ann", "customer_admin", "customer_account:alp"},
			{"ann", "cockpit_access", "customer_account:alp"},
			{"bob", "portal_admin", "customer_account:alp"},
		},
		actions: []string{"create", "contract", "sub-customer", "order", "key", "delete"},
	},
	"instance": {
		objects: []string{"instance:tour", platform, "instance:visit", platform, "instance:rest", platform},
		held: []holding{
			{"olga", "operator", platform}, {"ann", "company_admin", "instance:tour"}, {"bob", "company_admin", "instance:visit"}, {"cid", "instance_member", "instance:visit"},
		},
		actions: []string{"share", "share again", "change share", "change share again", "unshare", "configure sharing"},
	},
	"all": {
		objects: []string{"partner:lex", platform, "client:one", "partner:lex", "project:a", "client:one", "customer_account:alp", platform, "customer_account:sub", platform, "instance:tour", platform, "instance:visit", platform},
		held: []holding{
			{"olga", "operator", platform},
			{"ann", "partner_admin", "partner:lex"},
			{"ann", "portal_admin", "customer_account:alp"},
			{"ann", "company_admin", "instance:tour"},
			{"bob", "customer_admin", "customer_account:alp"},
			{"bob", "cockpit_access", "customer_account:alp"},
			{"bob", "company_admin", "instance:visit"},
		},
		actions: []string{"create", "tidy", "contract", "sub-customer", "order", "key", "delete", "share", "change share", "unshare", "configure sharing"},
	},
}

// everywhere are the actions every product has. What is named twice is drawn twice as often.
var everywhere = []string{
	"add", "add again", "invite", "accept", "accept again", "resend", "revoke", "end", "end on a day", "change", "change again",
	"remove", "delete profile", "sign in", "time passes",
}

// TestOracle plays random operations on the real thing and on the oracle.
func TestOracle(t *testing.T) {
	for name, p := range products {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, steps, outcomes := start(t), 0, map[string]int{}
			rapid.Check(t, func(t *rapid.T) {
				m := begin(t, e, p)
				m.outcomes = outcomes
				all := map[string]func(*rapid.T){
					"add": m.add, "add again": m.add, "invite": m.invite, "accept": m.accept, "accept again": m.accept,
					"resend": m.resend, "revoke": m.revoke, "end": m.end, "end on a day": m.endOnADay, "change": m.change, "change again": m.change,
					"remove": m.remove, "delete profile": m.deleteProfile, "sign in": m.signIn, "time passes": m.timePasses,
					"create": m.create, "tidy": m.tidy,
					"contract": m.contract, "sub-customer": m.addSubCustomer, "order": m.order, "key": m.makeKey, "delete": m.delete,
					"share": m.share, "share again": m.share, "change share": m.changeShare, "change share again": m.changeShare, "unshare": m.unshare, "configure sharing": m.configureSharing,
				}
				actions := map[string]func(*rapid.T){"": m.compare}
				for _, name := range slices.Concat(everywhere, p.actions) {
					actions[name] = func(t *rapid.T) {
						all[name](t)
						steps++
					}
				}
				t.Repeat(actions)
				m.mirrored()
			})
			t.Logf("%d steps came to %v; the cache answered %d times", steps, outcomes, e.cache.hits)
			assert.Positive(t, e.cache.hits)
		})
	}
}

// machine is one sequence: the real thing, and the oracle beside it.
type machine struct {
	*world
	facts    *facts
	compared int
	rounds   int
	keys     int
	outcomes map[string]int
}

func begin(t *rapid.T, e *engine, p product) *machine {
	m := &machine{world: e.world(t.Context(), t), facts: newFacts(noon), compared: -1}
	for pair := range slices.Chunk(p.objects, 2) {
		created, err := m.made(system, pair[0], pair[1])
		require.NoError(t, err, created)
		m.facts.parent[pair[0]], m.facts.zone[pair[0]] = pair[1], zurich
	}
	for _, who := range []string{"bob", "cid"} {
		m.facts.login[who] = true
		_, err := m.SignIn(t.Context(), m.login(who))
		require.NoError(t, err)
	}
	var write access.Write
	for _, h := range p.held {
		m.facts.held[h] = forGood
		role, err := roles.Find(kind(h.on), h.role)
		require.NoError(t, err)
		write.Touch(role.For(m.object(h.on), m.person(h.who)))
	}
	m.write(write)
	return m
}

// same compares what an operation came to.
func (m *machine) same(t *rapid.T, outcome string, err error, wanted string, refused error) {
	m.t = t
	got, foreseen := answer(outcome, err), answer(wanted, refused)
	t.Logf("→ %s", got)
	m.outcomes[got]++
	require.Equal(t, foreseen, got, "the oracle foresaw %s; %v", foreseen, err)
}

// answer is an outcome or the code of an error.
func answer(outcome string, err error) string {
	var refused refusal
	var failed *access.Error
	switch {
	case err == nil:
		return outcome
	case errors.As(err, &refused):
		return "refused: " + string(refused)
	case errors.As(err, &failed):
		return "refused: " + failed.Code
	}
	return "failed: " + err.Error()
}

// compare asks for every permission of everyone on everything.
func (m *machine) compare(t *rapid.T) {
	if m.compared == m.mirror.commits {
		return // equal relationships have equal answers
	}
	m.compared = m.mirror.commits
	objects := []string{platform}
	for object := range m.facts.parent {
		objects = append(objects, object)
	}
	for _, i := range m.facts.invitations {
		objects = append(objects, i.name)
	}
	subjects := slices.Clone(people)
	for _, object := range objects {
		if isKey(object) {
			subjects = append(subjects, object)
		}
	}
	slices.Sort(objects)
	m.compareCached(t, subjects, objects)
	for _, name := range subjects {
		who := m.subject(name)
		for _, object := range objects {
			on := m.object(object)
			for permission, allowed := range m.permissionsOf(who, on) {
				if foreseen := m.facts.may(name, permission, object); foreseen != allowed {
					t.Fatalf("%s has %s on %s: SpiceDB says %t, the oracle %t", name, permission, object, allowed, foreseen)
				}
			}
		}
	}
}

// mirrored compares what SpiceDB holds with what was written.
func (m *machine) mirrored() {
	var filters []access.Filter
	for object := range m.mirror.live {
		if object != access.Platform {
			filters = append(filters, access.On(object, ""))
		}
	}
	found, _, err := m.gateway.Read(m.ctx, filters...)
	require.NoError(m.t, err)
	var held, wanted []string
	for _, r := range found {
		held = append(held, r.String())
	}
	for _, r := range m.mirror.all() {
		if r.Resource != access.Platform {
			wanted = append(wanted, r.String())
		}
	}
	assert.ElementsMatch(m.t, wanted, held)
}

// Draws.

func pick(t *rapid.T, label string, some []string) string {
	if len(some) == 0 {
		t.Skip("there is no " + label)
	}
	return rapid.SampledFrom(some).Draw(t, label)
}

// actor is mostly somebody entitled.
func (m *machine) actor(t *rapid.T, on string, permissions ...string) string {
	if rapid.IntRange(0, 3).Draw(t, "entitled") > 0 {
		var entitled []string
		for _, who := range people {
			if m.facts.require(who, on, permissions...) == nil {
				entitled = append(entitled, who)
			}
		}
		if len(entitled) > 0 {
			return pick(t, "actor", entitled)
		}
	}
	return pick(t, "actor", people)
}

// of lists the objects of some types, in order.
func (m *machine) of(types ...string) []string {
	var found []string
	for object := range m.facts.parent {
		if slices.Contains(types, kind(object)) {
			found = append(found, object)
		}
	}
	slices.Sort(found)
	return found
}

// somewhere draws an object that people have roles on.
func (m *machine) somewhere(t *rapid.T) string {
	if rapid.IntRange(0, 19).Draw(t, "on the platform") == 0 {
		return platform
	}
	return pick(t, "object", m.of("partner", "client", "project", "customer_account", "instance"))
}

// some draws roles of an object, mostly one.
func some(t *rapid.T, on string) []string {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(memberRoles(on)), min(1, rapid.IntRange(0, 20).Draw(t, "named")), min(2, len(memberRoles(on))), rapid.ID).Draw(t, "roles")
}

// aDay draws a last day, or none; where a role does not end, mostly none.
func (m *machine) aDay(t *rapid.T, ids ...string) time.Time {
	most := 2
	if slices.ContainsFunc(ids, func(id string) bool { return find(id).forever }) {
		most = 20
	}
	if rapid.IntRange(0, most).Draw(t, "until") > 0 {
		return forGood
	}
	return m.someDay(t)
}

func (m *machine) someDay(t *rapid.T) time.Time {
	return m.facts.now.AddDate(0, 0, rapid.SampledFrom([]int{0, 1, 20, 400, -1}).Draw(t, "days"))
}

// day is a last day as operations take it.
func day(last time.Time) *access.Day {
	if last.IsZero() {
		return nil
	}
	return &access.Day{Year: last.Year(), Month: last.Month(), Day: last.Day()}
}

// holder draws a role that somebody holds, or one of those they might.
func (m *machine) holder(t *rapid.T) holding {
	if rapid.IntRange(0, 3).Draw(t, "held") > 0 {
		var held []holding
		for h := range m.facts.held {
			if !isKey(h.who) && !find(h.role).shared {
				held = append(held, h)
			}
		}
		slices.SortFunc(held, func(a, b holding) int {
			return slices.Compare([]string{a.on, a.role, a.who}, []string{b.on, b.role, b.who})
		})
		if len(held) > 0 {
			return rapid.SampledFrom(held).Draw(t, "holding")
		}
	}
	on := m.somewhere(t)
	return holding{who: pick(t, "person", people), on: on, role: pick(t, "role", memberRoles(on))}
}

// givers are the permissions that giving the roles takes.
func givers(ids []string) []string {
	var permissions []string
	for _, id := range ids {
		permissions = append(permissions, find(id).givenBy)
	}
	return permissions
}

// Actions on members.

func (m *machine) add(t *rapid.T) {
	on := m.somewhere(t)
	ids := some(t, on)
	by, who, last := m.actor(t, on, givers(ids)...), pick(t, "person", people), m.aDay(t, ids...)
	added, err := m.Add(t.Context(), m.by(by), m.object(on), operations.Newcomer{Email: string(m.address(who)), GivenName: who, FamilyName: "Oracle"}, ids, day(last))
	wanted, refused := m.facts.add(by, who, on, ids, last)
	m.same(t, string(added.Outcome), err, wanted, refused)
}

func (m *machine) end(t *rapid.T) { m.endOn(t, forGood) }

func (m *machine) endOnADay(t *rapid.T) { m.endOn(t, m.someDay(t)) }

func (m *machine) endOn(t *rapid.T, last time.Time) {
	h := m.holder(t)
	if find(h.role).forever && !last.IsZero() && rapid.IntRange(0, 9).Draw(t, "for once") > 0 {
		t.Skip("it does not end on a day")
	}
	by := m.actor(t, h.on, find(h.role).takenBy)
	_, err := m.EndRole(t.Context(), m.by(by), m.world.object(h.on), m.person(h.who), h.role, day(last))
	wanted, refused := m.facts.endRole(by, h.who, h.on, h.role, last)
	m.same(t, "ended", err, wanted, refused)
}

func (m *machine) change(t *rapid.T) {
	h := m.holder(t)
	ids := some(t, h.on)
	by, last := m.actor(t, h.on, givers(ids)...), m.aDay(t, ids...)
	changed, err := m.ChangeRoles(t.Context(), m.by(by), m.object(h.on), m.person(h.who), ids, day(last))
	wanted, refused := m.facts.changeRoles(by, h.who, h.on, ids, last)
	m.same(t, string(changed.Outcome), err, wanted, refused)
}

func (m *machine) remove(t *rapid.T) {
	h := m.holder(t)
	on := h.on
	if rapid.Bool().Draw(t, "from the site") {
		on = m.facts.site(on)
	}
	by := m.actor(t, on, find(memberRoles(on)[0]).takenBy)
	_, err := m.Remove(t.Context(), m.by(by), m.object(on), m.person(h.who))
	wanted, refused := m.facts.remove(by, h.who, on)
	m.same(t, "removed", err, wanted, refused)
	if rapid.Bool().Draw(t, "tidied at once") && kind(on) == "partner" {
		m.tidied(t, by, h.who, on)
	}
}

func (m *machine) tidy(t *rapid.T) {
	m.tidied(t, pick(t, "actor", people), pick(t, "person", people), pick(t, "partner", m.of("partner")))
}

func (m *machine) tidied(t *rapid.T, by, who, partner string) {
	require.NoError(t, m.Tidy(t.Context(), m.by(by), m.object(partner), m.person(who)))
	m.facts.tidy(by, who, partner)
}

func (m *machine) deleteProfile(t *rapid.T) {
	who := pick(t, "person", people)
	_, err := m.DeleteProfile(t.Context(), m.by(who))
	wanted, refused := m.facts.deleteProfile(who)
	m.same(t, "deleted", err, wanted, refused)
	if err == nil {
		delete(m.opaque, who) // whoever comes with this e-mail is another
	}
}

func (m *machine) signIn(t *rapid.T) {
	who := pick(t, "person", people)
	_, err := m.SignIn(t.Context(), m.login(who))
	m.facts.login[who] = true
	if who == "olga" { // an operator by configuration
		m.facts.held[holding{who, "operator", platform}] = forGood
	}
	m.same(t, "signed in", err, "signed in", nil)
}

func (m *machine) login(who string) access.Login {
	return access.Login{Issuer: "test", Subject: string(m.address(who)), Email: m.address(who), EmailVerified: true}
}

func (m *machine) timePasses(t *rapid.T) {
	now := m.facts.now.AddDate(0, 0, rapid.SampledFrom([]int{1, 8, 30, 401}).Draw(t, "days"))
	m.pass(now, rapid.Bool().Draw(t, "swept"))
	m.facts.pass(now)
	m.compared = -1
}

// Actions on invitations.

func (m *machine) invite(t *rapid.T) {
	on := m.somewhere(t)
	ids := some(t, on)
	by, who, last := m.actor(t, on, givers(ids)...), pick(t, "person", people), m.aDay(t, ids...)
	lasts := rapid.SampledFrom([]time.Duration{7 * 24 * time.Hour, time.Hour, 30 * 24 * time.Hour}).Draw(t, "lasts")
	invited, _, err := m.Invite(t.Context(), m.by(by), m.object(on), operations.Newcomer{Email: string(m.address(who))}, ids, day(last), lasts)
	wanted, refused := m.facts.invite(by, who, on, ids, last, lasts)
	m.same(t, "invited", err, wanted, refused)
	m.linked(invited, err)
}

// linked names the newest invitation as the oracle does.
func (m *machine) linked(i operations.Invitation, err error) {
	if err == nil {
		m.link(i, m.facts.invitations[len(m.facts.invitations)-1].name)
	}
}

// anInvitation is mostly one that is pending.
func (m *machine) anInvitation(t *rapid.T) invitation {
	var pending, every []string
	for _, i := range m.facts.invitations {
		every = append(every, i.name)
		if i.statusAt(m.facts.now) == "pending" {
			pending = append(pending, i.name)
		}
	}
	if rapid.IntRange(0, 3).Draw(t, "pending") > 0 {
		every = pending
	}
	return m.facts.invitation(pick(t, "invitation", every))
}

func (m *machine) accept(t *rapid.T) {
	i := m.anInvitation(t)
	by := i.who
	if by == nobody || rapid.IntRange(0, 9).Draw(t, "somebody else") == 0 {
		by = pick(t, "person", people)
	}
	added, err := m.Accept(t.Context(), m.by(by), m.address(by), m.opaque[i.name])
	wanted, refused := m.facts.accept(by, i.name)
	m.same(t, string(added.Outcome), err, wanted, refused)
}

func (m *machine) resend(t *rapid.T) {
	i := m.anInvitation(t)
	by := m.actor(t, i.on, i.roles[0].givenBy)
	again, _, err := m.Resend(t.Context(), m.by(by), m.opaque[i.name])
	wanted, refused := m.facts.resend(by, i.name)
	m.same(t, "invited", err, wanted, refused)
	m.linked(again, err)
}

func (m *machine) revoke(t *rapid.T) {
	i := m.anInvitation(t)
	by := m.actor(t, i.name, "revoke")
	_, err := m.Revoke(t.Context(), m.by(by), m.opaque[i.name])
	wanted, refused := m.facts.revoke(by, i.name)
	m.same(t, "revoked", err, wanted, refused)
}

// Actions on objects and customers.

// made creates an object.
func (m *machine) made(by, object, parent string) (string, error) {
	o := m.object(object)
	_, _, err := m.Create(m.ctx, m.by(by), operations.NewObject{
		Type: o.Type, ID: &o.ID, Name: o.ID, Parent: m.object(parent), CustomerNumber: o.ID, Identifier: o.ID,
	})
	return "created", err
}

func (m *machine) create(t *rapid.T) {
	var creatable []string
	for object, under := range map[string]string{"client:three": "partner", "project:c": "client", "project:a": "client", "resource:vm": "customer_account", "instance:new": "platform"} {
		if under == "platform" || len(m.of(under)) > 0 {
			creatable = append(creatable, object)
		}
	}
	slices.Sort(creatable)
	object := pick(t, "object", creatable)
	if m.opaque[object] != "" {
		t.Skip("its name is kept for a while")
	}
	parents := map[string][]string{
		"client": m.of("partner"), "project": m.of("client"), "resource": m.of("customer_account"), "instance": {platform},
	}
	parent := pick(t, "parent", parents[kind(object)])
	by := m.actor(t, parent, createdBy[kind(object)])
	outcome, err := m.made(by, object, parent)
	wanted, refused := m.facts.create(by, object, parent)
	m.same(t, outcome, err, wanted, refused)
}

func (m *machine) contract(t *rapid.T) {
	account := pick(t, "account", m.of("customer_account"))
	by := m.actor(t, account, "configure_contract")
	c := contract{
		direct: rapid.Bool().Draw(t, "direct"), colocation: rapid.Bool().Draw(t, "colocation"), partnerStatus: rapid.Bool().Draw(t, "partner status"),
		reseller: pick(t, "reseller", append([]string{""}, m.of("customer_account")...)),
	}
	agreed := operations.Contract{Direct: c.direct, Colocation: c.colocation, PartnerStatus: c.partnerStatus}
	if c.reseller != "" {
		agreed.Reseller = m.object(c.reseller).ID
	}
	_, err := m.ConfigureContract(t.Context(), m.by(by), m.object(account), agreed)
	wanted, refused := m.facts.configureContract(by, account, c)
	m.same(t, "configured", err, wanted, refused)
}

func (m *machine) addSubCustomer(t *rapid.T) {
	reseller := pick(t, "reseller", m.of("customer_account"))
	by := m.actor(t, reseller, "add_sub_customer")
	account := "customer_account:" + pick(t, "account", []string{"new", "sub"})
	name, first := pick(t, "first", append([]string{nobody}, people...)), (*operations.Newcomer)(nil)
	if name != nobody {
		first = &operations.Newcomer{Email: string(m.address(name))}
	}
	o := m.object(account)
	_, _, _, err := m.AddSubCustomer(t.Context(), m.by(by), m.object(reseller), operations.NewObject{
		ID: &o.ID, Name: o.ID, CustomerNumber: o.ID, Identifier: o.ID,
	}, first)
	wanted, refused := m.facts.addSubCustomer(by, reseller, account, name)
	m.same(t, "created", err, wanted, refused)
}

func (m *machine) order(t *rapid.T) {
	consumer := pick(t, "consumer", m.of("customer_account"))
	s := service{
		kind:   pick(t, "kind", []string{"access", "lag_port", "cloud_router", "virtual_pni", "direct_cloud", "globe_peer", "campus_fiber"}),
		resold: rapid.Bool().Draw(t, "resold"),
	}
	object := "service:" + pick(t, "service", []string{"s1", "s2", "s3"})
	if m.opaque[object] != "" {
		t.Skip("its name is kept for a while")
	}
	by, supply := m.actor(t, consumer, "order_service"), roles.Direct
	if s.resold {
		by, supply = m.actor(t, consumer, "resell_order"), roles.Resold
	}
	o := m.object(object)
	_, _, err := m.ProvisionService(t.Context(), m.by(by), m.object(consumer), operations.NewObject{ID: &o.ID, Name: o.ID}, s.kind, supply)
	wanted, refused := m.facts.order(by, object, consumer, s)
	m.same(t, "ordered", err, wanted, refused)
}

func (m *machine) makeKey(t *rapid.T) {
	if len(m.of("api_key")) > 1 {
		t.Skip("there are two")
	}
	account := pick(t, "account", m.of("customer_account"))
	by := m.actor(t, account, "manage_api_keys")
	roleID := pick(t, "role", []string{"", "portal_technical_user"})
	key, _, _, err := m.CreateAPIKey(t.Context(), m.by(by), m.object(account), "key", roleID)
	m.keys++
	name := "api_key:" + strconv.Itoa(m.keys)
	wanted, refused := m.facts.makeKey(by, name, account, roleID != "")
	m.same(t, "made", err, wanted, refused)
	if err == nil {
		m.opaque[name] = key.ID
	}
}

func (m *machine) delete(t *rapid.T) {
	object := pick(t, "object", m.of("service", "resource", "api_key"))
	by := m.actor(t, object, "delete")
	_, err := m.Delete(t.Context(), m.by(by), m.object(object))
	wanted, refused := m.facts.delete(by, object)
	m.same(t, "deleted", err, wanted, refused)
	if err == nil {
		m.opaque[object] = "deleted"
	}
}

// Actions on shares.

func (m *machine) aShare(t *rapid.T) (share, roles.Share) {
	levels := []string{"none", "read", "write"}
	s := share{inventory: pick(t, "inventory", levels), customerCare: pick(t, "customer care", levels)}
	return s, roles.Share{"inventory": roles.Level(s.inventory), "customer_care": roles.Level(s.customerCare)}
}

func (m *machine) share(t *rapid.T) {
	instance := pick(t, "instance", m.of("instance"))
	by, who, home := m.actor(t, instance, "grant_share"), pick(t, "person", people), pick(t, "home", m.of("instance"))
	if guests := m.guests(); len(guests) > 0 && rapid.IntRange(0, 3).Draw(t, "a guest") > 0 {
		guest := rapid.SampledFrom(guests).Draw(t, "guest")
		instance, who, home = guest[0], guest[1], guest[2]
		by = m.actor(t, instance, "grant_share")
	}
	s, asked := m.aShare(t)
	shared, err := m.Share(t.Context(), m.by(by), m.object(instance), string(m.address(who)), m.object(home).ID, asked, nil)
	wanted, refused := m.facts.share(by, who, instance, home, s)
	m.same(t, string(shared.Outcome), err, wanted, refused)
}

// guests are who could share an instance, each with the instance and their own.
func (m *machine) guests() (found [][3]string) {
	for _, instance := range m.of("instance") {
		for _, home := range slices.Sorted(slices.Values(m.facts.allowed[instance])) {
			for _, who := range people {
				if m.facts.login[who] && m.facts.may(who, "affiliated", home) && m.facts.shareable[instance] {
					found = append(found, [3]string{instance, who, home})
				}
			}
		}
	}
	return found
}

// sharer is mostly somebody with whom an instance is shared.
func (m *machine) sharer(t *rapid.T) (instance, who string) {
	var shared [][2]string
	for _, instance := range m.of("instance") {
		for _, who := range people {
			if len(m.facts.sharedWith(who, instance)) > 0 {
				shared = append(shared, [2]string{instance, who})
			}
		}
	}
	if len(shared) > 0 && rapid.IntRange(0, 3).Draw(t, "shared") > 0 {
		found := rapid.SampledFrom(shared).Draw(t, "sharer")
		return found[0], found[1]
	}
	return pick(t, "instance", m.of("instance")), pick(t, "person", people)
}

func (m *machine) changeShare(t *rapid.T) {
	instance, who := m.sharer(t)
	by := m.actor(t, instance, "manage_shares")
	s, asked := m.aShare(t)
	_, _, err := m.ChangeShare(t.Context(), m.by(by), m.object(instance), m.person(who), asked, nil)
	wanted, refused := m.facts.changeShare(by, who, instance, s)
	m.same(t, "changed", err, wanted, refused)
}

func (m *machine) unshare(t *rapid.T) {
	instance, who := m.sharer(t)
	by := m.actor(t, instance, "manage_shares")
	_, err := m.Unshare(t.Context(), m.by(by), m.object(instance), m.person(who))
	wanted, refused := m.facts.unshare(by, who, instance)
	m.same(t, "unshared", err, wanted, refused)
}

func (m *machine) configureSharing(t *rapid.T) {
	instance := pick(t, "instance", m.of("instance"))
	by, enabled := m.actor(t, instance, "configure_sharing"), rapid.IntRange(0, 3).Draw(t, "enabled") > 0
	allowed := rapid.SliceOfNDistinct(rapid.SampledFrom(m.of("instance")), 0, 2, rapid.ID).Draw(t, "allowed")
	asked := operations.Sharing{Enabled: enabled}
	for _, name := range allowed {
		asked.Allowed = append(asked.Allowed, m.object(name).ID)
	}
	_, _, err := m.ConfigureSharing(t.Context(), m.by(by), m.object(instance), asked)
	wanted, refused := m.facts.configureSharing(by, instance, enabled, allowed)
	m.same(t, "configured", err, wanted, refused)
}
