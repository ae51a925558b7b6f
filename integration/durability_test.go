package integration

import (
	"math/rand/v2"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	kills = 5  // how often a server is killed
	least = 40 // how many writes it acknowledges before
)

// TestKilledServerLosesNothing kills the server amid writes of many clients, over
// and over, at any instant. The next one has whatever was acknowledged, mails what
// is left to mail, takes the moments that the one before named, and goes on telling
// of changes where that one was cut off.
func TestKilledServerLosesNothing(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := build(t, s, "killed")
	beginning := s.place(t)
	followed := s.followFrom(t, beginning)

	var all []deed
	for range kills {
		load, moment := w.load(t), least+rand.N(least)
		await(t, "load", func() bool { return len(load.done()) >= moment })
		require.NoError(t, s.kill())
		load.end()
		recent := load.done()
		all = append(all, recent...)

		s = s.again(t)
		w.server = s
		followed.goOn(t, s)
		w.keeps(t, all)
		w.sees(t, recent)
		w.mailed(t, all)
		followed.awaits(t, all)
	}

	for name, f := range map[string]*follower{"from kill to kill": followed, "from the beginning": s.followFrom(t, beginning)} {
		seen := f.awaits(t, all)
		for _, d := range all {
			assert.Equal(t, 1, seen[d.fact], "%s, %s is seen once", name, d.fact)
		}
	}
}

// mailed awaits a whole mail to everybody who was invited. A kill between a mail
// and the note that it was sent has it sent again, which is one mail for each kill.
func (w world) mailed(t *testing.T, deeds []deed) {
	t.Helper()

	to := map[string]int{}
	await(t, "a mail to everybody who was invited", func() bool {
		clear(to)
		for _, l := range w.server.letters(t) {
			to[l.to]++
			l.link(t)
		}
		for _, d := range deeds {
			if d.invited != "" && to[d.invited] == 0 {
				return false
			}
		}
		return true
	})
	repeated := 0
	for _, mails := range to {
		repeated += mails - 1
	}
	assert.LessOrEqual(t, repeated, kills, "mails sent again")
}

// TestKilledServerRemembersItsAnswers repeats what was acknowledged before the kill
// under its Idempotency-Key: nothing happens but the same answer.
func TestKilledServerRemembersItsAnswers(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := build(t, s, "remembered")
	load := w.load(t)
	await(t, "load", func() bool { return len(load.done()) >= least })
	require.NoError(t, s.kill())
	load.end()

	w.server = s.again(t)
	before := w.server.relationships(t)
	for _, d := range load.done() {
		a := w.admin(t, "partner").do(t, http.MethodPost, d.path, d.body, "Idempotency-Key", d.key)
		assert.Equal(t, d.answer.status, a.status, d.fact)
		assert.Equal(t, string(d.answer.body), string(a.body), d.fact)
	}
	assert.Equal(t, before, w.server.relationships(t))
}
