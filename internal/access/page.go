package access

import (
	"encoding/base64"
	"slices"
)

// Page asks for at most Limit items after Cursor; an empty cursor is the start.
type Page struct {
	Limit  int
	Cursor string
}

// Cut orders items by a key, drops repetitions, and cuts the page after the
// cursor, which is the key of the last item of the page before. So no page is
// shifted by what came or went on earlier ones.
// Errors: Invalid (malformed_cursor).
func Cut[T any](items []T, p Page, key func(T) string, order func(a, b string) int) (page []T, next string, err error) {
	last, err := p.After()
	if err != nil {
		return nil, "", err
	}
	slices.SortFunc(items, func(a, b T) int { return order(key(a), key(b)) })
	items = slices.CompactFunc(items, func(a, b T) bool { return key(a) == key(b) })
	if p.Cursor != "" {
		items = slices.DeleteFunc(items, func(i T) bool { return order(key(i), last) <= 0 })
	}
	if len(items) <= p.Limit {
		return items, "", nil
	}
	items = items[:p.Limit]
	return items, CursorAt(key(items[p.Limit-1])), nil
}

// After is the key of the last item of the page before; empty at the start.
// Errors: Invalid (malformed_cursor).
func (p Page) After() (string, error) {
	last, err := base64.RawURLEncoding.DecodeString(p.Cursor)
	if err != nil {
		return "", Fail(Invalid, "malformed_cursor", "this cursor does not continue this list")
	}
	return string(last), nil
}

// CursorAt continues a list after the item with that key.
func CursorAt(key string) string { return base64.RawURLEncoding.EncodeToString([]byte(key)) }
