// Package oracle holds no code but tests: a second, plain-Go reading of the domain
// (its objects, permissions, roles and operations), which knows nothing of the schema,
// the catalogue or the operations, and a state machine that plays random operations
// against both and compares every answer.
//
// TestOracle is the machine. A sequence has 50 steps on average; after each, the outcome
// or error code of the operation and every permission of every person and API key on every
// object must be what the oracle says. What fails is shrunk to the fewest steps that
// fail, and is played again with -rapid.failfile.
//
// It was seen to fail with each of these rules broken in turn: the last-admin guard, the
// exclusivity of roles, that a covering role must last as long, that a share needs the
// feature to be on, and that nobody ends their own role as partner admin.
package oracle
