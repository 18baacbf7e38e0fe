package storetest

import (
	"bytes"
	"fmt"
	"sync"
	"testing"

	"github.com/cofferdam-io/cofferdam/internal/store"
)

// concurrent puts documents that overlap from many goroutines through a group.
func concurrent(t *testing.T, s store.Store, d *Dictionary) {
	const writers, each = 8, 25
	g := store.NewGroup(s, store.GroupOptions{MaxDocuments: 16})
	receipts := make([][]store.Receipt, writers)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				n := w*each + i
				if i%5 == 4 {
					n = 1000 + i // the same for all writers
				}
				r, err := g.Put(t.Context(), Doc(n, "common", fmt.Sprint("third-", n%3), fmt.Sprint("own-", n)))
				if err != nil {
					t.Error(err)
					return
				}
				d.Learn(r.Added)
				receipts[w] = append(receipts[w], r)
			}
		})
	}
	wg.Wait()
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	if _, err := g.Put(t.Context(), Doc(1)); err == nil {
		t.Error("a closed group acknowledged a document")
	}
	fresh := 0
	for w := range receipts {
		for i, r := range receipts[w] {
			if !r.Duplicate {
				fresh++
			}
			n := w*each + i
			if i%5 == 4 {
				n = 1000 + i
			}
			doc := must(s.Lookup(t.Context(), "acme", Doc(n).Original))(t)
			if len(doc) != 1 || doc[0].ID != r.Document || doc[0].Seq != r.Seq {
				t.Fatalf("receipt %+v, and the store has %+v", r, doc)
			}
			if o := must(s.Original(t.Context(), "acme", doc[0].Original))(t); !bytes.Equal(o.Data, Doc(n).Data) {
				t.Fatalf("document %d has other bytes", n)
			}
		}
	}
	if p := must(s.Position(t.Context()))(t); int(p.Documents) != fresh || fresh != writers*20+5 {
		t.Errorf("%d documents were acknowledged as new, the store counts %d, and there were %d", fresh, p.Documents, writers*20+5)
	}
}

// followers read the sequence while it grows: what they see never has a gap, and
// the rows that they see refer to entries that they can read.
func followers(t *testing.T, s store.Store, _ *Dictionary) {
	const documents = 60
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			seq, entries, stop := uint64(0), uint32(0), false
			for !stop {
				select {
				case <-done:
					stop = true // one last look
				default:
				}
				changes, err := s.Since(t.Context(), seq, 9)
				if err != nil {
					t.Error(err)
					return
				}
				for len(changes) > 0 {
					for _, c := range changes {
						if c.Seq != seq+1 {
							t.Errorf("after %d came %d", seq, c.Seq)
							return
						}
						seq = c.Seq
						for _, id := range DecodeRow(c.Row) {
							for id >= entries {
								page, err := s.Dictionary(t.Context(), entries, 50)
								if err != nil || len(page) == 0 {
									t.Errorf("a row has component %d, and the dictionary ends at %d (%v)", id, entries, err)
									return
								}
								entries += uint32(len(page))
							}
						}
					}
					if changes, err = s.Since(t.Context(), seq, 9); err != nil {
						t.Error(err)
						return
					}
				}
			}
			if seq != documents {
				t.Errorf("a follower ended at %d of %d", seq, documents)
			}
		})
	}
	for i := range documents / 3 {
		Commit(t, s, Doc(3*i, fmt.Sprint("k", i)), Doc(3*i+1, fmt.Sprint("k", i), "c"), Doc(3*i+2))
	}
	close(done)
	wg.Wait()
}
