package integration

import (
	"maps"
	"sync"
	"testing"

	v1 "github.com/authzed/authzed-go/proto/authzed/api/v1"
	"github.com/stretchr/testify/require"
)

// follower watches relationships come to be. When the server is gone it keeps its
// place, and goes on from there with the next one.
type follower struct {
	mu    sync.Mutex
	place *v1.ZedToken
	seen  map[string]int // how often each came to be, in zed's notation
	ended chan struct{}
}

// followFrom watches what was changed after a place.
func (s *server) followFrom(t *testing.T, place *v1.ZedToken) *follower {
	t.Helper()

	f := &follower{place: place, seen: map[string]int{}, ended: make(chan struct{})}
	close(f.ended)
	f.goOn(t, s)
	return f
}

// place is where the server's changes have come to.
func (s *server) place(t *testing.T) *v1.ZedToken {
	t.Helper()

	nothing, err := v1.NewPermissionsServiceClient(s.conn).WriteRelationships(t.Context(), &v1.WriteRelationshipsRequest{})
	require.NoError(t, err)
	return nothing.GetWrittenAt()
}

// goOn follows a server after the one before has ended.
func (f *follower) goOn(t *testing.T, s *server) {
	t.Helper()

	<-f.ended
	stream, err := v1.NewWatchServiceClient(s.conn).Watch(t.Context(), &v1.WatchRequest{OptionalStartCursor: f.place})
	require.NoError(t, err)
	f.ended = make(chan struct{})
	go func() {
		defer close(f.ended)
		for {
			change, err := stream.Recv()
			if err != nil {
				return
			}
			f.note(change)
		}
	}()
}

func (f *follower) note(change *v1.WatchResponse) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.place = change.GetChangesThrough()
	for _, u := range change.GetUpdates() {
		if u.GetOperation() != v1.RelationshipUpdate_OPERATION_DELETE {
			f.seen[notation(u.GetRelationship())]++
		}
	}
}

// awaits insists that each of the deeds is seen, and returns what was seen by then.
func (f *follower) awaits(t *testing.T, deeds []deed) (seen map[string]int) {
	t.Helper()

	await(t, "the watch to have no gap", func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, d := range deeds {
			if f.seen[d.fact] == 0 {
				return false
			}
		}
		seen = maps.Clone(f.seen)
		return true
	})
	return seen
}
