package access

import "encoding/json"

// Record is one thing that travels between stores, in JSON that only the store of
// its kind reads: a relationship, or a row of the directory.
type Record struct {
	Kind string
	JSON json.RawMessage
}
