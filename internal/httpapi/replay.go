package httpapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/gatehouse/gatehouse/internal/access"
)

// maxKey bounds an Idempotency-Key, in bytes.
const maxKey = 200

// repeat hands a write with an Idempotency-Key over to replay. Only operations
// that take one are repeated: an answer to a question must not outlive it.
func (a *api) repeat(c *gin.Context) {
	r := noted(c.Request.Context()).route
	if key := c.GetHeader("Idempotency-Key"); key != "" && r.repeatable {
		a.replay(c, key, r.once)
	}
}

// replay answers a write that is repeated under the same Idempotency-Key with
// what it answered before. Only success is kept: a request that was refused or
// failed changed nothing, and its repetition is carried out.
func (a *api) replay(c *gin.Context, key, once string) {
	if len(key) > maxKey || !utf8.ValidString(key) {
		a.refuse(c, access.Fail(access.Malformed, "malformed_parameter", "an Idempotency-Key must be UTF-8 and at most %d bytes", maxKey))
		return
	}
	hashed := sha256.Sum256([]byte(key)) // what clients send as a key may be a secret elsewhere
	key = hex.EncodeToString(hashed[:])
	request := sha256.New()
	for _, part := range [][]byte{[]byte(c.Request.Method), []byte(c.Request.URL.RequestURI()), body(c)} {
		sum := sha256.Sum256(part)
		request.Write(sum[:])
	}
	who := asker(c.Request.Context())
	earlier, err := a.Replays.Begin(c.Request.Context(), who, key, [32]byte(request.Sum(nil)))
	if err != nil {
		a.refuse(c, err)
		return
	}
	if earlier != nil {
		a.answerAgain(c, *earlier)
		return
	}
	answer := &recorder{ResponseWriter: c.Writer}
	c.Writer = answer
	c.Next()
	if err := a.keep(c, who, key, once, answer); err != nil {
		a.Log.ErrorContext(c.Request.Context(), "answer not kept for repetition", "request_id", requestID(c.Request.Context()), "error", err)
	}
}

// keep stores what was answered, even if the client left meanwhile. What is shown
// once is left out: a secret is not kept, here no more than elsewhere.
func (a *api) keep(c *gin.Context, who, key, once string, answer *recorder) error {
	ctx := context.WithoutCancel(c.Request.Context())
	if status := answer.Status(); status >= http.StatusMultipleChoices {
		return a.Replays.Abandon(ctx, who, key)
	}
	text, err := without(once, answer.body.Bytes())
	if err != nil {
		return errors.Join(err, a.Replays.Abandon(ctx, who, key))
	}
	kept, err := json.Marshal(keptAnswer{
		ContentType: answer.Header().Get("Content-Type"), WrittenAt: answer.Header().Get("Gatehouse-Written-At"), Body: text,
	})
	return errors.Join(err, a.Replays.Finish(ctx, who, key, access.Reply{Status: answer.Status(), Body: kept}))
}

// without leaves a field out of a JSON object; no field is no change.
func without(field string, text []byte) ([]byte, error) {
	if field == "" {
		return text, nil
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(text, &object); err != nil {
		return nil, err
	}
	delete(object, field)
	rest, err := json.Marshal(object)
	return append(rest, '\n'), err
}

func (a *api) answerAgain(c *gin.Context, earlier access.Reply) {
	var kept keptAnswer
	if err := json.Unmarshal(earlier.Body, &kept); err != nil {
		a.refuse(c, err)
		return
	}
	if kept.WrittenAt != "" {
		c.Header("Gatehouse-Written-At", kept.WrittenAt)
	}
	c.Abort()
	c.Status(earlier.Status)
	if len(kept.Body) > 0 {
		c.Data(earlier.Status, kept.ContentType, kept.Body)
	}
}

type keptAnswer struct {
	ContentType string `json:"content_type"`
	WrittenAt   string `json:"written_at,omitempty"`
	Body        []byte `json:"body"`
}

// recorder copies what is answered.
type recorder struct {
	gin.ResponseWriter
	body bytes.Buffer
}

func (r *recorder) Write(b []byte) (int, error) {
	r.body.Write(b)
	return r.ResponseWriter.Write(b)
}
