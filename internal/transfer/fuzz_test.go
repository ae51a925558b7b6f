package transfer_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/transfer"
)

// FuzzVerify: what passes for a snapshot is what its last line vouches for, to the byte.
// The text is compressed here, so that it is not gzip alone that is tried.
func FuzzVerify(f *testing.F) {
	sealed := func(lines ...string) string {
		body := strings.Join(lines, "\n") + "\n"
		sum := sha256.Sum256([]byte(body))
		return body + `{"end":{"records":{"schema":1},"sha256":"` + hex.EncodeToString(sum[:]) + `"}}` + "\n"
	}
	f.Add(sealed(`{"snapshot":{"format":3}}`, `{"schema":"definition user {}"}`))
	f.Add(sealed(`{"snapshot":{"format":1}}`, `{"schema":{"text":"definition user {}"}}`))
	f.Add(`{"snapshot":{"format":99}}` + "\n")
	f.Add(`{"a":1,"b":2}` + "\n")
	f.Add("null\n")
	f.Fuzz(func(t *testing.T, text string) {
		var packed bytes.Buffer
		zip := gzip.NewWriter(&packed)
		_, err := zip.Write([]byte(text))
		require.NoError(t, err)
		require.NoError(t, zip.Close())
		if _, err := transfer.Verify(t.Context(), bytes.NewReader(packed.Bytes()), func(int, int) {}); err != nil {
			return
		}
		lines := strings.SplitAfter(strings.TrimRight(text, "\r\n"), "\n")
		var last map[string]struct {
			SHA256 string `json:"sha256"`
		}
		require.NoError(t, json.Unmarshal([]byte(lines[len(lines)-1]), &last))
		sum := sha256.Sum256([]byte(strings.ReplaceAll(strings.Join(lines[:len(lines)-1], ""), "\r\n", "\n")))
		for _, trailer := range last {
			assert.Equal(t, hex.EncodeToString(sum[:]), trailer.SHA256)
		}
	})
}
