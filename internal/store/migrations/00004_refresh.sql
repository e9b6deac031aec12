-- How often a fresh card was asked for, and how many of these wishes the publisher has taken account of.
-- It only adds: a program of schema 3 finds everything where it was. What it settles it settles without the wishes, which wait for the
-- next press and a program that knows them.

-- By which command each server was muted last, and by which a mute was last ended: one that is delivered twice counts once.

-- +goose Up
ALTER TABLE threads ADD COLUMN refresh_asked BIGINT NOT NULL DEFAULT 0;
ALTER TABLE threads ADD COLUMN refresh_taken BIGINT NOT NULL DEFAULT 0;
ALTER TABLE mutes ADD COLUMN request_key TEXT NOT NULL DEFAULT '';
ALTER TABLE mutes ADD COLUMN end_key TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE mutes DROP COLUMN end_key;
ALTER TABLE mutes DROP COLUMN request_key;
ALTER TABLE threads DROP COLUMN refresh_taken;
ALTER TABLE threads DROP COLUMN refresh_asked;
