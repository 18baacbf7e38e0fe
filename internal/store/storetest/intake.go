package storetest

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/evidence"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// Numbered is an intake that follows from a number alone and differs from every
// other one: up to 24 kB that do not compress, and keys of which some are known.
func Numbered(n uint64) store.Intake {
	r := rand.New(rand.NewPCG(n, 0xc0ffe)) // #nosec G404 -- test data that must be the same again
	data := binary.BigEndian.AppendUint64(nil, n)
	for range r.IntN(24 << 7) {
		data = binary.BigEndian.AppendUint64(data, r.Uint64())
	}
	keys := map[string]bool{}
	for range r.IntN(40) {
		keys[fmt.Sprintf("pkg:npm/some-%d@1.0.0", r.IntN(500))] = true
	}
	keys[fmt.Sprintf("pkg:npm/own-%d@1.0.0", n)] = true
	in := Doc(int(n%1000000), sortedKeys(keys)...) // #nosec G115 -- small
	in.Data, in.Original, in.Size = data, ident.SHA256(data), int64(3*len(data))
	in.Subject.Name = fmt.Sprintf("registry.example.test/app-%d", n)
	sum := sha256.Sum256(data)
	in.Subject.Digests[0].Digest = ident.SHA256(sum[:])
	return in
}

func sortedKeys(m map[string]bool) []string {
	list := make([]string, 0, len(m))
	for k := range m {
		list = append(list, k)
	}
	return list
}

// childOf is the variable that tells a test binary that it is a child that takes
// documents in until it is killed: where, and from which number.
const childOf = "COFFERDAM_STORETEST_INTAKE"

// RunIntake is called first in TestMain: in a child that StartIntake started it
// takes documents in and does not return. Each acknowledgement is a line on
// standard output: the number, the document, and whether it was a duplicate.
func RunIntake(open func(where string, c store.Coding) (store.Store, error)) {
	arg := os.Getenv(childOf)
	if arg == "" {
		return
	}
	first, where, _ := strings.Cut(arg, " ")
	from, err := strconv.ParseUint(first, 10, 64)
	if err == nil {
		err = intake(where, from, open)
	}
	fmt.Fprintln(os.Stderr, "intake:", err)
	os.Exit(1)
}

func intake(where string, from uint64, open func(string, store.Coding) (store.Store, error)) error {
	d := &Dictionary{}
	s, err := open(where, d.Coding())
	if err != nil {
		return err
	}
	g := store.NewGroup(s, store.GroupOptions{})
	const writers = 6
	failed := make(chan error, writers+1)
	var out sync.Mutex
	// A child lives for some milliseconds after its first acknowledgement: on a slow machine
	// it would change no states if it did not begin with that.
	changed := make(chan struct{})
	go func() { failed <- generations(s, sync.OnceFunc(func() { close(changed) })) }()
	for w := range uint64(writers) {
		go func() {
			<-changed
			var texts store.TextRef
			for n := from + w; ; n += writers {
				in := Numbered(n)
				if w == 0 { // the others' documents are packed by themselves
					texts = lengthen(s, texts)
					in.Texts = texts
				}
				r, err := g.Put(context.Background(), in)
				if errors.Is(err, store.ErrRetryLater) || errors.Is(err, store.ErrUnknownOutcome) {
					n -= writers // the same again: nobody was told that it is there
					time.Sleep(time.Millisecond)
					continue
				}
				if err != nil {
					failed <- err
					return
				}
				d.Learn(r.Added)
				// One write of a whole line: a kill leaves none that is half there.
				out.Lock()
				fmt.Printf("%d %d %t\n", n, r.Document, r.Duplicate)
				out.Unlock()
			}
		}()
	}
	return <-failed
}

// textSize is how much lengthen adds to a line, and lineSize where it begins another.
const textSize, lineSize = 1000, 20_000

// lengthen adds texts to a line, and returns up to where documents may be packed with it
// from now on: nothing where that is not known.
func lengthen(s store.Store, to store.TextRef) store.TextRef {
	if to.Through == lineSize {
		to = store.TextRef{}
	}
	line, err := s.AddTexts(context.Background(), store.TextPiece{Line: to.Line, At: to.Through, Size: textSize, Data: textAt(to.Through)})
	if err != nil {
		return store.TextRef{}
	}
	return store.TextRef{Line: line, Through: to.Through + textSize}
}

// textAt is the piece that lengthen adds at a place.
func textAt(at int64) []byte { return fmt.Appendf(nil, "texts at %d", at) }

// mostGenerations is in how many scopes a child changes states at once.
const mostGenerations = 12

