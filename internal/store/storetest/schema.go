package storetest

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/internal/store/ledger"
)

// firstKeys are the entries of a dictionary of schema 1.
func firstKeys() []string {
	var keys []string
	for i := range 9000 { // more than are moved at once
		keys = append(keys, fmt.Sprintf("pkg:generic/component-%d@1.0.%d", i/7, i))
	}
	return append(keys, "\x00", "a\x00b", "\xff\xfe", string(make([]byte, store.MaxKey)), "日本語")
}

// FirstSchema writes a dictionary into a database of schema 1, as its program did: a row
// for each entry, with its id and the first 64 bits of the key's SHA-256.
func FirstSchema(t *testing.T, write func(context.Context, func(ledger.Tx) error) error) {
	t.Helper()
	keys := firstKeys()
	list := []ledger.Statement{{SQL: "UPDATE counter SET components = ? WHERE one = 1", Args: []any{int64(len(keys))}}}
	id := int64(0)
	for some := range slices.Chunk(keys, 100) {
		var args []any
		for _, k := range some {
			sum := sha256.Sum256([]byte(k))
			args = append(args, id, int64(binary.BigEndian.Uint64(sum[:8])), []byte(k)) // #nosec G115 -- a hash
			id++
		}
		list = append(list, ledger.Statement{SQL: "INSERT INTO component (id, hash, name) VALUES (?, ?, ?)" + strings.Repeat(", (?, ?, ?)", len(some)-1), Args: args})
	}
	err := write(t.Context(), func(tx ledger.Tx) error {
		_, err := tx.Exec(t.Context(), list...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Migrated checks that a store has the entries of FirstSchema, finds them by their
// keys, and goes on behind them.
func Migrated(t *testing.T, s store.Store) {
	t.Helper()
	rows, entries := firstKeys(), Entries(t, s)
	if len(entries) != len(rows) {
		t.Fatalf("%d entries became %d", len(rows), len(entries))
	}
	keys := []string{"one more"}
	for i, e := range entries {
		if rows[i] != e.Key {
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
