package spicedb_test

import (
	"io/fs"
	"path"
	"testing"

	"github.com/authzed/spicedb/pkg/development"
	core "github.com/authzed/spicedb/pkg/proto/core/v1"
	devinterface "github.com/authzed/spicedb/pkg/proto/developer/v1"
	"github.com/authzed/spicedb/pkg/validationfile"
	"github.com/authzed/spicedb/pkg/validationfile/blocks"

	"github.com/gatehouse/gatehouse/schema"
)

// TestSchemaKeepsItsPromises runs every validation file through SpiceDB's own development engine: what a file asserts
// true must be allowed, and what it asserts false forbidden.
func TestSchemaKeepsItsPromises(t *testing.T) {
	t.Parallel()

	for name, file := range validations(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			dev, faults, err := development.NewDevContextForValidationFile(t.Context(), file)
			if err != nil {
				t.Fatal(err)
			}
			if faults != nil {
				report(t, name, faults.GetInputErrors())
				return
			}
			defer dev.DevContext.Dispose()

			failures, err := development.RunAllAssertions(dev.DevContext, &dev.Assertions)
			if err != nil {
				t.Fatal(err)
			}
			report(t, name, failures)
		})
	}
}

// TestEveryPermissionIsAllowedAndForbidden sees to it that no permission escapes the validation files: each one is
// allowed to somebody there, and forbidden to somebody.
func TestEveryPermissionIsAllowedAndForbidden(t *testing.T) {
	t.Parallel()

	type permission struct{ object, name string }
	allowed, forbidden := map[permission]bool{}, map[permission]bool{}
	note := func(seen map[permission]bool, assertions []blocks.Assertion) {
		for _, assertion := range assertions {
			resource := assertion.Relationship.Resource
			seen[permission{resource.ObjectType, resource.Relation}] = true
		}
	}
	for _, file := range validations(t) {
		note(allowed, file.Assertions.AssertTrue)
		note(forbidden, file.Assertions.AssertFalse)
	}

	total := 0
	for _, definition := range definitions(t) {
		for _, relation := range definition.GetRelation() {
			if relation.GetUsersetRewrite() == nil {
				continue // a relation, not a permission
			}
			total++
			p := permission{definition.GetName(), relation.GetName()}
			if !allowed[p] {
				t.Errorf("no validation file asserts that anyone has permission %s#%s", p.object, p.name)
			}
			if !forbidden[p] {
				t.Errorf("no validation file asserts that anyone lacks permission %s#%s", p.object, p.name)
			}
		}
	}
	if total == 0 {
		t.Fatal("found no permission in the schema")
	}
}

// TestSchemaHasNoWarnings applies SpiceDB's own lint rules.
func TestSchemaHasNoWarnings(t *testing.T) {
	t.Parallel()

	dev, faults, err := development.NewDevContext(t.Context(), &devinterface.RequestContext{Schema: schema.Text})
	if err != nil {
		t.Fatal(err)
	}
	if faults != nil {
		report(t, "gatehouse.zed", faults.GetInputErrors())
		return
	}
	defer dev.Dispose()

	warnings, err := development.GetWarnings(t.Context(), dev)
	if err != nil {
		t.Fatal(err)
	}
	for _, warning := range warnings {
		t.Errorf("gatehouse.zed:%d: %s", warning.GetLine(), warning.GetMessage())
	}
}

// TestRoleSubjectsShareTheirTraits guards against a trap: where a relation lets one type of subject expire and another
// not, SpiceDB may skip the filter that drops expired relationships.
func TestRoleSubjectsShareTheirTraits(t *testing.T) {
	t.Parallel()

	type traits struct{ lasting, expiring bool }
	for _, definition := range definitions(t) {
		for _, relation := range definition.GetRelation() {
			bySubject := map[string]traits{}
			for _, subject := range relation.GetTypeInformation().GetAllowedDirectRelations() {
				has := bySubject[subject.GetNamespace()]
				if subject.GetRequiredExpiration() != nil {
					has.expiring = true
				} else {
					has.lasting = true
				}
				bySubject[subject.GetNamespace()] = has
			}
			distinct := map[traits]bool{}
			for _, has := range bySubject {
				distinct[has] = true
			}
			if len(distinct) > 1 {
				t.Errorf("%s#%s: its subject types differ in whether they may expire", definition.GetName(), relation.GetName())
			}
		}
	}
}

// validations returns every validation file by name, with the schema in place of the reference to its file.
func validations(t *testing.T) map[string]*validationfile.ValidationFile {
	t.Helper()

	names, err := fs.Glob(schema.Validations, "validations/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(names) == 0 {
		t.Fatal("found no validation file")
	}
	files := map[string]*validationfile.ValidationFile{}
	for _, name := range names {
		text, err := fs.ReadFile(schema.Validations, name)
		if err != nil {
			t.Fatal(err)
		}
		file, err := validationfile.DecodeValidationFile(text)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if file.SchemaFile != "../gatehouse.zed" {
			t.Fatalf("%s: schemaFile is %q, want ../gatehouse.zed", name, file.SchemaFile)
		}
		file.SchemaFile, file.Schema.Schema = "", schema.Text
		files[path.Base(name)] = file
	}
	return files
}

// definitions returns the object definitions of the compiled schema.
func definitions(t *testing.T) []*core.NamespaceDefinition {
	t.Helper()

	compiled, fault, err := development.CompileSchema(schema.Text)
	if err != nil {
		t.Fatal(err)
	}
	if fault != nil {
		report(t, "gatehouse.zed", []*devinterface.DeveloperError{fault})
		t.FailNow()
	}
	return compiled.ObjectDefinitions
}

// report fails the test with one line for each fault. A fault of the schema is reported at its line there.
func report(t *testing.T, file string, faults []*devinterface.DeveloperError) {
	t.Helper()

	for _, fault := range faults {
		at := file
		if fault.GetSource() == devinterface.DeveloperError_SCHEMA {
			at = "gatehouse.zed"
		}
		t.Errorf("%s:%d: %s", at, fault.GetLine(), fault.GetMessage())
	}
}
