package sqlite_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/authzed/spicedb/pkg/datastore"
	"github.com/authzed/spicedb/pkg/tuple"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/spicedb/sqlite"
)

const (
	// childFile names the file a child process writes to; there is none in the
	// test itself.
	childFile = "GATEHOUSE_TEST_WRITES_TO"
	// kills is how often the crash test kills.
	kills = "GATEHOUSE_TEST_KILLS"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(childFile); path != "" {
		fmt.Println(writeForever(context.Background(), path))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// pair is what one transaction writes: both or none.
func pair(n int) []tuple.Relationship {
	return []tuple.Relationship{
		tuple.MustParse(fmt.Sprintf("document:d%d#viewer@user:left", n)),
		tuple.MustParse(fmt.Sprintf("document:d%d#viewer@user:right", n)),
	}
}

// writeForever adds a pair and removes an older one at each revision, and says
// so once it is acknowledged. A collector is at work meanwhile.
func writeForever(ctx context.Context, path string) error {
	d, err := sqlite.Open(ctx, path, sqlite.GCInterval(5*time.Millisecond), sqlite.GCWindow(time.Hour))
	if err != nil {
		return err
	}
	at, err := d.HeadRevision(ctx)
	if err != nil {
		return err
	}
	// One transaction makes one revision, so revisions number the pairs.
	for n := numberOf(at.Revision) + 1; ; n++ {
		updates := touches(pair(n)...)
		for _, old := range pair(n - 10) {
			updates = append(updates, tuple.Delete(old))
		}
		r, err := write(ctx, d, updates...)
		if err != nil {
			return err
		}
		if numberOf(r) != n {
			return fmt.Errorf("pair %d was written at revision %s", n, r)
		}
		fmt.Println(n)
	}
}

func numberOf(r datastore.Revision) int { return int(r.(sqlite.Revision)) }

// TestNothingAcknowledgedIsLost kills a writer, over and over, at any instant.
func TestNothingAcknowledgedIsLost(t *testing.T) {
	rounds, err := strconv.Atoi(os.Getenv(kills))
	if err != nil {
		rounds = 20
	}
	path := file(t)
	d := open(t, path)
	cursor := newest(t, d)
	require.NoError(t, d.Close())
	for round := range rounds {
		// One in four may not get as far as to acknowledge anything.
		acknowledged := killed(t, path, round%4 != 0, time.Duration(rand.IntN(60))*time.Millisecond)

		d = open(t, path)
		last := numberOf(newest(t, d))
		require.GreaterOrEqual(t, last, acknowledged, "round %d: an acknowledged write is lost", round)
		require.LessOrEqual(t, last, max(acknowledged, numberOf(cursor))+1, "round %d: more was written than was asked for", round)
		var want []tuple.Relationship
		for n := max(2, last-9); n <= last; n++ {
			want = append(want, pair(n)...)
		}
		require.Equal(t, texts(want), mustRead(t, d, newest(t, d)), "round %d: half of a write", round)

		if last > numberOf(cursor) {
			changes, _ := d.Watch(t.Context(), cursor, datastore.WatchJustRelationships())
			for n := numberOf(cursor) + 1; n <= last; n++ {
				told := <-changes
				require.Equal(t, n, numberOf(told.Revision), "round %d: the watch has a gap", round)
				var added []tuple.Relationship
				for _, u := range told.RelationshipChanges {
					if u.Operation == tuple.UpdateOperationTouch {
						added = append(added, u.Relationship)
					}
				}
				require.Equal(t, texts(pair(n)), texts(added))
			}
		}
		cursor = newest(t, d)
		require.NoError(t, d.Close())
	}
	t.Logf("%d kills, %s revisions", rounds, cursor)
	require.Greater(t, numberOf(cursor), rounds, "the children wrote")
}

// killed runs a child for as long, from its first acknowledgement or from its
// start, kills it and returns its last acknowledgement.
func killed(t *testing.T, path string, writing bool, after time.Duration) int {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), childFile+"="+path)
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	kill := func() { time.AfterFunc(after, func() { _ = child.Process.Kill() }) }
	if !writing {
		kill()
	}
	acknowledged := 0
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		n, err := strconv.Atoi(strings.TrimSpace(lines.Text()))
		require.NoError(t, err, lines.Text())
		if writing && acknowledged == 0 {
			kill()
		}
		acknowledged = n
	}
	require.Error(t, child.Wait(), "it was killed")
	return acknowledged
}
