-- +goose Up

CREATE TABLE applications (
    id         text   NOT NULL PRIMARY KEY,
    name       text   NOT NULL,
    created_by text   NOT NULL,
    created_at bigint NOT NULL
);

-- A key is recognised by the hash of its secret, which nobody keeps. The row of one
-- that was revoked stays: it opens nothing.
CREATE TABLE application_keys (
    id             text   NOT NULL PRIMARY KEY,
    application_id text   NOT NULL REFERENCES applications (id),
    hash           bytea  NOT NULL UNIQUE,
    prefix         text   NOT NULL,
    created_at     bigint NOT NULL,
    last_used_at   bigint NOT NULL
);
