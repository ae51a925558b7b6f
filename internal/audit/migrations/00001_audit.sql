-- +goose Up

-- Types both SQLite and Postgres understand: times are microseconds since 1970.
-- There are ids here and no names: personal data stays in the directory.

-- A change has one row however often Watch tells of it: its moment is its own. A
-- gap ends at the moment of a change, and so needs its beginning to be told apart.
CREATE TABLE audit_events (
    sequence       bigint NOT NULL PRIMARY KEY,
    moment         text   NOT NULL,
    gap_from       text   NOT NULL,
    operation      text   NOT NULL,
    actor_type     text   NOT NULL,
    actor_id       text   NOT NULL,
    reason         text   NOT NULL,
    request_id     text   NOT NULL,
    client_address text   NOT NULL,
    happened_at    bigint NOT NULL,
    UNIQUE (moment, gap_from)
);
CREATE INDEX audit_events_actor ON audit_events (actor_type, actor_id, sequence);
CREATE INDEX audit_events_operation ON audit_events (operation, sequence);
CREATE INDEX audit_events_happened_at ON audit_events (happened_at);

-- on_type and on_id are the resource or, of an invitation, what it invites to.
CREATE TABLE audit_updates (
    sequence         bigint  NOT NULL,
    position         integer NOT NULL,
    verb             integer NOT NULL,
    resource_type    text    NOT NULL,
    resource_id      text    NOT NULL,
    relation         text    NOT NULL,
    subject_type     text    NOT NULL,
    subject_id       text    NOT NULL,
    subject_relation text    NOT NULL,
    ends_at          bigint, -- NULL: it has no end
    on_type          text    NOT NULL,
    on_id            text    NOT NULL,
    person_id        text    NOT NULL,
    PRIMARY KEY (sequence, position)
);
CREATE INDEX audit_updates_on ON audit_updates (on_type, on_id, sequence);
CREATE INDEX audit_updates_resource ON audit_updates (resource_type, resource_id, sequence);
CREATE INDEX audit_updates_person ON audit_updates (person_id, sequence);

-- How far the audit has come. It moves with the event, in one transaction.
CREATE TABLE audit_cursor (
    one   integer NOT NULL PRIMARY KEY CHECK (one = 1),
    token text    NOT NULL
);
