-- +goose Up

-- What mails were asked for. No text and no token is ever in here. state is pending,
-- sent, failed or dropped; due_at is when the next attempt may begin, settled_at is
-- null while pending.
CREATE TABLE mails (
    id           text    NOT NULL PRIMARY KEY,
    cause        text    NOT NULL,
    kind         text    NOT NULL,
    recipient_id text    NOT NULL,
    object_type  text    NOT NULL,
    object_id    text    NOT NULL,
    roles        text    NOT NULL,
    state        text    NOT NULL,
    attempts     integer NOT NULL,
    fault        text    NOT NULL,
    queued_at    bigint  NOT NULL,
    due_at       bigint  NOT NULL,
    settled_at   bigint,
    UNIQUE (cause, kind, recipient_id, object_type, object_id)
);
CREATE INDEX mails_due ON mails (state, due_at, id);
CREATE INDEX mails_settled ON mails (settled_at);

-- What is announced, for as long as a mail of it is pending; by language in JSON.
CREATE TABLE announcements (
    id         text NOT NULL PRIMARY KEY,
    kind       text NOT NULL,
    account_id text NOT NULL,
    subject    text NOT NULL,
    content    text NOT NULL
);
