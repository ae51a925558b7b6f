package relationships

import (
	"context"
	"crypto/tls"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/stats"
)

// Dial reaches a SpiceDB at host:port that wants the preshared key. Unless plain,
// it must show a certificate of the authorities in the CA file or, without one, of
// those this machine trusts. Nothing is sent yet; the connection ends with Close.
// Calls are told of each call; nil tells nobody.
// Errors: an endpoint or a CA file that cannot be one.
func Dial(endpoint, key, caFile string, plain bool, calls stats.Handler) (*grpc.ClientConn, error) {
	transport := credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12})
	if caFile != "" {
		var err error
		if transport, err = credentials.NewClientTLSFromFile(caFile, ""); err != nil {
			return nil, fmt.Errorf("read the authorities of %s: %w", caFile, err)
		}
	}
	if plain {
		transport = insecure.NewCredentials()
	}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(transport), grpc.WithPerRPCCredentials(preshared{key, plain}), grpc.WithDefaultServiceConfig(deadlines),
	}
	if calls != nil {
		options = append(options, grpc.WithStatsHandler(calls))
	}
	return grpc.NewClient(endpoint, options...)
}

// deadlines bound every call but those that last: a SpiceDB that hangs is one that is
// down. Whoever calls may have less time.
const deadlines = `{"methodConfig": [
	{"name": [{"service": "authzed.api.v1.PermissionsService"}, {"service": "authzed.api.v1.SchemaService"}], "timeout": "10s"},
	{"name": [
		{"service": "authzed.api.v1.PermissionsService", "method": "CheckPermission"},
		{"service": "authzed.api.v1.PermissionsService", "method": "CheckBulkPermissions"}
	], "timeout": "3s"},
	{"name": [
		{"service": "authzed.api.v1.PermissionsService", "method": "ExportBulkRelationships"},
		{"service": "authzed.api.v1.PermissionsService", "method": "ImportBulkRelationships"}
	]}
]}`

// preshared presents a key with every call.
type preshared struct {
	key   string
	plain bool
}

func (p preshared) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + p.key}, nil
}

func (p preshared) RequireTransportSecurity() bool { return !p.plain }
