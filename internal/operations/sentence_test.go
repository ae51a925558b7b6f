package operations_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/email"
	"github.com/gatehouse/gatehouse/internal/operations"
)

// sentences are the ways in which a golden file names an operation.
var sentences = []struct {
	form string
	do   func(w *world, by operations.By, words []string) (string, error)
}{
	{`creates (\w+)(?::(\S+))? under (\S+)(?: with (.+))?`, create},
	{`adds (\w+) to (\S+)(?: as (.+?))?(?: until (\S+))?`, add},
	{`invites (\w+) to (\S+)(?: as (.+?))?(?: until (\S+))?(?: for (\w+))?`, invite},
	{`accepts #(\d+)(?: signed in as (\S+))?`, accept},
	{`resends #(\d+)`, resend},
	{`revokes #(\d+)`, revoke},
	{`ends (\w+) of (\w+) on (\S+)(?: with (\S+))?`, end},
	{`changes (\w+) on (\S+) to (.+?)(?: until (\S+))?`, change},
	{`removes (\w+) from (\S+)`, remove},
	{`tidies (\w+) up in (\S+)`, tidy},
	{`makes the contract of (\S+)(.*)`, configureContract},
	{`adds the sub-customer (\w+) to (\S+)(?: with (\w+) as its admin)?`, addSubCustomer},
	{`orders (\w+) for (\S+), a (\w+) (\w+)`, order},
	{`deletes (\S+)`, deletes},
	{`makes a key of (\S+)(?: as (\w+))?`, makeKey},
	{`switches sharing of (\S+) (on|off)(?: for (.+))?`, configureSharing},
	{`shares (\S+) with (\w+) of (\S+): (.+?)(?: until (\S+))?`, share},
	{`changes what (\w+) shares of (\S+): (.+?)(?: until (\S+))?`, changeShare},
	{`unshares (\S+) with (\w+)`, unshare},
	{`signs in`, signIn},
	{`leaves`, leave},
	{`lets #(\d+) expire`, expire},
}

// say carries out "<who> <does something>[, because <reason>]".
func (w *world) say(sentence string) (string, error) {
	w.t.Helper()
	who, does, _ := strings.Cut(sentence, " ")
	does, reason, _ := strings.Cut(does, ", because ")
	by := operations.By{Actor: access.System, Reason: reason, RequestID: "request-1"}
	if who != "gatehouse" {
		by.Actor = w.person(who)
	}
	for _, s := range sentences {
		if words := regexp.MustCompile("^" + s.form + "$").FindStringSubmatch(does); words != nil {
			return s.do(w, by, words[1:])
		}
	}
	require.Fail(w.t, "no operation goes by this sentence", sentence)
	return "", nil
}

func create(w *world, by operations.By, words []string) (string, error) {
	n := operations.NewObject{Type: words[0], Name: words[0], Parent: w.object(words[2])}
	if words[1] != "" {
		n.ID = &words[1]
	}
	for word := range strings.FieldsSeq(words[3]) {
		name, value, _ := strings.Cut(word, "=")
		switch name {
		case "name":
			n.Name = value
		case "zone":
			n.TimeZone = value
		case "number":
			n.CustomerNumber = value
		case "identifier":
			n.Identifier = value
		case "direct":
			n.Contract.Direct = true
		case "colocation":
			n.Contract.Colocation = true
		case "partner_status":
			n.Contract.PartnerStatus = true
		case "reseller":
			n.Contract.Reseller = value
		default:
			require.Fail(w.t, "unknown trait of an object", word)
		}
	}
	created, _, err := w.Create(w.t.Context(), by, n)
	return "created " + created.Object.String(), err
}

func add(w *world, by operations.By, words []string) (string, error) {
	added, err := w.Add(w.t.Context(), by, w.object(words[1]), newcomer(words[0]), list(words[2]), w.day(words[3]))
	return outcome(added), err
}

