package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"net/url"

	modernc "modernc.org/sqlite"
)

// DB shares the file with those who keep tables of their own in it. Their
// transactions wait for their turn to write with ours, in order of arrival, and
// so do their single statements; only statements they have prepared outside of a
// transaction contend for SQLite's own lock. To begin a transaction inside
// ReadWriteTx waits for oneself: until the context ends. The handle ends with
// Close; tables whose names begin with spicedb_ are ours.
func (d *Datastore) DB() *sql.DB { return d.shared }

func (d *Datastore) share(path string) (*sql.DB, error) {
	c, err := modernc.NewConnector(name(path, url.Values{
		"_busy_timeout": {"10000"},
		"_foreign_keys": {"on"},
		"_synchronous":  {d.settings.synchronous},
		"_txlock":       {"immediate"},
	}))
	if err != nil {
		return nil, err
	}
	db := d.settings.openDB(connector{c, d})
	db.SetMaxOpenConns(idle)
	db.SetMaxIdleConns(idle)
	return db, nil
}

type connector struct {
	driver.Connector
	d *Datastore
}

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	own, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &guest{conn: own.(conn), d: c.d}, nil
}

// conn is what the driver's connections can do.
type conn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// guest is a connection that writes in turn.
type guest struct {
	conn
	d      *Datastore
	inTurn bool
}

func (g *guest) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	if err := g.d.takeTurn(ctx, 0); err != nil {
		return nil, err
	}
	tx, err := g.conn.BeginTx(ctx, o)
	if err != nil {
		g.d.endTurn()
		return nil, err
	}
	g.inTurn = true
	return guestTx{tx, g}, nil
}

func (g *guest) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	if !g.inTurn {
		if err := g.d.takeTurn(ctx, 0); err != nil {
			return nil, err
		}
		defer g.d.endTurn()
	}
	return g.conn.ExecContext(ctx, text, args)
}

// Close gives up the turn of a transaction that was never ended.
func (g *guest) Close() error {
	defer g.endTurn()
	return g.conn.Close()
}

func (g *guest) endTurn() {
	if g.inTurn {
		g.inTurn = false
		g.d.endTurn()
	}
}

type guestTx struct {
	driver.Tx
	g *guest
}

// Commit ends the transaction also when it fails: as database/sql sees it, there is
// nothing left to roll back.
func (t guestTx) Commit() error {
	err := t.Tx.Commit()
	if err != nil {
		err = errors.Join(err, t.Tx.Rollback())
	}
	t.g.endTurn()
	return err
}

func (t guestTx) Rollback() error {
	defer t.g.endTurn()
	return t.Tx.Rollback()
}
