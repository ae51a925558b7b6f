package mailer_test

import (
	"bytes"
	"log/slog"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/mailer"
)

func TestOutboxKeepsEachMailInAFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "outbox")
	var log bytes.Buffer
	outbox, err := mailer.NewOutbox(dir, "Gatehouse <gatehouse@example.org>", slog.New(slog.NewTextHandler(&log, nil)))
	require.NoError(t, err)
	text := "Grüezi,\n\nhttps://example.org/?token=a_b-c&more=" + strings.Repeat("x", 200) + "\n"
	require.NoError(t, outbox.Send(t.Context(), access.Mail{
		ID: "01M", Kind: access.MailInvitation, To: "ann@example.org", Subject: "Zürich\r\nBcc: eve@example.org", Text: text, HTML: "<p>Grüezi</p>",
	}))

	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, files, 1)
	written, err := os.ReadFile(filepath.Join(dir, files[0].Name()))
	require.NoError(t, err)
	message, err := mail.ReadMessage(bytes.NewReader(written))
	require.NoError(t, err)

	assert.Equal(t, "<ann@example.org>", message.Header.Get("To"))
	assert.Empty(t, message.Header.Get("Bcc"), "a subject cannot smuggle a header in")
	assert.Contains(t, strings.ReplaceAll(string(written), "\r\n", "\n"), text, "links can be copied out of the file")
	assert.Contains(t, log.String(), files[0].Name())
	assert.NotContains(t, log.String(), "ann@", "the log holds no personal data")
	assert.Equal(t, 1, strings.Count(log.String(), "\n"))
}
