package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Verified is what is certain of an audit in which nothing is wrong.
type Verified struct {
	Records     int64
	First, Last int64     // sequences; First is behind Last where there are no records
	Digests     int64     // signed, and right
	Covered     int64     // the last record that a digest covers; zero: none
	SignedAt    time.Time // when the latest digest was signed
	Anchored    int64     // the last record that a digest from the anchor covers
	DeletedAt   time.Time // when what came before First was last deleted on purpose
	Part        bool      // an export that leaves out what comes before or behind
}

// Verify reads an audit from end to end, and tells now and then how many records it
// has read. An anchor is digests that were kept elsewhere.
// Errors: a *Fault, which is the first; those of the lines.
func Verify(ctx context.Context, lines Lines, trust Trust, anchor []Digest, heard func(records int64)) (Verified, error) {
	c := checker{trust: trust, anchor: map[int64]Digest{}}
	for _, d := range anchor {
		if doubts := trust.doubts(d.Key, d.Signature, d.encoding()); doubts != "" {
			return c.Verified, c.doubt(d.Number, d.Key, "in the anchor: "+doubts)
		}
		if twin, twice := c.anchor[d.Number]; twice && twin != d {
			return c.Verified, &Fault{Kind: BadDigest, Digest: d.Number, Detail: "the anchor has two of them that differ: two servers went on from one audit"}
		}
		c.anchor[d.Number] = d
	}
	err := c.read(ctx, lines, heard)
	if f, is := errors.AsType[*Fault](err); is {
		if err := f.explain(ctx, lines, c.at); err != nil {
			return c.Verified, err
		}
	}
	return c.Verified, err
}

// checker takes the lines of an audit one after the other.
type checker struct {
	Verified
	trust   Trust
	anchor  map[int64]Digest
	header  *Header
	before  *Beginning
	vouched bool   // a digest covers all that was deleted
	expect  int64  // the sequence of the next record
	hash    string // of the record before it
	when    time.Time
	latest  *Digest // so far
	ahead   *Digest // covers records that were not there when it came
	at      *Record // where the fault is
	ended   bool
}

func (c *checker) read(ctx context.Context, lines Lines, heard func(int64)) error {
	for l, err := range lines(ctx) {
		if err != nil {
			return err
		}
		if c.ended {
			return &Fault{Kind: Inserted, Sequence: c.expect, At: c.when, Detail: "the export goes on behind its end"}
		}
		if c.header == nil && l.Header == nil {
			return &Fault{Kind: Malformed, Line: 1, Detail: "an export begins with a line that says so"}
		}
		switch {
		case l.Header != nil:
			err = c.begin(l.Header)
		case l.Beginning != nil:
			err = c.beginning(l.Beginning)
		case l.Digest != nil:
			err = c.digest(l.Digest)
		case l.Record != nil:
			if err = c.record(l.Record); err == nil && c.Records%1000 == 0 {
				heard(c.Records)
			}
		case l.End != nil:
			c.ended = true
			err = c.end(l.End)
		}
		if err != nil {
			return err
		}
	}
	if !c.ended {
		return &Fault{Kind: Truncated, Sequence: c.expect, At: c.when, Detail: "the export has no end"}
	}
	return nil
}

func (c *checker) begin(h *Header) error {
	switch {
	case c.header != nil:
		return &Fault{Kind: Inserted, Sequence: c.expect, At: c.when, Detail: "the export begins a second time"}
	case h.Format != exportFormat:
		return &Fault{Kind: Malformed, Line: 1, Detail: fmt.Sprintf("the export has format %d, and this program reads format %d: use a newer one", h.Format, exportFormat)}
	case h.First == 1 && h.Previous != "":
		return &Fault{Kind: Edited, Sequence: 1, Detail: "the first record follows none"}
	}
	c.header, c.expect, c.hash, c.First, c.Last, c.Part = h, h.First, h.Previous, h.First, h.First-1, h.Part
	return nil
}

