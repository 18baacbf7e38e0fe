-- States of findings go by the vulnerability: the rows that one advisory changes lie
-- together. What they were of, the container, begins their names, whose last word is how
-- many characters that has. State kind 2 is StateFinding.
DROP INDEX state_subject;
UPDATE state SET name = scope || ' ' || name || ' ' || length(scope), scope = subject, subject = '' WHERE kind = 2;
DELETE FROM state_scope WHERE kind = 2;
INSERT INTO state_scope (kind, scope, last, seq)
    SELECT 2, scope, max(CASE WHEN valid_to = 9223372036854775807 THEN valid_from ELSE valid_to END), 0
    FROM state WHERE kind = 2 GROUP BY scope;
-- Nobody asks for states by an empty subject, and findings have none.
CREATE INDEX state_subject ON state (kind, subject, valid_to) WHERE subject <> '';
