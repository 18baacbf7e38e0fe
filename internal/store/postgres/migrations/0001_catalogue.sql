-- The catalogue. Numbers are assigned by the program under the lock of counter's
-- only row; docs/design/store.md explains the tables.
CREATE TABLE counter (
    one        BIGINT PRIMARY KEY CHECK (one = 1),
    seq        BIGINT NOT NULL,
    documents  BIGINT NOT NULL,
    components BIGINT NOT NULL,
    artifacts  BIGINT NOT NULL,
    originals  BIGINT NOT NULL,
    head       BYTEA NOT NULL
);
INSERT INTO counter VALUES (1, 0, 0, 0, 0, 0, decode(repeat('00', 32), 'hex'));

CREATE TABLE original (
    id     BIGINT PRIMARY KEY,
    digest BYTEA NOT NULL UNIQUE,
    size   BIGINT NOT NULL,
    data   BYTEA NOT NULL
);

CREATE TABLE document (
    id          BIGINT PRIMARY KEY,
    tenant      TEXT COLLATE "C" NOT NULL,
    original    BIGINT NOT NULL REFERENCES original (id),
    fingerprint BYTEA NOT NULL,
    seq         BIGINT NOT NULL,
    artifact    BIGINT NOT NULL,
    status      BIGINT NOT NULL,
    media       TEXT COLLATE "C" NOT NULL,
    format      TEXT COLLATE "C" NOT NULL,
    subject     TEXT COLLATE "C" NOT NULL,
    actor       TEXT COLLATE "C" NOT NULL,
    at          BIGINT NOT NULL,
    deleted     BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX document_original ON document (original);
CREATE INDEX document_artifact ON document (artifact);
CREATE INDEX document_deleted ON document (deleted) WHERE deleted > 0;

CREATE TABLE forward (
    document   BIGINT PRIMARY KEY,
    components BYTEA NOT NULL
);

CREATE TABLE component (
    id   BIGINT PRIMARY KEY,
    hash BIGINT NOT NULL,
    name BYTEA NOT NULL
);
CREATE INDEX component_hash ON component (hash);

CREATE TABLE named (
    name     BYTEA NOT NULL,
    document BIGINT NOT NULL,
    PRIMARY KEY (name, document)
);

CREATE TABLE identity (
    name     BYTEA PRIMARY KEY,
    artifact BIGINT NOT NULL
);

CREATE TABLE joined (
    artifact      BIGINT PRIMARY KEY,
    into_artifact BIGINT NOT NULL
);
CREATE INDEX joined_into ON joined (into_artifact);

CREATE TABLE rejected (
    id     BIGINT PRIMARY KEY,
    tenant TEXT COLLATE "C" NOT NULL,
    digest BYTEA NOT NULL,
    size   BIGINT NOT NULL,
    data   BYTEA NOT NULL,
    media  TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    actor  TEXT COLLATE "C" NOT NULL,
    at     BIGINT NOT NULL,
    UNIQUE (digest, tenant)
);

CREATE TABLE state (
    kind       BIGINT NOT NULL,
    scope      TEXT COLLATE "C" NOT NULL,
    name       TEXT COLLATE "C" NOT NULL,
    subject    TEXT COLLATE "C" NOT NULL,
    body       BYTEA NOT NULL,
    valid_from BIGINT NOT NULL,
    valid_to   BIGINT NOT NULL CHECK (valid_to > valid_from),
    PRIMARY KEY (kind, scope, name, valid_from),
    CHECK (scope <> '')
);
CREATE INDEX state_open ON state (kind, scope, valid_to);
CREATE INDEX state_subject ON state (kind, subject, valid_to);

CREATE TABLE state_scope (
    kind  BIGINT NOT NULL,
    scope TEXT COLLATE "C" NOT NULL,
    last  BIGINT NOT NULL,
    PRIMARY KEY (kind, scope)
);

CREATE TABLE segment (
    name      TEXT COLLATE "C" PRIMARY KEY,
    first_seq BIGINT NOT NULL,
    last_seq  BIGINT NOT NULL,
    size      BIGINT NOT NULL,
    sum       BYTEA NOT NULL,
    data      BYTEA NOT NULL
);

CREATE TABLE journal (
    seq     BIGINT PRIMARY KEY,
    kind    BIGINT NOT NULL,
    subject BIGINT,
    other   BIGINT,
    record  BYTEA NOT NULL
);

CREATE TABLE checkpoint (
    seq  BIGINT PRIMARY KEY,
    note BYTEA NOT NULL
);

-- These bytes are compressed or random already: PostgreSQL need not try.
ALTER TABLE original ALTER COLUMN data SET STORAGE EXTERNAL;
ALTER TABLE rejected ALTER COLUMN data SET STORAGE EXTERNAL;
ALTER TABLE segment ALTER COLUMN data SET STORAGE EXTERNAL;
