package relationships_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/relationships"
	"github.com/gatehouse/gatehouse/internal/spicedb"
)

const everythingThereIs = `use expiration

caveat on_weekday(day string, days list<string>) {
	day in days
}

definition user {}

definition group {
	relation member: user | group#member
}

definition document {
	relation viewer: user | user:* | group#member | user with on_weekday | user with expiration | user with on_weekday and expiration
	permission view = viewer
}
`

const key = "a-preshared-key-of-length"

// startEmpty runs a SpiceDB without a schema, and says where its gRPC API is.
func startEmpty(t *testing.T) (*relationships.Archive, *relationships.Gateway, string) {
	t.Helper()
	address := freeAddress(t)
	engine, err := spicedb.Start(t.Context(), spicedb.Config{Addr: address, Key: key})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, engine.Close()) })
	return relationships.NewArchive(engine.Conn()), relationships.New(engine.Conn(), engine.Head), address
}

func records(texts ...string) iter.Seq2[access.Record, error] {
	return func(yield func(access.Record, error) bool) {
		for _, text := range texts {
			if !yield(access.Record{Kind: relationships.RecordKind, JSON: []byte(text)}, nil) {
				return
			}
		}
	}
}

// viewers makes so many relationships, in JSON.
func viewers(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf(`{"resource":{"objectType":"document","objectId":"doc-%07d"},"relation":"viewer","subject":{"object":{"objectType":"user","objectId":"ann"}}}`, i)
	}
	return all
}

func export(t *testing.T, a *relationships.Archive, at access.Token) []string {
	t.Helper()
	var all []string
	for record, err := range a.Export(t.Context(), at) {
		require.NoError(t, err)
		require.Equal(t, relationships.RecordKind, record.Kind)
		all = append(all, string(record.JSON))
	}
	return all
}

func now(t *testing.T, a *relationships.Archive) access.Token {
	t.Helper()
	_, at, err := a.Schema(t.Context())
	require.NoError(t, err)
	return at
}

func TestEverythingOfARelationshipTravels(t *testing.T) {
	from, _, _ := startEmpty(t)
	to, _, _ := startEmpty(t)
	require.NoError(t, from.ApplySchema(t.Context(), everythingThereIs))
	// Seven microseconds, for protobuf and Go write trailing zeros differently.
	end := time.Now().Add(time.Hour).UTC().Truncate(time.Millisecond).Add(7 * time.Microsecond)
	subject := func(s string) string {
		return `{"resource":{"objectType":"document","objectId":"plan"},"relation":"viewer","subject":` + s + `}`
	}
	ann := `{"object":{"objectType":"user","objectId":"ann"}}`
	caveat := `,"optionalCaveat":{"caveatName":"on_weekday","context":{"days":["monday","friday"]}}`
	expiry := fmt.Sprintf(`,"optionalExpiresAt":%q`, end.Format(time.RFC3339Nano))
	all := []string{
		subject(ann),
		subject(`{"object":{"objectType":"user","objectId":"*"}}`),
		subject(`{"object":{"objectType":"group","objectId":"staff"},"optionalRelation":"member"}`),
		subject(strings.Replace(ann, "ann", "bob", 1) + caveat),
		subject(strings.Replace(ann, "ann", "cem", 1) + expiry),
		subject(strings.Replace(ann, "ann", `d/_|-=+`, 1) + caveat + expiry),
	}
	require.NoError(t, from.Import(t.Context(), records(all...)))

	text, at, err := from.Schema(t.Context())
	require.NoError(t, err)
	require.NoError(t, to.ApplySchema(t.Context(), text))
	exported := export(t, from, at)
	require.Len(t, exported, len(all))
	require.NoError(t, to.Import(t.Context(), records(exported...)))

	assert.ElementsMatch(t, parsed(t, all), parsed(t, export(t, to, now(t, to))))
}

func TestExportIsOfOneMoment(t *testing.T) {
	a, g, _ := startEmpty(t)
	require.NoError(t, a.ApplySchema(t.Context(), everythingThereIs))
	require.NoError(t, a.Import(t.Context(), records(viewers(3000)...)))
	at := now(t, a)
	n := 0
	for _, err := range a.Export(t.Context(), at) {
		require.NoError(t, err)
		if n++; n == 1 { // while the export is under way
			var w access.Write
			document := access.Object{Type: "document", ID: "doc-0002999"}
			w.Delete(access.Relate(document, "viewer", access.User("ann")))
			w.Touch(access.Relate(document, "viewer", access.User("bob")), access.Relate(document, "viewer", access.User("cem")))
			_, err := g.Write(t.Context(), w)
			require.NoError(t, err)
		}
	}
	assert.Equal(t, 3000, n)
	assert.Len(t, export(t, a, now(t, a)), 3001)
}

