package redisstore

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// batcher lets readers who ask at once share a round trip: what arrives while one is
// under way goes with the next. Each reader's keys are in one MGET.
type batcher struct {
	client redis.UniversalClient
	tracer trace.Tracer // nil while tracing is off
	asked  chan *ask
	ended  chan struct{}
	done   sync.WaitGroup
}

// ask is what one reader wants to know.
type ask struct {
	since  time.Time
	keys   []string
	values []string
	err    error
	told   chan struct{}
}

// maxBatch bounds how many keys are asked for at once.
const maxBatch = 4096

var (
	errClosed = errors.New("the connection to Redis is closed")
	errLate   = errors.New("others have Redis take longer than a reader waits")
)

func newBatcher(client redis.UniversalClient) *batcher {
	b := &batcher{client: client, asked: make(chan *ask), ended: make(chan struct{})}
	for range (runtime.GOMAXPROCS(0) + 1) / 2 {
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
	if b.tracer == nil {
		return b.wait(keys)
	}
	// A round trip is of no reader's trace: what belongs to one is its wait for it.
	_, span := b.tracer.Start(ctx, "mget, shared", trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attribute.String("db.system.name", "redis")))
	defer span.End()
	values, err := b.wait(keys)
	if err != nil {
		span.SetStatus(codes.Error, "")
	}
	return values, err
}

// wait does not look whether its reader has given up, which would take longer than most
// answers: it takes no longer than patience for a turn, and a round trip.
func (b *batcher) wait(keys []string) ([]string, error) {
	a := &ask{since: time.Now(), keys: keys, told: make(chan struct{})}
	select {
	case b.asked <- a:
	case <-b.ended:
		return nil, errClosed
	}
	<-a.told
	return a.values, a.err
}

func (b *batcher) run() {
	for {
		select {
		case first := <-b.asked:
			runtime.Gosched() // whoever is about to ask, asks now
			if err := b.answer(b.gather(first)); err != nil {
				b.fail(err)
			}
		case <-b.ended:
			return
		}
	}
}

// gather takes whoever else is waiting, and lets go of those who have waited too long.
func (b *batcher) gather(next *ask) (all []*ask) {
	for n := 0; ; {
		if time.Since(next.since) > patience {
			next.err = errLate
			close(next.told)
		} else {
			all, n = append(all, next), n+len(next.keys)
		}
		if n >= maxBatch {
			return all
		}
		select {
		case next = <-b.asked:
		default:
			return all
		}
	}
}

// mget spares what go-redis's own would box.
func (b *batcher) mget(ctx context.Context, keys []string) ([]string, error) {
	words := make([]any, 1, 1+len(keys))
	words[0] = "mget"
	for _, key := range keys {
		words = append(words, key)
	}
	command := redis.NewStringSliceCmd(ctx, words...)
	if err := b.client.Process(ctx, command); err != nil {
		return nil, err
	}
	return command.Val(), nil
}

// distinct are the keys, each once, and where each of them is: the lease and the
// epoch of everything are in every question.
func distinct(all []*ask) (keys []string, at map[string]int) {
	total := 0
	for _, a := range all {
		total += len(a.keys)
	}
	keys, at = make([]string, 0, total), make(map[string]int, total)
	for _, a := range all {
		for _, key := range a.keys {
			if _, ok := at[key]; !ok {
				at[key] = len(keys)
				keys = append(keys, key)
			}
		}
	}
	return keys, at
}

// fail tells all who wait for their turn, who would be let down one after the other.
func (b *batcher) fail(err error) {
	for {
		select {
		case a := <-b.asked:
			a.err = err
			close(a.told)
		default:
			return
		}
	}
}

// answer asks for everything at one moment, so each reader sees one moment.
func (b *batcher) answer(all []*ask) error {
	if len(all) == 0 {
		return nil
	}
	keys, at := distinct(all)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	values, err := b.mget(ctx, keys)
	for _, a := range all {
		if a.err = err; err == nil {
			a.values = make([]string, len(a.keys))
			for n, key := range a.keys {
				a.values[n] = values[at[key]]
			}
		}
		close(a.told)
	}
	return err
}
