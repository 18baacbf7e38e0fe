package index_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cofferdam-io/cofferdam/index"
	"github.com/cofferdam-io/cofferdam/index/synth"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// Readers ask while one writer applies and checkpoints are made: each answer is
// that of the state at one sequence number, whatever goes on beside it.
func TestReadersSeeOneState(t *testing.T) {
	const batches = 400
	everywhere := sbom.Component{Name: "everywhere", Version: "1", PURL: "pkg:npm/everywhere@1"}
	q, err := vuln.ParseComponentQuery("pkg:npm/everywhere@<2")
	if err != nil {
		t.Fatal(err)
	}
	x := index.New()
	ctx := context.Background()
	var done atomic.Bool
	var wg sync.WaitGroup
	fail := make(chan error, 8)
	report := func(err error) {
		select {
		case fail <- err:
		default:
		}
	}
	for range 3 {
		wg.Go(func() {
			for !done.Load() {
				s := x.Snapshot()
				a, err := s.Find(ctx, index.Query{Component: q})
				if err != nil {
					report(err)
					return
				}
				// Batch n brings document n−1; each tenth deletes the one before it.
				seq := int(s.Seq())
				if want := seq - seq/10; a.Documents.Len() != want || a.Artifacts.Len() != want || s.Live().Len() != want {
					report(fmt.Errorf("at %d: %d documents of %d artifacts, %d live; want %d", seq, a.Documents.Len(), a.Artifacts.Len(), s.Live().Len(), want))
					return
				}
				if _, unknown, err := x.Lookup([]string{index.KeyOf(&everywhere, sbom.Distro{})}, nil); err != nil || seq > 0 && unknown > 0 {
					report(errors.Join(fmt.Errorf("at %d %d known keys are unknown", seq, unknown), err))
					return
				}
			}
		})
	}
	wg.Go(func() {
		for !done.Load() {
			c, err := x.Checkpoint(ctx)
			if err != nil {
				report(err)
				return
			}
			x.Keep(c)
		}
	})
	for i := range uint32(batches) {
		own := sbom.Component{Name: fmt.Sprintf("own-%d", i)}
		b := index.Batch{Seq: uint64(i) + 1, Keys: []string{index.KeyOf(&own, sbom.Distro{})}, Documents: []index.Document{{ID: i, Artifact: i, Components: []uint32{0, i + 1}}}}
		if i == 0 {
			b.Keys = []string{index.KeyOf(&everywhere, sbom.Distro{}), b.Keys[0]}
		}
		if i%10 == 9 {
			b.Deleted = []uint32{i - 1}
		}
		if err := x.Apply(b); err != nil {
			t.Fatal(err)
		}
	}
	done.Store(true)
	wg.Wait()
	select {
	case err := <-fail:
		t.Fatal(err)
	default:
	}
}

// What does not follow is refused whole, and leaves the index as it was.
func TestApplyRefuses(t *testing.T) {
	corpus, err := synth.New(synth.Config{Documents: 3, Components: 20, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	x := index.New()
	first, _ := corpus.Next()
	if err := x.Apply(first.Batch()); err != nil {
		t.Fatal(err)
	}
	n := x.Snapshot().Components()
	doc := func(id, artifact uint32, ids ...uint32) index.Batch {
		return index.Batch{Seq: 2, Documents: []index.Document{{ID: id, Artifact: artifact, Components: ids}}}
	}
	for name, b := range map[string]index.Batch{
		"the same again":          first.Batch(),
		"a gap of documents":      doc(2, 0),
		"an unknown component":    doc(1, 0, n),
		"unsorted components":     doc(1, 0, 2, 1),
		"a repeated component":    doc(1, 0, 2, 2),
		"an artifact of no id":    doc(1, 1<<28),
		"a known key":             {Seq: 2, Keys: first.NewKeys[:1]},
		"a key twice":             {Seq: 2, Keys: []string{"nnew\x00\x00", "nnew\x00\x00"}},
		"a key that is none":      {Seq: 2, Keys: []string{"new"}},
		"deleting what is not":    {Seq: 2, Deleted: []uint32{1}},
		"moving what is not":      {Seq: 2, Moved: []index.Move{{Document: 1}}},
		"moving to no artifact":   {Seq: 2, Moved: []index.Move{{Document: 0, Artifact: 1 << 28}}},
		"documents after deletes": {Seq: 2, Deleted: []uint32{0}, Documents: []index.Document{{ID: 5}}},
	} {
		if err := x.Apply(b); err == nil {
			t.Errorf("%s is accepted", name)
		}
		if s := x.Snapshot(); s.Seq() != 1 || s.Documents() != 1 || s.Components() != n || s.Live().Len() != 1 {
			t.Errorf("%s left the index changed", name)
		}
	}
	second, _ := corpus.Next()
	if err := x.Apply(second.Batch()); err != nil {
		t.Errorf("after refusals: %v", err)
	}
}
