package doctor

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// files looks at who else may read what is secret, and at the room that is left.
func files(_ context.Context, e *examination) {
	secrets := []string{e.DevKey(), filepath.Join(e.DataDir, "grpc-key"), e.AuditKey(), e.TLS.KeyFile, filepath.Join(e.DataDir, "outbox")}
	if kept := e.DataFile(); kept != "" {
		secrets = append(secrets, kept, kept+"-wal")
	}
	for _, path := range secrets {
		e.private(path)
	}
	text, err := os.ReadFile(e.file)
	for _, secret := range secretsOf(e.Config) {
		if err == nil && strings.Contains(string(text), secret) {
			e.private(e.file)
			break
		}
	}
	e.room()
}

// others are the bits of those who are neither owner nor in the group.
const others fs.FileMode = 0o006

func (e *examination) private(path string) {
	info, err := os.Stat(path)
	if path == "" || err != nil || info.Mode()&others == 0 {
		return // what is missing is made at the start, for its owner alone
	}
	e.problem("readable_by_all", "chmod o-rw "+path, "%s holds secrets, and is open to every user of this machine (%s)", path, info.Mode().Perm())
}

// Where there is less room, the next busy hour, or a backup, may fill the disk.
const (
	roomProblem = 64 << 20
	roomWarning = 1 << 30
)

func (e *examination) room() {
	if free, err := available(e.DataDir); err == nil { // or the folder is made at the start
		e.left(free)
	}
}

func (e *examination) left(free uint64) {
	severity := Warning
	switch {
	case free < roomProblem:
		severity = Problem
	case free >= roomWarning:
		return
	}
	e.find(severity, "disk_full", "make room on the disk, or move --data-dir to a larger one",
		"%d MB are left on the disk of %s; once it is full, writes fail", free>>20, e.DataDir)
}
