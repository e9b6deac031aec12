-- What several replicas on one database need, and what is kept for auditors and for messages that belong to no import.
-- It only adds: a program of schema 1 finds everything where it was.

-- +goose Up
-- holder is the replica that leads, by its id in replicas; '' where nobody does since the last one gave it away.
-- run tells one run of the database server from the next: what ended with the server's end does not show that its
-- holder knows.
ALTER TABLE lead ADD COLUMN holder TEXT NOT NULL DEFAULT '';
ALTER TABLE lead ADD COLUMN holder_name TEXT NOT NULL DEFAULT '';
ALTER TABLE lead ADD COLUMN run TEXT NOT NULL DEFAULT '';

-- The oldest program, by the newest schema it knows, which may still use this database. A migration that takes away
-- what older programs use raises it.
CREATE TABLE compat (
    id     BIGINT PRIMARY KEY CHECK (id = 1),
    oldest BIGINT NOT NULL
);
INSERT INTO compat (id, oldest) VALUES (1, 1);

CREATE TABLE replicas (
    id      TEXT   PRIMARY KEY,
    name    TEXT   NOT NULL,
    version TEXT   NOT NULL,
    since   BIGINT NOT NULL,
    seen    BIGINT NOT NULL
);

-- The id is made of the entry, so that an entry which is written twice is there once.
CREATE TABLE audit (
    id        TEXT   PRIMARY KEY,
    at        BIGINT NOT NULL,
    kind      TEXT   NOT NULL,
    user_id   TEXT   NOT NULL,
    server    TEXT   NOT NULL,
    import_id TEXT   NOT NULL,
    result    TEXT   NOT NULL,
    body      TEXT   NOT NULL
);
CREATE INDEX audit_by_age ON audit (at);

CREATE TABLE notices (
    id         TEXT   PRIMARY KEY,
    kind       TEXT   NOT NULL,
    server     TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    done       BIGINT NOT NULL,
    next_try   BIGINT NOT NULL,
    body       TEXT   NOT NULL
);
CREATE INDEX notices_by_age ON notices (done, created_at);

-- +goose Down
DROP TABLE notices;
DROP TABLE audit;
DROP TABLE replicas;
DROP TABLE compat;
ALTER TABLE lead DROP COLUMN run;
ALTER TABLE lead DROP COLUMN holder_name;
ALTER TABLE lead DROP COLUMN holder;
