package transfer_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/audit"
	"github.com/gatehouse/gatehouse/internal/directory"
	"github.com/gatehouse/gatehouse/internal/relationships"
	"github.com/gatehouse/gatehouse/internal/spicedb"
	"github.com/gatehouse/gatehouse/internal/transfer"
	"github.com/gatehouse/gatehouse/schema"
)

// TestMain does not mind what SpiceDB's libraries start before any test.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.IgnoreCurrent()) }

// stores are a SpiceDB and a directory of a test's own.
type stores struct {
	relationships *relationships.Archive
	directory     *directory.Archive
	audit         *audit.Archive
	history       *audit.Log
	gateway       *relationships.Gateway
	open          func() (*directory.Directory, error)
}

func empty(t *testing.T) stores {
	t.Helper()
	engine, err := spicedb.Start(t.Context(), spicedb.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, engine.Close()) })
	archive, err := directory.OpenArchive(t.Context(), engine.DB(), time.Now)
	require.NoError(t, err)
	gateway := relationships.New(engine.Conn(), engine.Head)
	events, err := audit.OpenArchive(t.Context(), engine.DB())
	require.NoError(t, err)
	history, err := audit.New(t.Context(), engine.DB(), time.Now, gateway.Read)
	require.NoError(t, err)
	return stores{relationships.NewArchive(engine.Conn()), archive, events, history, gateway, func() (*directory.Directory, error) {
		return directory.New(t.Context(), engine.DB(), time.Now, gateway.Exists)
	}}
}

// full has two people who work on one project, one of them for an hour.
func full(t *testing.T) stores {
	t.Helper()
	s := empty(t)
	require.NoError(t, s.gateway.ApplySchema(t.Context(), schema.Text))
	d, err := s.open()
	require.NoError(t, err)
	project := access.Object{Type: access.TypeProject, ID: "audit"}
	_, err = d.ReserveObject(t.Context(), access.ObjectProfile{Object: project, Name: "Audit", TimeZone: "UTC"})
	require.NoError(t, err)
	ann, err := d.EnsurePerson(t.Context(), "ann@example.com", "Ann", "Lee")
	require.NoError(t, err)
	bob, err := d.EnsurePerson(t.Context(), "bob@example.com", "Bob", "Ray")
	require.NoError(t, err)
	var w access.Write
	forAnHour := access.Relate(project, "member", access.User(bob.ID))
	forAnHour.EndsAt = time.Now().Add(time.Hour).Truncate(time.Microsecond)
	w.Touch(access.Relate(project, "member", access.User(ann.ID)), forAnHour)
	at, err := s.gateway.Write(t.Context(), w)
	require.NoError(t, err)
	require.NoError(t, s.history.Handle(t.Context(), access.Change{Updates: w.Updates, At: at}))
	return s
}

func unheard(int, int) {}

func (s stores) export(t *testing.T) []byte {
	t.Helper()
	var file bytes.Buffer
	_, err := transfer.Export(t.Context(), &file, s.relationships, s.directory, s.audit, time.Now, unheard)
	require.NoError(t, err)
	return file.Bytes()
}

func (s stores) load(ctx context.Context, file []byte) (transfer.Summary, error) {
	return transfer.Import(ctx, bytes.NewReader(file), s.relationships, s.directory, s.audit, unheard)
}

// lines unpacks a snapshot.
func lines(t *testing.T, file []byte) []string {
	t.Helper()
	zip, err := gzip.NewReader(bytes.NewReader(file))
	require.NoError(t, err)
	text, err := io.ReadAll(zip)
	require.NoError(t, err)
	return strings.SplitAfter(strings.TrimSuffix(string(text), "\n"), "\n")
}

func packed(t *testing.T, lines ...string) []byte {
	t.Helper()
	var file bytes.Buffer
	zip := gzip.NewWriter(&file)
	_, err := io.WriteString(zip, strings.Join(lines, ""))
	require.NoError(t, err)
	require.NoError(t, zip.Close())
	return file.Bytes()
}

