package sqlite

import (
	"database/sql"
	"errors"
	"net/url"

	driver "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"
)

const (
	codeBusy       = codes.SQLITE_BUSY
	codeReadOnly   = codes.SQLITE_READONLY
	codeCannotOpen = codes.SQLITE_CANTOPEN
	codeNotSQLite  = codes.SQLITE_NOTADB
	codeCorrupt    = codes.SQLITE_CORRUPT
	codeConstraint = codes.SQLITE_CONSTRAINT
)

// is says whether SQLite's error has the primary code.
func is(err error, code int) bool {
	var own *driver.Error
	return errors.As(err, &own) && own.Code()&0xff == code
}

// name is what the driver calls the file at path, with settings for each of its
// connections.
func name(path string, settings url.Values) string {
	return (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: settings.Encode()}).String()
}

// open names a file to the driver and bounds its connections.
func open(path string, connections int, settings url.Values) (*sql.DB, error) {
	db, err := sql.Open("sqlite", name(path, settings))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(max(connections, idle))
	return db, nil
}
