package integration

import (
	"fmt"
	"net/http"
	"time"

	v1 "github.com/authzed/authzed-go/proto/authzed/api/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/structpb"
)

// deadly is all that a server dies of, by the server.
var deadly = map[string][]ordeal{
	"additions": {{
		do:     add,
		brings: []string{`^(project)#member@user:ID$`},
		mail:   `(?s)^Your role on .*You now have`,
		audits: "add",
		steps: []step{
			{"EnsurePerson", ahead, ""},
			{"Write add", itself, ""},
			{"Handle audit", behind, ""},
			{"SetCursor audit", behind, "before"},
			{"Seal", behind, ""},
			{"Handle mail", behind, ""},
			{"Enqueue role_granted", behind, ""},
			{"SetCursor mail", behind, ""},
			{"Send role_granted", behind, ""},
			{"Begin", ahead, ""},
			{"Finish", behind, ""},
		},
	}, {
		prepare: func(v *victim) { v.server.relate(v.T, "project", v.name, "member", "user", "left-behind") },
		do: func(v *victim) bool {
			return v.try(v.admin(v.T, "client"), http.MethodPost, v.path("client")+"/projects", object{"id": v.name, "name": v.name}, v.key()...)
		},
		brings: []string{`^project:NAME#client@`},
		steps:  []step{{"ReleaseObject", ahead, ""}, {"Abandon", ahead, ""}},
	}, {
		do: func(v *victim) bool {
			return v.try(v.server.operator(v.T), http.MethodPost, "/v1/partners", object{"id": v.name, "name": v.name})
		},
		brings: []string{`^partner:NAME#platform@platform:gatehouse$`, `^partner:NAME#admin_version@`},
		end: func(v *victim) {
			want := map[bool]int{true: http.StatusOK, false: http.StatusNotFound}[v.done]
			v.server.operator(v.T).get(v.T, "/v1/partners/"+v.name).want(v.T, want)
		},
		steps: []step{{"ReserveObject", ahead, ""}, {"Write create", itself, ""}},
	}},

	"invitations": {{
		do:     invite,
		brings: []string{`^invitation:[^#]+#invitee@user:ID\[`},
		mail:   `^Your invitation to `,
		audits: "invite",
		steps: []step{
			{"AddInvitation", ahead, ""},
			{"Write invite", itself, ""},
			{"Enqueue invitation", behind, ""},
			{"AddInvitationToken", behind, ""},
			{"Send invitation", behind, ""},
		},
	}, {
		prepare: func(v *victim) {
			require.True(v.T, invite(v))
			await(v.T, "the invitation", func() bool { return len(to(v.mails.letters(), v.address())) > 0 })
			_, v.token = to(v.mails.letters(), v.address())[0].link(v.T)
			v.id = v.who()
		},
		do: func(v *victim) bool {
			return v.try(v.self(), http.MethodPost, "/v1/invitations/accept", object{"token": v.token})
		},
		brings: []string{`^(project)#member@user:ID$`, `^invitation:[^#]+#accepted_by@user:ID$`},
		takes:  []string{`^invitation:[^#]+#invitee@user:ID\[`},
		audits: "accept_invitation",
		steps:  []step{{"Write accept_invitation", itself, ""}},
	}, {
		do: func(v *victim) bool {
			return v.try(v.admin(v.T, "customer_account"), http.MethodPost, v.path("customer_account")+"/api-keys", object{"name": v.name})
		},
		brings: []string{`^api_key:[^#]+#account@(customer_account)$`},
		steps:  []step{{"AddAPIKey", ahead, ""}},
	}, {
		do: func(v *victim) bool {
			return v.try(v.self(), http.MethodPatch, "/v1/me", object{"user_name": v.name})
		},
		end: func(v *victim) {
			kept := map[bool]string{true: v.name}[v.point == "after ChangeProfile"]
			assert.Equal(v.T, kept, v.self().get(v.T, "/v1/me").text(v.T, "user_name"), v.point)
		},
		steps: []step{{"ChangeProfile", ahead, ""}, {"SignIn", ahead, ""}},
	}, {
		prepare: func(v *victim) { v.id = v.add(v.T, "customer_account", v.address(), "technical_contact") },
		do: func(v *victim) bool {
			return v.try(v.server.operator(v.T), http.MethodPost, v.path("customer_account")+"/announcements",
				object{"kind": "technical_information", "subject": object{"en": "News of " + v.name}, "text": object{"en": "All is well."}})
		},
		mail:  `^News of NAME\n`,
		steps: []step{{"Announce", itself, ""}},
	}},

	"ends": {{
		prepare: func(v *victim) {
			v.id = v.who()
			require.NoError(v.T, v.ends(2*time.Second))
		},
		do:     func(*victim) bool { return true },
		mail:   `no longer have .*: Technical Contact`,
		audits: "role_ended",
		end:    func(v *victim) { v.server.operator(v.T).event(v.T, v.query()) },
		steps:  []step{{"Write role_ended", behind, ""}, {"ForgetEnd", behind, ""}},
	}, {
		prepare: func(v *victim) { v.id = v.who() },
		do:      func(v *victim) bool { return v.ends(15*time.Second) == nil },
		brings:  []string{`^(customer_account)#technical_contact@user:ID\[`},
		mail:    `no longer have .*: Technical Contact`,
		audits:  "role_ended",
		steps:   []step{{"AddEnd", behind, ""}, {"Handle ends", behind, "after"}, {"SetCursor ends", behind, "after"}},
	}},

	"removals": {{
		prepare: func(v *victim) { v.id = v.add(v.T, "project", v.address(), "project_member") },
		do: func(v *victim) bool {
			return v.try(v.admin(v.T, "partner"), http.MethodDelete, v.path("partner")+"/members/"+v.id, nil)
		},
		brings: []string{`^(partner)#removed@user:ID$`},
		clears: []string{`^(partner)#removing@user:ID$`, `^(project)#member@user:ID$`},
		mail:   `You no longer have on `,
		audits: "tidy_removed",
		steps: []step{
			{"Write remove_from_site", itself, ""},
			{"Handle removals", behind, ""},
			{"Write tidy_removed", behind, ""},
			{"SetCursor removals", behind, ""},
		},
	}, {
		prepare: func(v *victim) {
			v.id = v.who()
			v.holdsMuch()
		},
		do: func(v *victim) bool {
			return v.try(v.admin(v.T, "partner"), http.MethodDelete, v.path("partner")+"/members/"+v.id, nil)
		},
		brings: []string{`^(partner)#removed@user:ID$`},
		clears: []string{`^(partner)#removing@user:ID$`, `^project:[^#]+#member@user:ID$`},
		end: func(v *victim) {
			await(v.T, "two batches in the audit", func() bool {
				return len(v.server.operator(v.T).events(v.T, "operation=tidy_removed&person="+v.id)) == 2
			})
		},
		steps: []step{{"Write tidy_removed", behind, "after"}},
	}, {
		prepare: func(v *victim) {
			v.add(v.T, "project", v.address(), "project_member")
			v.id = v.who()
		},
		do:     func(v *victim) bool { return v.try(v.self(), http.MethodDelete, "/v1/me", nil) },
		takes:  []string{`^(project)#member@user:ID$`},
		audits: "delete_profile",
		end: func(v *victim) {
			if v.done {
				await(v.T, v.point+": the profile to be gone", func() bool { return v.who() != v.id })
			} else {
				assert.Equal(v.T, v.id, v.who(), v.point)
			}
		},
		steps: []step{{"Forget", itself, ""}, {"DeletePerson", behind, ""}, {"Handle deletions", behind, "before"}},
	}},
}

