-- The dictionary in runs: entries with ids that follow one another, packed together,
-- and for each the run that it is in by a hash of its key. The program moves the entries
-- over and drops component (ledger/migrate.go).
CREATE TABLE dictionary (
    first BIGINT PRIMARY KEY,
    keys  BYTEA NOT NULL
);
ALTER TABLE dictionary ALTER COLUMN keys SET STORAGE EXTERNAL;

CREATE TABLE key_hash (
    hash  INTEGER NOT NULL,
    first BIGINT NOT NULL,
    PRIMARY KEY (hash, first)
);
