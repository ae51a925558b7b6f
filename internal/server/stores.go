package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse/gatehouse/internal/config"
	"github.com/gatehouse/gatehouse/internal/database"
	"github.com/gatehouse/gatehouse/internal/directory"
	"github.com/gatehouse/gatehouse/internal/relationships"
)

// Stores are open while no server runs on them, to be exported or filled.
type Stores struct {
	Relationships *relationships.Archive
	Directory     *directory.Archive

	closers []func() error // in the order of opening
}

// OpenStores opens the stores that the settings name; Close must follow.
// Errors: those of the stores, and of directory.OpenArchive.
func OpenStores(ctx context.Context, c config.Stores) (_ *Stores, err error) {
	s := &Stores{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	open := s.openServers
	if c.SpiceDBEndpoint == "" {
		open = s.openDataDir
	}
	if err := open(ctx, c); err != nil {
		return nil, err
	}
	return s, nil
}

// openDataDir has nothing to open yet: the embedded engine keeps all in memory.
func (s *Stores) openDataDir(_ context.Context, c config.Stores) error {
	return fmt.Errorf("a server keeps nothing in %s yet: name a SpiceDB that runs by itself with --spicedb-endpoint, and its --directory-url", c.DataDir)
}

// openServers opens a SpiceDB and a Postgres that run by themselves.
func (s *Stores) openServers(ctx context.Context, c config.Stores) error {
	conn, err := relationships.Dial(c.SpiceDBEndpoint, c.SpiceDBKey, c.SpiceDBInsecure)
	if err != nil {
		return fmt.Errorf("spicedb-endpoint: %w", err)
	}
	s.closers = append(s.closers, conn.Close)
	s.Relationships = relationships.NewArchive(conn)

	db, err := database.Open(ctx, c.DirectoryURL)
	if err != nil {
		return err
	}
	s.closers = append(s.closers, db.Close)
	s.Directory, err = directory.OpenArchive(ctx, db, time.Now)
	return err
}

// Close closes the stores, the last opened first.
func (s *Stores) Close() error {
	var errs []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		errs = append(errs, s.closers[i]())
	}
	return errors.Join(errs...)
}