func invite(w *world, by operations.By, words []string) (string, error) {
	var expiry time.Duration
	if words[4] != "" {
		var err error
		expiry, err = time.ParseDuration(words[4])
		require.NoError(w.t, err)
	}
	i, _, err := w.Invite(w.t.Context(), by, w.object(words[1]), newcomer(words[0]), list(words[2]), w.day(words[3]), expiry)
	return invited(w, i), err
}

func accept(w *world, by operations.By, words []string) (string, error) {
	i := w.invitation(words[0])
	verified := i.Email
	if words[1] != "" {
		verified = email.Address(words[1])
	}
	added, err := w.Accept(w.t.Context(), by, verified, w.link(i))
	return outcome(added), err
}

func resend(w *world, by operations.By, words []string) (string, error) {
	i, _, err := w.Resend(w.t.Context(), by, w.invitation(words[0]).ID)
	return invited(w, i), err
}

func revoke(w *world, by operations.By, words []string) (string, error) {
	_, err := w.Revoke(w.t.Context(), by, w.invitation(words[0]).ID)
	return "revoked", err
}

func end(w *world, by operations.By, words []string) (string, error) {
	_, err := w.EndRole(w.t.Context(), by, w.object(words[2]), w.person(words[1]), words[0], w.day(words[3]))
	return "ended", err
}

func change(w *world, by operations.By, words []string) (string, error) {
	changed, err := w.ChangeRoles(w.t.Context(), by, w.object(words[1]), w.person(words[0]), list(words[2]), w.day(words[3]))
	return outcome(changed), err
}

func remove(w *world, by operations.By, words []string) (string, error) {
	_, err := w.Remove(w.t.Context(), by, w.object(words[1]), w.person(words[0]))
	return "removed", err
}

func tidy(w *world, by operations.By, words []string) (string, error) {
	return "tidied up", w.Tidy(w.t.Context(), by, w.object(words[1]), w.person(words[0]))
}

func leave(w *world, by operations.By, _ []string) (string, error) {
	_, err := w.DeleteProfile(w.t.Context(), by)
	return "left", err
}

// day is the date in a sentence, if there is one.
func (w *world) day(text string) *access.Day {
	w.t.Helper()
	if text == "" {
		return nil
	}
	d, err := access.ParseDay(text)
	require.NoError(w.t, err)
	return &d
}

// expire lets the time of an invitation be up.
func expire(w *world, _ operations.By, words []string) (string, error) {
	w.moveEnd(w.invitation(words[0]), time.Now().Add(-time.Second))
	return "", nil
}

// invitation is the one with this number.
func (w *world) invitation(number string) operations.Invitation {
	w.t.Helper()
	n, err := strconv.Atoi(number)
	require.NoError(w.t, err)
	found, _, err := w.store.Read(w.t.Context(), access.Filter{ResourceType: access.TypeInvitation})
	require.NoError(w.t, err)
	for _, r := range found {
		if strings.HasSuffix(r.Resource.ID, fmt.Sprintf("-%04d", n)) {
			i, err := w.Invitation(w.t.Context(), r.Resource.ID)
			require.NoError(w.t, err)
			return i
		}
	}
	require.Fail(w.t, "there is no such invitation", "#%d", n)
	return operations.Invitation{}
}

func outcome(a operations.Added) string { return fmt.Sprintf("%s: %s", a.Outcome, held(a.Roles)) }

// held lists roles, with the ends they have.
func held(of []operations.HeldRole) string {
	var all []string
	for _, role := range of {
		text := role.Role.ID
		if !role.EndsAt.IsZero() {
			text += " until " + role.EndsAt.Format(time.RFC3339)
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}

func invited(w *world, i operations.Invitation) string {
	return w.named(fmt.Sprintf("invitation %s is %s until %s", i.ID, i.Status, i.ExpiresAt.Format(time.RFC3339)))
}

func list(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ", ")
}
