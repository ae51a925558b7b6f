-- +goose Up

-- Roles that end, and when: SpiceDB tells nobody.
CREATE TABLE role_ends (
    resource_type text   NOT NULL,
    resource_id   text   NOT NULL,
    relation      text   NOT NULL,
    subject_type  text   NOT NULL,
    subject_id    text   NOT NULL,
    ends_at       bigint NOT NULL,
    PRIMARY KEY (resource_type, resource_id, relation, subject_type, subject_id)
);
CREATE INDEX role_ends_by_end ON role_ends (ends_at);
