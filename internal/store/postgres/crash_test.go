package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cofferdam-io/cofferdam/evidence"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/internal/store/storetest"
	"github.com/cofferdam-io/cofferdam/internal/testenv/pg"
)

func TestMain(m *testing.M) {
	storetest.RunIntake(func(where string, c store.Coding) (store.Store, error) {
		return Open(context.Background(), where, Options{Coding: c, Patience: time.Minute})
	})
	goleak.VerifyTestMain(m)
}

var coding = store.Coding{Encode: storetest.EncodeRow}

// Two replicas take documents in; in each round the server, one of its backends,
// or one replica is killed with SIGKILL. A follower reads the sequence all the
// while: it never sees a gap, and at the end every acknowledged document is there
// byte for byte, and every other one whole or not at all.
func TestKilledServersAndReplicas(t *testing.T) {
	const rounds = 30
	server := pg.Start(t)
	dsn := server.Database(t)
	s := openAt(t, dsn, coding)
	follow, stop := context.WithCancel(t.Context())
	var follower sync.WaitGroup
	follower.Go(func() { gapless(follow, t, s) })

	r := rand.New(rand.NewPCG(uint64(os.Getpid()), 2))
	var head evidence.Head
	acked := 0
	for round := range rounds {
		a := storetest.StartIntake(t, dsn, uint64(2*round)<<20)
		b := storetest.StartIntake(t, dsn, uint64(2*round+1)<<20)
		<-a.First
		<-b.First
		time.Sleep(time.Duration(r.IntN(50)) * time.Millisecond)
		var acks []storetest.Ack
		switch round % 3 {
		case 0: // the server, and it recovers while both replicas wait for it
			server.Kill()
			server.Restart(t)
			more(t, a)
			more(t, b)
		case 1: // one backend, at which the server ends all others and recovers
			server.KillBackend(t, dsn)
			more(t, a)
			more(t, b)
		case 2: // one replica; the other goes on
			acks = a.Kill(t)
			more(t, b)
		}
		if round%3 != 2 {
			acks = a.Kill(t)
		}
		acks = append(acks, b.Kill(t)...)
		storetest.Acknowledged(t, s, acks)
		head = storetest.Tail(t, s, head)
		storetest.Generations(t, s)
		acked += len(acks)
	}
	stop()
	follower.Wait()
	p, err := s.Position(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d rounds: of %d documents %d had been acknowledged", rounds, p.Documents, acked)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// more waits until a replica acknowledges anew, which shows that it got over what
// happened.
func more(t *testing.T, c *storetest.Child) {
	t.Helper()
	if !c.More(60 * time.Second) {
		t.Error("a replica acknowledges nothing more")
	}
}

// gapless follows the sequence until ctx ends.
func gapless(ctx context.Context, t *testing.T, s store.Reader) {
	seq := uint64(0)
	for ctx.Err() == nil {
		changes, err := s.Since(context.WithoutCancel(ctx), seq, 100)
		if err != nil {
			if !errors.Is(err, store.ErrRetryLater) {
				t.Errorf("the follower: %v", err)
				return
			}
			continue
		}
		for _, c := range changes {
			if c.Seq != seq+1 {
				t.Errorf("the follower saw %d after %d", c.Seq, seq)
				return
			}
			seq = c.Seq
		}
		if len(changes) == 0 {
			time.Sleep(5 * time.Millisecond)
		}
	}
}

// wire is a connection that loses the next COMMIT or the answer to it.
type wire struct {
	net.Conn
	fault *faults
	cut   bool
}

// faults are what the wires of one store do.
type faults struct {
	mu   sync.Mutex
	next fault
	away bool // no new connection succeeds
	met  int
}

type fault uint8

const (
	none       fault = iota
	loseCommit       // it never reaches the server
	loseAnswer       // the server commits, and nobody hears of it
)

var errCut = errors.New("the wire was cut")

func (f *faults) dial(ctx context.Context, network, address string) (net.Conn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.away {
		return nil, errCut
	}
	c, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &wire{Conn: c, fault: f}, nil
}

func (w *wire) Write(b []byte) (int, error) {
	w.fault.mu.Lock()
	defer w.fault.mu.Unlock()
	if !bytes.Contains(b, []byte("commit\x00")) || w.fault.next == none {
		return w.Conn.Write(b)
	}
	w.cut = true
	w.fault.met++
	lost := w.fault.next
	w.fault.next = none
	if lost == loseCommit {
		return 0, errors.Join(errCut, w.Close())
	}
	return w.Conn.Write(b)
}

func (w *wire) Read(b []byte) (int, error) {
	w.fault.mu.Lock()
	cut := w.cut
	w.fault.mu.Unlock()
	if cut {
		// Hear that the server answered, so that it has committed, and say nothing.
		_, err := w.Conn.Read(make([]byte, 1<<12))
		return 0, errors.Join(errCut, err, w.Close())
	}
	return w.Conn.Read(b)
}

// A commit whose answer is lost is settled by asking: the document is there once,
// with the receipt of that commit. Where nobody can be asked, the caller is told so,
// and never that nothing was changed.
func TestLostAnswers(t *testing.T) {
	server := pg.Start(t)
	dsn := server.Database(t)
	f := &faults{}
	// One connection: who tells other replicas would warm another, and that one can be asked.
	s, err := Open(t.Context(), dsn, Options{Coding: coding, Connections: 1, Patience: 200 * time.Millisecond, dial: f.dial})
	if err != nil {
		t.Fatal(err)
	}
	var acks []storetest.Ack
	for n := range uint64(30) {
		f.mu.Lock()
		f.next = fault(n % 3)
		f.mu.Unlock()
		r, err := s.Commit(t.Context(), []store.Intake{storetest.Numbered(n)})
		if err != nil {
			t.Fatalf("document %d, fault %d: %v", n, n%3, err)
		}
		if r[0].Document != uint32(n) || r[0].Duplicate != (fault(n%3) == loseAnswer) {
			t.Errorf("document %d, fault %d: %+v", n, n%3, r[0])
		}
		acks = append(acks, storetest.Ack{Number: n, Document: r[0].Document})
	}
	if f.met != 20 {
		t.Errorf("%d faults were met, want 20", f.met)
	}
	storetest.Acknowledged(t, s, acks)
	storetest.Tail(t, s, evidence.Head{})

	for i, lost := range []fault{loseAnswer, loseCommit} {
		// Warm connections first; then the only one is cut and none can be had.
		if _, err := s.Position(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.mu.Lock()
		f.next, f.away = lost, true
		f.mu.Unlock()
		in := []store.Intake{storetest.Numbered(uint64(100 + i))}
		_, err := s.Commit(t.Context(), in)
		if !errors.Is(err, store.ErrUnknownOutcome) || errors.Is(err, store.ErrRetryLater) {
			t.Errorf("nobody can be asked: %v", err)
		}
		f.mu.Lock()
		f.away = false
		f.mu.Unlock()
		there := must(s.Lookup(t.Context(), in[0].Tenant, in[0].Original))(t)
		if (len(there) == 1) != (lost == loseAnswer) {
			t.Errorf("fault %d left %+v", lost, there)
		}
		if r := storetest.Commit(t, s, in...)[0]; r.Duplicate != (lost == loseAnswer) {
			t.Errorf("sent again after fault %d: %+v", lost, r)
		}
	}
	storetest.Whole(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// pg_dump under load, and the dump in a new database, as docs/design/store.md says.
func TestDumpAndRestore(t *testing.T) {
	server := pg.Start(t)
	dsn := server.Database(t)
	s := openAt(t, dsn, coding)
	child := storetest.StartIntake(t, dsn, 0)
	<-child.First
	before, err := s.Position(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dump := server.Run(t, nil, "pg_dump", "--format=custom", pg.Name(dsn))
	acks := child.Kill(t)
	storetest.Acknowledged(t, s, acks)
	to := server.Database(t)
	server.Run(t, dump, "pg_restore", "--single-transaction", "--dbname="+pg.Name(to))
	back := openAt(t, to, coding)
	if p, err := back.Position(t.Context()); err != nil || p.Seq < before.Seq {
		t.Errorf("the dump was begun at %d and has %d: %v", before.Seq, p.Seq, err)
	}
	storetest.Tail(t, back, evidence.Head{})
	storetest.Commit(t, back, storetest.Numbered(1<<40))
	storetest.Whole(t, back)
	if err := errors.Join(s.Close(), back.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestServerThatDoesNotSync(t *testing.T) {
	server := pg.Start(t, "-c", "fsync=off")
	_, err := Open(t.Context(), server.Database(t), Options{Coding: coding})
	if err == nil {
		t.Error("a server with fsync=off was accepted")
	}
	lazy := pg.Start(t, "-c", "synchronous_commit=off")
	s := openAt(t, lazy.Database(t), coding)
	var commit string
	if err := s.engine.pool.QueryRow(t.Context(), "SHOW synchronous_commit").Scan(&commit); err != nil || commit != "on" {
		t.Errorf("synchronous_commit is %q, %v", commit, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestConnectionStringIsNotShown(t *testing.T) {
	_, err := Open(t.Context(), "postgres://user:hunter2@[::bad/db", Options{Coding: coding})
	if err == nil || strings.Contains(fmt.Sprintf("%v %+v", err, err), "hunter2") {
		t.Errorf("the error shows the password: %v", err)
	}
}
