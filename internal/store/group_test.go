package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cofferdam-io/cofferdam/ident"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// gate is an Intaker whose commits wait until they are let through.
type gate struct {
	open    chan struct{}
	refuse  string // a digest that makes its group fail
	mu      sync.Mutex
	groups  [][]string
	entered atomic.Int32
}

func (g *gate) Commit(_ context.Context, group []Intake) ([]Receipt, error) {
	g.entered.Add(1)
	<-g.open
	g.mu.Lock()
	defer g.mu.Unlock()
	var names []string
	receipts := make([]Receipt, len(group))
	for i, in := range group {
		if in.Tenant == g.refuse && g.refuse != "" {
			return nil, ident.Errorf(ident.KindFailure, "the database refuses %s", in.Tenant)
		}
		names = append(names, in.Tenant)
		receipts[i].Document = uint32(len(in.Data))
	}
	g.groups = append(g.groups, names)
	return receipts, nil
}

func small(name string, size int) Intake {
	b := make([]byte, size)
	return Intake{Mutation: Mutation{Actor: "a", Time: time.Unix(1, 0)}, Tenant: name, Original: ident.SHA256([]byte(name)), Data: b}
}

func TestGroupGathers(t *testing.T) {
	to := &gate{open: make(chan struct{})}
	g := NewGroup(to, GroupOptions{MaxDocuments: 5})
	var wg sync.WaitGroup
	put := func(name string, size int) {
		wg.Go(func() {
			if r, err := g.Put(context.Background(), small(name, size)); err != nil || r.Document != uint32(size) {
				t.Errorf("%s: %+v, %v", name, r, err)
			}
		})
	}
	put("first", 1)
	for to.entered.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	for i := range 12 {
		put(fmt.Sprint(i), i)
	}
	for {
		g.mu.Lock()
		n := len(g.queue)
		g.mu.Unlock()
		if n == 12 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	close(to.open)
	wg.Wait()
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	if len(to.groups) != 4 || len(to.groups[0]) != 1 || len(to.groups[1]) != 5 || len(to.groups[3]) != 2 {
		t.Errorf("groups %v", to.groups)
	}
}

func TestGroupPushesBack(t *testing.T) {
	to := &gate{open: make(chan struct{})}
	g := NewGroup(to, GroupOptions{MaxPending: 10000})
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = g.Put(context.Background(), small("a", 20000)) }) // larger than the bound, and alone
	for to.entered.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	if _, err := g.Put(context.Background(), small("b", 1)); !errors.Is(err, ErrRetryLater) {
		t.Errorf("no push back: %v", err)
	}
	close(to.open)
	wg.Wait()
	if _, err := g.Put(context.Background(), small("b", 1)); err != nil {
		t.Errorf("still pushing back: %v", err)
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	if g.pending != 0 {
		t.Errorf("%d bytes are pending in an empty group", g.pending)
	}
}

func TestOneRefusedTakesNobodyDown(t *testing.T) {
	to := &gate{open: make(chan struct{}), refuse: "bad"}
	g := NewGroup(to, GroupOptions{})
	var wg sync.WaitGroup
	errs := make(map[string]error)
	var mu sync.Mutex
	for _, name := range []string{"first", "a", "bad", "b"} {
		wg.Go(func() {
			_, err := g.Put(context.Background(), small(name, 1))
			mu.Lock()
			defer mu.Unlock()
			errs[name] = err
		})
	}
	close(to.open)
	wg.Wait()
	if errs["first"] != nil || errs["a"] != nil || errs["b"] != nil || errs["bad"] == nil {
		t.Errorf("answers %v", errs)
	}
	if _, err := g.Put(context.Background(), Intake{}); err == nil {
		t.Error("an intake without anything was taken")
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestGivingUp(t *testing.T) {
	to := &gate{open: make(chan struct{})}
	g := NewGroup(to, GroupOptions{})
	giveUp, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := g.Put(giveUp, small("committing", 1)); !errors.Is(err, ErrUnknownOutcome) || !errors.Is(err, context.Canceled) {
			t.Errorf("given up while it is committed: %v", err)
		}
	})
	for to.entered.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	wg.Go(func() {
		if _, err := g.Put(giveUp, small("waiting", 1)); errors.Is(err, ErrUnknownOutcome) || !errors.Is(err, context.Canceled) {
			t.Errorf("given up while it waits: %v", err)
		}
	})
	for {
		g.mu.Lock()
		n := len(g.queue)
		g.mu.Unlock()
		if n == 1 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	cancel()
	wg.Wait()
	close(to.open)
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	if len(to.groups) != 1 {
		t.Errorf("groups %v: a document that was taken back was committed", to.groups)
	}
}

// What was announced is waited for, and comes with what waits; what was taken back is not.
func TestGroupWaitsForWhatIsAnnounced(t *testing.T) {
	to := &gate{open: make(chan struct{})}
	close(to.open)
	g := NewGroup(to, GroupOptions{Linger: time.Hour})
	g.Expect(4)
	var wg sync.WaitGroup
	put := func(name string) {
		wg.Go(func() {
			if _, err := g.PutExpected(context.Background(), small(name, 1)); err != nil {
				t.Error(err)
			}
		})
	}
	put("a")
	put("b")
	if _, err := g.PutExpected(context.Background(), Intake{}); err == nil { // one that is refused is not waited for either
		t.Error("an intake without anything was taken")
	}
	g.Expect(-1)
	wg.Wait()
	if len(to.groups) != 1 || len(to.groups[0]) != 2 {
		t.Errorf("groups %v", to.groups)
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
}
