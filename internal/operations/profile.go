package operations

import (
	"context"
	"regexp"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/email"
)

// userNamePattern is what user names look like: 1 to 64 letters, digits, dots,
// hyphens or underscores, the first and last of them a letter or digit. There is no
// @ in them, so that none passes for an e-mail.
var userNamePattern = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$`)

// ChangeProfile changes a person's own profile (DCX-10): nobody else's can be. The
// e-mail can only become the one that the login of the request vouches for. It is
// no relationship, so the directory's one statement is the commit.
// Errors: Invalid (invalid_name, invalid_user_name), Forbidden (email_mismatch),
// Conflict (taken).
func (o *Operations) ChangeProfile(ctx context.Context, person access.Person, verified email.Address, c access.ProfileChange) (access.Person, error) {
	for field, name := range map[string]*string{"given_name": c.GivenName, "family_name": c.FamilyName} {
		if name == nil {
			continue
		}
		if err := checkName(field, *name, false); err != nil {
			return access.Person{}, err
		}
	}
	if c.UserName != nil && *c.UserName != "" && !userNamePattern.MatchString(*c.UserName) {
		return access.Person{}, access.Fail(access.Invalid, "invalid_user_name",
			"a user name is 1 to 64 letters, digits, '.', '-' or '_', and begins and ends with a letter or digit")
	}
	if c.Email != nil && *c.Email != person.Email && *c.Email != verified {
		return access.Person{}, access.Fail(access.Forbidden, "email_mismatch",
			"your e-mail can only become the one you are signed in with; sign in with the new one first")
	}
	return o.Directory.ChangeProfile(ctx, person.ID, c)
}
