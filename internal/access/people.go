package access

import (
	"time"

	"github.com/gatehouse/gatehouse/internal/email"
)

// Person is someone the directory knows, with or without a login. The id is
// the id of the SpiceDB user and says nothing about the person.
type Person struct {
	ID         string
	Email      email.Address
	GivenName  string
	FamilyName string
	UserName   string // unique, case sensitive; empty: none (DCX-10)
	Language   Language
	HasLogin   bool
	CreatedAt  time.Time
}

// Language is what a person is written to in.
type Language string

// The languages. Who has not chosen is written to in English.
const (
	English Language = "en"
	German  Language = "de"
)

// ParseLanguage accepts the languages there are. Errors: Invalid (invalid_language).
func ParseLanguage(text string) (Language, error) {
	if l := Language(text); l == English || l == German {
		return l, nil
	}
	return "", Fail(Invalid, "invalid_language", "language must be en or de")
}

// ProfileChange says what of a person's profile is to be another; nil stays as it is.
type ProfileChange struct {
	GivenName  *string
	FamilyName *string
	UserName   *string // empty: none
	Language   *Language
	Email      *email.Address
}

// Login is an identity as an issuer vouches for it. A person is recognised by
// issuer and subject, never by e-mail alone, except on the very first login.
type Login struct {
	Issuer        string
	Subject       string
	Email         email.Address
	EmailVerified bool
	GivenName     string
	FamilyName    string
	Operator      bool // the dev issuer says so; never set by another
	ExpiresAt     time.Time
}

// ObjectProfile is what the directory keeps of an object: what people call it.
type ObjectProfile struct {
	Object
	Name     string
	TimeZone string // IANA name

	// Customer accounts only (NINE-2); both are unique.
	CustomerNumber string
	Identifier     string

	ExternalReference string // what the reseller calls a sub-customer (DCX-7)

	ServiceKind string // services only
}

// APIKeyProfile is what the directory keeps of an API key: of its secret no more
// than a hash. Whose it is, and what it may do, are relationships.
type APIKeyProfile struct {
	ID        string
	Name      string
	Hash      [32]byte // SHA-256 of the secret
	CreatedAt time.Time
}

// ApplicationProfile is what the directory keeps of an application. What it may do,
// and which of its keys are live, are relationships.
type ApplicationProfile struct {
	ID        string
	Name      string
	CreatedBy string // id of the person
	CreatedAt time.Time
}

// ApplicationKeyProfile is what the directory keeps of a key of an application.
type ApplicationKeyProfile struct {
	ID            string
	ApplicationID string
	Hash          [32]byte // SHA-256 of the secret
	Prefix        string   // the beginning of the secret, by which people tell keys apart
	CreatedAt     time.Time
	LastUsedAt    time.Time // to the minute; zero: never
}

// InvitationProfile is what the directory keeps of an invitation; whether it is
// pending is a matter of relationships.
type InvitationProfile struct {
	ID        string
	InviteeID string
	Email     email.Address
	CreatedAt time.Time
	ExpiresAt time.Time
}
