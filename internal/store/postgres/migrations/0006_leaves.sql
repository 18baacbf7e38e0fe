-- States of findings lie many in a row, packed: what one advisory changes is a few
-- rows instead of one for each container. A leaf has states of one scope, in the order of
-- their names, that hold until the same time; of those that hold now no two leaves of a scope
-- overlap. Those of schema 5, a row each, are moved behind this.
CREATE TABLE state_leaf (
    kind       BIGINT NOT NULL,
    scope      TEXT COLLATE "C" NOT NULL,
    first      TEXT COLLATE "C" NOT NULL, -- the name of the first state
    since      BIGINT NOT NULL, -- and from when on it holds
    last       TEXT COLLATE "C" NOT NULL, -- the name of the last one
    valid_from BIGINT NOT NULL, -- the earliest of all
    valid_to   BIGINT NOT NULL CHECK (valid_to > valid_from),
    packed     BYTEA NOT NULL,
    PRIMARY KEY (kind, scope, first, since),
    CHECK (scope <> '')
);
CREATE INDEX state_leaf_open ON state_leaf (kind, valid_to, scope, first);
