package main

import (
	"fmt"
	"math/rand/v2"
)

// The world in which everyone is asked the same questions: a partner, its clients,
// their projects, and the members of those.
const (
	partnerID  = "bench"
	clients    = 5
	projects   = 20
	perProject = 40
	questions  = 1000
)

func clientID(i int) string  { return fmt.Sprint("bench-client-", i) }
func projectID(i int) string { return fmt.Sprint("bench-project-", i) }
func userID(i int) string    { return fmt.Sprint("bench-user-", i) }

// clientOf is which client a project belongs to.
func clientOf(project int) int { return project % clients }

// memberships go through who is a member of which project.
func memberships(each func(project, user int)) {
	for user := range projects * perProject {
		each(user/perProject, user)
	}
}

// question asks whether a user may view a project.
type question struct {
	project, user string
	allowed       bool // the right answer
}

// ask returns the questions, in an order without a pattern: each member about
// their project, and some about another's, which makes four of five answers yes.
func ask() []question {
	var all []question
	memberships(func(project, user int) {
		all = append(all, question{projectID(project), userID(user), true})
	})
	for n := len(all); n < questions; n++ {
		user := (n * 7) % (projects * perProject)
		all = append(all, question{projectID((user/perProject + 1 + n%(projects-1)) % projects), userID(user), false})
	}
	random := rand.New(rand.NewPCG(1, 2))
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// json is the question as the HTTP API of Gatehouse takes it.
func (q question) json(rest string) string {
	return fmt.Sprintf(`{"resource":{"type":"project","id":%q},"permission":"view","subject":{"type":"user","id":%q}%s}`, q.project, q.user, rest)
}