func (v *victim) key() []string { return []string{"Idempotency-Key", v.name} }

func add(v *victim) bool {
	return v.try(v.admin(v.T, "project"), http.MethodPost, v.path("project")+"/members",
		named(v.address()), v.key()...)
}

func invite(v *victim) bool {
	return v.try(v.admin(v.T, "project"), http.MethodPost, v.path("project")+"/invitations", object{"email": v.address()})
}

// ends makes the person a technical contact for a while.
func (v *victim) ends(after time.Duration) error {
	_, err := v1.NewPermissionsServiceClient(v.server.conn).WriteRelationships(v.Context(), &v1.WriteRelationshipsRequest{
		Updates: []*v1.RelationshipUpdate{touch("customer_account", v.world.id("customer_account"), "technical_contact", "user", v.id, time.Now().Add(after))},
	})
	return err
}

// holdsMuch gives the person more roles in the site than one write deletes.
func (v *victim) holdsMuch() {
	var updates []*v1.RelationshipUpdate
	for n := range 301 {
		project := fmt.Sprintf("%s-%d", v.name, n)
		updates = append(updates,
			touch("project", project, "client", "client", v.world.id("client"), time.Time{}),
			touch("project", project, "member", "user", v.id, time.Time{}))
	}
	// As if by the server itself, which mails nobody about it.
	cause, err := structpb.NewStruct(map[string]any{"operation": "create", "actor": "platform:gatehouse"})
	require.NoError(v.T, err)
	_, err = v1.NewPermissionsServiceClient(v.server.conn).WriteRelationships(v.Context(), &v1.WriteRelationshipsRequest{
		Updates: updates, OptionalTransactionMetadata: cause,
	})
	require.NoError(v.T, err)
}