func (c *checker) beginning(b *Beginning) error {
	if c.before != nil || c.Records > 0 || c.Digests > 0 {
		return &Fault{Kind: Inserted, Sequence: c.expect, At: c.when, Detail: "the export says a second time where the audit begins"}
	}
	if doubts := c.trust.doubts(b.Key, b.Signature, b.encoding()); doubts != "" {
		f := c.doubt(0, b.Key, "what says that older records were deleted: "+doubts)
		f.At = b.At
		return f
	}
	if b.First != c.header.First || b.Hash != c.header.Previous {
		return &Fault{Kind: Malformed, Line: 1, Detail: "the export begins elsewhere than the audit"}
	}
	c.before, c.DeletedAt = b, b.At
	return nil
}

// doubt is the fault of a signature.
func (c *checker) doubt(number int64, key, detail string) *Fault {
	f := &Fault{Kind: BadDigest, Digest: number, Detail: detail}
	if _, known := c.trust[key]; !known {
		f.Kind = UnknownKey
	}
	return f
}

// starts insists that the chain begins where it may.
func (c *checker) starts() error {
	if c.header.First > 1 && c.before == nil && !c.Part {
		return &Fault{Kind: Missing, Sequence: 1, Detail: fmt.Sprintf("records 1 to %d are gone, and nothing signed says that they were to go", c.header.First-1)}
	}
	return nil
}

func (c *checker) record(r *Record) error {
	if err := c.starts(); err != nil {
		return err
	}
	switch {
	case r.Sequence < c.header.First:
		return &Fault{Kind: Inserted, Sequence: r.Sequence, At: r.At, Detail: fmt.Sprintf("the audit begins with record %d", c.header.First)}
	case r.Sequence < c.expect:
		return &Fault{Kind: OutOfOrder, Sequence: r.Sequence, At: r.At, Detail: fmt.Sprintf("it comes behind record %d", c.expect-1)}
	case r.stray:
		return &Fault{Kind: Missing, Sequence: c.expect, At: c.when, Detail: fmt.Sprintf("there are updates of record %d, and no record", r.Sequence)}
	case r.Sequence > c.expect:
		c.at = &Record{Sequence: c.expect}
		f := &Fault{Kind: Missing, Sequence: c.expect, At: cmp.Or(c.when, r.At), Detail: fmt.Sprintf("record %d comes next", r.Sequence)}
		if c.ahead != nil {
			f.Digest = c.ahead.Number
		}
		return f
	case r.torn:
		return &Fault{Kind: Edited, Sequence: r.Sequence, At: r.At, Detail: "its updates are not numbered as they were"}
	case r.encoding(c.hash).hash() != r.Hash:
		c.at = r
		return &Fault{Kind: Edited, Sequence: r.Sequence, At: r.At, Detail: "it does not have the hash of what it says"}
	}
	c.hash, c.when, c.expect, c.Last = r.Hash, r.At, r.Sequence+1, r.Sequence
	c.Records++
	return nil
}

func (c *checker) digest(d *Digest) error {
	if err := c.starts(); err != nil {
		return err
	}
	fault := func(kind, format string, args ...any) error {
		return &Fault{Kind: kind, Digest: d.Number, At: d.At, Detail: fmt.Sprintf(format, args...)}
	}
	number, previous, first := int64(1), "", int64(1)
	if c.latest != nil {
		number, previous, first = c.latest.Number+1, c.latest.encoding().hash(), c.latest.Last+1
	} else if c.Part {
		number, previous, first = d.Number, d.Previous, d.First
	}
	if d.Number != number {
		return &Fault{Kind: BadDigest, Digest: number, At: d.At, Detail: fmt.Sprintf("digest %d comes in its place", d.Number)}
	}
	if doubts := c.trust.doubts(d.Key, d.Signature, d.encoding()); doubts != "" {
		f := c.doubt(d.Number, d.Key, doubts)
		f.At = d.At
		return f
	}
	if d.Previous != previous || d.First != first || d.Last < d.First {
		return fault(BadDigest, "it does not follow digest %d", d.Number-1)
	}
	if a, anchored := c.anchor[d.Number]; anchored {
		if a != *d {
			f := fault(Rewritten, "the one in the anchor says something else of records %d to %d", a.First, a.Last).(*Fault)
			f.Sequence = a.First
			return f
		}
		c.Anchored = d.Last
	}
	if b := c.before; b != nil && d.Last < b.First {
		if !d.At.Before(b.Before) {
			return fault(Missing, "records up to %d were deleted as though they were from before %s", d.Last, b.Before.Format(time.RFC3339))
		}
		c.vouched = c.vouched || d.Last == b.First-1
	}
	switch {
	case d.Last >= c.expect: // the next line tells what is missing
		if c.ahead == nil {
			c.ahead = d
		}
	case d.Last == c.expect-1:
		if d.Hash != c.hash {
			f := fault(Rewritten, "records %d to %d are not those it was signed for", d.First, d.Last).(*Fault)
			f.Sequence = max(d.First, c.header.First)
			return f
		}
	case c.Records > 0:
		return fault(OutOfOrder, "it comes behind record %d, and covers records up to %d", c.expect-1, d.Last)
	}
	c.latest, c.Covered, c.SignedAt = d, d.Last, d.At
	c.Digests++
	return nil
}

