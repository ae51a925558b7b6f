package redisstore

import (
	"context"
	"errors"
	"runtime"
	"sync"

	"github.com/redis/go-redis/v9"
)

// batcher lets readers who ask at once share a round trip: what arrives while one is
// under way goes with the next. Each reader's keys are in one MGET.
type batcher struct {
	client redis.UniversalClient
	asked  chan *ask
	ended  chan struct{}
	done   sync.WaitGroup
}

// ask is what one reader wants to know.
type ask struct {
	keys   []string
	values []string
	err    error
	told   chan struct{}
}

// maxBatch bounds how many keys are asked for at once.
const maxBatch = 4096

var errClosed = errors.New("the connection to Redis is closed")

func newBatcher(client redis.UniversalClient) *batcher {
	b := &batcher{client: client, asked: make(chan *ask), ended: make(chan struct{})}
	for range runtime.GOMAXPROCS(0) {
		b.done.Go(b.run)
	}
	return b
}

func (b *batcher) close() {
	close(b.ended)
	b.done.Wait()
}

// get returns the values of keys in their order, empty for those that have none.
func (b *batcher) get(ctx context.Context, keys []string) ([]string, error) {
	a := &ask{keys: keys, told: make(chan struct{})}
	select {
	case b.asked <- a:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-b.ended:
		return nil, errClosed
	}
	<-a.told // soon: whoever tells has a patience of its own
	return a.values, a.err
}

func (b *batcher) run() {
	for {
		select {
		case first := <-b.asked:
			b.answer(b.gather(first))
		case <-b.ended:
			return
		}
	}
}

// gather takes whoever else is waiting.
func (b *batcher) gather(first *ask) []*ask {
	all, n := []*ask{first}, len(first.keys)
	for n < maxBatch {
		select {
		case next := <-b.asked:
			all, n = append(all, next), n+len(next.keys)
		default:
			return all
		}
	}
	return all
}

// answer asks for everything at one moment, so each reader sees one moment.
func (b *batcher) answer(all []*ask) {
	var keys []string
	for _, a := range all {
		keys = append(keys, a.keys...)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	values, err := b.client.MGet(ctx, keys...).Result()
	for _, a := range all {
		if a.err = err; err == nil {
			a.values = make([]string, len(a.keys))
			for n := range a.keys {
				a.values[n], _ = values[n].(string)
			}
			values = values[len(a.keys):]
		}
		close(a.told)
	}
}
