// Package demo loads a small, believable world of each of the four products, and
// tells a newcomer where to begin.
package demo

import (
	"context"
	"fmt"
	"io"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/operations"
)

// Load makes whatever of the world is not there yet, through the same operations
// that admins use. Loading it again changes nothing.
func Load(ctx context.Context, o *operations.Operations) error {
	system := operations.By{Actor: access.System, Reason: "demo"}
	for _, n := range objects {
		if _, _, err := o.Create(ctx, system, n); err != nil && !access.HasCode(err, "taken") {
			return fmt.Errorf("create %s %s: %w", n.Type, *n.ID, err)
		}
	}
	people := map[string]access.Object{}
	for _, s := range seats {
		added, err := o.Add(ctx, system, s.object, s.person, s.roles, nil)
		if err != nil {
			return fmt.Errorf("add %v to %s: %w", s.roles, s.object, err)
		}
		people[s.person.Email] = access.User(added.Person.ID)
	}
	for _, f := range offers {
		invited, _, err := o.Invitations(ctx, f.object, "", access.Page{Limit: 1})
		if err != nil {
			return err
		}
		if len(invited) > 0 {
			continue
		}
		by := operations.By{Actor: people[f.inviter], Reason: "demo"}
		if _, _, err := o.Invite(ctx, by, f.object, f.invitee, f.roles, nil, 0); err != nil {
			return fmt.Errorf("invite to %s: %w", f.object, err)
		}
	}
	return nil
}

// Admin is the e-mail of the person whose token the guide hands out: the partner
// admin of CloudNine Legal.
var Admin = paula.Email

// Guide tells a newcomer what to paste. SpiceDB is reached without TLS if plain.
func Guide(out io.Writer, url, token, grpcAddr, grpcKey string, plain bool) error {
	_, err := fmt.Fprintf(out, `
The demo is loaded. You are %[1]s, partner admin of CloudNine Legal:

export TOKEN=%[2]s

Who works on a project?

curl -s -H "Authorization: Bearer $TOKEN" %[3]s/v1/projects/discovery/members

May Uma view it?

curl -s -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' %[3]s/v1/check -d '{"resource":{"type":"project","id":"discovery"},"permission":"view","subject":{"type":"user","email":"uma.patel@globex.example"}}'

`, Admin, token, url)
	insecure := ""
	if plain {
		insecure = "--insecure "
	}
	if err == nil && grpcAddr != "" {
		_, err = fmt.Fprintf(out, `What does SpiceDB know? (make zed builds bin/zed, once)

bin/zed --endpoint %s %s--token %s relationship read project:discovery

`, grpcAddr, insecure, grpcKey)
	}
	if err == nil {
		_, err = fmt.Fprintf(out, "Browse the API at %s/docs. Ctrl-C stops the server.\n\n", url)
	}
	return err
}