// end looks at what should have come yet.
func (c *checker) end(e *End) error {
	if err := c.starts(); err != nil {
		return err
	}
	if c.before != nil && !c.vouched && !c.Part {
		return &Fault{Kind: BadDigest, At: c.before.At, Detail: fmt.Sprintf("the digest of the records up to %d, which were deleted, is gone", c.before.First-1)}
	}
	if c.ahead != nil {
		return &Fault{
			Kind: Truncated, Sequence: c.expect, Digest: c.ahead.Number, At: c.when,
			Detail: fmt.Sprintf("digest %d, signed at %s, covers records up to %d", c.ahead.Number, c.ahead.At.Format(time.RFC3339), c.ahead.Last),
		}
	}
	if e.Records != c.Records || e.Digests != c.Digests {
		return &Fault{Kind: Missing, Sequence: c.expect, At: c.when, Detail: fmt.Sprintf(
			"the export had %d records and %d digests, and has %d and %d", e.Records, e.Digests, c.Records, c.Digests)}
	}
	return c.anchored()
}

// anchored looks for what the anchor has and the audit has not.
func (c *checker) anchored() error {
	var latest int64
	if c.latest != nil {
		latest = c.latest.Number
	}
	if c.Part {
		return nil
	}
	for _, number := range slices.Sorted(maps.Keys(c.anchor)) {
		switch d := c.anchor[number]; {
		case number <= latest:
		case d.Last > c.Last:
			return &Fault{Kind: Truncated, Sequence: c.expect, Digest: number, At: c.when, Detail: fmt.Sprintf(
				"the anchor has digest %d, signed at %s, which covers records up to %d", number, d.At.Format(time.RFC3339), d.Last)}
		default:
			return &Fault{Kind: BadDigest, Digest: latest + 1, At: d.At, Detail: fmt.Sprintf(
				"the anchor has digest %d, and here the last is %d", number, latest)}
		}
	}
	return nil
}

// explain looks through the audit again for where a record came from that is not
// what should be in its place, or where that is now.
func (f *Fault) explain(ctx context.Context, lines Lines, at *Record) error {
	if at == nil {
		return nil
	}
	previous := ""
	for l, err := range lines(ctx) {
		if errors.As(err, new(*Fault)) {
			return nil
		} else if err != nil {
			return err
		}
		r := l.Record
		if r == nil || r.stray {
			continue
		}
		if f.Kind == Missing && r.Sequence == at.Sequence {
			f.Kind, f.Detail = OutOfOrder, "it comes later"
			return nil
		}
		if f.Kind == Edited {
			moved := *at
			moved.Sequence = r.Sequence
			// Of two neighbours that changed places, one took the other's hash along.
			for _, before := range []string{previous, r.Hash} {
				if r.Sequence != at.Sequence && moved.encoding(before).hash() == at.Hash {
					f.Kind, f.Detail = OutOfOrder, fmt.Sprintf("it was record %d", r.Sequence)
					return nil
				}
			}
		}
		previous = r.Hash
	}
	return nil
}
