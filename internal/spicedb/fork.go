package spicedb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	v1 "github.com/authzed/authzed-go/proto/authzed/api/v1"
	"github.com/authzed/spicedb/pkg/zedtoken"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/spicedb/sqlite"
)

// Fork makes the file at path, which nobody has open, one that goes its own way:
// tokens that were issued by the file it is a copy of are refused. Those that are
// kept in the file itself are to be issued anew by the functions given.
func Fork(ctx context.Context, path string, kept ...func(ctx context.Context, file *sql.DB, anew func(access.Token) (access.Token, error)) error) (err error) {
	store, err := sqlite.Open(ctx, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if err := store.Fork(ctx); err != nil {
		return err
	}
	anew := func(t access.Token) (access.Token, error) {
		named, err := zedtoken.DecodeRevision(&v1.ZedToken{Token: string(t)}, store)
		if err != nil {
			return "", fmt.Errorf("read a kept token: %w", err)
		}
		issued, err := zedtoken.NewFromRevision(ctx, named.Revision, named.SchemaHash, store)
		return access.Token(issued.GetToken()), err
	}
	for _, move := range kept {
		if err := move(ctx, store.DB(), anew); err != nil {
			return err
		}
	}
	return nil
}
