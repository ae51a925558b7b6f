package server

import (
	"context"
	"database/sql"
	"fmt"
	"os"

	"github.com/gatehouse/gatehouse/internal/config"
	"github.com/gatehouse/gatehouse/internal/database"
	"github.com/gatehouse/gatehouse/internal/relationships"
	"github.com/gatehouse/gatehouse/internal/spicedb"
	"github.com/gatehouse/gatehouse/schema"
)

// base is what a server stands on: where relationships are kept, and everything else.
type base struct {
	gateway *relationships.Gateway
	backend backend
	db      *sql.DB
	// admit lets applications call SpiceDB's own API, where this server offers it.
	admit func(spicedb.Admission)
	// ready lets the next server start, where several stand on one base.
	ready func()
}

// stand opens what the server stands on, and has it know the schema.
func (s *Server) stand(ctx context.Context, c config.Config) (base, error) {
	if c.SpiceDBEndpoint != "" {
		return s.standBeside(ctx, c)
	}
	if info, err := os.Stat(c.DataFile()); err == nil && info.Size() > slowFile {
		s.log.Info("checking the data file, which takes about a second for each 300 MB", "file", c.DataFile(), "MB", info.Size()>>20)
	}
	engine, err := spicedb.Start(ctx, spicedb.Config{
		Path: c.DataFile(), Addr: c.GRPCAddr, Key: c.GRPCKey, CertFile: c.TLS.CertFile, KeyFile: c.TLS.KeyFile,
		OpenDB: s.traces.OpenDB("sqlite"), Calls: s.traces.Calls(),
	})
	if err != nil {
		return base{}, err
	}
	s.closers = append(s.closers, engine.Close)
	// One file keeps relationships and the names of those they relate, so that a
	// copy of it is always a copy of both.
	b := base{relationships.New(engine.Conn(), engine.Head), engine, engine.DB(), engine.Admit, func() {}}
	if err := b.gateway.ApplySchema(ctx, schema.Text); err != nil {
		return b, err
	}
	return b, engine.Pin(ctx)
}

// standBeside stands on a SpiceDB and a Postgres that run by themselves, maybe with
// other servers. Until it is ready no other starts: what one prepares, the next
// finds done, and what the next must not miss has not happened yet.
func (s *Server) standBeside(ctx context.Context, c config.Config) (base, error) {
	conn, err := relationships.Dial(c.SpiceDBEndpoint, c.SpiceDBKey, c.SpiceDBCAFile, c.Plaintext(), s.traces.Calls())
	if err != nil {
		return base{}, fmt.Errorf("spicedb-endpoint: %w", err)
	}
	s.closers = append(s.closers, conn.Close)
	db, err := database.OpenWith(ctx, c.DirectoryURL, s.traces.OpenDB("postgresql"))
	if err != nil {
		return base{}, fmt.Errorf("directory-url: %w", err)
	}
	s.closers = append(s.closers, db.Close)
	ready, err := database.Lock(ctx, db, "gatehouse start")
	if err != nil {
		return base{}, fmt.Errorf("directory-url: %w", err)
	}
	moments := relationships.NewMoments(conn)
	b := base{relationships.New(conn, moments.Head), remote{moments, relationships.NewPulse(conn, schema.Text)}, db, func(spicedb.Admission) {}, ready}
	later, err := b.gateway.OfferSchema(ctx, schema.Text)
	if err != nil {
		return b, fmt.Errorf("spicedb-endpoint %s: %w", c.SpiceDBEndpoint, err)
	}
	if later {
		s.log.Warn("SpiceDB has the schema of a newer Gatehouse, which is left as it is")
	}
	return b, nil
}

// inTurn runs followers on one at a time of the servers that share a database.
type inTurn struct {
	s         *Server
	db        *sql.DB
	followers []follower
}

func (t inTurn) Run(ctx context.Context) {
	database.InTurn(ctx, t.db, "gatehouse followers", t.s.log, func(ctx context.Context) {
		t.s.turn.Set(1)
		defer t.s.turn.Set(0)
		runAll(ctx, t.followers)
	})
}
