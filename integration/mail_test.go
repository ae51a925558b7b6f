package integration

import (
	"crypto/tls"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/mail"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// to returns the mails to somebody.
func to(mails []letter, email string) (found []letter) {
	for _, l := range mails {
		if l.to == email {
			found = append(found, l)
		}
	}
	return found
}

// awaitMail awaits the one mail to somebody with that subject.
func (s *server) awaitMail(t *testing.T, email, subject string) (found letter) {
	t.Helper()

	await(t, "a mail to "+email+": "+subject, func() bool {
		for _, l := range to(s.mails(t), email) {
			if l.subject == subject {
				found = l
				return true
			}
		}
		return false
	})
	return found
}

// TestNINE10_AnnouncementsReachTheRightPeople each once, in their language, and
// nobody else.
func TestNINE10_AnnouncementsReachTheRightPeople(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := build(t, s, "announced")
	for who, role := range map[string]string{"tech": "technical_contact", "technik": "technical_contact", "admin2": "customer_admin", "user": "cockpit_access", "portal": "portal_admin"} {
		w.add(t, "customer_account", w.email(who), role)
	}
	s.as(t, w.email("technik")).do(t, http.MethodPatch, "/v1/me", object{"language": "de"}).want(t, http.StatusOK)
	w.add(t, "platform", w.email("sam"), "support")
	sam := s.as(t, w.email("sam"))

	for _, c := range []struct {
		kind, en, de string
		receivers    []string
	}{
		{"technical_information", "Maintenance", "Wartung", []string{"tech", "technik"}},
		{"important_information", "New prices", "", []string{"admin", "admin2", "portal"}},
	} {
		body := object{"kind": c.kind, "subject": object{"en": c.en}, "text": object{"en": "In English."}}
		if c.de != "" {
			body["subject"], body["text"] = object{"en": c.en, "de": c.de}, object{"en": "In English.", "de": "Auf Deutsch."}
		}
		path := w.path("customer_account") + "/announcements"
		first := sam.do(t, http.MethodPost, path, body, "Idempotency-Key", c.kind).want(t, http.StatusCreated)
		assert.EqualValues(t, len(c.receivers), first.at(t, "mails"))
		again := sam.do(t, http.MethodPost, path, body, "Idempotency-Key", c.kind).want(t, http.StatusCreated)
		assert.Equal(t, string(first.body), string(again.body))

		subject := func(who string) string {
			if who == "technik" {
				return c.de
			}
			return c.en
		}
		for _, who := range c.receivers {
			s.awaitMail(t, w.email(who), subject(who))
		}
		// Mails are sent in the order of what they are about.
		last := w.email("last-" + c.kind)
		s.relate(t, "instance", w.id("instance"), "member", "user", s.as(t, last).get(t, "/v1/me").text(t, "id"))
		s.awaitMail(t, last, "Your role on announced")
		var reached []string
		for _, l := range s.mails(t) {
			if l.subject == c.en || c.de != "" && l.subject == c.de {
				reached = append(reached, l.to)
			}
		}
		var want []string
		for _, who := range c.receivers {
			want = append(want, w.email(who))
		}
		assert.ElementsMatch(t, want, reached)
	}
	for who, receives := range map[string]bool{"tech": true, "user": false} {
		s.bothSay(t, receives, "customer_account:"+w.id("customer_account"), "receive_technical_information",
			"user:"+s.as(t, w.email(who)).get(t, "/v1/me").text(t, "id"))
	}
	listed := s.operator(t).get(t, "/v1/mails?status=sent&limit=1000").want(t, http.StatusOK)
	assert.NotContains(t, string(listed.body), "Maintenance")
	assert.NotContains(t, string(listed.body), "@")
}

// TestRoleMailsSayWhatChanged in the language of whom they are for, also if zed made
// the change; a share leads straight to its cockpit (NEZ-7).
func TestRoleMailsSayWhatChanged(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := build(t, s, "role-mails")
	anton := s.as(t, w.email("anton"))
	id := anton.do(t, http.MethodPatch, "/v1/me", object{"language": "de"}).want(t, http.StatusOK).text(t, "id")

	w.add(t, "customer_account", w.email("anton"), "technical_contact")
	assert.Contains(t, s.awaitMail(t, w.email("anton"), "Ihre Rolle bei role-mails").text, "technischer Kontakt")
	w.add(t, "customer_account", w.email("ann"), "cockpit_access")
	assert.Contains(t, s.awaitMail(t, w.email("ann"), "Your role on role-mails").text, "Cockpit Access")

	s.relate(t, "instance", w.id("instance"), "inventory_reader", "user", id)
	shared := s.awaitMail(t, w.email("anton"), "Das Cockpit von role-mails ist für Sie freigegeben")
	assert.Contains(t, shared.text, s.url+"/instances/"+w.id("instance")+"/cockpit")

	w.admin(t, "customer_account").delete(t, w.path("customer_account")+"/members/"+id+"/roles/technical_contact").want(t, http.StatusNoContent)
	await(t, "the end", func() bool {
		for _, l := range to(s.mails(t), w.email("anton")) {
			if strings.Contains(l.text, "nicht mehr: technischer Kontakt") {
				return true
			}
		}
		return false
	})
}

// TestDCX10_OwnProfile is changed by its person alone: names, user name, language,
// and the e-mail once the login provider vouches for it.
func TestDCX10_OwnProfile(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := empty(s, "profile")
	ann, eve := s.as(t, w.email("ann")), s.as(t, w.email("eve"))
	change := func(c caller, body object) answer { return c.do(t, http.MethodPatch, "/v1/me", body) }

	me := ann.get(t, "/v1/me").want(t, http.StatusOK)
	assert.Equal(t, "", me.text(t, "user_name"))
	assert.Equal(t, "en", me.text(t, "language"))
	assert.Equal(t, true, me.at(t, "has_login"))

	changed := change(ann, object{"given_name": "Ann", "family_name": "Lee", "user_name": "as64496.ann", "language": "de"}).want(t, http.StatusOK)
	assert.Equal(t, string(changed.body), string(ann.get(t, "/v1/me").body))
	assert.Equal(t, "as64496.ann", changed.text(t, "user_name"))
	change(eve, object{"user_name": "as64496.ann"}).want(t, http.StatusConflict).code(t, "taken")
	change(eve, object{"user_name": "AS64496.ann"}).want(t, http.StatusOK)

	for c, may := range map[caller]bool{ann: true, eve: false} {
		s.bothSay(t, may, "user:"+me.text(t, "id"), "manage_profile", "user:"+c.get(t, "/v1/me").text(t, "id"))
	}

	change(ann, object{"email": w.email("eve")}).want(t, http.StatusForbidden).code(t, "email_mismatch")
	change(ann, object{"email": w.email("anna")}).want(t, http.StatusForbidden).code(t, "email_mismatch")
	as := func(email string, verified bool) caller { // Ann's login, with another e-mail
		return caller{s, sign(t, devKey(t, s), claims(jwt.MapClaims{"sub": w.email("ann"), "email": email, "email_verified": verified}))}
	}
	change(as(w.email("anna"), false), object{"email": w.email("anna")}).want(t, http.StatusForbidden).code(t, "email_mismatch")
	change(as(w.email("eve"), true), object{"email": w.email("eve")}).want(t, http.StatusConflict).code(t, "taken")
	moved := change(as(w.email("anna"), true), object{"email": w.email("anna")}).want(t, http.StatusOK)
	assert.Equal(t, me.text(t, "id"), moved.text(t, "id"))
	assert.Equal(t, w.email("anna"), ann.get(t, "/v1/me").text(t, "email"))

	// Of two who ask for one name at once, one gets it.
	var got [2]int
	var running sync.WaitGroup
	for i, c := range []caller{ann, eve} {
		running.Go(func() {
			if a, err := c.try(http.MethodPatch, "/v1/me", object{"user_name": "ann.lee"}); assert.NoError(t, err) {
				got[i] = a.status
			}
		})
	}
	running.Wait()
	assert.ElementsMatch(t, []int{http.StatusOK, http.StatusConflict}, got[:])
}

// mailServer is a real SMTP server that keeps what it is given. It may have
// troubles for a while, and refuses whoever is called nobody.
type mailServer struct {
	mu      sync.Mutex
	got     []letter
	trouble bool
	door    sync.RWMutex // whoever locks it lets those finish who are inside, and nobody in
}

func (m *mailServer) NewSession(*smtp.Conn) (smtp.Session, error) {
	return &mailSession{server: m}, nil
}

type mailSession struct {
	server *mailServer
	to     string
	inside bool
}

func (s *mailSession) Reset() { s.leave() }

func (s *mailSession) Logout() error {
	s.leave()
	return nil
}

func (s *mailSession) leave() {
	if s.inside {
		s.inside = false
		s.server.door.RUnlock()
	}
}

func (*mailSession) Mail(string, *smtp.MailOptions) error { return nil }

func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	if !s.inside {
		s.server.door.RLock()
		s.inside = true
	}
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	switch s.to = to; {
	case strings.HasPrefix(to, "nobody@"):
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "there is no " + to}
	case s.server.trouble:
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "come back later"}
	}
	return nil
}

