package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/internal/authn"
	"github.com/gatehouse/gatehouse/internal/config"
	"github.com/gatehouse/gatehouse/internal/email"
)

func token() *cobra.Command {
	var address, dataDir, keyFile string
	var operator bool
	command := &cobra.Command{
		Use: "token", Short: "Make an access token for a person (dev mode only)", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			parsed, err := email.Parse(address)
			if err != nil {
				return fmt.Errorf("--email: %q is not an e-mail address", address)
			}
			issuer, err := authn.OpenDevIssuer(config.DevKey(keyFile, dataDir), false, time.Now)
			if errors.Is(err, fs.ErrNotExist) && keyFile != "" {
				return fmt.Errorf("there is no dev signing key at %s: start `gatehouse serve --dev` with this --dev-key-file once", keyFile)
			}
			if errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("there is no dev signing key in %s: start `gatehouse serve --dev` with this --data-dir once", dataDir)
			}
			if err != nil {
				return err
			}
			signed, err := issuer.Token(parsed, operator)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), signed)
			return err
		},
	}
	command.Flags().StringVar(&address, "email", "", "whose token")
	command.Flags().BoolVar(&operator, "operator", false, "make the person an operator of the platform at their next request")
	command.Flags().StringVar(&dataDir, "data-dir", cmp.Or(os.Getenv("GATEHOUSE_DATA_DIR"), "./data"), "data directory of the server")
	command.Flags().StringVar(&keyFile, "dev-key-file", os.Getenv("GATEHOUSE_DEV_KEY_FILE"), "signing key that several servers share")
	_ = command.MarkFlagRequired("email") // fails only for a flag that is not declared
	return command
}
