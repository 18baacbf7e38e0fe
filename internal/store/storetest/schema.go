package storetest

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"github.com/cofferdam-io/cofferdam/internal/store"
)

// Row is an entry of schema 1's dictionary, as its program wrote it: id, the first 64
// bits of the key's SHA-256, key.
type Row [3]any

// InsertRow is how a Row comes into a database of schema 1, and CountRows how its counter
// tells of them.
const (
	InsertRow = "INSERT INTO component (id, hash, name) VALUES (?, ?, ?)"
	CountRows = "UPDATE counter SET components = ? WHERE one = 1"
)

// FirstSchema returns a dictionary of schema 1.
func FirstSchema() []Row {
	var rows []Row
	add := func(key string) {
		sum := sha256.Sum256([]byte(key))
		rows = append(rows, Row{int64(len(rows)), int64(binary.BigEndian.Uint64(sum[:8])), []byte(key)}) // #nosec G115 -- a hash
	}
	for i := range 9000 { // more than are moved at once
		add(fmt.Sprintf("pkg:generic/component-%d@1.0.%d", i/7, i))
	}
	for _, k := range []string{"\x00", "a\x00b", "\xff\xfe", string(make([]byte, store.MaxKey)), "日本語"} {
		add(k)
	}
	return rows
}

// Migrated checks that a store has the entries of FirstSchema, finds them by their
// keys, and goes on behind them.
func Migrated(t *testing.T, s store.Store) {
	t.Helper()
	rows, entries := FirstSchema(), Entries(t, s)
	if len(entries) != len(rows) {
		t.Fatalf("%d entries became %d", len(rows), len(entries))
	}
	keys := []string{"one more"}
	for i, e := range entries {
		if string(rows[i][2].([]byte)) != e.Key {
			t.Fatalf("entry %d became %q", i, e.Key)
		}
		keys = append(keys, e.Key)
	}
	slices.Sort(keys)
	got := Commit(t, s, Doc(1, keys...))[0]
	if want := []store.Entry{{ID: uint32(len(rows)), Key: "one more"}}; !slices.Equal(got.Added, want) { // #nosec G115 -- a small number
		t.Errorf("%d entries are new", len(got.Added))
	}
	if row := DecodeRow(got.Row); len(row) != len(rows)+1 {
		t.Errorf("the row has %d of %d", len(row), len(rows)+1)
	}
	Whole(t, s)
}
