package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

const (
	// lookForTurn is how often those who wait look whether it is their turn.
	lookForTurn = time.Second
	// proof is how often whoever has it makes sure, and how long that may take.
	proof = time.Second
)

// Lock waits until no process has the lock of that name on a Postgres database, and
// has it until release. Errors: those of the driver.
func Lock(ctx context.Context, db *sql.DB, name string) (release func(), err error) {
	s, err := newSession(ctx, db)
	if err != nil {
		return nil, err
	}
	if _, err := s.ExecContext(ctx, `SELECT pg_advisory_lock(hashtextextended($1, 0))`, name); err != nil {
		s.end()
		return nil, fmt.Errorf("wait for the lock %s: %w", name, err)
	}
	return s.end, nil
}

// InTurn has one process at a time, of all on a Postgres database, do something,
// until the context ends. The context of what is done ends when the process loses
// touch with the database; another takes over within seconds then, and when the
// process dies. In between both may be at it: it must bear that.
func InTurn(ctx context.Context, db *sql.DB, name string, log *slog.Logger, do func(context.Context)) {
	look := time.NewTicker(lookForTurn)
	defer look.Stop()
	for {
		if err := turn(ctx, db, name, log, do); err != nil && ctx.Err() == nil {
			log.Warn("no turn, trying again", "at", name, "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
	}
}

// turn does it if it is this process's turn, for as long as that lasts.
func turn(ctx context.Context, db *sql.DB, name string, log *slog.Logger, do func(context.Context)) error {
	s, err := newSession(ctx, db)
	if err != nil {
		return err
	}
	defer s.end()
	ours := false
	if err := s.QueryRowContext(ctx, `SELECT pg_try_advisory_lock(hashtextextended($1, 0))`, name).Scan(&ours); err != nil || !ours {
		return err
	}
	log.Info("this server's turn", "at", name)
	held, lose := context.WithCancel(ctx)
	var doing sync.WaitGroup
	doing.Go(func() { do(held) })
	err = s.lasts(ctx)
	lose()
	doing.Wait()
	return err
}

// session is a connection of one's own. Postgres lets go of its locks when it ends,
// however it ends.
type session struct{ *sql.Conn }

func newSession(ctx context.Context, db *sql.DB) (session, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return session{}, fmt.Errorf("open a session: %w", err)
	}
	s := session{conn}
	// Of a machine that is gone without a word Postgres would hear after hours.
	if _, err := s.ExecContext(ctx, `SET tcp_keepalives_idle = 3; SET tcp_keepalives_interval = 1; SET tcp_keepalives_count = 3`); err != nil {
		s.end()
		return session{}, fmt.Errorf("open a session: %w", err)
	}
	return s, nil
}

// end ends the session; a connection that went back to the others would keep its locks.
func (s session) end() {
	_ = s.Raw(func(any) error { return driver.ErrBadConn }) // which is how to say so
}

// lasts returns once the session has ended, or the context.
func (s session) lasts(ctx context.Context) error {
	look := time.NewTicker(proof)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
		}
		asking, cancel := context.WithTimeout(ctx, proof)
		_, err := s.ExecContext(asking, `SELECT 1`)
		cancel()
		if err != nil {
			return fmt.Errorf("the session ended: %w", err)
		}
	}
}
