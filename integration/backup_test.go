package integration

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestBackupUnderLoad copies the data of a server amid writes of many clients, which
// go on. A server on the copy has whatever was acknowledged before the copy was
// begun, and of what came later as much as there was at one moment.
func TestBackupUnderLoad(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := build(t, s, "copied")
	load := w.load(t)
	await(t, "load", func() bool { return len(load.done()) >= least })

	certain := load.done()
	file := filepath.Join(t.TempDir(), "copy.db")
	printed, err := say(t.Context(), "", gatehouse, "backup", file, "--data-dir", s.dataDir)
	require.NoError(t, err)
	assert.Regexp(t, `^copied \d+ bytes in \S+\n$`, printed)
	onward := len(load.done()) + writers
	await(t, "more load", func() bool { return len(load.done()) >= onward })
	load.end()
	require.NoError(t, s.stop())

	backup := readFile(t, file)
	w.server = restored(t, file)
	w.keeps(t, certain)
	w.disowns(t, certain[0])
	assertOneMoment(t, w.server, load.done())
	assert.Equal(t, []string{"copy.db"}, names(t, filepath.Dir(file)), "nothing is left beside the backup")
	assert.True(t, bytes.Equal(backup, readFile(t, file)), "the backup is as before")
}

// disowns insists that the server takes no token of another one, from which it may
// differ by now.
func (w world) disowns(t *testing.T, d deed) {
	t.Helper()

	admin := w.admin(t, "partner")
	admin.post(t, "/v1/check", d.question).want(t, http.StatusOK)
	d.question["consistency"] = object{"at_least_as_fresh": d.writtenAt}
	admin.post(t, "/v1/check", d.question).want(t, http.StatusUnprocessableEntity).code(t, "foreign_token")
}

// assertOneMoment insists that whoever wrote one deed after the other finds none of
// them without the one before.
func assertOneMoment(t *testing.T, s *server, deeds []deed) {
	t.Helper()

	facts, lacks := s.facts(t), [writers]string{}
	for _, d := range deeds {
		if !facts[d.fact] {
			lacks[d.client] = d.fact
			continue
		}
		assert.Empty(t, lacks[d.client], "is missing, and was there before %s", d.fact)
	}
}

// TestBackupOfAKilledServer copies what a server left behind that was killed.
func TestBackupOfAKilledServer(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := build(t, s, "left-behind")
	load := w.load(t)
	await(t, "load", func() bool { return len(load.done()) >= least })
	require.NoError(t, s.kill())
	load.end()

	file := filepath.Join(t.TempDir(), "copy.db")
	_, err := say(t.Context(), "", gatehouse, "backup", file, "--data-dir", s.dataDir)
	require.NoError(t, err)
	w.server = restored(t, file)
	w.keeps(t, load.done())
}

// restored is a server of its own on a backup.
func restored(t *testing.T, file string) *server {
	t.Helper()

	dir := filepath.Join(t.TempDir(), "data")
	_, err := say(t.Context(), "", gatehouse, "restore", file, "--data-dir", dir)
	require.NoError(t, err)
	for _, kept := range []string{file, filepath.Join(dir, "gatehouse.db")} {
		info, err := os.Stat(kept)
		require.NoError(t, err)
		assert.Zero(t, info.Mode().Perm()&0o077, "%s holds personal data, and is %s", kept, info.Mode())
	}
	s, err := serve(dir, "--dev")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.stop()) })
	return s
}

