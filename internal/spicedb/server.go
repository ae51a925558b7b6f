// Package spicedb runs SpiceDB inside this process. It is the only importer of
// authzed/spicedb; everything else speaks to it through authzed-go or the ports
// of package access.
package spicedb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/authzed/spicedb/pkg/cmd/server"
	"github.com/authzed/spicedb/pkg/cmd/util"
	"github.com/authzed/spicedb/pkg/datalayer"
	"github.com/authzed/spicedb/pkg/embedded"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/stats"

	"github.com/gatehouse/gatehouse/internal/spicedb/sqlite"
)

// Config says how to run the embedded server.
type Config struct {
	// Path is the file that keeps everything; empty keeps it until Close.
	Path string
	// Addr is where zed and authzed clients reach SpiceDB's own gRPC API;
	// empty offers it to nobody.
	Addr string
	// Key is the preshared key they present.
	Key string
	// CertFile and KeyFile are what the gRPC API shows over TLS, and read again when
	// they change; without them it is not encrypted.
	CertFile, KeyFile string
	// OpenDB opens what DB shares; nil stands for sql.OpenDB.
	OpenDB func(driver.Connector) *sql.DB
	// Calls are told of each call over Conn; nil tells nobody.
	Calls stats.Handler
}

// schemaMode keeps the schema in one piece, which lets a check find it in a cache
// by its hash. Kept by definition it would be read anew for every check: that
// took three times as long.
//
// It is written by definition too, for the sake of those who watch the schema.
const schemaMode = datalayer.SchemaModeReadNewWriteBoth

// Server is a running embedded SpiceDB.
type Server struct {
	store   *sqlite.Datastore
	layer   datalayer.DataLayer
	checker *embedded.Permissions
	conn    *grpc.ClientConn
	stop    context.CancelFunc
	running *errgroup.Group
	pinned  string // hash of a schema

	admission atomic.Pointer[Admission] // of applications; nil until there is one
}

// Start runs SpiceDB until Close. It is ready to serve when Start returns.
func Start(ctx context.Context, c Config) (_ *Server, err error) {
	// SpiceDB stops by cancellation of its context; ours ends with Close, not
	// with whatever started us, so that requests in flight can drain first.
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	s := &Server{stop: stop, running: new(errgroup.Group)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()

	// Revisions are rounded for the sake of dispatch caches, which are off:
	// unrounded, zed sees by default what the façade sees.
	options := []sqlite.Option{sqlite.RevisionQuantization(0)}
	if c.OpenDB != nil {
		options = append(options, sqlite.OpenDB(c.OpenDB))
	}
	if s.store, err = sqlite.Open(ctx, c.Path, options...); err != nil {
		return nil, err
	}
	s.layer = datalayer.NewDataLayer(s.store, datalayer.WithSchemaMode(schemaMode))
	if s.checker, err = embedded.NewPermissions(embedded.Config{
		Datastore: s.store, SchemaMode: schemaMode, SchemaCacheMaxCostBytes: 16 << 20,
	}); err != nil {
		return nil, err
	}

	// A SpiceDB server has one listener, so there are two over one datastore:
	// our own calls stay in the process, and zed comes over TCP.
	inProcess, err := s.serve(ctx,
		server.WithGRPCServer(util.GRPCServerConfig{Enabled: true, Network: util.BufferedNetwork, Address: "in-process"}),
		server.WithGRPCAuthFunc(func(ctx context.Context) (context.Context, error) { return ctx, nil }),
	)
	if err != nil {
		return nil, err
	}
	var calls []grpc.DialOption
	if c.Calls != nil {
		calls = append(calls, grpc.WithStatsHandler(c.Calls))
	}
	if s.conn, err = inProcess.NewClient(calls...); err != nil {
		return nil, err
	}
	if c.Addr != "" {
		if _, err = s.serve(ctx,
			server.WithGRPCServer(util.GRPCServerConfig{Enabled: true, Network: "tcp", Address: c.Addr, TLSCertPath: c.CertFile, TLSKeyPath: c.KeyFile}),
			server.WithGRPCAuthFunc(s.authorize(c.Key)),
			server.WithUnaryMiddlewareModification(server.MiddlewareModification[grpc.UnaryServerInterceptor]{
				DependencyMiddlewareName: server.DefaultMiddlewareGRPCAuth, Operation: server.OperationAppend,
				Middlewares: []server.ReferenceableMiddleware[grpc.UnaryServerInterceptor]{{Name: "gatehouse-signature", Middleware: signed}},
			}),
		); err != nil {
			return nil, fmt.Errorf("grpc-addr: %w", err)
		}
	}
	return s, nil
}

func (s *Server) serve(ctx context.Context, options ...server.ConfigOption) (server.RunnableServer, error) {
	off := server.CacheConfig{Enabled: false}
	config := server.NewConfigWithOptionsAndDefaults(append([]server.ConfigOption{
		server.WithDatastore(s.store),
		server.WithExperimentalSchemaMode(schemaMode.String()),
		// SpiceDB ≤ 1.57.0 renews the life of a cached answer on every read,
		// so an ended role would stay allowed for as long as somebody asks.
		server.WithDispatchCacheConfig(off),
		server.WithClusterDispatchCacheConfig(off),
		server.WithLR3ResourceChunkCacheConfig(off),
		server.WithHTTPGateway(util.HTTPServerConfig{}),
		server.WithMetricsAPI(util.HTTPServerConfig{}),
		server.WithDispatchServer(util.GRPCServerConfig{}),
		server.WithSilentlyDisableTelemetry(true),
		server.WithEnableMemoryProtectionMiddleware(false),
		server.WithDispatchClientMetricsEnabled(false),
		server.WithDispatchClusterMetricsEnabled(false),
		server.WithMismatchZedTokenBehavior("error"),
		server.WithShutdownGracePeriod(2 * time.Second),
	}, options...)...)
	ready, err := config.Complete(ctx)
	if err != nil {
		return nil, fmt.Errorf("start SpiceDB: %w", err)
	}
	s.running.Go(func() error {
		err := ready.Run(ctx)
		if errors.Is(err, grpc.ErrServerStopped) { // before it had begun
			err = nil
		}
		return err
	})
	return ready, nil
}

// Conn reaches SpiceDB's gRPC API without leaving the process.
func (s *Server) Conn() grpc.ClientConnInterface { return s.conn }

// DB is the file, for those who keep tables of their own in it: see
// sqlite.Datastore.DB.
func (s *Server) DB() *sql.DB { return s.store.DB() }

// Close stops serving, waits for calls in flight, and closes the store.
func (s *Server) Close() error {
	var errs []error
	if s.conn != nil {
		errs = append(errs, s.conn.Close())
	}
	s.stop()
	errs = append(errs, s.running.Wait())
	if s.checker != nil {
		errs = append(errs, s.checker.Close())
	}
	if s.store != nil {
		errs = append(errs, s.store.Close())
	}
	return errors.Join(errs...)
}
