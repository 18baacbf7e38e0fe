package sqlite

import (
	"errors"
	"testing"

	"github.com/cofferdam-io/cofferdam/evidence"
	"github.com/cofferdam-io/cofferdam/internal/store/storetest"
)

// Whoever changes the database behind the program's back is found out.
func TestAuditFindsTampering(t *testing.T) {
	for what, sql := range map[string]string{
		"a row":                 "UPDATE forward SET components = x'00' WHERE document = 2",
		"a row that is gone":    "DELETE FROM forward WHERE document = 2",
		"a document":            "DELETE FROM document WHERE id = 2",
		"who sent it":           "UPDATE document SET actor = 'nobody' WHERE id = 1",
		"what it is about":      "UPDATE document SET subject = '{}' WHERE id = 1",
		"whose it is":           "UPDATE document SET tenant = 'umbrella' WHERE id = 1",
		"its bytes' digest":     "UPDATE original SET digest = zeroblob(32) WHERE id = 1",
		"a tombstone":           "UPDATE document SET deleted = 2 WHERE id = 2",
		"no tombstone":          "UPDATE document SET deleted = 0 WHERE id = 0",
		"the record":            "UPDATE journal SET record = x'0101' WHERE seq = 2",
		"a record that is gone": "DELETE FROM journal WHERE seq = 3",
		"the last record":       "DELETE FROM journal WHERE seq = (SELECT MAX(seq) FROM journal)",
		"the order":             "UPDATE journal SET seq = -2 WHERE seq = 2; UPDATE journal SET seq = 2 WHERE seq = 3; UPDATE journal SET seq = 3 WHERE seq = -2",
		"the end of the chain":  "UPDATE counter SET head = zeroblob(32)",
		"another's document":    "UPDATE journal SET subject = 1 WHERE seq = 3",
	} {
		s := openIn(t, t.TempDir(), coding)
		storetest.Commit(t, s, storetest.Doc(0, "a"), storetest.Doc(1, "b"), storetest.Doc(2, "a", "b"))
		if _, err := s.Delete(t.Context(), storetest.By(9), []uint32{0}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Audit(t.Context()); err != nil {
			t.Fatalf("before: %v", err)
		}
		if _, err := s.engine.conn.ExecContext(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
		_, err := s.Audit(t.Context())
		if broken := (*evidence.Broken)(nil); !errors.As(err, &broken) {
			t.Errorf("%s was changed, and the audit says %v", what, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
