package sqlite

import (
	"context"

	"github.com/google/uuid"
)

// Fork gives the file another identity, for what follows will not be what followed
// in the file it is a copy of: tokens of that one are refused from now on. Nothing
// else may be in use yet.
// Errors: ErrClosed, those of the driver.
func (d *Datastore) Fork(ctx context.Context) error {
	id := uuid.NewString()
	_, err := d.inTurn(ctx, func(ctx context.Context) (int64, error) {
		return d.writer.exec(ctx, `UPDATE spicedb_datastore SET unique_id = ?`, id)
	})
	if err == nil {
		d.uniqueID = id
	}
	return err
}