func TestEverythingArrives(t *testing.T) {
	from, to := full(t), empty(t)
	file := from.export(t)
	found, err := to.load(t.Context(), file)
	require.NoError(t, err)
	assert.Equal(t, map[string]int{"people": 2, "objects": 1, "audit_event": 1, "schema": 1, "relationship": 2}, found.Records)

	project := access.Object{Type: access.TypeProject, ID: "audit"}
	want, _, err := from.gateway.Read(t.Context(), access.On(project, ""))
	require.NoError(t, err)
	got, _, err := to.gateway.Read(t.Context(), access.On(project, ""))
	require.NoError(t, err)
	assert.ElementsMatch(t, want, got)
	d, err := to.open()
	require.NoError(t, err)
	ann, err := d.PersonByEmail(t.Context(), "ann@example.com")
	require.NoError(t, err)
	assert.Equal(t, "Ann", ann.GivenName)

	again := lines(t, to.export(t))
	was := lines(t, file)
	assert.ElementsMatch(t, was[1:len(was)-1], again[1:len(again)-1], "exported once more, it is the same")
}

func TestASnapshotReadsFromTopToBottom(t *testing.T) {
	var kinds []string
	for _, line := range lines(t, full(t).export(t)) {
		kinds = append(kinds, strings.Split(line, `"`)[1])
	}
	assert.Equal(t, []string{"snapshot", "people", "people", "objects", "audit_event", "schema", "relationship", "relationship", "end"}, kinds)
}

func TestDamagedFilesAreRefused(t *testing.T) {
	file := full(t).export(t)
	whole := lines(t, file)
	last := len(whole) - 1
	flipped := bytes.Clone(file)
	flipped[len(flipped)/2] ^= 0x20
	without := func(i int) []byte { return packed(t, append(append([]string{}, whole[:i]...), whole[i+1:]...)...) }
	with := func(i int, line string) []byte {
		return packed(t, append(append(append([]string{}, whole[:i]...), line), whole[i:]...)...)
	}
	for name, c := range map[string]struct {
		file []byte
		says string
	}{
		"empty":                     {nil, "not a snapshot"},
		"not gzip":                  {[]byte("-- PostgreSQL database dump"), "not a snapshot"},
		"gzip of something else":    {packed(t, "{\"users\":[]}\n"), "does not begin as one"},
		"gzip of no JSON":           {packed(t, "users\n"), "damaged"},
		"cut":                       {file[:len(file)-1], "damaged"},
		"cut in half":               {file[:len(file)/2], "damaged"},
		"a bit is flipped":          {flipped, "damaged"},
		"no end":                    {packed(t, whole[:last]...), "its end is missing"},
		"no beginning":              {without(0), "does not begin as one"},
		"a person is missing":       {without(1), "checksum"},
		"a relationship is missing": {without(last - 1), "checksum"},
		"a relationship too many":   {with(last, whole[last-1]), "checksum"},
		"a line is changed":         {packed(t, strings.Replace(strings.Join(whole, ""), "bob@", "eve@", 1)), "checksum"},
		"lines after the end":       {with(last+1, "\n"+whole[last-1]), "goes on after its end"},
		"another file after it":     {append(bytes.Clone(file), file...), "goes on after its end"},
		"two fields":                {with(1, `{"people":{},"logins":{}}`+"\n"), "2 fields"},
		"no field":                  {with(1, "{}\n"), "0 fields"},
		"an event is missing":       {without(4), "checksum"},
		"people after the schema":   {with(last, whole[1]), "precede"},
		"an endless line":           {with(1, strings.Repeat("x", 17<<20)), "damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			s := empty(t)
			_, err := s.load(t.Context(), c.file)
			require.ErrorContains(t, err, c.says)
			s.requireUntouched(t)
		})
	}
}

func TestNewerFormatIsRefused(t *testing.T) {
	whole := lines(t, full(t).export(t))
	whole[0] = strings.Replace(whole[0], `"format":3`, `"format":4`, 1)
	s := empty(t)
	_, err := s.load(t.Context(), packed(t, whole...))
	require.ErrorContains(t, err, "format 4")
	require.ErrorContains(t, err, "or a newer one")
	s.requireUntouched(t)
}

// TestOlderFormatIsRead imports a snapshot as it was written before there was an
// audit.
func TestOlderFormatIsRead(t *testing.T) {
	whole := lines(t, full(t).export(t))
	old := slices.DeleteFunc(whole[:len(whole)-1], func(line string) bool { return strings.HasPrefix(line, `{"audit_event"`) })
	old[0] = strings.Replace(old[0], `"format":3`, `"format":1`, 1)
	sum := sha256.Sum256([]byte(strings.Join(old, "")))
	end := fmt.Sprintf(`{"end":{"records":{"people":2,"objects":1,"schema":1,"relationship":2},"sha256":"%x"}}`+"\n", sum)

	s := empty(t)
	found, err := s.load(t.Context(), packed(t, append(old, end)...))
	require.NoError(t, err)
	assert.Equal(t, 2, found.Records["relationship"])
	_, err = s.open()
	require.NoError(t, err)
}

