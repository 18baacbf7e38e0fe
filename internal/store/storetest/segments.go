package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

func segments(t *testing.T, s store.Store, _ *Dictionary) {
	ctx := t.Context()
	put := func(list []store.Segment, drop ...string) {
		t.Helper()
		if err := s.PutSegments(ctx, list, drop, nil); err != nil {
			t.Fatal(err)
		}
	}
	put([]store.Segment{{Name: "p/1", First: 1, Last: 10, Data: []byte("one")}, {Name: "p/2", First: 11, Last: 20, Data: []byte("two")}})
	put([]store.Segment{{Name: "p/1-2", First: 1, Last: 20, Data: bytes.Repeat([]byte("x"), 100000)}}, "p/1", "p/2", "p/9")
	list := must(s.Segments(ctx))(t)
	if len(list) != 1 || list[0].Name != "p/1-2" || list[0].Last != 20 || list[0].Size != 100000 || list[0].Data != nil {
		t.Errorf("segments %+v", list)
	}
	put([]store.Segment{{Name: "p/1-2", First: 1, Last: 30, Data: []byte("new")}})
	if one := must(s.Segment(ctx, "p/1-2"))(t); string(one.Data) != "new" || one.First != 1 || one.Last != 30 || one.Size != 3 {
		t.Errorf("segment %+v", one)
	}
	if _, err := s.Segment(ctx, "p/1"); ident.KindOf(err) != ident.KindNotFound {
		t.Errorf("a dropped segment: %v", err)
	}
	if p := must(s.Position(ctx))(t); p.Seq != 0 {
		t.Errorf("segments moved the sequence to %d", p.Seq)
	}
}

// segmentWriters lets several servers write their index at the same time, each dropping
// what the others had. What the manifest names must be there after each write, whoever
// was between looking and writing.
func segmentWriters(t *testing.T, s store.Store, _ *Dictionary) {
	ctx := t.Context()
	if err := s.PutSegments(ctx, []store.Segment{{Name: "a", Data: []byte("a")}}, nil, []string{"gone"}); !errors.Is(err, store.ErrSegmentsGone) {
		t.Errorf("what is relied on is not there: %v", err)
	}
	if list := must(s.Segments(ctx))(t); len(list) != 0 {
		t.Errorf("a refused change left %v", list)
	}
	const servers, rounds = 3, 25
	refused := make([]int, servers)
	var wg sync.WaitGroup
	for n := range servers {
		wg.Go(func() {
			base := fmt.Sprintf("s%d/base", n) // a large piece that is written once and relied on since
			for round := 0; round < rounds; {
				list, err := s.Segments(ctx)
				if err != nil {
					t.Error(err)
					return
				}
				piece := fmt.Sprintf("s%d/%d", n, round)
				put := []store.Segment{{Name: "manifest", Data: []byte(base + " " + piece)}, {Name: piece, Data: []byte(piece)}}
				var drop, need []string
				for _, g := range list {
					switch g.Name {
					case "manifest":
					case base:
						need = []string{base}
					default:
						drop = append(drop, g.Name)
					}
				}
				if need == nil {
					put = append(put, store.Segment{Name: base, Data: []byte(base)})
				}
				switch err := s.PutSegments(ctx, put, drop, need); {
				case errors.Is(err, store.ErrSegmentsGone):
					refused[n]++ // look again
				case err != nil:
					t.Error(err)
					return
				default:
					round++
				}
			}
		})
	}
	wg.Wait()
	m := must(s.Segment(ctx, "manifest"))(t)
	list := must(s.Segments(ctx))(t)
	for _, name := range strings.Fields(string(m.Data)) {
		if !slices.ContainsFunc(list, func(g store.Segment) bool { return g.Name == name }) {
			t.Errorf("the manifest names %s, which is not there", name)
		}
	}
	t.Logf("refused: %v", refused)
}
