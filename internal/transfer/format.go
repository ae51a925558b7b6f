package transfer

import (
	"time"

	"github.com/gatehouse/gatehouse/internal/access"
)

// format is the newest format this program reads, and the one it writes.
// Format 1 had no audit, and format 2 nothing that was signed of it.
const format = 3

// The kinds of line that are not rows of the directory.
const (
	kindHeader       = "snapshot"
	kindBeginning    = "audit_beginning"
	kindEvent        = "audit_event"
	kindDigest       = "audit_digest"
	kindSchema       = "schema"
	kindRelationship = "relationship"
	kindTrailer      = "end"
)

type header struct {
	Format   int          `json:"format"`
	TakenAt  time.Time    `json:"taken_at"`
	Revision access.Token `json:"revision"`
}

type trailer struct {
	Records map[string]int `json:"records"` // by kind
	SHA256  string         `json:"sha256"`  // of all lines before this, with their ends
}

// part is the place of a kind in the file: the directory, the audit, the schema,
// the relationships.
func part(kind string) int {
	switch kind {
	case kindBeginning, kindEvent, kindDigest:
		return 1
	case kindSchema:
		return 2
	case kindRelationship:
		return 3
	}
	return 0
}
