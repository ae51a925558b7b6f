package integration

import (
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ordeal is something that is done while the server dies at a step of it.
type ordeal struct {
	prepare func(*victim)
	do      func(*victim) (acknowledged bool)

	// Patterns of relationships that its one write brings or takes, all or none, and
	// of those that are gone in the end. ID stands for the person's, NAME for the
	// victim's, and (project) and the like for the world's.
	brings, takes, clears []string

	mail   string        // pattern of the one mail to the person that follows
	audits string        // operation the audit has once in the end that concerns the person
	end    func(*victim) // what else must be so in the end
	steps  []step
}

// step is one that outlives the server, by the words of the binary that dies there.
type step struct {
	name string // and what it is about
	phase
	only string // before or after it; both, if empty
}

// phase is where a step stands to the one write to SpiceDB.
type phase int

const (
	ahead phase = iota
	itself
	behind
)

// mailbox is a mail server in the life of several servers.
type mailbox struct {
	*mailServer
	before int // mails that it got from earlier servers, who died before they noted it
}

// unnoted counts the mails that were sent and that the server does not list so.
func (m *mailbox) unnoted(v *victim) int {
	noted := v.server.operator(v.T).get(v.T, "/v1/mails?status=sent&limit=1000").want(v.T, http.StatusOK).at(v.T, "mails").([]any)
	return len(m.letters()) - len(noted)
}

// victim is somebody to whom something is done.
type victim struct {
	*testing.T
	world
	mails *mailbox
	flags []string // of the server
	name  string
	id    string
	token string // that was mailed to them
	point string // at which the server died
	done  bool
	ordeal
}

func (v *victim) address() string { return v.email(v.name) }

// self is the person, signed in.
func (v *victim) self() caller {
	return caller{v.server, sign(v.T, devKey(v.T, v.server), claims(jwt.MapClaims{"sub": v.address(), "email": v.address()}))}
}

// who signs the person in to learn their id.
func (v *victim) who() string {
	return v.self().get(v.T, "/v1/me").want(v.T, http.StatusOK).text(v.T, "id")
}

// try sends a request that the server may not live to answer.
func (v *victim) try(c caller, method, path string, body any, headers ...string) (acknowledged bool) {
	a, err := c.try(method, path, body, headers...)
	if a.status == 0 {
		return false
	}
	require.NoError(v.T, err)
	return a.status < http.StatusMultipleChoices
}

func (v *victim) pattern(p string) *regexp.Regexp {
	p = strings.NewReplacer("ID", v.id, "NAME", v.name).Replace(p)
	for objectType := range collections {
		p = strings.ReplaceAll(p, "("+objectType+")", objectType+":"+v.world.id(objectType))
	}
	return regexp.MustCompile(p)
}

// found counts the patterns that some relationship matches.
func (v *victim) found(patterns []string) (n int) {
	all := v.server.relationships(v.T)
	for _, p := range patterns {
		if slices.ContainsFunc(all, v.pattern(p).MatchString) {
			n++
		}
	}
	return n
}

// query finds what the audit has of it.
func (v *victim) query() string { return "operation=" + v.audits + "&person=" + v.id }

// mailed counts the mails that the person got of what was done.
func (v *victim) mailed() (n int) {
	for _, l := range to(v.mails.letters(), v.address()) {
		if v.pattern(v.mail).MatchString(l.subject + "\n" + l.text) {
			n++
		}
	}
	return n
}

// undergo does the deed once, lets the server die at a point of it, and starts
// another. It insists that all of the deed is there or nothing, and all of it if it
// was acknowledged.
func (v *victim) undergo(file string, s step, when string) {
	v.point = when + " " + s.name
	// No mail is under way when the server dies of something else than sending, so
	// that none is sent twice.
	holds := s.name != "AddInvitationToken" && !strings.HasPrefix(s.name, "Send")
	if holds {
		v.mails.door.Lock()
		await(v.T, "every mail to be noted", func() bool { return v.mails.unnoted(v) == v.mails.before })
	}
	require.NoError(v.T, os.WriteFile(file, []byte(v.point), 0o600))
	acknowledged := v.do(v)
	dead := v.server.died()
	if !holds {
		v.mails.door.Lock()
	}
	require.True(v.T, dead, "%s is not reached", v.point)
	require.NoError(v.T, os.Remove(file))
	v.server = v.server.again(v.T, v.flags...)
	v.mails.before = v.mails.unnoted(v)
	v.mails.door.Unlock()

	if v.id == "" {
		v.id = v.who()
	}
	brought, left := v.found(v.brings), v.found(v.takes)
	v.done = brought == len(v.brings) && left == 0
	if !v.done {
		require.Zero(v.T, brought, "%s: a half is there", v.point)
		require.Equal(v.T, len(v.takes), left, "%s: a half is gone", v.point)
		require.False(v.T, acknowledged, "%s: it was acknowledged, and is not there", v.point)
	}
	if s.phase == ahead || s.phase == itself && when == "before" {
		require.True(v.T, !v.done || len(v.brings)+len(v.takes) == 0, "%s: it is there too early", v.point)
		v.done = false
	}
	if s.phase == itself && when == "after" {
		require.True(v.T, v.done, "%s: it was committed, and is not there", v.point)
	}
}

// died awaits that the server ends itself as if it was killed.
func (s *server) died() bool {
	select {
	case <-s.exited:
	case <-time.After(30 * time.Second):
		return false
	}
	status, ok := s.command.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signal() == syscall.SIGKILL && s.kill() == nil
}

// recovers awaits that what was done is finished.
func (v *victim) recovers() {
	if v.done {
		await(v.T, v.point+": the end", func() bool { return v.found(v.clears) == 0 })
	}
	if v.end != nil {
		v.end(v)
	}
}

// TestKilledAtAnyPoint has the server end itself, by SIGKILL, before and after every
// step that outlives it, and goes on on the same data. In the end every change is in
// the audit once, every mail that was due has been sent, and what a change began is
// finished.
func TestKilledAtAnyPoint(t *testing.T) {
	t.Parallel()
	binary := os.Getenv("MORTAL_BIN")
	if binary == "" {
		binary = filepath.Join(t.TempDir(), "gatehouse")
		require.NoError(t, compile(binary, "killpoints"))
	}
	var known string
	var mu sync.Mutex
	tried := map[string]bool{}

	t.Run("in", func(t *testing.T) {
		for name, ordeals := range deadly {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				said, points := suffer(t, binary, name, ordeals)
				mu.Lock()
				defer mu.Unlock()
				known = said
				maps.Copy(tried, points)
			})
		}
	})
	require.NotEmpty(t, known)
	for _, name := range strings.Fields(known) {
		for _, when := range []string{"before", "after"} {
			assert.True(t, tried[when+" "+name], "nothing dies %s %s", when, name)
		}
	}
}

