// Package schema holds Gatehouse's SpiceDB schema and the validation files that prove it.
package schema

import "embed"

// Text is the whole schema, in SpiceDB's schema language.
//
//go:embed gatehouse.zed
var Text string

// Validations holds validations/*.yaml: relationships, and what they must allow and forbid.
//
//go:embed validations/*.yaml
var Validations embed.FS
