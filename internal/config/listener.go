package config

import "github.com/spf13/pflag"

// Listener says where a server on this machine listens, and whether over TLS.
type Listener struct {
	HTTPAddr string `koanf:"http-addr"`
	CertFile string `koanf:"tls-cert-file"`
}

// ListenerFlags declares the settings of Listener, which mean what they do to the server.
func ListenerFlags(flags *pflag.FlagSet) {
	all := pflag.NewFlagSet("", pflag.ContinueOnError)
	Flags(all)
	flags.AddFlag(all.Lookup("http-addr"))
	flags.AddFlag(all.Lookup("tls-cert-file"))
}

// LoadListener reads the settings of Listener from where Load reads those of the server.
func LoadListener(flags *pflag.FlagSet, path string) (Listener, error) {
	var l Listener
	err := loadSome(flags, File(path), &l)
	return l, err
}
