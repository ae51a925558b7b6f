package directory

import (
	"encoding/json"
	"fmt"
	"strings"
)

// travelling are the tables that are exported and imported, those referred to
// first. Mails that were sent keep their worth, for the hashes of their tokens
// travel with the invitations, and API keys and applications work on by theirs.
var travelling = []table{
	{"people", []column{
		text("id"), text("email"), text("given_name"), text("family_name"), number("created_at"),
		later(optional("user_name")), later(preset("language", "en")),
	}},
	{"logins", []column{text("issuer"), text("subject"), text("person_id")}},
	{"objects", []column{
		text("type"), text("id"), text("name"), text("time_zone"), optional("customer_number"), optional("identifier"),
		text("claim"), number("claimed_at"), later(optional("external_reference")), later(optional("service_kind")),
	}},
	{"invitations", []column{text("id"), text("invitee_id"), text("email"), number("created_at"), number("expires_at")}},
	{"invitation_tokens", []column{binary("hash"), text("invitation_id")}},
	{"api_keys", []column{text("id"), text("name"), binary("hash"), number("created_at")}},
	{"applications", []column{text("id"), text("name"), text("created_by"), number("created_at")}},
	{"application_keys", []column{
		text("id"), text("application_id"), binary("hash"), text("prefix"), number("created_at"), number("last_used_at"),
	}},
}

// staying are the tables that are left behind. A cursor is a moment of one SpiceDB
// and foreign to every other. A reply to an Idempotency-Key tells of moments too
// (written_at), and is forgotten after a day anyway. Which roles end when is counted
// anew.
var staying = []string{"cursors", "replays", "ends"}

type table struct {
	name    string
	columns []column
}

// column makes values that database/sql and JSON both read into and write out.
type column struct {
	name  string
	value func() any
	later bool // was added later: older snapshots lack it
}

func text(name string) column { return column{name: name, value: func() any { return new(string) }} }
func optional(name string) column {
	return column{name: name, value: func() any { return new(*string) }}
}
func number(name string) column { return column{name: name, value: func() any { return new(int64) }} }
func binary(name string) column { return column{name: name, value: func() any { return new([]byte) }} }

// preset is a text that is so if nothing is said.
func preset(name, value string) column {
	return column{name: name, value: func() any {
		text := value
		return &text
	}}
}

func later(c column) column {
	c.later = true
	return c
}

// names lists the columns as SQL does.
func (t table) names() string {
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.name
	}
	return strings.Join(names, ", ")
}

// values makes room for a row.
func (t table) values() []any {
	values := make([]any, len(t.columns))
	for i, c := range t.columns {
		values[i] = c.value()
	}
	return values
}

func (t table) encode(values []any) (json.RawMessage, error) {
	row := make(map[string]any, len(values))
	for i, c := range t.columns {
		row[c.name] = values[i]
	}
	return json.Marshal(row)
}

// decode reads a row that has each of the columns, but for those that were added
// later, and no other.
func (t table) decode(text json.RawMessage) ([]any, error) {
	var row map[string]json.RawMessage
	if err := json.Unmarshal(text, &row); err != nil {
		return nil, fmt.Errorf("read a row of %s: %w", t.name, err)
	}
	values := t.values()
	known := 0
	for i, c := range t.columns {
		field, ok := row[c.name]
		if !ok && c.later {
			continue
		}
		known++
		if !ok {
			return nil, fmt.Errorf("a row of %s has no %s", t.name, c.name)
		}
		if err := json.Unmarshal(field, values[i]); err != nil {
			return nil, fmt.Errorf("read %s of a row of %s: %w", c.name, t.name, err)
		}
	}
	if len(row) > known {
		return nil, fmt.Errorf("a row of %s has columns other than %s", t.name, t.names())
	}
	return values, nil
}
