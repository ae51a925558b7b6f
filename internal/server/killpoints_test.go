package server_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// harmless are the methods of ports at which no server need die: nothing outlives
// them, or what does opens nothing without the write that follows, as an application and
// its key, or is only told, as when a key was used.
var harmless = strings.Fields(`
	Read Grounds Head Watch Check LookupResources
	PersonByEmail PeopleByID ObjectsByID InvitationsByID InvitationByToken APIKeysByID
	Cursor DueEnds FirstEnd Events Announcement Mails
	ApplicationsByID ApplicationKeysByID ApplicationKeyByHash AddApplication AddApplicationKey KeyUsed`)

// TestEveryPortHasKillpoints, so that what comes to a port later is tried too.
func TestEveryPortHasKillpoints(t *testing.T) {
	files := token.NewFileSet()
	var methods []string
	sources, err := filepath.Glob("../access/*.go")
	require.NoError(t, err)
	for _, source := range sources {
		file, err := parser.ParseFile(files, source, nil, 0)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			if port, ok := n.(*ast.InterfaceType); ok {
				for _, m := range port.Methods.List {
					for _, name := range m.Names {
						methods = append(methods, name.Name)
					}
				}
			}
			return true
		})
	}
	require.Greater(t, len(methods), 30)

	file, err := parser.ParseFile(files, "killpoints.go", nil, 0)
	require.NoError(t, err)
	var mortal []string
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv != nil {
			mortal = append(mortal, f.Name.Name)
		}
	}
	for _, m := range methods {
		assert.NotEqual(t, slices.Contains(harmless, m), slices.Contains(mortal, m), "%s is harmless, or has killpoints", m)
	}
}