// generations changes the states of many scopes at once, again and again, and says so: all
// of them say which time it is.
func generations(s store.Store, changed func()) error {
	ctx := context.Background()
	changes := make([]store.StateChange, mostGenerations)
	for i := range changes {
		changes[i].Scope = fmt.Sprint("scope ", i)
	}
	for n := 0; ; {
		done, err := s.Amend(ctx, By(n), store.StateFinding, changes)
		var moved *store.ScopesMoved
		switch {
		case errors.As(err, &moved): // of a child before this one, or of this one's try that it was not told of
			rows, err := s.States(ctx, store.StateQuery{Kind: store.StateFinding, Limit: store.MaxPage})
			if err != nil {
				return err
			}
			for i := range changes {
				c := &changes[i]
				c.Version, c.Close = cmp.Or(moved.Versions[c.Scope], c.Version), nil
				for _, r := range rows {
					if r.Scope == c.Scope {
						c.Close = append(c.Close, r)
						n = max(n, int(r.From.Sub(By(0).Time)/time.Second))
					}
				}
			}
		case errors.Is(err, store.ErrRetryLater), errors.Is(err, store.ErrUnknownOutcome):
			time.Sleep(time.Millisecond)
			continue
		case err != nil:
			return err
		default:
			for i := range changes {
				if c := &changes[i]; len(c.Open) > 0 {
					c.Version, c.Close = done[i].Version, []store.State{{Key: "generation", From: done[i].At}}
					changed()
				}
			}
		}
		time.Sleep(2 * time.Millisecond) // the documents have their turn
		n++
		for i := range changes {
			changes[i].Open = []store.State{{Key: "generation", Subject: strconv.Itoa(n)}}
		}
	}
}

// Generations checks that the states which children changed at once were changed all or
// not at all, now and at every time before, and returns how often that was.
func Generations(t *testing.T, s store.Reader) int {
	t.Helper()
	rows := must(s.States(t.Context(), store.StateQuery{Kind: store.StateFinding, History: true, Limit: store.MaxPage}))(t)
	in := map[time.Time]map[string]int{}
	for _, r := range rows {
		if in[r.From] == nil {
			in[r.From] = map[string]int{}
		}
		in[r.From][r.Subject]++
	}
	for at, said := range in {
		for subject, n := range said {
			if n != mostGenerations || len(said) != 1 {
				t.Fatalf("at %s %d of %d scopes say %s (%v)", at, n, mostGenerations, subject, said)
			}
		}
	}
	open := must(s.States(t.Context(), store.StateQuery{Kind: store.StateFinding, Limit: store.MaxPage}))(t)
	if len(open) > 0 && len(open) != mostGenerations {
		t.Fatalf("%d scopes hold, of %d", len(open), mostGenerations)
	}
	return len(in)
}

// Child is a process that takes documents in.
type Child struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
	fault *bytes.Buffer
	First chan struct{} // closed at the first acknowledgement
	done  chan struct{}

	mu    sync.Mutex
	acked []Ack
}

// Ack is one acknowledgement.
type Ack struct {
	Number   uint64
	Document uint32
}

// StartIntake starts this test binary as a child that takes in Numbered(from…).
func StartIntake(t *testing.T, where string, from uint64) *Child {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &Child{cmd: exec.CommandContext(context.Background(), exe), fault: &bytes.Buffer{}, First: make(chan struct{}), done: make(chan struct{})} // #nosec G204 -- ourselves
	c.cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d %s", childOf, from, where))
	c.cmd.Stderr = c.fault
	pipe, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go c.read(pipe)
	return c
}

func (c *Child) read(pipe io.Reader) {
	defer close(c.done)
	c.lines = bufio.NewScanner(pipe)
	for c.lines.Scan() {
		var a Ack
		var duplicate bool
		if n, err := fmt.Sscanf(c.lines.Text(), "%d %d %t", &a.Number, &a.Document, &duplicate); n != 3 || err != nil {
			continue
		}
		c.mu.Lock()
		c.acked = append(c.acked, a)
		n := len(c.acked)
		c.mu.Unlock()
		if n == 1 {
			close(c.First)
		}
	}
}

// More waits until the child acknowledges something new, and reports whether it
// did.
func (c *Child) More(patience time.Duration) bool {
	count := func() int {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.acked)
	}
	start := count()
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(2 * time.Millisecond) {
		if count() > start {
			return true
		}
	}
	return false
}

