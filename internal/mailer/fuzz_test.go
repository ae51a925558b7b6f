package mailer

import (
	"bytes"
	"net/mail"
	"testing"

	gomail "github.com/wneessen/go-mail"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/email"
)

// FuzzCompose: whatever people call themselves and their projects, a mail goes to its
// recipient alone, and has the headers it always has.
func FuzzCompose(f *testing.F) {
	f.Add("ann@example.org", "Apollo\r\nBcc: eve@evil.example", "text", "<p>text</p>")
	f.Add("ann@example.org", "=?utf-8?q?a=0D=0ABcc:_eve@evil.example?=", "\r\n.\r\nQUIT\r\n", "")
	f.Add("a,b@example.org", "\x00\xff\u2028", "--boundary", "\x00")
	f.Add("ann@example.org>\r\nRCPT TO:<eve@evil.example", "", "", "")
	f.Add("o'neil@xn--zrich-kva.example", "Zürich", "", "")
	f.Fuzz(func(t *testing.T, to, subject, text, html string) {
		address, err := email.Parse(to)
		if err != nil {
			return // which is nobody's, and so is not mailed to
		}
		composed, err := compose("Gatehouse <gatehouse@example.org>", access.Mail{ID: "01M", To: address, Subject: subject, Text: text, HTML: html}, gomail.EncodingQP)
		require.NoError(t, err)
		recipients, err := composed.GetRecipients()
		require.NoError(t, err)
		require.Equal(t, []string{"<" + string(address) + ">"}, recipients)

		var written bytes.Buffer
		_, err = composed.WriteTo(&written)
		require.NoError(t, err)
		message, err := mail.ReadMessage(&written)
		require.NoError(t, err)
		found, err := message.Header.AddressList("To")
		require.NoError(t, err)
		require.Len(t, found, 1)
		assert.Equal(t, string(address), found[0].Address)
		for name := range message.Header {
			assert.Contains(t, []string{"Auto-Submitted", "Content-Type", "Content-Transfer-Encoding", "Date", "From", "Message-Id", "Mime-Version", "Subject", "To"}, name)
		}
	})
}
