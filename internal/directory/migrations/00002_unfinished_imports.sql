-- +goose Up

-- One row from the moment an import fills the directory until the relationships
-- have followed.
CREATE TABLE unfinished_imports (
    one      integer NOT NULL PRIMARY KEY CHECK (one = 1),
    begun_at bigint  NOT NULL
);