func (s *mailSession) Data(r io.Reader) error {
	defer s.leave()
	message, err := mail.ReadMessage(r)
	if err != nil {
		return err
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(message.Header.Get("Subject"))
	if err != nil {
		return err
	}
	_, kind, err := mime.ParseMediaType(message.Header.Get("Content-Type"))
	if err != nil {
		return err
	}
	part, err := multipart.NewReader(message.Body, kind["boundary"]).NextRawPart()
	if err != nil {
		return err
	}
	text, err := io.ReadAll(quotedprintable.NewReader(part))
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.got = append(s.server.got, letter{s.to, subject, string(text)})
	return err
}

func (m *mailServer) letters() []letter {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]letter(nil), m.got...)
}

func (m *mailServer) ill(trouble bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.trouble = trouble
}

func receive(t *testing.T) (m *mailServer, flags []string) {
	t.Helper()
	m, address := receiveOver(t, nil)
	return m, []string{"--smtp-addr", address, "--smtp-tls", "none", "--smtp-timeout", "2s"}
}

// receiveOver offers STARTTLS if it is given a certificate.
func receiveOver(t *testing.T, shown *tls.Config) (m *mailServer, address string) {
	t.Helper()

	m = &mailServer{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := smtp.NewServer(m)
	server.Domain, server.TLSConfig = "mail.example", shown
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return m, listener.Addr().String()
}

// TestMailsGoThroughTheMailServer and are tried again, or given up, as it says.
func TestMailsGoThroughTheMailServer(t *testing.T) {
	t.Parallel()
	m, flags := receive(t)
	s := start(t, flags...)
	w := build(t, s, "smtp")
	admin := w.admin(t, "project")
	m.ill(true)
	admin.post(t, w.path("project")+"/invitations", object{"email": w.email("ina")}).want(t, http.StatusCreated)
	admin.post(t, w.path("project")+"/invitations", object{"email": "nobody@" + w.name + ".example"}).want(t, http.StatusCreated)

	listed := func(status string) string { return string(s.operator(t).get(t, "/v1/mails?status="+status).body) }
	await(t, "a refusal for good", func() bool { return strings.Contains(listed("failed"), "550") })
	await(t, "another attempt to come", func() bool { return strings.Contains(listed("pending"), "451") })
	assert.NotContains(t, s.stderr.String(), "@"+w.name, "the log says nothing of people")
	m.ill(false)
	await(t, "the mail", func() bool { return len(to(m.letters(), w.email("ina"))) == 1 })
	_, token := to(m.letters(), w.email("ina"))[0].link(t)
	s.as(t, w.email("ina")).post(t, "/v1/invitations/accept", object{"token": token}).want(t, http.StatusCreated)

	metrics := string(page(t, s, "/metrics").body)
	assert.Contains(t, metrics, `gatehouse_mails_total{kind="invitation",outcome="failed"} 1`)
}

// TestKilledServersLoseNoMail kills the server again and again while it invites.
func TestKilledServersLoseNoMail(t *testing.T) {
	t.Parallel()
	m, flags := receive(t)
	s := start(t, flags...)
	w := build(t, s, "killed-mails")
	var invited []string
	for round := range 4 {
		admin := w.admin(t, "project")
		for n := range 3 + round {
			email := w.email(fmt.Sprintf("ina-%d-%d", round, n))
			admin.post(t, w.path("project")+"/invitations", object{"email": email}).want(t, http.StatusCreated)
			invited = append(invited, email)
		}
		require.NoError(t, s.kill())
		s = s.again(t, flags...)
		w.server = s
	}
	for _, email := range invited {
		await(t, "the mail to "+email, func() bool { return len(to(m.letters(), email)) > 0 })
		assert.LessOrEqual(t, len(to(m.letters(), email)), 2, "sent again after a kill at most")
	}
}
