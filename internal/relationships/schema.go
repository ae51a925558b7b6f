package relationships

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	v1 "github.com/authzed/authzed-go/proto/authzed/api/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/gatehouse/gatehouse/internal/access"
)

// ApplySchema makes the text the schema. SpiceDB refuses a schema that would drop
// a definition or relation under which relationships exist; they must be deleted
// first, or the schema must keep it.
func (g *Gateway) ApplySchema(ctx context.Context, text string) error {
	return applySchema(ctx, g.schema, text)
}

// OfferSchema makes the text the schema, unless SpiceDB has it already, or has that of
// a later edition: then a newer server runs beside this one, and what it added is
// not to be taken away. It reports whether that is so. Servers must not offer at once.
// Errors: those of ApplySchema, Unavailable.
func (g *Gateway) OfferSchema(ctx context.Context, text string) (later bool, err error) {
	there, err := g.schema.ReadSchema(ctx, &v1.ReadSchemaRequest{})
	switch {
	case status.Code(err) == codes.NotFound:
		return false, g.ApplySchema(ctx, text)
	case err != nil:
		return false, apiError(err)
	case edition(there.GetSchemaText()) > edition(text):
		return true, nil
	}
	compared, err := g.schema.DiffSchema(ctx, &v1.DiffSchemaRequest{ComparisonSchema: text, Consistency: fullyConsistent()})
	if err != nil || len(compared.GetDiffs()) == 0 {
		return false, apiError(err)
	}
	return false, g.ApplySchema(ctx, text)
}

// edition finds what a schema says of itself; one that says nothing is the first of all.
func edition(text string) int {
	said := editions.FindStringSubmatch(text)
	if said == nil {
		return 0
	}
	n, _ := strconv.Atoi(said[1]) // of digits; one too large is none of ours
	return n
}

var editions = regexp.MustCompile(`edition (\d+) of the schema`)

func applySchema(ctx context.Context, schema v1.SchemaServiceClient, text string) error {
	_, err := schema.WriteSchema(ctx, &v1.WriteSchemaRequest{Schema: text})
	if err == nil {
		return nil
	}
	answer := status.Convert(err)
	if reason(err).GetReason() == v1.ErrorReason_ERROR_REASON_SCHEMA_TYPE_ERROR.String() && strings.Contains(answer.Message(), "relationship") {
		return fmt.Errorf("the schema was not applied, because it would drop relationships in use: %s. "+
			"Delete those relationships with zed first, or keep the relation in the schema", answer.Message())
	}
	return fmt.Errorf("the schema was not applied: %w", err)
}

// Vocabulary reads what questions the schema can answer.
func (g *Gateway) Vocabulary(ctx context.Context) (access.Vocabulary, error) {
	response, err := g.schema.ReflectSchema(ctx, &v1.ReflectSchemaRequest{
		Consistency: &v1.Consistency{Requirement: &v1.Consistency_FullyConsistent{FullyConsistent: true}},
	})
	if err != nil {
		return nil, apiError(err)
	}
	v := access.Vocabulary{}
	for _, d := range response.GetDefinitions() {
		known := access.Definition{Permissions: map[string]bool{}, Relations: map[string]bool{}}
		for _, p := range d.GetPermissions() {
			known.Permissions[p.GetName()] = true
		}
		for _, r := range d.GetRelations() {
			known.Relations[r.GetName()] = true
		}
		v[d.GetName()] = known
	}
	return v, nil
}
