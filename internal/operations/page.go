package operations

import (
	"encoding/base64"
	"slices"

	"github.com/gatehouse/gatehouse/internal/access"
)

// paged orders items by a unique key and cuts the page after the cursor, which
// is the key of the last item of the page before. So a page is never shifted by
// what came or went on earlier ones.
// Errors: Invalid (malformed_cursor).
func paged[T any](items []T, p access.Page, key func(T) string, order func(a, b string) int) ([]T, string, error) {
	last, err := base64.RawURLEncoding.DecodeString(p.Cursor)
	if err != nil {
		return nil, "", access.Fail(access.Invalid, "malformed_cursor", "this cursor does not continue this list")
	}
	if p.Cursor != "" {
		items = slices.DeleteFunc(items, func(i T) bool { return order(key(i), string(last)) <= 0 })
	}
	slices.SortFunc(items, func(a, b T) int { return order(key(a), key(b)) })
	if len(items) <= p.Limit {
		return items, "", nil
	}
	items = items[:p.Limit]
	return items, base64.RawURLEncoding.EncodeToString([]byte(key(items[p.Limit-1]))), nil
}
