package access

import (
	"fmt"
	"regexp"
	"strings"
)

// The object types of the schema that Go code names.
const (
	TypeUser            = "user"
	TypePlatform        = "platform"
	TypePartner         = "partner"
	TypeClient          = "client"
	TypeProject         = "project"
	TypeCustomerAccount = "customer_account"
	TypeInstance        = "instance"
	TypeInvitation      = "invitation"
	TypeVersion         = "version"
	TypeAPIKey          = "api_key"
	TypeApplication     = "application"
	TypeApplicationKey  = "application_key"
	TypeService         = "service"
	TypeResource        = "resource"
	TypeGatehouse       = "gatehouse" // the servers themselves
)

// Platform is the one object every root object hangs from.
var Platform = Object{Type: TypePlatform, ID: "gatehouse"}

// Object names a resource: a definition of the schema and an id within it.
type Object struct {
	Type string
	ID   string
}

// User is the object that stands for the person with this id.
func User(id string) Object { return Object{Type: TypeUser, ID: id} }

func (o Object) String() string { return o.Type + ":" + o.ID }

// Subject is the right-hand side of a relationship. Relation is empty for a
// concrete object and names a relation for a subject set (group#member).
// An ID of "*" is the wildcard.
type Subject struct {
	Object
	Relation string
}

func (s Subject) String() string {
	if s.Relation == "" {
		return s.Object.String()
	}
	return s.Object.String() + "#" + s.Relation
}

var newIDPattern = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_\-]{0,63}$`)

const (
	maxTypeLength = 128
	maxIDLength   = 1024
)

// isType and isID accept what SpiceDB itself does (its ObjectReference rules), so that a
// reference that parses here never fails there. Every check passes here, and regular
// expressions would take longer than the answer does.
func isType(s string) bool {
	prefix, last := "", s
	if slash := strings.LastIndexByte(s, '/'); slash >= 0 {
		prefix, last = s[:slash], s[slash+1:]
		for part := range strings.SplitSeq(prefix, "/") {
			if !isIdentifier(part, 63) {
				return false
			}
		}
	}
	return len(s) <= maxTypeLength && isIdentifier(last, 64)
}

func isIdentifier(s string, most int) bool {
	if len(s) < 3 || len(s) > most || !isLower(s[0]) || s[len(s)-1] == '_' {
		return false
	}
	for i := range len(s) {
		if !isLower(s[i]) && !isDigit(s[i]) && s[i] != '_' {
			return false
		}
	}
	return true
}

func isID(s string) bool {
	for i := range len(s) {
		if b := s[i]; !isLower(b|0x20) && !isDigit(b) && strings.IndexByte("/_|-=+", b) < 0 {
			return false
		}
	}
	return s != "" && len(s) <= maxIDLength
}

func isLower(b byte) bool { return 'a' <= b && b <= 'z' }

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

// ParseObject accepts a type and an id as SpiceDB would.
// Errors: Invalid (malformed_reference).
func ParseObject(objectType, id string) (Object, error) {
	if !isType(objectType) {
		return Object{}, Fail(Invalid, "malformed_reference", "%q is not an object type", Clip(objectType))
	}
	if !isID(id) {
		return Object{}, Fail(Invalid, "malformed_reference", "%q is not an object id", Clip(id))
	}
	return Object{Type: objectType, ID: id}, nil
}

// ParseNewID accepts the id an operator chose for a new object. It is stricter
// than ParseObject: the id must stand unescaped in a URL.
// Errors: Invalid (malformed_id).
func ParseNewID(id string) (string, error) {
	if !newIDPattern.MatchString(id) {
		return "", Fail(Invalid, "malformed_id", "%q is not an id: use 1 to 64 letters, digits, '-' or '_', starting with a letter or digit", Clip(id))
	}
	return id, nil
}

// Clip keeps hostile input out of messages beyond a recognisable beginning.
func Clip(s string) string {
	const most = 64
	if len(s) <= most {
		return s
	}
	return fmt.Sprintf("%s… (%d bytes)", strings.ToValidUTF8(s[:most], ""), len(s))
}
