package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"io"
	"sync"
)

// connection is a *sql.DB or a *sql.Conn.
type connection interface {
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	io.Closer
}

// preparedLimit bounds the statements that are kept. Few shapes of query make up
// nearly all the traffic; a rare one is prepared each time.
const preparedLimit = 256

// session is a connection, or a pool of them, that prepares each statement once.
type session struct {
	connection
	pool *sql.DB

	mu       sync.RWMutex
	prepared map[string]*sql.Stmt
}

func newSession(c connection, pool *sql.DB) *session {
	return &session{connection: c, pool: pool, prepared: map[string]*sql.Stmt{}}
}

// statement is nil where none is kept.
func (s *session) statement(ctx context.Context, text string) (*sql.Stmt, error) {
	s.mu.RLock()
	stmt, full := s.prepared[text], len(s.prepared) >= preparedLimit
	s.mu.RUnlock()
	if stmt != nil || full {
		return stmt, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if stmt = s.prepared[text]; stmt != nil {
		return stmt, nil
	}
	stmt, err := s.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	s.prepared[text] = stmt
	return stmt, nil
}

func (s *session) query(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	stmt, err := s.statement(ctx, text)
	if err != nil {
		return nil, err
	}
	if stmt == nil {
		return s.QueryContext(ctx, text, args...)
	}
	return stmt.QueryContext(ctx, args...)
}

func (s *session) exec(ctx context.Context, text string, args ...any) (int64, error) {
	stmt, err := s.statement(ctx, text)
	if err != nil {
		return 0, err
	}
	var result sql.Result
	if stmt == nil {
		result, err = s.ExecContext(ctx, text, args...)
	} else {
		result, err = stmt.ExecContext(ctx, args...)
	}
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// row is the first row of a query, or the reason why there is none.
type row struct {
	rows *sql.Rows
	err  error
}

func (s *session) queryRow(ctx context.Context, text string, args ...any) row {
	rows, err := s.query(ctx, text, args...)
	return row{rows, err}
}

// Scan reads the row.
// Errors: sql.ErrNoRows, those of the driver.
func (r row) Scan(into ...any) error {
	if r.err != nil {
		return r.err
	}
	defer r.rows.Close()
	if !r.rows.Next() {
		return cmp.Or(r.rows.Err(), sql.ErrNoRows)
	}
	return errors.Join(r.rows.Scan(into...), r.rows.Close())
}

func (s *session) close() error {
	var errs []error
	for _, stmt := range s.prepared {
		errs = append(errs, stmt.Close())
	}
	if s.connection != connection(s.pool) {
		errs = append(errs, s.connection.Close())
	}
	return errors.Join(append(errs, s.pool.Close())...)
}
