-- +goose Up

-- Each event's hash covers the event, its updates and the hash before it, in
-- hexadecimal. The next migration computes those of events that are there.
ALTER TABLE audit_events ADD COLUMN hash text NOT NULL DEFAULT '';

-- What was signed at times: the hash of the event with the sequence "last".
CREATE TABLE audit_digests (
    number    bigint NOT NULL PRIMARY KEY,
    first     bigint NOT NULL,
    last      bigint NOT NULL,
    hash      text   NOT NULL,
    signed_at bigint NOT NULL,
    previous  text   NOT NULL,
    key       text   NOT NULL,
    signature text   NOT NULL
);

-- Since when there are events at all, once old ones were deleted on purpose.
CREATE TABLE audit_beginning (
    one       integer NOT NULL PRIMARY KEY CHECK (one = 1),
    first     bigint  NOT NULL,
    hash      text    NOT NULL,
    before    bigint  NOT NULL,
    signed_at bigint  NOT NULL,
    key       text    NOT NULL,
    signature text    NOT NULL
);
