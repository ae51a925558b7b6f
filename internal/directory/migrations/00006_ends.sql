-- +goose Up

-- When relationships end, or were to end once, and which checks that can change.
-- A moved end is a second row: so no write takes away what another relies on.
CREATE TABLE ends (
    resource_type text   NOT NULL,
    resource_id   text   NOT NULL,
    relation      text   NOT NULL,
    subject_type  text   NOT NULL,
    subject_id    text   NOT NULL,
    ends_at       bigint NOT NULL,
    reach         text   NOT NULL,
    PRIMARY KEY (resource_type, resource_id, relation, subject_type, subject_id, ends_at)
);
INSERT INTO ends SELECT resource_type, resource_id, relation, subject_type, subject_id, ends_at,
    'subject ' || subject_type || ':' || subject_id FROM role_ends;
DROP TABLE role_ends;
CREATE INDEX ends_by_end ON ends (ends_at);
CREATE INDEX ends_by_reach ON ends (reach, ends_at);
