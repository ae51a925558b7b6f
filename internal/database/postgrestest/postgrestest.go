// Package postgrestest runs a Postgres of a test's own: the real programs, on a
// port of this machine, in a folder that is gone afterwards.
package postgrestest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Cluster is a running Postgres.
type Cluster struct {
	programs, folder string
	owner            *syscall.SysProcAttr
	port             int
	databases        atomic.Int64
	settings         []string
}

// Start runs a Postgres until Stop. Settings are its own, such as work_mem=1MB.
// Errors: Postgres is not installed, and says how to; it does not start.
func Start(settings ...string) (_ *Cluster, err error) {
	c := &Cluster{settings: settings}
	if c.programs, err = programs(); err != nil {
		return nil, err
	}
	if c.folder, err = os.MkdirTemp("", "postgres-"); err != nil {
		return nil, err
	}
	if err := c.start(); err != nil {
		_ = os.RemoveAll(c.folder)
		return nil, err
	}
	return c, nil
}

// programs finds the newest Postgres there is.
func programs() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pg_ctl") // where Debian keeps them, off the path
	if path, err := exec.LookPath("pg_ctl"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil { // the others are where it is
			found = append(found, path)
		}
	}
	if len(found) == 0 {
		return "", fmt.Errorf("the programs of Postgres are missing: run `make postgres`, which installs them")
	}
	return filepath.Dir(slices.Max(found)), nil
}

func (c *Cluster) start() (err error) {
	if c.owner, err = c.giveAway(); err != nil {
		return err
	}
	if err := c.run("initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync", c.data()); err != nil {
		return err
	}
	// Another may take the port between finding and using it.
	for range 3 {
		if c.port, err = freePort(); err != nil {
			return err
		}
		if err = c.Resume(); err == nil {
			return nil
		}
	}
	log, _ := os.ReadFile(filepath.Join(c.folder, "log"))
	return fmt.Errorf("%w\n%s", err, log)
}

// giveAway lets the folder belong to whoever will run Postgres: it refuses to run
// as root.
func (c *Cluster) giveAway() (*syscall.SysProcAttr, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	owner, err := user.Lookup("postgres")
	if err != nil {
		if owner, err = user.Lookup("nobody"); err != nil {
			return nil, fmt.Errorf("find somebody other than root to run Postgres: %w", err)
		}
	}
	uid, err := strconv.ParseUint(owner.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(owner.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}},
		os.Chown(c.folder, int(uid), int(gid))
}

func (c *Cluster) data() string { return filepath.Join(c.folder, "data") }

func (c *Cluster) run(program string, args ...string) error {
	command := exec.Command(filepath.Join(c.programs, program), args...)
	command.Dir, command.SysProcAttr = c.folder, c.owner
	// Postgres outlives pg_ctl and keeps what it inherits: a pipe would never end.
	output, err := os.OpenFile(filepath.Join(c.folder, program+".out"), os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = output.Close() }()
	command.Stdout, command.Stderr = output, output
	if err := command.Run(); err != nil {
		said, _ := os.ReadFile(output.Name())
		return fmt.Errorf("%s: %w\n%s", program, err, said)
	}
	return nil
}

// Pause ends Postgres as a failing machine would, until Resume.
func (c *Cluster) Pause() error {
	return c.run("pg_ctl", "stop", "--wait", "--mode=immediate", "-D", c.data())
}

// Resume runs Postgres again, at the address it had.
func (c *Cluster) Resume() error {
	options := fmt.Sprintf("-h 127.0.0.1 -p %d -k %s -F -c max_connections=200 -c track_commit_timestamp=on", c.port, c.folder)
	for _, setting := range c.settings {
		options += " -c " + setting // the last one wins
	}
	return c.run("pg_ctl", "start", "--wait", "-D", c.data(), "-l", filepath.Join(c.folder, "log"), "-o", options)
}

// Stop ends Postgres, whoever is connected, and removes its folder.
func (c *Cluster) Stop() error {
	if err := c.run("pg_ctl", "stop", "--wait", "--mode=fast", "-D", c.data()); err != nil {
		return err
	}
	return os.RemoveAll(c.folder)
}

// Database makes an empty database and returns its URL. It is gone with the
// cluster: to drop it would take longer than to make it.
func (c *Cluster) Database(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test_%d", c.databases.Add(1))
	c.exec(t, `CREATE DATABASE `+name)
	return c.url(name)
}

// Login makes somebody who owns the cluster but must show a password, unlike everybody
// else, and returns the URL of an empty database as they reach it. A password is of
// letters and digits.
func (c *Cluster) Login(t testing.TB, name, password string) string {
	t.Helper()
	c.exec(t, `CREATE ROLE `+name+` LOGIN SUPERUSER PASSWORD '`+password+`'`)
	path := filepath.Join(c.data(), "pg_hba.conf")
	rules, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, append([]byte("host all "+name+" 127.0.0.1/32 scram-sha-256\n"), rules...), 0o600) // the first that fits counts
	}
	if err == nil {
		err = c.run("pg_ctl", "reload", "-D", c.data())
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.Replace(c.Database(t), "postgres@", name+":"+password+"@", 1)
}

// Restore makes a database of what another holds, of this cluster or another, as from a
// backup, and returns its URL.
func (c *Cluster) Restore(t testing.TB, url string) string {
	t.Helper()
	restored := c.Database(t)
	backup := filepath.Join(c.folder, fmt.Sprintf("backup%d.sql", c.databases.Add(1)))
	err := c.run("pg_dump", "--file", backup, url)
	if err == nil {
		err = c.run("psql", "--quiet", "--no-psqlrc", "--set", "ON_ERROR_STOP=1", "--file", backup, restored)
	}
	if err != nil {
		t.Fatal(err)
	}
	return restored
}

func (c *Cluster) exec(t testing.TB, statement string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context()) // it has ended when the test cleans up
	conn, err := pgx.Connect(ctx, c.url("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func (c *Cluster) url(database string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", c.port, database)
}