var killpoints = regexp.MustCompile(`(?m)^killpoints: (.*)$`)

// suffer lets one server after the other die on the same data. It returns the steps
// that there are, and the points at which a server died.
func suffer(t *testing.T, binary, name string, ordeals []ordeal) (known string, tried map[string]bool) {
	m, flags := receive(t)
	mails := &mailbox{mailServer: m}
	flags = append(flags, "--audit-digest-interval", "1s")
	file := filepath.Join(t.TempDir(), "killpoint")
	s, err := program{binary, []string{"KILLPOINT_FILE=" + file}}.serve(filepath.Join(t.TempDir(), "data"), append(flags, "--dev")...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.stop()) })
	said := killpoints.FindStringSubmatch(s.stderr.String())
	require.NotNil(t, said)
	beginning := s.place(t)
	w := build(t, s, name)

	var all []*victim
	tried = map[string]bool{}
	sent := 0 // mails that were sent but not settled
	for _, o := range ordeals {
		for _, s := range o.steps {
			for _, when := range []string{"before", "after"} {
				if s.only != "" && s.only != when {
					continue
				}
				v := &victim{T: t, world: w, mails: mails, flags: flags, name: w.fresh(), ordeal: o}
				if o.prepare != nil {
					o.prepare(v)
				}
				v.undergo(file, s, when)
				deaths := 1
				// What is behind a write may be reached by way of an earlier one, of which
				// something was left to do.
				for ; s.phase == behind && !v.done; deaths++ {
					require.LessOrEqual(t, deaths, 5, v.point)
					v.server.settles(t, v.world, m)
					v.undergo(file, s, when)
				}
				v.recovers()
				w.server = v.server
				all = append(all, v)
				tried[when+" "+strings.Fields(s.name)[0]] = true
				if v.point == "after "+s.name && strings.HasPrefix(s.name, "Send") {
					sent += deaths
				}
			}
		}
	}
	s = w.server
	for _, v := range all {
		if v.audits != "" && v.done {
			s.operator(t).event(t, v.query())
		}
	}
	s.settles(t, w, m)

	repeated := 0
	for _, v := range all {
		if v.mail == "" {
			continue
		}
		n := v.mailed()
		if !v.done {
			assert.Zero(t, n, "%s: nothing happened, and somebody is told", v.point)
			continue
		}
		assert.NotZero(t, n, "%s: the mail is lost", v.point)
		repeated += max(n-1, 0)
	}
	assert.LessOrEqual(t, repeated, sent, "mails sent again")
	s.auditedOnce(t, beginning)
	for _, v := range all {
		if v.audits != "" && v.done {
			assert.Len(t, s.operator(t).events(t, v.query()), 1, v.point)
		}
	}
	return said[1], tried
}

// settles awaits that nothing is left to be mailed.
func (s *server) settles(t *testing.T, w world, mails *mailServer) {
	t.Helper()

	last := w.email(w.fresh())
	w.add(t, "project", last, "project_member")
	await(t, "the last mail", func() bool { return len(to(mails.letters(), last)) == 1 })
	await(t, "no mail to be pending", func() bool {
		return len(s.operator(t).get(t, "/v1/mails?status=pending").want(t, http.StatusOK).at(t, "mails").([]any)) == 0
	})
}
