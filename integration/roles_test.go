package integration

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestEveryRoleComesAndGoes takes each role of the catalogue through its life: given
// outright, invited to, and ended. A permission the role brings follows it, at once
// and in zed's eyes too.
func TestEveryRoleComesAndGoes(t *testing.T) {
	t.Parallel()

	for role, c := range map[string]struct {
		objectType, brings string
	}{
		"support":               {"platform", "assist"},
		"partner_admin":         {"partner", "administer"},
		"client_admin":          {"client", "administer"},
		"project_admin":         {"project", "administer"},
		"project_member":        {"project", "view"},
		"cockpit_access":        {"customer_account", "access_cockpit"},
		"technical_contact":     {"customer_account", "receive_technical_information"},
		"customer_admin":        {"customer_account", "receive_important_information"},
		"portal_admin":          {"customer_account", "manage_api_keys"},
		"portal_technical_user": {"customer_account", "use_portal"},
		"portal_read_only_user": {"customer_account", "use_portal"},
		"company_admin":         {"instance", "manage_shares"},
		"instance_member":       {"instance", "edit_inventory"},
	} {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			s := shared
			w := build(t, s, "life")
			admin, path := w.admin(t, c.objectType), w.path(c.objectType)
			resource := c.objectType + ":" + w.id(c.objectType)

			has := func(id string) bool {
				allowed := s.operator(t).post(t, "/v1/check", object{
					"resource": object{"type": c.objectType, "id": w.id(c.objectType)}, "permission": c.brings,
					"subject": object{"type": "user", "id": id},
				}).want(t, http.StatusOK).at(t, "allowed") == true
				assert.Equal(t, allowed, s.zedAllows(t, resource, c.brings, "user:"+id), "zed")
				return allowed
			}
			listed := func(id string) (roles []any) {
				members := admin.get(t, path+"/members?limit=1000").want(t, http.StatusOK).at(t, "members").([]any)
				for _, m := range members {
					if m.(map[string]any)["user"].(map[string]any)["id"] != id {
						continue
					}
					for _, held := range m.(map[string]any)["roles"].([]any) {
						roles = append(roles, held.(map[string]any)["role"])
					}
				}
				return roles
			}
			end := func(id string) {
				require.True(t, has(id))
				require.Equal(t, []any{role}, listed(id))
				admin.delete(t, path+"/members/"+id+"/roles/"+role).want(t, http.StatusNoContent)
				assert.False(t, has(id))
				assert.Empty(t, listed(id))
				admin.delete(t, path+"/members/"+id+"/roles/"+role).want(t, http.StatusNoContent) // no error
			}

			t.Run("given outright", func(t *testing.T) {
				email := w.email("ann")
				person := named(email, role)
				added := admin.post(t, path+"/members", person).want(t, http.StatusCreated)
				assert.Equal(t, "created", added.text(t, "outcome"))
				assert.Equal(t, []any{role}, added.at(t, "roles"))
				id := added.text(t, "user", "id")

				again := admin.post(t, path+"/members", person).want(t, http.StatusOK)
				assert.Equal(t, "unchanged", again.text(t, "outcome"))
				assert.Equal(t, id, s.as(t, email).get(t, "/v1/me").text(t, "id"), "the login finds the contact")
				end(id)
			})

			t.Run("invited", func(t *testing.T) {
				email := w.email("ben")
				admin.post(t, path+"/invitations", object{"email": email, "roles": []string{role}}).want(t, http.StatusCreated)
				ben := s.as(t, email)
				id := ben.get(t, "/v1/me").text(t, "id")
				assert.False(t, has(id))
				_, token := s.letter(t, email).link(t)

				accepted := ben.post(t, "/v1/invitations/accept", object{"token": token}).want(t, http.StatusCreated)
				assert.Equal(t, "created", accepted.text(t, "outcome"))
				assert.Equal(t, []any{role}, accepted.at(t, "roles"))
				found := admin.get(t, path+"/invitations?status=accepted").want(t, http.StatusOK)
				assert.Equal(t, email, found.text(t, "invitations", 0, "email"))
				end(id)
			})
		})
	}
}
