-- The catalogue. Numbers are assigned by the program under the lock of counter's
-- only row; docs/design/store.md explains the tables.
CREATE TABLE counter (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    seq        INTEGER NOT NULL,
    documents  INTEGER NOT NULL,
    components INTEGER NOT NULL,
    artifacts  INTEGER NOT NULL,
    originals  INTEGER NOT NULL,
    head       BLOB NOT NULL
);
INSERT INTO counter VALUES (1, 0, 0, 0, 0, 0, zeroblob(32));

CREATE TABLE original (
    id     INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    size   INTEGER NOT NULL,
    data   BLOB NOT NULL
);

CREATE TABLE document (
    id          INTEGER PRIMARY KEY,
    tenant      TEXT NOT NULL,
    original    INTEGER NOT NULL REFERENCES original (id),
    fingerprint BLOB NOT NULL,
    seq         INTEGER NOT NULL,
    artifact    INTEGER NOT NULL,
    status      INTEGER NOT NULL,
    media       TEXT NOT NULL,
    format      TEXT NOT NULL,
    subject     TEXT NOT NULL,
    actor       TEXT NOT NULL,
    at          INTEGER NOT NULL,
    deleted     INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX document_original ON document (original);
CREATE INDEX document_artifact ON document (artifact);
CREATE INDEX document_deleted ON document (deleted) WHERE deleted > 0;

CREATE TABLE forward (
    document   INTEGER PRIMARY KEY,
    components BLOB NOT NULL
);

CREATE TABLE component (
    id   INTEGER PRIMARY KEY,
    hash INTEGER NOT NULL,
    name BLOB NOT NULL
);
CREATE INDEX component_hash ON component (hash);

CREATE TABLE named (
    name     BLOB NOT NULL,
    document INTEGER NOT NULL,
    PRIMARY KEY (name, document)
) WITHOUT ROWID;

CREATE TABLE identity (
    name     BLOB PRIMARY KEY,
    artifact INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE joined (
    artifact      INTEGER PRIMARY KEY,
    into_artifact INTEGER NOT NULL
);
CREATE INDEX joined_into ON joined (into_artifact);

CREATE TABLE rejected (
    id     INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    digest BLOB NOT NULL,
    size   INTEGER NOT NULL,
    data   BLOB NOT NULL,
    media  TEXT NOT NULL,
    reason TEXT NOT NULL,
    actor  TEXT NOT NULL,
    at     INTEGER NOT NULL,
    UNIQUE (digest, tenant)
);

CREATE TABLE state (
    kind       INTEGER NOT NULL,
    scope      TEXT NOT NULL,
    name       TEXT NOT NULL,
    subject    TEXT NOT NULL,
    body       BLOB NOT NULL,
    valid_from INTEGER NOT NULL,
    valid_to   INTEGER NOT NULL CHECK (valid_to > valid_from),
    PRIMARY KEY (kind, scope, name, valid_from),
    CHECK (scope <> '')
) WITHOUT ROWID;
CREATE INDEX state_open ON state (kind, scope, valid_to);
CREATE INDEX state_subject ON state (kind, subject, valid_to);

CREATE TABLE state_scope (
    kind  INTEGER NOT NULL,
    scope TEXT NOT NULL,
    last  INTEGER NOT NULL,
    PRIMARY KEY (kind, scope)
) WITHOUT ROWID;

CREATE TABLE segment (
    name      TEXT PRIMARY KEY,
    first_seq INTEGER NOT NULL,
    last_seq  INTEGER NOT NULL,
    size      INTEGER NOT NULL,
    sum       BLOB NOT NULL,
    data      BLOB NOT NULL
);

CREATE TABLE journal (
    seq     INTEGER PRIMARY KEY,
    kind    INTEGER NOT NULL,
    subject INTEGER,
    other   INTEGER,
    record  BLOB NOT NULL
);

CREATE TABLE checkpoint (
    seq  INTEGER PRIMARY KEY,
    note BLOB NOT NULL
);
