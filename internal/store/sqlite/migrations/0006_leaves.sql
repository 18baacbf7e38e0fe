-- States of findings lie many in a row, packed: what one advisory changes is a few
-- rows instead of one for each container. A leaf has states of one scope, in the order of
-- their names, that hold until the same time; of those that hold now no two leaves of a scope
-- overlap. Those of schema 5, a row each, are moved behind this.
CREATE TABLE state_leaf (
    kind       INTEGER NOT NULL,
    scope      TEXT NOT NULL,
    first      TEXT NOT NULL, -- the name of the first state
    since      INTEGER NOT NULL, -- and from when on it holds
    last       TEXT NOT NULL, -- the name of the last one
    valid_from INTEGER NOT NULL, -- the earliest of all
    valid_to   INTEGER NOT NULL CHECK (valid_to > valid_from),
    packed     BLOB NOT NULL,
    PRIMARY KEY (kind, scope, first, since),
    CHECK (scope <> '')
) WITHOUT ROWID;
CREATE INDEX state_leaf_open ON state_leaf (kind, valid_to, scope, first);
