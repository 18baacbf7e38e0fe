package sqlite

import (
	"context"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cofferdam-io/cofferdam/evidence"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/internal/store/storetest"
)

func TestMain(m *testing.M) {
	storetest.RunIntake(func(where string, c store.Coding) (store.Store, error) {
		// The log is moved into the file after every few commits, so that kills hit that too.
		return Open(context.Background(), where, Options{Coding: c, pages: 32})
	})
	goleak.VerifyTestMain(m)
}

// Two hundred processes take documents in, six at a time, and each is killed with
// SIGKILL at a moment of its own. What they acknowledged is there, byte for byte,
// and what they did not is there whole or not at all.
func TestKilledProcesses(t *testing.T) {
	const rounds = 200
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(uint64(os.Getpid()), 1))
	var head evidence.Head
	acked, documents, generations := 0, uint32(0), 0
	var acks []storetest.Ack
	for round := range rounds {
		child := storetest.StartIntake(t, dir, uint64(round)<<20)
		select {
		case <-child.First:
			// From before the second commit to after several.
			time.Sleep(time.Duration(r.IntN(20000)) * time.Microsecond)
		case <-time.After(time.Minute):
			t.Error("the child acknowledges nothing")
		}
		acks = append(acks, child.Kill(t)...)
		// What was lost stays lost: a look after every fourth kill sees it, and in between
		// the next child has the log of a killed one to recover.
		if round%4 != 3 {
			continue
		}
		s := openIn(t, dir, store.Coding{Encode: storetest.EncodeRow})
		storetest.Acknowledged(t, s, acks)
		head = storetest.Tail(t, s, head)
		generations = storetest.Generations(t, s)
		if round%40 == 39 {
			integrity(t, s)
		}
		p, err := s.Position(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		acked, documents, acks = acked+len(acks), p.Documents, acks[:0]
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if acked < rounds {
		t.Errorf("%d acknowledgements in %d rounds: the children were killed before they did anything", acked, rounds)
	}
	if generations < rounds { // each child begins with one
		t.Errorf("states were changed %d times in %d rounds", generations, rounds)
	}
	t.Logf("%d processes were killed; of %d documents %d had been acknowledged; states of many scopes changed %d times", rounds, documents, acked, generations)
}

// integrity lets SQLite check its own file.
func integrity(t *testing.T, s *Store) {
	t.Helper()
	var answer string
	if err := s.engine.conn.QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&answer); err != nil || answer != "ok" {
		t.Errorf("integrity_check: %s, %v", answer, err)
	}
}
