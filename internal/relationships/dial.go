package relationships

import (
	"context"
	"crypto/tls"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// Dial reaches a SpiceDB at host:port that wants the preshared key. Unless plain,
// it must show a certificate that this machine trusts. Nothing is sent yet; the
// connection ends with Close.
// Errors: an endpoint that cannot be one.
func Dial(endpoint, key string, plain bool) (*grpc.ClientConn, error) {
	transport := credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12})
	if plain {
		transport = insecure.NewCredentials()
	}
	return grpc.NewClient(endpoint, grpc.WithTransportCredentials(transport),
		grpc.WithPerRPCCredentials(preshared{key, plain}))
}

// preshared presents a key with every call.
type preshared struct {
	key   string
	plain bool
}

func (p preshared) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + p.key}, nil
}

func (p preshared) RequireTransportSecurity() bool { return !p.plain }
