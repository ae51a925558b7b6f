-- +goose Up

-- Types both SQLite and Postgres understand: times are microseconds since 1970,
-- and SQLite keeps whatever bytes are put into a bytea.

CREATE TABLE people (
    id          text   NOT NULL PRIMARY KEY,
    email       text   NOT NULL UNIQUE,
    given_name  text   NOT NULL,
    family_name text   NOT NULL,
    created_at  bigint NOT NULL
);

-- A person has at most one login.
CREATE TABLE logins (
    issuer    text NOT NULL,
    subject   text NOT NULL,
    person_id text NOT NULL UNIQUE REFERENCES people (id) ON DELETE CASCADE,
    PRIMARY KEY (issuer, subject)
);

-- A row stands for good once its object has relationships.
CREATE TABLE objects (
    type            text   NOT NULL,
    id              text   NOT NULL,
    name            text   NOT NULL,
    time_zone       text   NOT NULL,
    customer_number text   UNIQUE,
    identifier      text   UNIQUE,
    claim           text   NOT NULL UNIQUE,
    claimed_at      bigint NOT NULL,
    PRIMARY KEY (type, id)
);

CREATE TABLE invitations (
    id         text   NOT NULL PRIMARY KEY,
    invitee_id text   NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    email      text   NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint NOT NULL
);
CREATE INDEX invitations_by_invitee ON invitations (invitee_id);

CREATE TABLE invitation_tokens (
    hash          bytea NOT NULL PRIMARY KEY,
    invitation_id text  NOT NULL REFERENCES invitations (id) ON DELETE CASCADE
);
CREATE INDEX invitation_tokens_by_invitation ON invitation_tokens (invitation_id);

CREATE TABLE cursors (
    follower text NOT NULL PRIMARY KEY,
    token    text NOT NULL
);

-- status is null until the request was answered.
CREATE TABLE replays (
    person_id       text   NOT NULL,
    idempotency_key text   NOT NULL,
    fingerprint     bytea  NOT NULL,
    begun_at        bigint NOT NULL,
    status          integer,
    body            bytea,
    PRIMARY KEY (person_id, idempotency_key)
);
CREATE INDEX replays_by_age ON replays (begun_at);
