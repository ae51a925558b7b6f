package directory

import (
	"context"
	"database/sql"
	"errors"

	"github.com/gatehouse/gatehouse/internal/access"
)

// ChangeProfile implements access.People. Of two who ask for one name at once, the
// unique key lets one have it.
func (d *Directory) ChangeProfile(ctx context.Context, personID string, c access.ProfileChange) (access.Person, error) {
	changed, failed := d.exec(ctx, `
		UPDATE people SET
			given_name = COALESCE($2, given_name), family_name = COALESCE($3, family_name),
			user_name = NULLIF(COALESCE($4, user_name), ''), language = COALESCE($5, language), email = COALESCE($6, email)
		WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM people other WHERE other.id <> $1 AND (other.user_name = $4 OR other.email = $6))`,
		personID, c.GivenName, c.FamilyName, c.UserName, (*string)(c.Language), (*string)(c.Email))
	if failed == nil && changed {
		return d.person(ctx, `id = $1`, personID)
	}
	// Whoever came second is told so by either: no row, or the key's refusal.
	if err := d.taken(ctx, personID, c); err != nil {
		return access.Person{}, err
	}
	if failed == nil {
		failed = access.Fail(access.NotFound, "not_found", "there is no such person")
	}
	return access.Person{}, failed
}

// taken fails with Conflict (taken) if another has what the change asks for.
func (d *Directory) taken(ctx context.Context, personID string, c access.ProfileChange) error {
	for _, unique := range []struct {
		field, column string
		value         *string
	}{
		{"user name", "user_name", c.UserName},
		{"e-mail", "email", (*string)(c.Email)},
	} {
		if unique.value == nil {
			continue
		}
		var holder string
		err := d.db.QueryRowContext(ctx, `SELECT id FROM people WHERE id <> $1 AND `+unique.column+` = $2`, personID, *unique.value).Scan(&holder)
		switch {
		case errors.Is(err, sql.ErrNoRows):
		case err != nil:
			return down(err)
		default:
			return access.Fail(access.Conflict, "taken", "the %s %q is taken", unique.field, *unique.value)
		}
	}
	return nil
}
