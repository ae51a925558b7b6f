-- +goose Up

-- What the reseller calls a sub-customer.
ALTER TABLE objects ADD COLUMN external_reference text;
