package spicedb

import (
	"context"
	"errors"
	"fmt"

	v1 "github.com/authzed/authzed-go/proto/authzed/api/v1"
	"github.com/authzed/spicedb/pkg/zedtoken"

	"github.com/gatehouse/gatehouse/internal/access"
)

// Moment names a moment after everything committed before the call.
func (s *Server) Moment(ctx context.Context) (access.Token, error) { return s.Head(ctx) }

// Handled has nothing to note: moments are revisions, and so are positions.
func (s *Server) Handled(access.Change) {}

// Passed reports whether a position in the stream of changes is no earlier than a
// moment. Errors: a token that names no revision of this datastore.
func (s *Server) Passed(_ context.Context, position, moment access.Token) (bool, error) {
	reached, err := zedtoken.DecodeRevision(&v1.ZedToken{Token: string(position)}, s.store)
	if err != nil {
		return false, fmt.Errorf("read a position: %w", err)
	}
	wanted, err := zedtoken.DecodeRevision(&v1.ZedToken{Token: string(moment)}, s.store)
	if err != nil {
		return false, fmt.Errorf("read a moment: %w", err)
	}
	return !reached.Revision.LessThan(wanted.Revision), nil
}

// Pin notes the schema that is in force, for InForce to compare with.
func (s *Server) Pin(ctx context.Context) error {
	_, hash, err := s.layer.HeadRevision(ctx)
	if err != nil {
		return access.Down("SpiceDB", err)
	}
	s.pinned = string(hash)
	return nil
}

// InForce reports whether the schema is the one that was pinned. It looks at the
// newest moment, which is no earlier than any that has a token.
func (s *Server) InForce(ctx context.Context, _ access.Token) (bool, error) {
	_, hash, err := s.layer.HeadRevision(ctx)
	if err != nil {
		return false, access.Down("SpiceDB", err)
	}
	return string(hash) == s.pinned, nil
}

// Datastore names the file, or what is kept in its stead: no two have one name.
func (s *Server) Datastore(ctx context.Context) (string, error) { return s.store.UniqueID(ctx) }

// Issuer names the datastore that issued a token. Errors: it is no token, or says
// nothing about that.
func Issuer(t access.Token) (string, error) {
	decoded, err := zedtoken.Decode(&v1.ZedToken{Token: string(t)})
	if err != nil {
		return "", fmt.Errorf("read a token: %w", err)
	}
	if id := decoded.GetV1().GetDatastoreUniqueIdPrefix(); id != "" {
		return id, nil
	}
	return "", errors.New("this SpiceDB's tokens do not name its datastore: it is too old")
}
