package tracing

import (
	"database/sql"
	"database/sql/driver"

	"github.com/XSAM/otelsql"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"google.golang.org/grpc/stats"
)

// OpenDB opens a database of a kind, such as postgresql, as sql.OpenDB does.
func (t *Tracing) OpenDB(kind string) func(driver.Connector) *sql.DB {
	if t == nil {
		return sql.OpenDB
	}
	return func(c driver.Connector) *sql.DB {
		wrapped := otelsql.WrapDriver(only{Connector: c}, otelsql.WithTracerProvider(t.Parts()),
			otelsql.WithAttributes(attribute.String("db.system.name", kind)),
			otelsql.WithSpanOptions(otelsql.SpanOptions{OmitConnResetSession: true, OmitConnPrepare: true, OmitRows: true}))
		connector, _ := wrapped.(driver.DriverContext).OpenConnector("") // only never fails
		return sql.OpenDB(unchanged{connector, c.Driver()})
	}
}

// only is a driver that makes one connector.
type only struct {
	driver.Driver
	driver.Connector
}

// OpenConnector implements driver.DriverContext.
func (o only) OpenConnector(string) (driver.Connector, error) { return o.Connector, nil }

// unchanged has whoever asks what kind of database it is see what they would see
// without tracing.
type unchanged struct {
	driver.Connector
	driver driver.Driver
}

// Driver implements driver.Connector.
func (u unchanged) Driver() driver.Driver { return u.driver }

// Calls has calls by gRPC traced, and whoever is called told of the trace; nil while
// tracing is off.
func (t *Tracing) Calls() stats.Handler {
	if t == nil {
		return nil
	}
	return otelgrpc.NewClientHandler(otelgrpc.WithTracerProvider(t.Parts()), otelgrpc.WithPropagators(propagation.TraceContext{}))
}
