-- +goose Up

-- What the reseller calls a sub-customer, and what kind of service an object is.
ALTER TABLE objects ADD COLUMN external_reference text;
ALTER TABLE objects ADD COLUMN service_kind text;

-- A key is recognised by the hash of its secret, which nobody keeps. The row of one
-- that was deleted stays: what it did can still be told by its name.
CREATE TABLE api_keys (
    id         text   NOT NULL PRIMARY KEY,
    name       text   NOT NULL,
    hash       bytea  NOT NULL UNIQUE,
    created_at bigint NOT NULL
);
