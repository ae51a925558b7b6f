package relationships

import (
	"context"

	v1 "github.com/authzed/authzed-go/proto/authzed/api/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/gatehouse/gatehouse/internal/access"
)

// RecordKind is the kind of every record of an Archive. Its JSON is that of
// SpiceDB's API, so that nothing a relationship can have is lost: not the caveats
// that the rest of Gatehouse does without, nor what SpiceDB may add.
const RecordKind = "relationship"

// Archive moves all that one SpiceDB holds out of it, or into it.
// Every method may fail with Unavailable.
type Archive struct {
	permissions v1.PermissionsServiceClient
	schema      v1.SchemaServiceClient
}

// NewArchive makes an archive over a connection.
func NewArchive(conn grpc.ClientConnInterface) *Archive {
	return &Archive{permissions: v1.NewPermissionsServiceClient(conn), schema: v1.NewSchemaServiceClient(conn)}
}

// Schema returns the schema and the moment it was read at. Where there is none
// there are no relationships either. Errors: NotFound (no_schema).
func (a *Archive) Schema(ctx context.Context) (text string, at access.Token, err error) {
	response, err := a.schema.ReadSchema(ctx, &v1.ReadSchemaRequest{})
	if status.Code(err) == codes.NotFound {
		return "", "", access.Fail(access.NotFound, "no_schema", "SpiceDB holds no schema")
	}
	if err != nil {
		return "", "", apiError(err)
	}
	return response.GetSchemaText(), access.Token(response.GetReadAt().GetToken()), nil
}

// ApplySchema makes the text the schema. Errors: those of Gateway.ApplySchema.
func (a *Archive) ApplySchema(ctx context.Context, text string) error {
	return applySchema(ctx, a.schema, text)
}
