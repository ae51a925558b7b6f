package notify

import (
	"embed"
	"fmt"
	html "html/template"
	"strings"
	"text/template"
	"time"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/email"
)

//go:embed templates
var files embed.FS

// A text begins with its subject; blank lines part its paragraphs.
var (
	texts = map[access.Language]*template.Template{
		access.English: template.Must(template.ParseFS(files, "templates/en/*.txt")),
		access.German:  template.Must(template.ParseFS(files, "templates/de/*.txt")),
	}
	layout = html.Must(html.ParseFS(files, "templates/layout.html"))
)

// words are what a mail is made of; which of them, its text says.
type words struct {
	Language access.Language
	Object   string // as people call it
	Account  bool   // the object is a customer account, and its people are contacts
	Roles    string
	Gone     string // roles that were lost
	Ending   string // roles that will be
	Several  bool   // roles
	Link     string
	Expires  string
	Title    string // of an announcement
	Content  string
}

// render makes a mail of words. The HTML is the text's paragraphs, laid out.
func render(kind access.MailKind, to email.Address, w words) (access.Mail, error) {
	var text strings.Builder
	if err := texts[w.Language].ExecuteTemplate(&text, string(kind)+".txt", w); err != nil {
		return access.Mail{}, fmt.Errorf("compose %s: %w", kind, err)
	}
	head, body, _ := strings.Cut(text.String(), "\n\n")
	subject := strings.TrimPrefix(head, "Subject: ")

	var page strings.Builder
	if err := layout.Execute(&page, map[string]any{
		"Language": w.Language, "Subject": subject, "Link": w.Link, "Paragraphs": strings.Split(strings.TrimSpace(body), "\n\n"),
	}); err != nil {
		return access.Mail{}, fmt.Errorf("lay out %s: %w", kind, err)
	}
	return access.Mail{Kind: kind, To: to, Subject: subject, Text: body, HTML: page.String()}, nil
}

var months = strings.NewReplacer("January", "Januar", "February", "Februar", "March", "März", "May", "Mai", "June", "Juni",
	"July", "Juli", "October", "Oktober", "December", "Dezember")

// moment writes a moment as people do, to the minute, with its zone.
func moment(t time.Time, l access.Language) string {
	if l == access.German {
		return months.Replace(t.Format("2. January 2006, 15:04 Uhr MST"))
	}
	return t.Format("2 January 2006, 15:04 MST")
}
