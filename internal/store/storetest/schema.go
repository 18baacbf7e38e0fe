package storetest

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

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

// FirstSchema writes a dictionary, and states, into a database of schema 1, as its program did: a row
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
	for _, r := range firstStates() {
		until := int64(math.MaxInt64)
		if !r.Until.IsZero() {
			until = r.Until.UnixMicro()
		}
		list = append(list, ledger.Statement{SQL: "INSERT INTO state (kind, scope, name, subject, body, valid_from, valid_to) VALUES (?, ?, ?, ?, ?, ?, ?)", Args: []any{int64(r.Kind), r.Scope, r.Key, r.Subject, r.Body, r.From.UnixMicro(), until}})
		list = append(list, ledger.Statement{SQL: "INSERT INTO state_scope (kind, scope, last) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", Args: []any{int64(r.Kind), r.Scope, By(7).Time.UnixMicro()}})
	}
	err := write(t.Context(), func(tx ledger.Tx) error {
		_, err := tx.Exec(t.Context(), list...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// firstStates are states as they were up to schema 4: findings went by containers.
func firstStates() []store.State {
	state := func(k store.StateKind, scope, key, subject string, from, until int) store.State {
		s := store.State{Kind: k, Scope: scope, Key: key, Subject: subject, Body: []byte("{}"), From: By(from).Time}
		if until > 0 {
			s.Until = By(until).Time
		}
		return s
	}
	const web, job = "prod/shöp/Deployment/wéb/app", "te%2Fst/a b/Job/x/y"
	return []store.State{
		state(store.StateFinding, web, "CVE-1 pkg:npm/a@1 sha256:01", "CVE-1", 1, 4),
		state(store.StateFinding, web, "CVE-1 pkg:npm/a@1 sha256:01", "CVE-1", 6, 0),
		state(store.StateFinding, web, "CVE-2 pkg:npm/b@1 sha256:01", "CVE-2", 1, 0),
		state(store.StateFinding, job, "CVE-1 pkg:npm/a@1 sha256:02", "CVE-1", 2, 7),
		state(store.StateRuns, "prod", "shop/Deployment/web/app", "sha256:01", 1, 0),
	}
}

// migratedStates checks that findings go by vulnerabilities, each with its times, and that
// others are as they were; and that both are changed from there.
func migratedStates(t *testing.T, s store.Store) {
	t.Helper()
	ctx := t.Context()
	var got []string
	for _, k := range []store.StateKind{store.StateFinding, store.StateRuns} {
		for _, r := range must(s.States(ctx, store.StateQuery{Kind: k, History: true, Limit: 100}))(t) {
			text := fmt.Sprintf("%s | %s | %s | %s %s from %d", r.Scope, r.Key, r.Subject, r.Body, "holds", int(r.From.Sub(By(0).Time)/time.Second))
			if !r.Until.IsZero() {
				text = fmt.Sprintf("%s | %s | %s | %s to %d from %d", r.Scope, r.Key, r.Subject, r.Body, int(r.Until.Sub(By(0).Time)/time.Second), int(r.From.Sub(By(0).Time)/time.Second))
			}
			got = append(got, text)
		}
	}
	want := []string{
		"CVE-1 | prod/shöp/Deployment/wéb/app CVE-1 pkg:npm/a@1 sha256:01 28 |  | {} to 4 from 1",
		"CVE-1 | prod/shöp/Deployment/wéb/app CVE-1 pkg:npm/a@1 sha256:01 28 |  | {} holds from 6",
		"CVE-1 | te%2Fst/a b/Job/x/y CVE-1 pkg:npm/a@1 sha256:02 19 |  | {} to 7 from 2",
		"CVE-2 | prod/shöp/Deployment/wéb/app CVE-2 pkg:npm/b@1 sha256:01 28 |  | {} holds from 1",
		"prod | shop/Deployment/web/app | sha256:01 | {} holds from 1",
	}
	if !slices.Equal(got, want) {
		t.Errorf("states became\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if rows := must(s.States(ctx, store.StateQuery{Kind: store.StateRuns, Subject: "sha256:01", Limit: 10}))(t); len(rows) != 1 {
		t.Errorf("%d states are found by their subject", len(rows))
	}
	// A clock that is behind what was asserted before appends to it all the same.
	ends := store.State{Key: "prod/shöp/Deployment/wéb/app CVE-1 pkg:npm/a@1 sha256:01 28", From: By(6).Time}
	done := must(s.Amend(ctx, By(3), store.StateFinding, []store.StateChange{{Scope: "CVE-1", Close: []store.State{ends}}}))(t)
	if !done[0].At.Equal(By(7).Time) {
		t.Errorf("changed for %s", done[0].At)
	}
}

// Migrated checks that a store has the entries and states of FirstSchema, finds them by
// their keys, and goes on behind them.
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
	migratedStates(t, s)
	if row := DecodeRow(got.Row); len(row) != len(rows)+1 {
		t.Errorf("the row has %d of %d", len(row), len(rows)+1)
	}
	Whole(t, s)
}
