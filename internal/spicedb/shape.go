package spicedb

import (
	"fmt"
	"slices"

	core "github.com/authzed/spicedb/pkg/proto/core/v1"
	"github.com/authzed/spicedb/pkg/schemadsl/compiler"
	"github.com/authzed/spicedb/pkg/schemadsl/input"

	"github.com/gatehouse/gatehouse/internal/access"
)

// Shape reads how a schema makes its permissions. SpiceDB's API tells their names
// alone. It fails on what our schema has no use for (nil, all), rather than
// describe it wrongly.
func Shape(schema string) (access.Shape, error) {
	compiled, err := compiler.Compile(compiler.InputSchema{Source: input.Source("schema"), SchemaString: schema}, compiler.AllowUnprefixedObjectType())
	if err != nil {
		return nil, fmt.Errorf("read the schema: %w", err)
	}
	shape := access.Shape{}
	for _, definition := range compiled.ObjectDefinitions {
		rules := map[string]access.Rule{}
		for _, line := range definition.GetRelation() {
			rule := relationRule(line)
			if line.GetUsersetRewrite() != nil {
				f, err := formula(line.GetUsersetRewrite())
				if err != nil {
					return nil, fmt.Errorf("read the schema: %s of %s: %w", line.GetName(), definition.GetName(), err)
				}
				rule.Formula = &f
			}
			rules[line.GetName()] = rule
		}
		shape[definition.GetName()] = rules
	}
	return shape, nil
}

func relationRule(line *core.Relation) (r access.Rule) {
	for _, accepted := range line.GetTypeInformation().GetAllowedDirectRelations() {
		r.Flag = r.Flag || accepted.GetPublicWildcard() != nil
		if !slices.Contains(r.Subjects, accepted.GetNamespace()) {
			r.Subjects = append(r.Subjects, accepted.GetNamespace())
		}
	}
	return r
}

func formula(rewrite *core.UsersetRewrite) (access.Formula, error) {
	var f access.Formula
	var operation *core.SetOperation
	switch o := rewrite.GetRewriteOperation().(type) {
	case *core.UsersetRewrite_Union:
		f.Combines, operation = access.Union, o.Union
	case *core.UsersetRewrite_Intersection:
		f.Combines, operation = access.Intersection, o.Intersection
	case *core.UsersetRewrite_Exclusion:
		f.Combines, operation = access.Exclusion, o.Exclusion
	}
	for _, child := range operation.GetChild() {
		part, err := part(child)
		if err != nil {
			return f, err
		}
		f.Of = append(f.Of, part)
	}
	if len(f.Of) == 1 {
		return f.Of[0], nil
	}
	return f, nil
}

func part(child *core.SetOperation_Child) (access.Formula, error) {
	switch c := child.GetChildType().(type) {
	case *core.SetOperation_Child_ComputedUserset:
		return access.Formula{Name: c.ComputedUserset.GetRelation()}, nil
	case *core.SetOperation_Child_TupleToUserset:
		return access.Formula{Tie: c.TupleToUserset.GetTupleset().GetRelation(), Name: c.TupleToUserset.GetComputedUserset().GetRelation()}, nil
	case *core.SetOperation_Child_UsersetRewrite:
		return formula(c.UsersetRewrite)
	case *core.SetOperation_Child_XSelf:
		return access.Formula{Self: true}, nil
	}
	return access.Formula{}, fmt.Errorf("%T is not known here", child.GetChildType())
}
