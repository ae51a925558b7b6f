-- +goose Up

-- A user name is case sensitive in both engines; of those who have none many may be.
ALTER TABLE people ADD COLUMN user_name text;
CREATE UNIQUE INDEX people_by_user_name ON people (user_name);

ALTER TABLE people ADD COLUMN language text NOT NULL DEFAULT 'en';
