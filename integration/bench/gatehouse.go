package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// gatehouse is a server that runs, and what its API is called with.
type gatehouse struct {
	name     string
	url      string
	host     string
	operator string // token of one who may do everything
	admin    string // token of one who administers the world
	asker    string // key of an application that may ask
	single   *contender
}

// gatehouse starts a server, with Redis or without, and enters it for all the ways
// to ask it.
func (f *field) gatehouse(ctx context.Context, program, dir, redisAddress string, qs []question) error {
	host, err := freeAddress()
	if err != nil {
		return err
	}
	grpcAddress, err := freeAddress()
	if err != nil {
		return err
	}
	id, name := "gatehouse", "Gatehouse, cached in the process"
	args := []string{}
	if redisAddress != "" {
		id, name, args = "gatehouse-redis", "Gatehouse, cached in Redis", []string{"--redis-url", "redis://" + redisAddress}
	}
	data := filepath.Join(dir, id)
	// All that is asked, one person asks: their limits would be measured.
	args = append([]string{"serve", "--dev", "--limit-questions", "0", "--limit-requests", "0", "--data-dir", data, "--http-addr", host, "--grpc-addr", grpcAddress}, args...)
	if err := f.run(ctx, answers200("http://"+host+"/readyz"), program, args...); err != nil {
		return err
	}
	g := &gatehouse{name: name, url: "http://" + host, host: host}
	if g.operator, err = devToken(ctx, program, data, "operator@bench.example", true); err != nil {
		return err
	}
	if g.admin, err = devToken(ctx, program, data, "admin@bench.example", false); err != nil {
		return err
	}
	key, err := os.ReadFile(filepath.Join(data, "grpc-key"))
	if err != nil {
		return err
	}
	if err := g.build(ctx, grpcAddress, strings.TrimSpace(string(key))); err != nil {
		return err
	}
	f.enter(id, name, true, 1, overHTTP(host, "/v1/check", g.asker, yes, qs, 1, single("")))
	g.single = f.contenders[len(f.contenders)-1]
	f.enter(id+"-bulk", name+", bulk of 100", true, bulk, overHTTP(host, "/v1/check/bulk", g.asker, yes, qs, bulk, together))
	if redisAddress == "" {
		f.enter("gatehouse-uncached", "Gatehouse, fully consistent", true, 1,
			overHTTP(host, "/v1/check", g.asker, yes, qs, 1, single(`,"consistency":{"fully_consistent":true}`)))
	}
	f.gatehouses = append(f.gatehouses, g)
	return nil
}

func together(qs []question) string {
	var all []string
	for _, q := range qs {
		all = append(all, q.json(""))
	}
	return `{"checks":[` + strings.Join(all, ",") + `]}`
}

func devToken(ctx context.Context, program, data, email string, operator bool) (string, error) {
	command := exec.CommandContext(ctx, program, "token", "--data-dir", data, "--email", email, fmt.Sprintf("--operator=%t", operator))
	output, err := command.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		err = fmt.Errorf("make a token: %w: %s", err, failed.Stderr)
	}
	return strings.TrimSpace(string(output)), err
}

// employ makes the application that asks.
func (g *gatehouse) employ(ctx context.Context) error {
	var made struct {
		Secret string `json:"secret"`
	}
	err := g.call(ctx, g.operator, "/v1/applications", object{"name": "Bench", "scopes": []string{"check"}}, &made)
	g.asker = made.Secret
	return err
}

// build makes the world: its objects as admins do, and its members, who need no
// mail and no name, as SpiceDB's own clients do.
func (g *gatehouse) build(ctx context.Context, grpcAddress, key string) error {
	err := g.call(ctx, g.operator, "/v1/partners", object{"id": partnerID, "name": "Bench"}, nil)
	if err == nil {
		err = g.employ(ctx)
	}
	if err == nil {
		err = g.call(ctx, g.operator, "/v1/partners/"+partnerID+"/members", person("admin", "partner_admin"), nil)
	}
	for i := 0; i < clients && err == nil; i++ {
		err = g.call(ctx, g.admin, "/v1/partners/"+partnerID+"/clients", object{"id": clientID(i), "name": clientID(i)}, nil)
	}
	for i := 0; i < projects && err == nil; i++ {
		err = g.call(ctx, g.admin, "/v1/clients/"+clientID(clientOf(i))+"/projects", object{"id": projectID(i), "name": projectID(i)}, nil)
	}
	if err != nil {
		return err
	}
	conn, err := connect(grpcAddress, key)
	if err != nil {
		return err
	}
	return errors.Join(write(ctx, conn, false), conn.Close())
}

type object map[string]any

func person(name, role string) object {
	email := name + "@bench.example"
	return object{"email": email, "email_confirmation": email, "given_name": "Given", "family_name": "Family", "roles": []string{role}}
}

// call posts a body, and reads what is made of it.
func (g *gatehouse) call(ctx context.Context, token, path string, body object, made any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, g.url+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	said, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= 300 {
		err = fmt.Errorf("POST %s: %s: %s", path, response.Status, said)
	}
	if err == nil && made != nil {
		err = json.Unmarshal(said, made)
	}
	return err
}
