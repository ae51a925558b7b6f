package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
)

// openfgaModel is what a check of the world needs of Gatehouse's schema.
const openfgaModel = `{"schema_version":"1.1","type_definitions":[
	{"type":"user"},
	{"type":"partner",
		"relations":{"admin":{"this":{}},"removed":{"this":{}},
			"is_removed":{"computedUserset":{"relation":"removed"}},
			"administer":{"difference":{"base":{"computedUserset":{"relation":"admin"}},"subtract":{"computedUserset":{"relation":"removed"}}}}},
		"metadata":{"relations":{"admin":{"directly_related_user_types":[{"type":"user"}]},"removed":{"directly_related_user_types":[{"type":"user"}]}}}},
	{"type":"client",
		"relations":{"partner":{"this":{}},"admin":{"this":{}},
			"is_removed":{"tupleToUserset":{"tupleset":{"relation":"partner"},"computedUserset":{"relation":"is_removed"}}},
			"administer":{"union":{"child":[
				{"difference":{"base":{"computedUserset":{"relation":"admin"}},"subtract":{"computedUserset":{"relation":"is_removed"}}}},
				{"tupleToUserset":{"tupleset":{"relation":"partner"},"computedUserset":{"relation":"administer"}}}]}}},
		"metadata":{"relations":{"partner":{"directly_related_user_types":[{"type":"partner"}]},"admin":{"directly_related_user_types":[{"type":"user"}]}}}},
	{"type":"project",
		"relations":{"client":{"this":{}},"admin":{"this":{}},"member":{"this":{}},
			"is_removed":{"tupleToUserset":{"tupleset":{"relation":"client"},"computedUserset":{"relation":"is_removed"}}},
			"administer":{"union":{"child":[
				{"difference":{"base":{"computedUserset":{"relation":"admin"}},"subtract":{"computedUserset":{"relation":"is_removed"}}}},
				{"tupleToUserset":{"tupleset":{"relation":"client"},"computedUserset":{"relation":"administer"}}}]}},
			"view":{"union":{"child":[
				{"difference":{"base":{"computedUserset":{"relation":"member"}},"subtract":{"computedUserset":{"relation":"is_removed"}}}},
				{"computedUserset":{"relation":"administer"}}]}}},
		"metadata":{"relations":{"client":{"directly_related_user_types":[{"type":"client"}]},
			"admin":{"directly_related_user_types":[{"type":"user"}]},"member":{"directly_related_user_types":[{"type":"user"}]}}}}]}`

// openfga starts OpenFGA with its cache of answers on, and nothing kept on disk.
func (f *field) openfga(ctx context.Context, program string, qs []question) error {
	host, err := freeAddress()
	if err != nil {
		return err
	}
	grpcAddress, err := freeAddress()
	if err != nil {
		return err
	}
	err = f.run(ctx, answers200("http://"+host+"/healthz"), program, "run", "--datastore-engine", "memory",
		"--http-addr", host, "--grpc-addr", grpcAddress, "--playground-enabled=false", "--metrics-enabled=false",
		"--check-query-cache-enabled", "--log-level", "error")
	if err != nil {
		return err
	}
	base := "http://" + host + "/stores"
	var made struct{ ID string }
	if err := openfgaPost(ctx, base, `{"name":"bench"}`, &made); err != nil {
		return err
	}
	base += "/" + made.ID
	var model struct {
		ID string `json:"authorization_model_id"`
	}
	if err := openfgaPost(ctx, base+"/authorization-models", openfgaModel, &model); err != nil {
		return err
	}
	if err := openfgaWrite(ctx, base, model.ID); err != nil {
		return err
	}
	check := func(qs []question) string {
		return fmt.Sprintf(`{"authorization_model_id":%q,"tuple_key":{"user":"user:%s","relation":"view","object":"project:%s"}}`, model.ID, qs[0].user, qs[0].project)
	}
	f.enter("openfga", "OpenFGA, HTTP check", false, 1, overHTTP(host, "/stores/"+made.ID+"/check", unread, yes, qs, 1, check))
	return nil
}

// openfgaWrite writes the world, a hundred relationships at once, as many as OpenFGA takes.
func openfgaWrite(ctx context.Context, base, model string) error {
	type tuple struct {
		User     string `json:"user"`
		Relation string `json:"relation"`
		Object   string `json:"object"`
	}
	var all []tuple
	for i := range clients {
		all = append(all, tuple{"partner:" + partnerID, "partner", "client:" + clientID(i)})
	}
	for i := range projects {
		all = append(all, tuple{"client:" + clientID(clientOf(i)), "client", "project:" + projectID(i)})
	}
	memberships(func(project, user int) {
		all = append(all, tuple{"user:" + userID(user), "member", "project:" + projectID(project)})
	})
	for some := range slices.Chunk(all, 100) {
		body, err := json.Marshal(object{"authorization_model_id": model, "writes": object{"tuple_keys": some}})
		if err != nil {
			return err
		}
		if err := openfgaPost(ctx, base+"/write", string(body), &struct{}{}); err != nil {
			return err
		}
	}
	return nil
}

func openfgaPost(ctx context.Context, url, body string, answer any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader([]byte(body)))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode >= 300 {
		var said bytes.Buffer
		_, _ = said.ReadFrom(response.Body)
		return fmt.Errorf("POST %s: %s: %s", url, response.Status, &said)
	}
	return json.NewDecoder(response.Body).Decode(answer)
}
