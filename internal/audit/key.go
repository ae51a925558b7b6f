package audit

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Key signs digests.
type Key struct{ private ed25519.PrivateKey }

// OpenKey finds a key in a file, or makes one. Errors: those of the file system; the
// file holds something else.
func OpenKey(path string) (*Key, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = createKey(path)
	}
	if err != nil {
		return nil, fmt.Errorf("read the audit's key: %w", err)
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			if key, ok := parsed.(ed25519.PrivateKey); ok {
				return &Key{key}, nil
			}
		}
	}
	return nil, fmt.Errorf("%s does not hold an Ed25519 key in PEM: name another file, or move it away to have a new key made", path)
}

// createKey makes a key, or finds the one that another process made meanwhile.
// Nobody sees half of one, and only its owner reads it.
func createKey(path string) (text []byte, err error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".audit-key-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.Remove(file.Name())) }()
	// A key that was lost to a power cut would make its digests those of a stranger.
	err = errors.Join(pem.Encode(file, &pem.Block{Type: "PRIVATE KEY", Bytes: der}), file.Sync(), file.Close())
	if err != nil {
		return nil, err
	}
	if err := os.Link(file.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return os.ReadFile(path)
}

// Name is how digests name the key: the public one, in base64.
func (k *Key) Name() string { return name(k.private.Public().(ed25519.PublicKey)) }

func name(public ed25519.PublicKey) string { return base64.StdEncoding.EncodeToString(public) }

func (k *Key) sign(f fields) string {
	return base64.StdEncoding.EncodeToString(ed25519.Sign(k.private, f))
}

func (k *Key) signDigest(d Digest) Digest {
	d.Key = k.Name()
	d.Signature = k.sign(d.encoding())
	return d
}

func (k *Key) signBeginning(b Beginning) Beginning {
	b.Key = k.Name()
	b.Signature = k.sign(b.encoding())
	return b
}

// Trust is the public keys that statements are believed of, by name.
type Trust map[string]ed25519.PublicKey

// Read adds every key of a PEM file: public ones, and those of private ones.
// Errors: there is none.
func (t Trust) Read(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read a public key: %w", err)
	}
	found := false
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		public, err := x509.ParsePKIXPublicKey(block.Bytes)
		if private, notPublic := x509.ParsePKCS8PrivateKey(block.Bytes); err != nil && notPublic == nil {
			if key, ok := private.(ed25519.PrivateKey); ok {
				public = key.Public()
			}
		}
		if key, ok := public.(ed25519.PublicKey); ok {
			t[name(key)], found = key, true
		}
	}
	if !found {
		return fmt.Errorf("%s holds no Ed25519 key in PEM", path)
	}
	return nil
}

// PEM are the keys as `openssl pkey -pubin` reads them.
func (t Trust) PEM() ([]byte, error) {
	var text []byte
	for _, key := range t {
		der, err := x509.MarshalPKIXPublicKey(key)
		if err != nil {
			return nil, err
		}
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})...)
	}
	return text, nil
}

// doubts says what speaks against a signature; nothing: "".
func (t Trust) doubts(key, signature string, f fields) string {
	public, known := t[key]
	if !known {
		return fmt.Sprintf("it is signed with the key %s, which was not named as the server's", key)
	}
	s, err := base64.StdEncoding.DecodeString(signature)
	if err != nil || base64.StdEncoding.EncodeToString(s) != signature || !ed25519.Verify(public, f, s) {
		return "its signature is not of what it says"
	}
	return ""
}
