package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

// app manages applications through the API of a server that runs: it alone may write
// its data, and the audit names the operator.
func app() *cobra.Command {
	var s remote
	parent := &cobra.Command{Use: "app", Short: "Applications: programs that ask with keys of their own"}
	parent.PersistentFlags().StringVar(&s.url, "url", "", "where the server is (default: GATEHOUSE_URL, or else http://127.0.0.1:8080)")
	parent.AddCommand(createApp(&s), listApps(&s), rotateApp(&s), revokeApp(&s))
	return parent
}

// shownKey is what a new key is answered with.
type shownKey struct {
	ID     string `json:"id"`
	Prefix string `json:"prefix"`
}

func createApp(s *remote) *cobra.Command {
	var scopes, manages []string
	var expiresIn time.Duration
	command := &cobra.Command{
		Use: "create NAME", Short: "Create an application, and print the secret of its key: it is shown this once", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			body := map[string]any{"name": args[0], "scopes": append([]string{}, scopes...)}
			objects := make([]map[string]string, len(manages))
			for i, text := range manages {
				objectType, id, ok := strings.Cut(text, ":")
				if !ok {
					return fmt.Errorf("--manages: %q is not type:id, such as project:discovery", text)
				}
				objects[i] = map[string]string{"type": objectType, "id": id}
			}
			body["manages"] = objects
			expires(body, expiresIn)
			var made struct {
				Application struct {
					ID   string     `json:"id"`
					Keys []shownKey `json:"keys"`
				} `json:"application"`
				Secret string `json:"secret"`
			}
			if err := s.call(c.Context(), http.MethodPost, "/v1/applications", body, &made); err != nil {
				return err
			}
			_, _ = fmt.Fprintf(c.ErrOrStderr(), "application %s, key %s\n", made.Application.ID, made.Application.Keys[0].ID)
			_, err := fmt.Fprintln(c.OutOrStdout(), made.Secret)
			return err
		},
	}
	command.Flags().StringSliceVar(&scopes, "scope", nil, "what it may ask: check, lookup, explain, read_audit, grpc_read, grpc_write")
	command.Flags().StringSliceVar(&manages, "manages", nil, "type:id of an object whose people it may manage")
	command.Flags().DurationVar(&expiresIn, "expires-in", 0, "how long its key lives, such as 2160h; without it, until it is revoked")
	return command
}

func listApps(s *remote) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List applications and their live keys", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			table := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			_, _ = fmt.Fprintln(table, "APPLICATION\tNAME\tMAY\tKEY\tSECRET\tEXPIRES\tLAST USED")
			for cursor := ""; ; {
				var page struct {
					Applications []struct {
						ID, Name string
						Scopes   []string
						Manages  []struct{ Type, ID string }
						Keys     []struct {
							shownKey
							ExpiresAt  string `json:"expires_at"`
							LastUsedAt string `json:"last_used_at"`
						}
					} `json:"applications"`
					Next string `json:"next_cursor"`
				}
				if err := s.call(c.Context(), http.MethodGet, "/v1/applications?cursor="+url.QueryEscape(cursor), nil, &page); err != nil {
					return err
				}
				for _, a := range page.Applications {
					may := a.Scopes
					for _, m := range a.Manages {
						may = append(may, "manages "+m.Type+":"+m.ID)
					}
					_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t\t\t\t\n", a.ID, a.Name, strings.Join(may, ", "))
					for _, k := range a.Keys {
						_, _ = fmt.Fprintf(table, "\t\t\t%s\t%s…\t%s\t%s\n", k.ID, k.Prefix, cmp.Or(k.ExpiresAt, "never"), cmp.Or(k.LastUsedAt, "never"))
					}
				}
				if cursor = page.Next; cursor == "" {
					return table.Flush()
				}
			}
		},
	}
}

func rotateApp(s *remote) *cobra.Command {
	var expiresIn time.Duration
	command := &cobra.Command{
		Use: "rotate APPLICATION", Short: "Give an application a second key, and print its secret; then revoke the first", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			body := map[string]any{}
			expires(body, expiresIn)
			var made struct {
				Key    shownKey `json:"key"`
				Secret string   `json:"secret"`
			}
			if err := s.call(c.Context(), http.MethodPost, "/v1/applications/"+url.PathEscape(args[0])+"/keys", body, &made); err != nil {
				return err
			}
			_, _ = fmt.Fprintf(c.ErrOrStderr(), "key %s\n", made.Key.ID)
			_, err := fmt.Fprintln(c.OutOrStdout(), made.Secret)
			return err
		},
	}
	command.Flags().DurationVar(&expiresIn, "expires-in", 0, "how long the key lives, such as 2160h; without it, until it is revoked")
	return command
}

func revokeApp(s *remote) *cobra.Command {
	return &cobra.Command{
		Use: "revoke APPLICATION [KEY]", Short: "Revoke a key of an application, or all of it", Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			path := "/v1/applications/" + url.PathEscape(args[0])
			if len(args) == 2 {
				path += "/keys/" + url.PathEscape(args[1])
			}
			return s.call(c.Context(), http.MethodDelete, path, nil, nil)
		},
	}
}

func expires(body map[string]any, in time.Duration) {
	if in != 0 {
		body["expires_at"] = time.Now().Add(in).UTC().Format(time.RFC3339)
	}
}

// remote is a server that runs.
type remote struct{ url string }

// call sends a request as the operator whose token the environment holds, and not the
// command line, which other users of the machine can read.
func (s *remote) call(ctx context.Context, method, path string, body, into any) error {
	token := os.Getenv("GATEHOUSE_TOKEN")
	if token == "" {
		return errors.New("GATEHOUSE_TOKEN is not set: it holds the access token of an operator")
	}
	var text io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return err
		}
		text = bytes.NewReader(encoded)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(cmp.Or(s.url, os.Getenv("GATEHOUSE_URL"), "http://127.0.0.1:8080"), "/")+path, text)
	if err != nil {
		return errors.New("url cannot be read; it is not repeated, for it may hold a password")
	}
	request.Header.Set("Authorization", "Bearer "+token)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	// A redirect would have the token sent to whoever it names.
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode >= http.StatusMultipleChoices {
		var problem struct{ Code, Detail string }
		if err := json.NewDecoder(response.Body).Decode(&problem); err != nil || problem.Code == "" {
			return fmt.Errorf("the server answered %s", response.Status)
		}
		return fmt.Errorf("%s (%s)", problem.Detail, problem.Code)
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(response.Body).Decode(into)
}
