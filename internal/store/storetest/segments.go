package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cofferdam-io/cofferdam/internal/store"
)

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
