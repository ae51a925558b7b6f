package audit

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"time"
)

// Line is one line of an export: the first says what follows, the last that it was
// all, and between them stands one thing in each.
type Line struct {
	Header    *Header    `json:"audit,omitempty"`
	Beginning *Beginning `json:"beginning,omitempty"`
	Record    *Record    `json:"record,omitempty"`
	Digest    *Digest    `json:"digest,omitempty"`
	End       *End       `json:"end,omitempty"`
}

// Header says which part of a chain follows.
type Header struct {
	Format   int    `json:"format"`
	First    int64  `json:"first"`    // the first event; the one after the last, if there is none
	Previous string `json:"previous"` // the hash before it
	// Part: events before or behind were left out on purpose.
	Part bool `json:"part,omitempty"`
}

// exportFormat is the one format of exports there has been.
const exportFormat = 1

// End counts what came before it.
type End struct {
	Records int64 `json:"records"`
	Digests int64 `json:"digests"`
}

// Record is an event in an export.
type Record struct {
	Sequence      int64     `json:"sequence"`
	Hash          string    `json:"hash"`
	Moment        string    `json:"moment"`
	GapFrom       string    `json:"gap_from"`
	Operation     string    `json:"operation"`
	ActorType     string    `json:"actor_type"`
	ActorID       string    `json:"actor_id"`
	Reason        string    `json:"reason"`
	RequestID     string    `json:"request_id"`
	ClientAddress string    `json:"client_address"`
	At            time.Time `json:"at"`
	Updates       []Update  `json:"updates"`

	stray, torn bool
}

// Update is an update of a Record.
type Update struct {
	Verb            string     `json:"verb"`
	ResourceType    string     `json:"resource_type"`
	ResourceID      string     `json:"resource_id"`
	Relation        string     `json:"relation"`
	SubjectType     string     `json:"subject_type"`
	SubjectID       string     `json:"subject_id"`
	SubjectRelation string     `json:"subject_relation"`
	EndsAt          *time.Time `json:"ends_at,omitempty"`
	OnType          string     `json:"on_type"`
	OnID            string     `json:"on_id"`
	PersonID        string     `json:"person_id"`
}

func recordOf(e stored) *Record {
	r := &Record{
		Sequence: e.Sequence, Hash: e.Hash, Moment: string(e.Moment), GapFrom: string(e.GapFrom), Operation: e.Operation,
		ActorType: e.Actor.Type, ActorID: e.Actor.ID, Reason: e.Reason, RequestID: e.RequestID, ClientAddress: e.From, At: e.At,
		Updates: make([]Update, len(e.Updates)), stray: e.stray, torn: e.torn,
	}
	for i, u := range e.Updates {
		on, to := u.Relationship.Resource, u.Relationship.Subject
		r.Updates[i] = Update{
			Verb: verb(u.Verb), ResourceType: on.Type, ResourceID: on.ID, Relation: u.Relationship.Relation,
			SubjectType: to.Type, SubjectID: to.ID, SubjectRelation: to.Relation,
			OnType: u.On.Type, OnID: u.On.ID, PersonID: u.Person,
		}
		if end := u.Relationship.EndsAt; !end.IsZero() {
			r.Updates[i].EndsAt = &end
		}
	}
	return r
}

// Lines are an audit in the order in which it is verified: each digest comes behind
// the last event it covers. They can be read again.
type Lines func(context.Context) iter.Seq2[Line, error]

// Span chooses a stretch of the chain: from the first event at or after Since to the
// last before Until. Events between them may be from another time, for who made a
// change says when, and the chain is in the order of commits.
type Span struct{ Since, Until time.Time }

// Kept are the lines of a database, at one moment if the querier sees one.
func Kept(q querier, s Span) Lines {
	return func(ctx context.Context) iter.Seq2[Line, error] {
		return func(yield func(Line, error) bool) {
			k := kept{q: q, yield: yield}
			if err := k.lines(ctx, s); err != nil {
				yield(Line{}, err)
			}
		}
	}
}

type kept struct {
	q     querier
	yield func(Line, error) bool
	end   End
}

// errStopped ends the lines when nobody wants more.
var errStopped = errors.New("stopped")

func (k *kept) say(l Line) error {
	if !k.yield(l, nil) {
		return errStopped
	}
	return nil
}

func (k *kept) lines(ctx context.Context, s Span) error {
	err := k.all(ctx, s)
	if errors.Is(err, errStopped) {
		return nil
	}
	return err
}

func (k *kept) all(ctx context.Context, s Span) error {
	b, err := beginning(ctx, k.q)
	if err != nil {
		return err
	}
	header := Header{Format: exportFormat, First: 1}
	if b != nil {
		header.First, header.Previous = b.First, b.Hash
	}
	from, to := int64(math.MinInt64), int64(math.MaxInt64)
	firstDigest := int64(math.MinInt64)
	if s != (Span{}) {
		header.Part = true
		if from, to, err = k.stretch(ctx, s); err != nil {
			return err
		}
		if from > header.First {
			b, header.First = nil, from
			err := k.q.QueryRowContext(ctx, `SELECT hash FROM audit_events WHERE sequence = $1`, from-1).Scan(&header.Previous)
			if errors.Is(err, sql.ErrNoRows) {
				return &Fault{Kind: Missing, Sequence: from - 1, Detail: fmt.Sprintf("record %d is there", from)}
			} else if err != nil {
				return down(err)
			}
			if err := k.q.QueryRowContext(ctx, `SELECT COALESCE(MIN(number), $1) FROM audit_digests WHERE last >= $2`,
				int64(math.MaxInt64), from-1).Scan(&firstDigest); err != nil {
				return down(err)
			}
		}
	}
	if err := k.say(Line{Header: &header}); err != nil {
		return err
	}
	if b != nil {
		if err := k.say(Line{Beginning: b}); err != nil {
			return err
		}
	}
	next, stop := iter.Pull2(digests(ctx, k.q, firstDigest))
	defer stop()
	d, err, more := next()
	// until says the digests that come before an event.
	until := func(sequence int64) error {
		for more && err == nil && d.Last < sequence && d.Last <= to {
			k.end.Digests++
			said := d
			if err := k.say(Line{Digest: &said}); err != nil {
				return err
			}
			d, err, more = next()
		}
		return err
	}
	for e, err := range events(ctx, k.q, from) {
		if err != nil {
			return err
		}
		if e.Sequence > to {
			break
		}
		if err := until(e.Sequence); err != nil {
			return err
		}
		k.end.Records++
		if err := k.say(Line{Record: recordOf(e)}); err != nil {
			return err
		}
	}
	if err := until(math.MaxInt64); err != nil {
		return err
	}
	return k.say(Line{End: &k.end})
}

