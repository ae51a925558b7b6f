package relationships

import (
	"context"
	"fmt"
	"strings"

	v1 "github.com/authzed/authzed-go/proto/authzed/api/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// ApplySchema makes the text the schema. SpiceDB refuses a schema that would drop
// a definition or relation under which relationships exist; they must be deleted
// first, or the schema must keep it.
func (g *Gateway) ApplySchema(ctx context.Context, text string) error {
	_, err := g.schema.WriteSchema(ctx, &v1.WriteSchemaRequest{Schema: text})
	if err == nil {
		return nil
	}
	answer := status.Convert(err)
	if answer.Code() == codes.InvalidArgument && strings.Contains(answer.Message(), "cannot") {
		return fmt.Errorf("the schema was not applied, because it would drop relationships in use: %s. "+
			"Delete those relationships with zed first, or keep the relation in the schema", answer.Message())
	}
	return fmt.Errorf("the schema was not applied: %w", err)
}
