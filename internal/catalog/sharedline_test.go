package catalog

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/sbom/decode"
	"github.com/cofferdam-io/cofferdam/sbom/spdx"
)

// linesKept is what a store keeps of texts, and nothing else of one.
type linesKept struct {
	store.Store
	mu    sync.Mutex
	lines map[uint32][]byte // unpacked
	last  uint32
}

func (k *linesKept) AddTexts(_ context.Context, p store.TextPiece) (uint32, error) {
	r, err := unpack(p.Data)
	if err != nil {
		return 0, err
	}
	defer r.Close() //nolint:errcheck // of a reader
	b, err := io.ReadAll(r)
	if err != nil {
		return 0, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	line := p.Line
	if line == 0 {
		k.last++
		line = k.last
	}
	if int64(len(k.lines[line])) != p.At || int64(len(b)) != p.Size {
		return 0, store.ErrTextsGone
	}
	k.lines[line] = append(k.lines[line], b...)
	return line, nil
}

// What a document is said to have of a line is what lies there, wherever lines and pieces
// end, and where a package stands in it twice.
func TestSpansAreTheTexts(t *testing.T) {
	k := &linesKept{lines: map[uint32][]byte{}}
	s := newSharedTexts(k, slog.New(slog.DiscardHandler))
	s.most = textPieceMost + 6*textPieceLeast
	ctx, stop := context.WithCancel(t.Context())
	var writer sync.WaitGroup
	writer.Go(func() { s.run(ctx) })
	defer writer.Wait()
	defer stop()
	seen := spdx.NewSeen(64 << 20)
	r := rand.New(rand.NewPCG(1, 2))
	lines := map[uint32]bool{}
	spans := 0
	for n := range 300 {
		var packages []string
		for range 60 {
			i := n + r.IntN(300) // packages go out of use, and others come
			packages = append(packages, fmt.Sprintf(`{"name":"p%d","SPDXID":"SPDXRef-%[1]d","comment":"%s"}`, i, strings.Repeat(fmt.Sprintf("text %d of a package ", i*i), 150)))
		}
		doc := []byte(`{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","name":"n","packages":[` + strings.Join(packages, ", ") + `]}`)
		again := s.repeats()
		if _, err := decode.Bytes(t.Context(), "", doc, decode.Limits{Seen: seen, Repeated: again.add}); err != nil {
			t.Fatal(err)
		}
		in := s.place(again)
		k.mu.Lock()
		line := slices.Clone(k.lines[in.Line])
		k.mu.Unlock()
		for _, x := range again.spans {
			if end := x.At + x.To - x.From; int64(end) > in.Through || string(line[x.At:end]) != string(doc[x.From:x.To]) {
				t.Fatalf("document %d: bytes %d to %d are not what line %d has at %d", n, x.From, x.To, in.Line, x.At)
			}
		}
		spans += len(again.spans)
		lines[in.Line] = true
		s.done(again)
	}
	t.Logf("%d spans of %d lines", spans, len(lines))
	if spans < 1000 || len(lines) < 3 {
		t.Errorf("%d spans of %d lines: nothing was shared, or no line ended", spans, len(lines))
	}
}
