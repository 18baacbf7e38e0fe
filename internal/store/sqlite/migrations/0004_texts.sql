-- Texts that many documents have in common, which their bytes are packed with: lines, in
-- pieces that are laid one behind the other. An original refers to what is before a place of a
-- line; line 0 is none. A line that no original refers to any more loses its pieces and keeps its
-- number, so that nobody who still knows it takes another's texts for its own.
CREATE TABLE text_line (
    line INTEGER PRIMARY KEY,
    size INTEGER NOT NULL,
    uses INTEGER NOT NULL
);

CREATE TABLE text_piece (
    line  INTEGER NOT NULL,
    at    INTEGER NOT NULL,
    size  INTEGER NOT NULL,
    data  BLOB NOT NULL,
    PRIMARY KEY (line, at)
);

ALTER TABLE original ADD COLUMN line INTEGER NOT NULL DEFAULT 0;
ALTER TABLE original ADD COLUMN through INTEGER NOT NULL DEFAULT 0;
