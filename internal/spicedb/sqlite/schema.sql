-- Format 1. A row is seen at revision r when created <= r < deleted; the live one has deleted = 9223372036854775807.

CREATE TABLE spicedb_datastore (
    unique_id TEXT NOT NULL,
    collected INTEGER NOT NULL -- what was deleted at this revision or before is gone
) STRICT;

CREATE TABLE spicedb_revision (
    id        INTEGER PRIMARY KEY,
    committed INTEGER NOT NULL, -- microseconds since 1970, never less than its predecessor's
    metadata  BLOB
) STRICT;

-- The key ends in deleted, so that it keeps a relationship from living twice and
-- a read of one relationship skips all of its dead versions but one.
CREATE TABLE spicedb_relationship (
    object_type      TEXT NOT NULL,
    object_id        TEXT NOT NULL,
    relation         TEXT NOT NULL,
    subject_type     TEXT NOT NULL,
    subject_id       TEXT NOT NULL,
    subject_relation TEXT NOT NULL,
    deleted          INTEGER NOT NULL,
    created          INTEGER NOT NULL,
    caveat           TEXT,
    context          BLOB,
    expiration       INTEGER, -- microseconds since 1970
    PRIMARY KEY (object_type, object_id, relation, subject_type, subject_id, subject_relation, deleted)
) STRICT, WITHOUT ROWID;

CREATE INDEX spicedb_relationship_by_subject ON spicedb_relationship
    (subject_type, subject_id, subject_relation, object_type, relation, object_id, deleted);

CREATE INDEX spicedb_relationship_by_expiration ON spicedb_relationship (expiration) WHERE expiration IS NOT NULL;

-- What each revision did to relationships: for Watch to tell, and for the
-- collector to know which rows are dead without searching for them.
CREATE TABLE spicedb_change (
    revision         INTEGER NOT NULL,
    position         INTEGER NOT NULL,
    object_type      TEXT NOT NULL,
    object_id        TEXT NOT NULL,
    relation         TEXT NOT NULL,
    subject_type     TEXT NOT NULL,
    subject_id       TEXT NOT NULL,
    subject_relation TEXT NOT NULL,
    removed          INTEGER NOT NULL,
    caveat           TEXT,
    context          BLOB,
    expiration       INTEGER,
    PRIMARY KEY (revision, position)
) STRICT, WITHOUT ROWID;

-- Object types and caveats, where the schema is kept one definition at a time.
CREATE TABLE spicedb_definition (
    kind    TEXT NOT NULL,
    name    TEXT NOT NULL,
    deleted INTEGER NOT NULL,
    created INTEGER NOT NULL,
    body    BLOB NOT NULL,
    PRIMARY KEY (kind, name, deleted)
) STRICT, WITHOUT ROWID;

-- The schema as one text.
CREATE TABLE spicedb_schema (
    deleted INTEGER PRIMARY KEY,
    created INTEGER NOT NULL,
    hash    TEXT NOT NULL,
    body    BLOB NOT NULL
) STRICT;

CREATE TABLE spicedb_counter (
    name     TEXT NOT NULL,
    deleted  INTEGER NOT NULL,
    created  INTEGER NOT NULL,
    filter   BLOB NOT NULL,
    count    INTEGER NOT NULL DEFAULT 0,
    computed INTEGER NOT NULL DEFAULT 0, -- the revision it was counted at; 0 means never
    PRIMARY KEY (name, deleted)
) STRICT, WITHOUT ROWID;
