package spicedb

import (
	"context"
	"fmt"

	"github.com/authzed/spicedb/pkg/schema"
	"github.com/authzed/spicedb/pkg/schemadsl/compiler"

	"github.com/gatehouse/gatehouse/internal/access"
)

// Tuplesets tells which relations of a schema stand on the left of an arrow.
// Errors: the text is no schema.
func Tuplesets(text string) (access.Tuplesets, error) {
	compiled, err := compiler.Compile(compiler.InputSchema{SchemaString: text}, compiler.AllowUnprefixedObjectType())
	if err != nil {
		return nil, fmt.Errorf("read the schema: %w", err)
	}
	graph, err := schema.NewGraph(context.Background(), schema.ResolverForCompiledSchema(compiled))
	if err != nil {
		return nil, fmt.Errorf("follow the arrows of the schema: %w", err)
	}
	found := access.Tuplesets{}
	for _, d := range compiled.ObjectDefinitions {
		found[d.GetName()] = map[string]bool{}
		for _, r := range d.GetRelation() {
			if r.GetUsersetRewrite() == nil { // a permission has one
				found[d.GetName()][r.GetName()] = len(graph.Arrows().LookupTuplesetArrows(d.GetName(), r.GetName())) > 0
			}
		}
	}
	return found, nil
}
