-- One schema for SQLite and PostgreSQL: TEXT, BIGINT and $n placeholders mean the same in both.
-- Times are Unix milliseconds UTC; 0 means that there is none. What a column holds beside body is there to be searched.

-- +goose Up
CREATE TABLE lead (
    id       BIGINT PRIMARY KEY CHECK (id = 1),
    epoch    BIGINT NOT NULL,
    taken_at BIGINT NOT NULL
);
INSERT INTO lead (id, epoch, taken_at) VALUES (1, 0, 0);

CREATE TABLE imports (
    id           TEXT   PRIMARY KEY,
    server       TEXT   NOT NULL,
    type         TEXT   NOT NULL,
    origin       TEXT   NOT NULL,
    state        TEXT   NOT NULL,
    outcome      TEXT   NOT NULL,
    request_key  TEXT   UNIQUE, -- NULL where nobody asked here
    requested_by TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    accepted_at  BIGINT NOT NULL,
    begun_at     BIGINT NOT NULL,
    ended_at     BIGINT NOT NULL,
    answered_at  BIGINT NOT NULL,
    revision     BIGINT NOT NULL,
    body         TEXT   NOT NULL
);
CREATE INDEX imports_by_state ON imports (state, server);
CREATE INDEX imports_by_age ON imports (server, created_at);

CREATE TABLE followers (
    import_id   TEXT   NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
    user_id     TEXT   NOT NULL,
    position    BIGINT NOT NULL,
    followed_at BIGINT NOT NULL,
    PRIMARY KEY (import_id, user_id)
);

CREATE TABLE servers (
    name       TEXT   PRIMARY KEY,
    updated_at BIGINT NOT NULL,
    body       TEXT   NOT NULL
);

-- Logins that a server rejected. The fingerprint has 16 bits: enough to notice a new password, too few to find one.
CREATE TABLE logins (
    server      TEXT   PRIMARY KEY,
    fingerprint BIGINT NOT NULL,
    held_until  BIGINT NOT NULL
);

-- Every import has a thread from the moment it is stored. due is when there is something to do for the publisher:
-- 0 for news, the next try for unfinished work, the greatest number for nothing.
CREATE TABLE threads (
    import_id TEXT   PRIMARY KEY REFERENCES imports (id) ON DELETE CASCADE,
    shown     BIGINT NOT NULL,
    followers BIGINT NOT NULL,
    done      BIGINT NOT NULL,
    next_try  BIGINT NOT NULL,
    due       BIGINT NOT NULL,
    body      TEXT   NOT NULL
);
CREATE INDEX threads_by_due ON threads (due);

-- +goose Down
DROP TABLE threads;
DROP TABLE logins;
DROP TABLE servers;
DROP TABLE followers;
DROP TABLE imports;
DROP TABLE lead;
