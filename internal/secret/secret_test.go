package secret_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gatehouse/gatehouse/internal/secret"
)

func TestSecrets(t *testing.T) {
	t.Parallel()
	text, other := secret.New(secret.Application), secret.New(secret.Application)
	assert.Regexp(t, regexp.MustCompile(`^gha_[A-Za-z0-9_-]{43}_[0-9a-f]{8}$`), text, "as scanners look for it")
	assert.NotEqual(t, text, other)
	assert.NotEqual(t, secret.Hash(text), secret.Hash(other))
	assert.True(t, secret.Valid(secret.Application, text))
	assert.Equal(t, text[:12], secret.Prefix(secret.Application, text))

	for name, wrong := range map[string]string{
		"empty":           "",
		"of another kind": secret.New(secret.APIKey),
		"cut short":       text[:len(text)-1],
		"too long":        text + "0",
		"in upper case":   strings.ToUpper(text),
		"mistyped":        text[:10] + flip(text[10]) + text[11:],
		"with a space":    text + " ",
	} {
		assert.False(t, secret.Valid(secret.Application, wrong), name)
	}
}

func flip(b byte) string {
	if b == 'x' {
		return "y"
	}
	return "x"
}

// FuzzValid: what is valid has one spelling, and one that New makes.
func FuzzValid(f *testing.F) {
	f.Add(secret.New(secret.Application))
	f.Add(secret.New(secret.APIKey))
	f.Add("gha_")
	f.Add("gha_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA_4ce9b1a4")
	f.Add("gha_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n_00000000")
	shape := regexp.MustCompile(`^gha_[A-Za-z0-9_-]{43}_[0-9a-f]{8}$`)
	f.Fuzz(func(t *testing.T, text string) {
		if secret.Valid(secret.Application, text) && !shape.MatchString(text) {
			t.Fatalf("%q is valid", text)
		}
	})
}
