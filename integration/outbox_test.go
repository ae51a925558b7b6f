package integration

import (
	"bytes"
	"mime"
	"net/mail"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// letter is a mail the server wrote.
type letter struct {
	to, subject, text string
}

// letters returns the invitations in the outbox.
func (s *server) letters(t *testing.T) []letter {
	t.Helper()

	return slices.DeleteFunc(s.mails(t), func(l letter) bool { return !link.MatchString(l.text) })
}

// mails returns all that is in the outbox.
func (s *server) mails(t *testing.T) []letter {
	t.Helper()

	files, err := filepath.Glob(filepath.Join(s.dataDir, "outbox", "*.eml"))
	require.NoError(t, err)
	found := make([]letter, len(files))
	for i, file := range files {
		found[i] = read(t, file)
	}
	return found
}

func read(t *testing.T, file string) letter {
	t.Helper()

	text, err := os.ReadFile(file)
	require.NoError(t, err)
	message, err := mail.ReadMessage(bytes.NewReader(text))
	require.NoError(t, err)
	to, err := mail.ParseAddress(message.Header.Get("To"))
	require.NoError(t, err)
	subject, err := new(mime.WordDecoder).DecodeHeader(message.Header.Get("Subject"))
	require.NoError(t, err)
	return letter{to.Address, subject, string(text)}
}

// letter awaits the one invitation of somebody.
func (s *server) letter(t *testing.T, to string) letter {
	t.Helper()

	var found letter
	await(t, "a mail to "+to, func() bool {
		for _, l := range s.letters(t) {
			if l.to == to {
				found = l
				return true
			}
		}
		return false
	})
	return found
}

var link = regexp.MustCompile(`https?://\S+/invitations/accept\?\S+`)

// link returns the link of an invitation, and the token it carries.
func (l letter) link(t *testing.T) (address, token string) {
	t.Helper()

	address = link.FindString(l.text)
	parsed, err := url.Parse(address)
	require.NoError(t, err)
	token = parsed.Query().Get("token")
	require.NotEmpty(t, token, "%s", l.text)
	return address, token
}
