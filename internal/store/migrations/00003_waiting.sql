-- Starts that wait for what runs to end, who wants to be told by direct message, mutes, and when each server was watched.
-- It only adds: a program of schema 2 finds everything where it was, and takes no notice of what waits.

-- +goose Up
-- One start of a kind waits on a server, whoever asks for it on whichever replica: the second one joins the first.
CREATE UNIQUE INDEX imports_waiting ON imports (server, type) WHERE state = 'waiting';

-- 1 for those who are told of the end by direct message, instead of being mentioned in the thread.
ALTER TABLE followers ADD COLUMN direct BIGINT NOT NULL DEFAULT 0;

-- The last mute of each server; it holds until ends_at.
CREATE TABLE mutes (
    server  TEXT   PRIMARY KEY,
    since   BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    user_id TEXT   NOT NULL,
    reason  TEXT   NOT NULL
);

-- A stretch in which a server answered without a longer pause: the first and the last answered look.
CREATE TABLE watched (
    server  TEXT   NOT NULL,
    since   BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    PRIMARY KEY (server, since)
);
CREATE INDEX watched_by_end ON watched (server, seen_at);

-- +goose Down
DROP TABLE watched;
DROP TABLE mutes;
ALTER TABLE followers DROP COLUMN direct;
DROP INDEX imports_waiting;