// stretch finds the first and the last event of a span. Where there is none, first
// is behind last.
func (k *kept) stretch(ctx context.Context, s Span) (first, last int64, err error) {
	first, last = math.MinInt64, math.MaxInt64
	if !s.Since.IsZero() {
		if err := k.q.QueryRowContext(ctx, `SELECT COALESCE(MIN(sequence), (SELECT COALESCE(MAX(sequence), 0) + 1 FROM audit_events))
			FROM audit_events WHERE happened_at >= $1`, s.Since.UnixMicro()).Scan(&first); err != nil {
			return 0, 0, down(err)
		}
	}
	if !s.Until.IsZero() {
		if err := k.q.QueryRowContext(ctx, `SELECT COALESCE(MAX(sequence), 0) FROM audit_events WHERE happened_at < $1`,
			s.Until.UnixMicro()).Scan(&last); err != nil {
			return 0, 0, down(err)
		}
	}
	return first, last, nil
}

// Export writes lines as JSON, and returns what the last one counts.
// Errors: those of the lines and of the writer.
func Export(ctx context.Context, to io.Writer, lines Lines) (End, error) {
	var end End
	w := bufio.NewWriter(to)
	for l, err := range lines(ctx) {
		if err != nil {
			return end, err
		}
		if l.End != nil {
			end = *l.End
		}
		text, err := l.text()
		if err != nil {
			return end, err
		}
		if _, err := w.Write(text); err != nil {
			return end, err
		}
	}
	return end, w.Flush()
}

// text is the line with its end.
func (l Line) text() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(l)
	return b.Bytes(), err
}

// longest bounds a line in bytes: a million updates in one event.
const longest = 512 << 20

// Exported are the lines of an export, opened each time they are read.
func Exported(open func() (io.ReadCloser, error)) Lines {
	return func(context.Context) iter.Seq2[Line, error] {
		return func(yield func(Line, error) bool) {
			file, err := open()
			if err != nil {
				yield(Line{}, err)
				return
			}
			defer func() { _ = file.Close() }() // it was only read
			scanner := bufio.NewScanner(file)
			scanner.Buffer(make([]byte, 64<<10), longest)
			scanner.Split(splitLines)
			for n := 1; scanner.Scan(); n++ {
				l, err := parse(scanner.Bytes())
				if err != nil {
					err = &Fault{Kind: Malformed, Line: n, Detail: err.Error()}
				}
				if !yield(l, err) || err != nil {
					return
				}
			}
			if err := scanner.Err(); err != nil {
				yield(Line{}, fmt.Errorf("read the export: %w", err))
			}
		}
	}
}

// splitLines splits at \n alone, and keeps it: a \r is a character like any other.
func splitLines(data []byte, atEOF bool) (advance int, token []byte, err error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i+1], nil
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

// normalize leaves of times what hashes and signatures cover.
func (l Line) normalize() {
	exact := func(t *time.Time) { *t = t.UTC().Truncate(time.Microsecond) }
	switch {
	case l.Beginning != nil:
		exact(&l.Beginning.Before)
		exact(&l.Beginning.At)
	case l.Digest != nil:
		exact(&l.Digest.At)
	case l.Record != nil:
		exact(&l.Record.At)
		for _, u := range l.Record.Updates {
			if u.EndsAt != nil {
				exact(u.EndsAt)
			}
		}
		if l.Record.Updates == nil {
			l.Record.Updates = []Update{}
		}
	}
}

// parse reads a line with its end, which must be as it would be written: what two
// programs could read differently is no evidence.
func parse(text []byte) (Line, error) {
	var l Line
	if err := json.Unmarshal(text, &l); err != nil {
		return l, err
	}
	kinds := 0
	for _, is := range []bool{l.Header != nil, l.Beginning != nil, l.Record != nil, l.Digest != nil, l.End != nil} {
		if is {
			kinds++
		}
	}
	if kinds != 1 {
		return l, fmt.Errorf("it says %d things instead of one", kinds)
	}
	l.normalize()
	again, err := l.text()
	if err != nil {
		return l, err
	}
	if !bytes.Equal(text, again) {
		return l, errors.New("it is not written as an export writes it")
	}
	return l, nil
}

// ReadAnchor reads digests, one in a line as a Sealer writes them to its file, or of
// an export. Errors: a *Fault for a line that is neither; those of the reader.
func ReadAnchor(from io.Reader) ([]Digest, error) {
	var all []Digest
	for l, err := range Exported(func() (io.ReadCloser, error) { return io.NopCloser(from), nil })(context.Background()) {
		if err != nil {
			return nil, fmt.Errorf("read the anchor: %w", err)
		}
		if l.Digest != nil {
			all = append(all, *l.Digest)
		}
	}
	return all, nil
}
