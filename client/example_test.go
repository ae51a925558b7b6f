package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/gatehouse/gatehouse/client"
)

func Example() {
	gatehouse, err := client.New(client.Config{URL: serverURL, Token: client.StaticToken(token)})
	if err != nil {
		panic(err)
	}
	defer gatehouse.Close()

	decision, err := gatehouse.Check(context.Background(), client.Check{
		Resource:   client.Object{Type: "project", ID: "discovery"},
		Permission: "view",
		Subject:    client.UserByEmail("uma.patel@globex.example"),
	})
	if err != nil {
		panic(err) // no answer, which is not a no
	}
	fmt.Println(decision.Allowed)
	// Output: true
}

// Require makes a no an error, so that there is one thing to look at.
func ExampleClient_Require() {
	gatehouse, _ := client.New(client.Config{URL: serverURL, Token: client.StaticToken(token)})
	defer gatehouse.Close()

	err := gatehouse.Require(context.Background(), client.Check{
		Resource:   client.Object{Type: "project", ID: "discovery"},
		Permission: "administer",
		Subject:    client.UserByEmail("uma.patel@globex.example"),
	})
	switch {
	case err == nil:
		fmt.Println("go ahead")
	case errors.Is(err, client.ErrDenied):
		fmt.Println("the answer is no")
	case errors.Is(err, client.ErrUnavailable):
		fmt.Println("try again later")
	default:
		fmt.Println("this program asks wrongly:", err)
	}
	// Output: the answer is no
}

// Many questions take one request. What uma may do decides which buttons she sees.
func ExampleClient_Bulk() {
	gatehouse, _ := client.New(client.Config{URL: serverURL, Token: client.StaticToken(token)})
	defer gatehouse.Close()

	var checks []client.Check
	for _, permission := range []string{"view", "administer", "manage_people"} {
		checks = append(checks, client.Check{
			Resource:   client.Object{Type: "project", ID: "discovery"},
			Permission: permission,
			Subject:    client.UserByEmail("uma.patel@globex.example"),
		})
	}
	answers, err := gatehouse.Bulk(context.Background(), checks)
	if err != nil {
		panic(err)
	}
	for i, a := range answers {
		fmt.Println(checks[i].Permission, a.Allowed, a.Err)
	}
	// Output:
	// view true <nil>
	// administer false <nil>
	// manage_people false <nil>
}

func ExampleClient_LookupResources() {
	gatehouse, _ := client.New(client.Config{URL: serverURL, Token: client.StaticToken(token)})
	defer gatehouse.Close()

	for project, err := range gatehouse.LookupResources(context.Background(), client.ResourceQuery{
		ResourceType: "project",
		Permission:   "view",
		Subject:      client.UserByEmail("paula.berger@cloudnine.example"),
	}) {
		if err != nil {
			panic(err)
		}
		fmt.Println(project)
	}
	// Output:
	// project:audit
	// project:discovery
	// project:patents
}

// A write is acknowledged with a token. With it, an answer of any server has seen
// that write.
func ExampleAtLeastAsFresh() {
	gatehouse, _ := client.New(client.Config{URL: serverURL, Token: client.StaticToken(token)})
	defer gatehouse.Close()

	question := client.Check{
		Resource:   client.Object{Type: "project", ID: "discovery"},
		Permission: "view",
		Subject:    client.UserByEmail("uma.patel@globex.example"),
	}
	before, err := gatehouse.Check(context.Background(), question)
	if err != nil {
		panic(err)
	}
	question.Consistency = client.AtLeastAsFresh(before.CheckedAt)
	after, err := gatehouse.Check(context.Background(), question)
	fmt.Println(after.Allowed, err)
	// Output: true <nil>
}

func ExampleGuard() {
	gatehouse, _ := client.New(client.Config{URL: serverURL, Token: client.StaticToken(token)})
	defer gatehouse.Close()

	// Who is signed in is for the application to know; here, a cookie stands for it.
	signedIn := func(r *http.Request) (client.Subject, error) {
		cookie, err := r.Cookie("session")
		if err != nil {
			return client.Subject{}, err
		}
		return client.UserByEmail(cookie.Value + "@globex.example"), nil
	}
	show := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, "Here is ", r.PathValue("id"))
	})

	guard := client.Guard{Client: gatehouse, Subject: signedIn}
	project := client.FromPath("project", "id")
	mux := http.NewServeMux()
	mux.Handle("GET /projects/{id}", guard.Require("view", project, show))
	mux.Handle("DELETE /projects/{id}", guard.Require("administer", project, show))

	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		r := httptest.NewRequest(method, "/projects/discovery", nil)
		r.AddCookie(&http.Cookie{Name: "session", Value: "uma.patel"})
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		fmt.Println(method, w.Code, w.Body)
	}
	// Output:
	// GET 200 Here is discovery
	// DELETE 403 {"code":"forbidden","detail":"you may not do this","status":403,"title":"Forbidden","type":"about:blank"}
}
