//go:build unix

package doctor

import "golang.org/x/sys/unix"

// available is how many bytes may still be written to the disk of a folder.
func available(folder string) (uint64, error) {
	var disk unix.Statfs_t
	if err := unix.Statfs(folder, &disk); err != nil {
		return 0, err
	}
	return disk.Bavail * uint64(disk.Bsize), nil
}
