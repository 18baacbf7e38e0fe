-- Texts that many documents have in common, which their bytes are packed with: lines, in
-- pieces that are laid one behind the other. An original refers to what is before a place of a
-- line; line 0 is none. A line that no original refers to any more loses its pieces and keeps its
-- number, so that nobody who still knows it takes another's texts for its own.
CREATE TABLE text_line (
    line BIGINT PRIMARY KEY,
    size BIGINT NOT NULL,
    uses BIGINT NOT NULL
);

CREATE TABLE text_piece (
    line  BIGINT NOT NULL,
    at    BIGINT NOT NULL,
    size  BIGINT NOT NULL,
    data  BYTEA NOT NULL,
    PRIMARY KEY (line, at)
);

ALTER TABLE original ADD COLUMN line BIGINT NOT NULL DEFAULT 0;
ALTER TABLE original ADD COLUMN through BIGINT NOT NULL DEFAULT 0;