// TestImportCommitsNowAndThen keeps an import below the time that SpiceDB gives a
// stream, at the price that one which fails has done something.
func TestImportCommitsNowAndThen(t *testing.T) {
	a, _, _ := startEmpty(t)
	require.NoError(t, a.ApplySchema(t.Context(), everythingThereIs))
	all := viewers(20_001)
	require.Error(t, a.Import(t.Context(), records(append(all, `{`)...)))
	require.ErrorContains(t, a.Import(t.Context(), records(all[19_999])), "already exist")
	require.NoError(t, a.Import(t.Context(), records(all[20_000])))
}

func TestImportFails(t *testing.T) {
	a, _, _ := startEmpty(t)
	require.NoError(t, a.ApplySchema(t.Context(), everythingThereIs))
	one := viewers(1)
	require.NoError(t, a.Import(t.Context(), records(one...)))
	for name, c := range map[string]struct{ record, says string }{
		"what is there":        {one[0], "already exist"},
		"what has no place":    {strings.Replace(one[0], "viewer", "editor", 1), "editor"},
		"what is not JSON":     {`{`, "read a relationship"},
		"what SpiceDB has not": {`{"color":"red"}`, "color"},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorContains(t, a.Import(t.Context(), records(append(viewers(2)[1:], c.record)...)), c.says)
			assert.Len(t, export(t, a, now(t, a)), 1, "what came before it in the same commit")
		})
	}
}

func TestNoSchema(t *testing.T) {
	a, _, _ := startEmpty(t)
	_, _, err := a.Schema(t.Context())
	require.True(t, access.HasCode(err, "no_schema"), "%v", err)
}

// TestExportGoesOnOverAnotherConnection cuts the connection again and again.
func TestExportGoesOnOverAnotherConnection(t *testing.T) {
	local, _, address := startEmpty(t)
	require.NoError(t, local.ApplySchema(t.Context(), everythingThereIs))
	all := viewers(10_000)
	require.NoError(t, local.Import(t.Context(), records(all...)))
	at := now(t, local)

	through, cuts := cutting(t, address, 200_000)
	conn, err := relationships.Dial(through, key, "", true, nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	remote := relationships.NewArchive(conn)

	assert.Equal(t, export(t, local, at), export(t, remote, at))
	assert.Greater(t, cuts.Load(), int64(1))
}

func TestDialRefusals(t *testing.T) {
	_, _, address := startEmpty(t)
	for name, c := range map[string]struct {
		endpoint, key string
		kind          access.Kind
	}{
		"nobody there": {freeAddress(t), key, access.Unavailable},
		"another key":  {address, "another-preshared-key", ""},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := relationships.Dial(c.endpoint, c.key, "", true, nil)
			require.NoError(t, err)
			defer func() { require.NoError(t, conn.Close()) }()
			_, _, err = relationships.NewArchive(conn).Schema(t.Context())
			require.Error(t, err)
			assert.Equal(t, c.kind == access.Unavailable, access.IsKind(err, access.Unavailable), "%v", err)
		})
	}
}

// cutting passes connections on to an address, and cuts each after so many bytes of
// answer.
func cutting(t *testing.T, to string, after int64) (address string, cuts *atomic.Int64) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	cuts = &atomic.Int64{}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			out, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", to)
			if err != nil {
				_ = in.Close()
				return
			}
			go func() { _, _ = io.Copy(out, in); _ = out.Close() }()
			go func() {
				if n, _ := io.CopyN(in, out, after); n == after {
					cuts.Add(1)
				}
				_ = in.Close()
				_ = out.Close()
			}()
		}
	}()
	t.Cleanup(func() {
		assert.NoError(t, listener.Close())
		<-ended
	})
	return listener.Addr().String(), cuts
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}

// parsed reads JSON, whose fields come in no order.
func parsed(t *testing.T, texts []string) []any {
	t.Helper()
	values := make([]any, len(texts))
	for i, text := range texts {
		require.NoError(t, json.Unmarshal([]byte(text), &values[i]))
	}
	return values
}