// TestBackupsReplaceNothing refuses to write where something is, whatever it is.
func TestBackupsReplaceNothing(t *testing.T) {
	t.Parallel()
	s := start(t)
	dir := t.TempDir()
	backup := filepath.Join(dir, "copy.db")
	_, err := say(t.Context(), "", gatehouse, "backup", backup, "--data-dir", s.dataDir)
	require.NoError(t, err)
	diary := filepath.Join(dir, "diary.txt")
	require.NoError(t, os.WriteFile(diary, []byte("Dear diary, "), 0o600))
	dangling := filepath.Join(dir, "dangling")
	require.NoError(t, os.Symlink("nowhere", dangling))

	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"a backup over a backup":      {[]string{"backup", backup, "--data-dir", s.dataDir}, backup + " is in the way: move it away first"},
		"a backup over anything else": {[]string{"backup", diary, "--data-dir", s.dataDir}, diary + " is in the way: move it away first"},
		"a backup over a folder":      {[]string{"backup", dir, "--data-dir", s.dataDir}, dir + " is in the way: move it away first"},
		"a backup through a link":     {[]string{"backup", dangling, "--data-dir", s.dataDir}, dangling + " is in the way: move it away first"},
		"a restore over a server":     {[]string{"restore", backup, "--data-dir", s.dataDir}, filepath.Join(s.dataDir, "gatehouse.db") + " is in the way: move it away first"},
		"an export over a backup":     {[]string{"export", backup, "--data-dir", s.dataDir}, backup + ": file exists"},
		"an import into a server":     {[]string{"import", backup, "--data-dir", s.dataDir}, filepath.Join(s.dataDir, "gatehouse.db") + " is in use: another process has it open; stop that one first"},
	} {
		t.Run(name, func(t *testing.T) {
			before, data := contentsOf(t, dir), readFile(t, filepath.Join(s.dataDir, "gatehouse.db"))
			inOneLine(t, fails(t, "", nil, c.args...), c.says)
			assert.Equal(t, before, contentsOf(t, dir))
			assert.True(t, bytes.Equal(data, readFile(t, filepath.Join(s.dataDir, "gatehouse.db"))))
		})
	}
}

// TestRestoreTakesOnlyBackups refuses whatever else it is given, and leaves nothing
// that a server would take for its data.
func TestRestoreTakesOnlyBackups(t *testing.T) {
	t.Parallel()
	sound := soundData(t)

	for name, c := range spoiled {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file, data := filepath.Join(dir, "copy.db"), filepath.Join(dir, "data")
			require.NoError(t, os.WriteFile(file, sound, 0o600))
			c.spoil(t, file)
			before := readFile(t, file)

			inOneLine(t, fails(t, "", nil, "restore", file, "--data-dir", data), file+" "+c.says)
			assert.Empty(t, names(t, data))
			assert.Equal(t, []string{"copy.db", "data"}, names(t, dir))
			assert.True(t, bytes.Equal(before, readFile(t, file)))
		})
	}
	for name, c := range map[string]struct {
		spoil func(t *testing.T, path string)
		says  string
	}{
		"missing": {func(t *testing.T, path string) { require.NoError(t, os.Remove(path)) }, "no such file or directory"},
		"empty":   {func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 0)) }, "is empty: there is nothing to copy"},
		"a folder": {func(t *testing.T, path string) {
			require.NoError(t, os.Remove(path))
			require.NoError(t, os.Mkdir(path, 0o700))
		}, "copy.db"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file, data := filepath.Join(dir, "copy.db"), filepath.Join(dir, "data")
			require.NoError(t, os.WriteFile(file, sound, 0o600))
			c.spoil(t, file)

			inOneLine(t, fails(t, "", nil, "restore", file, "--data-dir", data), c.says)
			assert.Empty(t, names(t, data))
		})
	}
}

// TestBackupNeedsAServersData makes none where there is none.
func TestBackupNeedsAServersData(t *testing.T) {
	t.Parallel()

	for _, command := range []string{"backup", "export"} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			inOneLine(t, fails(t, dir, nil, command, "file", "--data-dir", "data"), filepath.Join("data", "gatehouse.db"), "no such file or directory")
			assert.Empty(t, names(t, dir))
		})
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()

	content, err := os.ReadFile(path)
	require.NoError(t, err)
	return content
}

// names are those of the files in a folder.
func names(t *testing.T, dir string) []string {
	t.Helper()

	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// contentsOf are those of the files in a folder, by name.
func contentsOf(t *testing.T, dir string) map[string]string {
	t.Helper()

	contents := map[string]string{}
	for _, name := range names(t, dir) {
		content, _ := os.ReadFile(filepath.Join(dir, name)) // what is no file has none
		contents[name] = string(content)
	}
	return contents
}