// Kill ends the child with SIGKILL and returns what it had acknowledged.
func (c *Child) Kill(t *testing.T) []Ack {
	t.Helper()
	select {
	case <-c.First:
	case <-c.done:
	}
	_ = c.cmd.Process.Kill() // it may have failed by itself, which the next lines show
	<-c.done
	_ = c.cmd.Wait() // killed is an error
	if c.fault.Len() > 0 {
		t.Errorf("the child failed by itself: %s", c.fault)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.acked
}

// Acknowledged checks that every acknowledged document is there, byte for byte and
// with all its components.
func Acknowledged(t *testing.T, s store.Reader, acks []Ack) {
	t.Helper()
	for _, a := range acks {
		in := Numbered(a.Number)
		d := must(s.Lookup(t.Context(), in.Tenant, in.Original))(t)
		if len(d) != 1 || d[0].ID != a.Document || d[0].Size != in.Size || d[0].Subject.Name != in.Subject.Name {
			t.Fatalf("document %d was acknowledged as %d, and the store has %+v", a.Number, a.Document, d)
		}
		o := must(s.Original(t.Context(), in.Tenant, in.Original))(t)
		if !bytes.Equal(o.Data, in.Data) {
			t.Fatalf("document %d has other bytes than were acknowledged", a.Number)
		}
		if o.Texts.Line == 0 {
			continue
		}
		// Each was packed with all that its line had by then.
		pieces := must(s.Texts(t.Context(), o.Texts))(t)
		for i, p := range pieces {
			if p.At != int64(i)*textSize || !bytes.Equal(p.Data, textAt(p.At)) {
				t.Fatalf("document %d is packed with other texts than were written: %+v", a.Number, p)
			}
		}
	}
}

// Tail checks what came after a sequence number, as Whole checks everything, and
// that every document of it is one of Numbered, whole. It returns the new end. What a process
// that was killed had sent to its database may still be committed meanwhile: that is the next
// call's.
func Tail(t *testing.T, s store.Reader, from evidence.Head) evidence.Head {
	t.Helper()
	p := must(s.Position(t.Context()))(t)
	v := evidence.NewVerifier(from, evidence.Checkpoint{Head: p.Journal})
	for v.Head().Seq < p.Seq {
		page := must(s.Journal(t.Context(), v.Head().Seq, int(min(500, p.Seq-v.Head().Seq))))(t)
		if len(page) == 0 {
			break
		}
		for _, b := range page {
			if _, err := v.Add(b); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := v.Finish(); err != nil {
		t.Fatal(err)
	}
	keys := map[uint32]string{}
	var ids []uint32
	var changes []store.Change
	for after := from.Seq; after < p.Seq; after = changes[len(changes)-1].Seq {
		page := must(s.Since(t.Context(), after, int(min(500, p.Seq-after))))(t)
		if len(page) == 0 {
			break
		}
		changes = append(changes, page...)
	}
	for i, c := range changes {
		if c.Seq != from.Seq+uint64(i)+1 {
			t.Fatalf("change %d stands where %d is due", c.Seq, from.Seq+uint64(i)+1)
		}
		if c.Kind == store.ChangeAdded {
			ids = append(ids, c.Document)
		}
	}
	if uint64(len(changes)) != p.Seq-from.Seq {
		t.Fatalf("%d changes from %d to %d", len(changes), from.Seq, p.Seq)
	}
	for from, more := uint32(0), true; more; {
		page := must(s.Dictionary(t.Context(), from, 5000))(t)
		for _, e := range page {
			keys[e.ID] = e.Key
		}
		from += uint32(len(page))
		more = len(page) > 0
	}
	if len(keys) < int(p.Components) {
		t.Fatalf("the dictionary has %d entries, and %d were assigned", len(keys), p.Components)
	}
	docs := must(s.Documents(t.Context(), ids))(t)
	if len(docs) != len(ids) {
		t.Fatalf("%d documents, and metadata of %d", len(ids), len(docs))
	}
	byID := map[uint32]store.Document{}
	for _, d := range docs {
		byID[d.ID] = d
	}
	for _, c := range changes {
		if c.Kind != store.ChangeAdded {
			continue
		}
		d := byID[c.Document]
		o := must(s.Original(t.Context(), d.Tenant, d.Original))(t)
		if len(o.Data) < 8 || ident.SHA256(o.Data) != d.Original {
			t.Fatalf("document %d has other bytes than its digest says", d.ID)
		}
		want := Numbered(binary.BigEndian.Uint64(o.Data))
		var got []string
		for _, id := range DecodeRow(c.Row) {
			got = append(got, keys[id])
		}
		if !sameSet(got, want.Keys) {
			t.Fatalf("document %d has the components %v, and was sent with %v", d.ID, got, want.Keys)
		}
	}
	return v.Head()
}

func sameSet(a, b []string) bool {
	seen := map[string]bool{}
	for _, k := range a {
		seen[k] = true
	}
	for _, k := range b {
		if !seen[k] {
			return false
		}
	}
	return len(a) == len(b) && len(seen) == len(a)
}
