-- Which change of a scope's states was the last: its number in the journal. 0 is before
-- this was kept.
ALTER TABLE state_scope ADD COLUMN seq INTEGER NOT NULL DEFAULT 0;
