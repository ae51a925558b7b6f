package doctor

import (
	"context"
	"errors"
	"io/fs"

	"github.com/gatehouse/gatehouse/internal/database"
	"github.com/gatehouse/gatehouse/internal/spicedb/sqlite"
)

// dataFile looks at the file that an embedded server keeps everything in, which may be
// open in one.
func dataFile(ctx context.Context, e *examination) {
	db, err := sqlite.OpenToRead(ctx, e.DataFile())
	if errors.Is(err, fs.ErrNotExist) {
		return // the first start makes it
	}
	if err != nil {
		e.problem("data_file_unusable", "restore a backup with gatehouse restore, or name another folder with --data-dir", "%v", err)
		return
	}
	defer func() { _ = db.Close() }() // it was only read
	e.tables(e.DataFile(), func(owner string) (int64, error) { return database.Version(ctx, db, owner) })
}
