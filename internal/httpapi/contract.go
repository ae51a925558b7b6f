package httpapi

import (
	_ "embed"
	"fmt"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"gopkg.in/yaml.v3"

	"github.com/gatehouse/gatehouse/internal/access"
)

// Spec is the contract of the API, and its route table: x-permission names what
// the caller of each operation needs.
//
//go:embed openapi.yaml
var Spec []byte

// route is what the contract says of one operation.
type route struct {
	id         string
	need       need
	open       bool                // to anybody, without an access token
	asks       bool                // it asks questions, and changes nothing
	quick      bool                // it asks, and has its answers from the cache if they are there
	query      map[string]bool     // the parameters it takes
	body       bool                // it takes one
	repeatable bool                // it takes an Idempotency-Key
	once       string              // the field of its answer that is not repeated
	answered   prometheus.Observer // with 200, if it is quick
	scope      string              // what an application needs to call it; empty: none may
}

// routes are all there are, by method and gin's path.
type routes map[string]*route

// find notes the route of a request.
func (rs routes) find(c *gin.Context) {
	noted(c.Request.Context()).route = rs[c.Request.Method+" "+c.FullPath()]
}

// readContract reads the routes out of the contract.
// It fails if an operation names no permission, or one there is not.
func readContract(contract []byte) (routes, error) {
	type parameter struct {
		Name, In string
		Ref      string `yaml:"$ref"`
	}
	var spec struct {
		Paths      map[string]map[string]yaml.Node
		Components struct{ Parameters map[string]parameter }
	}
	if err := yaml.Unmarshal(contract, &spec); err != nil {
		return nil, fmt.Errorf("read the contract: %w", err)
	}
	table := routes{}
	for path, methods := range spec.Paths {
		for method, node := range methods {
			if method == "parameters" {
				continue
			}
			var operation struct {
				ID          string `yaml:"operationId"`
				Permission  string `yaml:"x-permission"`
				Parameters  []parameter
				RequestBody any    `yaml:"requestBody"`
				ShownOnce   string `yaml:"x-shown-once"`
				Scope       string `yaml:"x-scope"`
				Security    *[]any // what replaces the access token
			}
			if err := node.Decode(&operation); err != nil {
				return nil, fmt.Errorf("read the contract: %s %s: %w", method, path, err)
			}
			r := &route{id: operation.ID, need: needs[operation.Permission], query: map[string]bool{}, body: operation.RequestBody != nil, once: operation.ShownOnce, scope: operation.Scope}
			r.asks = strings.HasPrefix(operation.Permission, "may ask")
			r.quick = r.asks && r.id != "explain"
			r.open = operation.Security != nil && len(*operation.Security) == 0
			if r.need == nil {
				return nil, fmt.Errorf("%s %s names no permission its caller needs (x-permission is %q)", method, path, operation.Permission)
			}
			for _, p := range operation.Parameters {
				if name, isRef := strings.CutPrefix(p.Ref, "#/components/parameters/"); isRef {
					p = spec.Components.Parameters[name]
				}
				r.query[p.Name] = p.In == "query"
				r.repeatable = r.repeatable || p.Name == "Idempotency-Key"
			}
			table[strings.ToUpper(method)+" "+ginPath(path)] = r
		}
	}
	return table, nil
}

// ginPath writes a path of the contract as gin does.
func ginPath(path string) string {
	return strings.NewReplacer("{", ":", "}", "").Replace(path)
}

// only refuses what an operation does not take: something misspelt, or not built
// yet, must not be taken for absent.
func (a *api) only(c *gin.Context) {
	r := noted(c.Request.Context()).route
	query, err := url.ParseQuery(c.Request.URL.RawQuery)
	if err != nil {
		a.refuse(c, access.Fail(access.Malformed, "malformed_parameter", "the query of this request cannot be read"))
		return
	}
	for name := range query {
		if !r.query[name] {
			a.refuse(c, access.Fail(access.Malformed, "unknown_parameter", "this operation takes no parameter %q", name))
			return
		}
	}
}