func (s stores) requireUntouched(t *testing.T) {
	t.Helper()
	_, _, err := s.relationships.Schema(t.Context())
	require.True(t, access.HasCode(err, "no_schema"), "%v", err)
	for record, err := range s.directory.Export(t.Context()) {
		require.NoError(t, err)
		t.Errorf("the directory has %s", record.JSON)
	}
	_, err = s.open()
	require.NoError(t, err)
}

func TestStoresMustBeEmpty(t *testing.T) {
	file := full(t).export(t)
	t.Run("SpiceDB", func(t *testing.T) {
		s := empty(t)
		require.NoError(t, s.gateway.ApplySchema(t.Context(), schema.Text))
		_, err := s.load(t.Context(), file)
		require.True(t, access.HasCode(err, "not_empty"), "%v", err)
		_, err = s.open()
		require.NoError(t, err)
	})
	t.Run("directory", func(t *testing.T) {
		s := empty(t)
		d, err := s.open()
		require.NoError(t, err)
		_, err = d.EnsurePerson(t.Context(), "eve@example.com", "", "")
		require.NoError(t, err)
		_, err = s.load(t.Context(), file)
		require.True(t, access.HasCode(err, "not_empty"), "%v", err)
		_, _, err = s.relationships.Schema(t.Context())
		require.True(t, access.HasCode(err, "no_schema"), "%v", err)
	})
}

// TestAHalfImportOpensForNobody breaks an import off at each of its steps.
func TestAHalfImportOpensForNobody(t *testing.T) {
	file := full(t).export(t)
	for name, breakOff := range map[string]func(r *breaking){
		"at the schema":               func(r *breaking) { r.atSchema = true },
		"among the relationships":     func(r *breaking) { r.atRelationship = 1 },
		"after the last relationship": func(r *breaking) { r.atRelationship = 2 },
	} {
		t.Run(name, func(t *testing.T) {
			s := empty(t)
			r := &breaking{Archive: s.relationships}
			breakOff(r)
			_, err := transfer.Import(t.Context(), bytes.NewReader(file), r, s.directory, s.audit, unheard)
			require.ErrorIs(t, err, errPulled)
			require.ErrorContains(t, err, "empty both databases, and import again")
			_, err = s.open()
			require.True(t, access.HasCode(err, "unfinished_import"), "%v", err)
		})
	}
}

var errPulled = errors.New("somebody pulled the plug")

// breaking is a SpiceDB whose plug is pulled.
type breaking struct {
	*relationships.Archive
	atSchema       bool
	atRelationship int
}

func (b *breaking) ApplySchema(ctx context.Context, text string) error {
	if b.atSchema {
		return errPulled
	}
	return b.Archive.ApplySchema(ctx, text)
}

func (b *breaking) Import(ctx context.Context, records iter.Seq2[access.Record, error]) error {
	n := 0
	return errors.Join(b.Archive.Import(ctx, func(yield func(access.Record, error) bool) {
		for record, err := range records {
			if n++; n > b.atRelationship {
				yield(access.Record{}, errPulled)
				return
			}
			if !yield(record, err) {
				return
			}
		}
	}), errPulled)
}

func TestProgressIsHeard(t *testing.T) {
	s := empty(t)
	require.NoError(t, s.relationships.ApplySchema(t.Context(), schema.Text))
	require.NoError(t, s.relationships.Import(t.Context(), func(yield func(access.Record, error) bool) {
		for i := range 2500 {
			if !yield(access.Record{JSON: fmt.Appendf(nil, `{"resource":{"objectType":"project","objectId":"p%d"},"relation":"member","subject":{"object":{"objectType":"user","objectId":"ann"}}}`, i)}, nil) {
				return
			}
		}
	}))
	var heard []string
	hear := func(done, total int) { heard = append(heard, fmt.Sprintf("%d/%d", done, total)) }
	var file bytes.Buffer
	_, err := transfer.Export(t.Context(), &file, s.relationships, s.directory, s.audit, time.Now, hear)
	require.NoError(t, err)
	assert.Equal(t, []string{"1000/0", "2000/0"}, heard)

	heard = nil
	to := empty(t)
	_, err = transfer.Import(t.Context(), bytes.NewReader(file.Bytes()), to.relationships, to.directory, to.audit, hear)
	require.NoError(t, err)
	assert.Equal(t, []string{"1000/0", "2000/0", "1000/2501", "2000/2501", "2501/2501"}, heard)
}
