package database

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// Step is a migration that SQL alone cannot do, in a transaction of its own.
type Step struct {
	Version int64
	Do      func(context.Context, *sql.Tx) error
}

// Migrate applies those of the owner's migrations, *.sql in the folder
// "migrations" and the steps between them, that the database has not seen. Each
// owner counts its own, so that several packages can keep their tables in one
// database. Errors: those of goose, the driver and the steps.
func Migrate(ctx context.Context, db *sql.DB, owner string, files fs.FS, steps ...Step) error {
	if err := migrate(ctx, db, owner, files, steps); err != nil {
		return fmt.Errorf("migrate %s: %w", owner, err)
	}
	return nil
}

func migrate(ctx context.Context, db *sql.DB, owner string, files fs.FS, steps []Step) error {
	folder, err := fs.Sub(files, "migrations")
	if err != nil {
		return err
	}
	options := []goose.ProviderOption{
		goose.WithTableName(owner + "_migrations"),
		goose.WithDisableGlobalRegistry(true),
		goose.WithLogger(goose.NopLogger()),
	}
	for _, step := range steps {
		options = append(options, goose.WithGoMigrations(goose.NewGoMigration(step.Version, &goose.GoFunc{RunTx: step.Do}, nil)))
	}
	dialect := goose.DialectSQLite3
	if _, postgres := db.Driver().(*stdlib.Driver); postgres {
		dialect = goose.DialectPostgres
		// Servers that start at once would each make the same tables.
		oneAtATime, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
		if err != nil {
			return err
		}
		options = append(options, goose.WithSessionLocker(oneAtATime))
	}
	provider, err := goose.NewProvider(dialect, db, folder, options...)
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}
