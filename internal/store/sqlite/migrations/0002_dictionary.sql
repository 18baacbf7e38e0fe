-- The dictionary in runs: entries with ids that follow one another, packed together,
-- and for each the run that it is in by a hash of its key. The program moves the entries
-- over and drops component (ledger/migrate.go).
CREATE TABLE dictionary (
    first INTEGER PRIMARY KEY,
    keys  BLOB NOT NULL
);

CREATE TABLE key_hash (
    hash  INTEGER NOT NULL,
    first INTEGER NOT NULL,
    PRIMARY KEY (hash, first)
) WITHOUT ROWID;
