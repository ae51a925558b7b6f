package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gatehouse/gatehouse/internal/audit"
	"github.com/gatehouse/gatehouse/internal/config"
	"github.com/gatehouse/gatehouse/internal/database"
	"github.com/gatehouse/gatehouse/internal/directory"
	"github.com/gatehouse/gatehouse/internal/relationships"
	"github.com/gatehouse/gatehouse/internal/spicedb"
	"github.com/gatehouse/gatehouse/internal/spicedb/sqlite"
)

// Stores are open while no server runs on them, to be exported or filled.
type Stores struct {
	Relationships *relationships.Archive
	Directory     *directory.Archive
	Audit         *audit.Archive

	closers []func() error // in the order of opening
}

// OpenStores opens the stores that the settings name; Close must follow. A data
// directory is made if need be, and must not be in use.
// Errors: those of the stores, and of directory.OpenArchive.
func OpenStores(ctx context.Context, c config.Stores) (*Stores, error) {
	if c.DataFile() != "" {
		if err := os.MkdirAll(c.DataDir, 0o700); err != nil {
			return nil, fmt.Errorf("make the data directory: %w", err)
		}
	}
	return open(ctx, c, c.DataFile())
}

// OpenSnapshot opens the stores that the settings name to be read; Close must
// follow. A data directory may be in use: a copy of its file is opened, made in the
// folder at beside and removed at Close.
// Errors: those of OpenStores.
func OpenSnapshot(ctx context.Context, c config.Stores, beside string) (_ *Stores, err error) {
	if c.DataFile() == "" {
		return open(ctx, c, "")
	}
	dir, err := os.MkdirTemp(beside, ".gatehouse-export-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for a copy: %w", err)
	}
	remove := func() error { return os.RemoveAll(dir) }
	path := filepath.Join(dir, "copy.db")
	if _, err := sqlite.Copy(ctx, c.DataFile(), path, func(int64) {}); err != nil {
		return nil, errors.Join(err, remove())
	}
	s, err := open(ctx, c, path)
	if err != nil {
		return nil, errors.Join(err, remove())
	}
	s.closers = append([]func() error{remove}, s.closers...)
	return s, nil
}

func open(ctx context.Context, c config.Stores, path string) (_ *Stores, err error) {
	s := &Stores{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if path == "" {
		err = s.openServers(ctx, c)
	} else {
		err = s.openFile(ctx, path)
	}
	return s, err
}

func (s *Stores) openFile(ctx context.Context, path string) error {
	engine, err := spicedb.Start(ctx, spicedb.Config{Path: path})
	if err != nil {
		return err
	}
	s.closers = append(s.closers, engine.Close)
	s.Relationships = relationships.NewArchive(engine.Conn())
	if s.Directory, err = directory.OpenArchive(ctx, engine.DB(), time.Now); err != nil {
		return err
	}
	s.Audit, err = audit.OpenArchive(ctx, engine.DB())
	return err
}

// openServers opens a SpiceDB and a Postgres that run by themselves.
func (s *Stores) openServers(ctx context.Context, c config.Stores) error {
	conn, err := relationships.Dial(c.SpiceDBEndpoint, c.SpiceDBKey, c.SpiceDBCAFile, c.Plaintext(), nil)
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
	if s.Directory, err = directory.OpenArchive(ctx, db, time.Now); err != nil {
		return err
	}
	s.Audit, err = audit.OpenArchive(ctx, db)
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

// Backup copies the file of a server, which may be running, to a new file.
// Errors: those of sqlite.Copy.
func Backup(ctx context.Context, c config.Stores, to string, heard func(bytes int64)) (bytes int64, err error) {
	return sqlite.Copy(ctx, c.DataFile(), to, heard)
}

// Restore makes the file of a server from a backup. It replaces none. The server
// goes its own way from the backup on, so tokens of the one before are refused:
// what they name may never have happened.
// Errors: those of sqlite.Copy.
func Restore(ctx context.Context, c config.Stores, from string, heard func(bytes int64)) (bytes int64, err error) {
	if err := os.MkdirAll(c.DataDir, 0o700); err != nil {
		return 0, fmt.Errorf("make the data directory: %w", err)
	}
	dir, err := os.MkdirTemp(c.DataDir, ".gatehouse-restore-")
	if err != nil {
		return 0, fmt.Errorf("make a folder for a copy: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "copy.db")
	if bytes, err = sqlite.Copy(ctx, from, path, heard); err != nil {
		return 0, err
	}
	if err := spicedb.Fork(ctx, path, directory.MoveCursors, audit.MoveCursor); err != nil {
		return 0, err
	}
	return bytes, sqlite.Place(path, c.DataFile())
}
