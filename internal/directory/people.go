package directory

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"

	"github.com/oklog/ulid/v2"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/email"
)

var _ access.People = (*Directory)(nil)

// SignIn implements access.People. Of two logins that race for one person, the
// unique key on the person lets one win.
func (d *Directory) SignIn(ctx context.Context, l access.Login) (access.Person, error) {
	p, err := d.personByLogin(ctx, l)
	if access.IsKind(err, access.NotFound) {
		p, err = d.firstSignIn(ctx, l)
	}
	if err != nil {
		return access.Person{}, err
	}
	return d.fillNames(ctx, p, l)
}

func (d *Directory) firstSignIn(ctx context.Context, l access.Login) (access.Person, error) {
	if !l.EmailVerified || l.Email == "" {
		return access.Person{}, access.Fail(access.Forbidden, "email_unverified",
			"the first sign-in needs a verified e-mail address: the access token must hold it as email, and email_verified as true")
	}
	p, err := d.EnsurePerson(ctx, l.Email, l.GivenName, l.FamilyName)
	if err != nil {
		return access.Person{}, err
	}
	if _, err := d.exec(ctx, `
		INSERT INTO logins (issuer, subject, person_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
		l.Issuer, l.Subject, p.ID); err != nil {
		return access.Person{}, err
	}
	p, err = d.personByLogin(ctx, l)
	if access.IsKind(err, access.NotFound) {
		return access.Person{}, access.Fail(access.Conflict, "taken", "%s belongs to somebody with another login", l.Email)
	}
	return p, err
}

func (d *Directory) fillNames(ctx context.Context, p access.Person, l access.Login) (access.Person, error) {
	news := p.GivenName == "" && l.GivenName != "" || p.FamilyName == "" && l.FamilyName != ""
	if !news {
		return p, nil
	}
	err := d.db.QueryRowContext(ctx, `
		UPDATE people SET
			given_name = CASE given_name WHEN '' THEN $2 ELSE given_name END,
			family_name = CASE family_name WHEN '' THEN $3 ELSE family_name END
		WHERE id = $1 RETURNING given_name, family_name`,
		p.ID, l.GivenName, l.FamilyName).Scan(&p.GivenName, &p.FamilyName)
	if err != nil {
		return access.Person{}, down(err)
	}
	return p, nil
}

// EnsurePerson implements access.People.
func (d *Directory) EnsurePerson(ctx context.Context, address email.Address, givenName, familyName string) (access.Person, error) {
	now := d.now()
	if _, err := d.exec(ctx, `
		INSERT INTO people (id, email, given_name, family_name, created_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (email) DO NOTHING`,
		ulid.MustNew(ulid.Timestamp(now), rand.Reader).String(), string(address), givenName, familyName, now.UnixMicro(),
	); err != nil {
		return access.Person{}, err
	}
	return d.PersonByEmail(ctx, address)
}

// DeletePerson implements access.People.
func (d *Directory) DeletePerson(ctx context.Context, personID string) error {
	_, err := d.exec(ctx, `DELETE FROM people WHERE id = $1`, personID)
	return err
}

// PersonByEmail implements access.People.
func (d *Directory) PersonByEmail(ctx context.Context, address email.Address) (access.Person, error) {
	return d.person(ctx, `email = $1`, string(address))
}

// PeopleByID implements access.People.
func (d *Directory) PeopleByID(ctx context.Context, ids []string) (map[string]access.Person, error) {
	people := make(map[string]access.Person, len(ids))
	err := d.each(ctx, selectPeople+`id IN (%s)`, 1, binds(ids), func(r row) error {
		p, err := scanPerson(r)
		people[p.ID] = p
		return err
	})
	return people, err
}

func (d *Directory) personByLogin(ctx context.Context, l access.Login) (access.Person, error) {
	return d.person(ctx, `id = (SELECT person_id FROM logins WHERE issuer = $1 AND subject = $2)`, l.Issuer, l.Subject)
}

func (d *Directory) person(ctx context.Context, where string, args ...any) (access.Person, error) {
	p, err := scanPerson(d.db.QueryRowContext(ctx, selectPeople+where, args...))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return access.Person{}, access.Fail(access.NotFound, "not_found", "there is no such person")
	case err != nil:
		return access.Person{}, down(err)
	}
	return p, nil
}

const selectPeople = `
	SELECT id, email, given_name, family_name, COALESCE(user_name, ''), language, created_at, EXISTS (SELECT 1 FROM logins WHERE person_id = people.id)
	FROM people WHERE `

func scanPerson(r row) (access.Person, error) {
	var p access.Person
	var createdAt int64
	err := r.Scan(&p.ID, &p.Email, &p.GivenName, &p.FamilyName, &p.UserName, &p.Language, &createdAt, &p.HasLogin)
	p.CreatedAt = instant(createdAt)
	return p, err
}
