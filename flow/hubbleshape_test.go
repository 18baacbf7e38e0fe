package flow

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// readHubble reads lines by following shapes, or each as JSON.
func readHubble(book *Book, lines [][]byte, shapes bool) (*Observed, int) {
	a := NewAggregator(Options{Book: book})
	s := &source{a: a, info: SourceInfo{Name: "lines", Format: Hubble}, first: noTime, last: noTime}
	p := newHubble()
	if !shapes {
		p.learnt = mostShapes
	}
	for _, line := range lines {
		if line = trim(line); len(line) > 0 {
			s.line++
			p.parse(s, line)
		}
	}
	s.info.First, s.info.Last = timeOf(s.first), timeOf(s.last)
	a.sources = append(a.sources, s.info)
	return a.Observed(), p.steps
}

func sameHubble(t *testing.T, book *Book, lines [][]byte) int {
	t.Helper()
	want, _ := readHubble(book, lines, false)
	got, steps := readHubble(book, lines, true)
	if d := cmp.Diff(want, got, cmp.AllowUnexported(Observed{}), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
		t.Fatalf("-each as JSON +by shapes\n%s\n%.4000s", d, bytes.Join(lines, []byte("\n")))
	}
	return steps
}

// hubbleSeeds are flows as programs write them, and lines that look like them.
func hubbleSeeds() [][]byte {
	var b strings.Builder
	at := time.Date(2026, 11, 20, 10, 0, 0, 450463857, time.UTC)
	for i := range 6 {
		hubbleLine(&b, i, at, netip.AddrFrom4([4]byte{10, 1, 0, byte(i)}), netip.AddrFrom4([4]byte{10, 1, 0, 2}), 40000+i, 8443, i%2 == 0)
	}
	for _, s := range []string{
		`{"time":"2026-11-20T10:00:00Z","verdict":"DROPPED","IP":{"source":"10.0.0.4","destination":"10.0.0.5"},"l4":{"TCP":{"source_port":40000,"destination_port":8443,"flags":{"SYN":true}}},"source":{"namespace":"shop","pod_name":"web-abc"},"destination":{"namespace":"shop","pod_name":"api-abc"},"is_reply":null,"reply":false}`,
		`{"flow":{"verdict":"FORWARDED","IP":{"source":"10.0.0.4","destination":"10.0.0.5"},"l4":{"UDP":{"source_port":40000,"destination_port":53}},"source":{"namespace":"shop","pod_name":"web-abc"},"destination":{"identity":1},"Type":"SOCK","a":[1,-2,0,[],{},{"b":null}],"is_reply":false}}`,
		`{"flow":{"verdict":"FORWARDED","IP":{"source":"10.0.0.4","destination":"10.0.0.5"},"l4":{"SCTP":{"source_port":40000,"destination_port":70000}},"n":1.5e3,"s":"\u00e9"}}`,
		`{"lost_events":{"num_events_lost":"12"}}`,
	} {
		b.WriteString(s + "\n")
	}
	return bytes.SplitAfter([]byte(b.String()), []byte("\n"))
}

// TestHubbleShapes: lines that differ in a value, a name, a byte from others before
// them say the same whether they are followed or read as JSON.
func TestHubbleShapes(t *testing.T) {
	book := NewBook(shop(), BookOptions{})
	values := []string{`null`, `true`, `false`, `""`, `"x"`, `"a\"b"`, "\"\x01\"", `"é"`, "\"\xff\"", `0`, `-0`, `-1`, `007`, `80`, `65535`, `65536`, `1.5`, `1e3`, `99999999999999999999`, `{}`, `[]`, `[1`, `"SOCK"`,
		`"DROPPED"`, `"10.0.0.5"`, `"10.0.0.500"`, `"2026-11-20T10:00:01Z"`, `"1999-11-20T10:00:01Z"`, `{"namespace":"shop","pod_name":"db-abc"}`, `{"identity":6}`, `{"identity":1,"identity":1}`}
	names := []string{"flow", "time", "verdict", "node_name", "is_reply", "reply", "Type", "l4", "IP", "source", "SYN", "other", "lost_events"}
	steps := 0
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 3))
		seeds := hubbleSeeds()
		base := seeds[r.IntN(len(seeds)-1)]
		lines := [][]byte{base, base}
		for range 40 {
			line := bytes.Clone(bytes.TrimSpace(base))
			for range 1 + r.IntN(2) {
				at := r.IntN(len(line))
				switch colon := bytes.IndexByte(line[at:], ':'); r.IntN(6) {
				case 0: // a byte
					line[at] = `"{}[],:0a\ é`[r.IntN(12)]
				case 1:
					line = append(line[:at:at], line[at+1:]...)
				case 2, 3: // a value up to what may follow one
					if colon < 0 {
						continue
					}
					from := at + colon + 1
					to := from + max(bytes.IndexAny(line[from:], ",}"), 0)
					line = []byte(string(line[:from]) + values[r.IntN(len(values))] + string(line[to:]))
				case 4: // a member before another
					if comma := bytes.Index(line[at:], []byte(`,"`)); comma >= 0 {
						line = []byte(string(line[:at+comma]) + `,"` + names[r.IntN(len(names))] + `":` + values[r.IntN(len(values))] + string(line[at+comma:]))
					}
				case 5: // the same with another end
					line = append(line[:at:at], seeds[r.IntN(len(seeds))]...)
				}
			}
			lines = append(lines, line, base)
		}
		steps += sameHubble(t, book, append(lines, lines...))
	}
	if steps < 5000 {
		t.Errorf("%d steps were learnt", steps)
	}
}

// TestHubbleShapesFollow: lines of a program are followed, all but the first of each shape
// and those with an end that was not seen yet.
func TestHubbleShapesFollow(t *testing.T) {
	a := NewAggregator(Options{Book: NewBook(shop(), BookOptions{})})
	s := &source{a: a, first: noTime, last: noTime}
	p := newHubble()
	followed := 0
	lines := hubbleSeeds()[:6]
	for range 3 {
		for _, line := range lines {
			line = trim(line)
			p.parse(s, line)
			p.reset(&s.rec)
			if p.follow(s, &s.rec, line) == shaped {
				followed++
			}
		}
	}
	if followed < 3*len(lines)-2 {
		t.Errorf("%d of %d lines were followed", followed, 3*len(lines))
	}
}

// FuzzHubbleShapes reads lines twice, by shapes and without.
func FuzzHubbleShapes(f *testing.F) {
	f.Add(bytes.Join(hubbleSeeds(), nil))
	for _, line := range hubbleSeeds() {
		f.Add(bytes.Repeat(line, 2))
	}
	book := NewBook(shop(), BookOptions{})
	f.Fuzz(func(t *testing.T, text []byte) {
		lines := bytes.Split(text[:min(len(text), 1<<16)], []byte("\n")) // more of them say nothing more
		sameHubble(t, book, append(lines, lines...))
	})
}
