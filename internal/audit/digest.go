package audit

import (
	"time"
)

// Digest is a signed statement: at a moment, the events from First to Last were
// there, and their hashes came to Hash. It also covers the digest before it.
type Digest struct {
	Number    int64     `json:"number"` // from 1 on, without gaps
	First     int64     `json:"first"`
	Last      int64     `json:"last"`
	Hash      string    `json:"hash"` // of the event Last
	At        time.Time `json:"at"`
	Previous  string    `json:"previous"` // hash of the digest before; empty before the first
	Key       string    `json:"key"`      // the public key, in base64
	Signature string    `json:"signature"`
}

func (d Digest) encoding() (f fields) {
	f.text(digestFormat)
	f.number(d.Number)
	f.number(d.First)
	f.number(d.Last)
	f.text(d.Hash)
	f.number(d.At.UnixMicro())
	f.text(d.Previous, d.Key)
	return f
}

// Beginning is a signed statement that all events before First were deleted because
// they were older than the server was to keep them: from before Before. The digests that
// cover them say whether that is so, for what times the records had nobody knows any more.
type Beginning struct {
	First     int64     `json:"first"`
	Hash      string    `json:"hash"` // of the last event that was deleted
	Before    time.Time `json:"before"`
	At        time.Time `json:"at"`
	Key       string    `json:"key"`
	Signature string    `json:"signature"`
}

func (b Beginning) encoding() (f fields) {
	f.text(beginningFormat)
	f.number(b.First)
	f.text(b.Hash)
	f.number(b.Before.UnixMicro())
	f.number(b.At.UnixMicro())
	f.text(b.Key)
	return f
}
