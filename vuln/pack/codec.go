package pack

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/cofferdam-io/cofferdam/vuln"
)

// Numbers are unsigned varints, text is its length and bytes, lists are their length and
// items, times are seconds and nanoseconds with a first byte that says whether there is one.

type writer struct{ b []byte }

func (w *writer) count(n int)   { w.b = binary.AppendUvarint(w.b, uint64(n)) } //nolint:gosec // a length
func (w *writer) text(s string) { w.count(len(s)); w.b = append(w.b, s...) }

func (w *writer) texts(list []string) {
	w.count(len(list))
	for _, s := range list {
		w.text(s)
	}
}

func (w *writer) time(t time.Time) {
	if t.IsZero() {
		w.b = append(w.b, 0)
		return
	}
	w.b = append(w.b, 1)
	w.b = binary.AppendVarint(w.b, t.Unix())
	w.count(t.Nanosecond())
}

func (w *writer) scores(list []vuln.Score) {
	w.count(len(list))
	for _, s := range list {
		w.text(s.Type)
		w.text(s.Vector)
		w.b = binary.LittleEndian.AppendUint64(w.b, math.Float64bits(s.Base))
	}
}

func (w *writer) advisories(list []*vuln.Advisory) {
	w.count(len(list))
	for _, a := range list {
		w.advisory(a)
	}
}

func (w *writer) advisory(a *vuln.Advisory) {
	w.text(a.ID)
	w.texts(a.Aliases)
	w.texts(a.Upstream)
	w.texts(a.Related)
	w.text(a.Summary)
	w.time(a.Published)
	w.time(a.Modified)
	w.time(a.Withdrawn)
	w.scores(a.Severity)
	w.count(len(a.References))
	for _, r := range a.References {
		w.text(r.Type)
		w.text(r.URL)
	}
	w.text(a.DatabaseSeverity)
	w.text(a.Source)
	w.count(len(a.Affected))
	for i := range a.Affected {
		f := &a.Affected[i]
		w.text(f.Ecosystem)
		w.text(f.Name)
		w.text(f.PURL)
		w.text(f.Unparsable)
		w.texts(f.Versions)
		w.scores(f.Severity)
		w.count(len(f.Ranges))
		for _, r := range f.Ranges {
			w.text(string(r.Type))
			if r.Type == vuln.RangeGit {
				continue
			}
			w.count(len(r.Events))
			for _, e := range r.Events {
				w.text(e.Introduced)
				w.text(e.Fixed)
				w.text(e.LastAffected)
				w.text(e.Limit)
			}
		}
	}
}

// reader reads text as parts of one string, which costs no memory beside it.
type reader struct {
	s   string
	at  int
	bad bool
}

func (r *reader) number() uint64 {
	var n uint64
	for shift := 0; shift < 64 && r.at < len(r.s); shift += 7 {
		c := r.s[r.at]
		r.at++
		n |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return n
		}
	}
	r.bad = true
	return 0
}

func (r *reader) text() string {
	n := r.number()
	if r.bad || n > uint64(len(r.s)-r.at) {
		r.bad = true
		return ""
	}
	s := r.s[r.at : r.at+int(n)] //nolint:gosec // it is at most what is left
	r.at += len(s)
	return s
}

// list reads a list. Every item takes a byte at least, so that a length beyond what is
// left is damage and not a reason to ask for memory.
func list[T any](r *reader, item func() T) []T {
	n := r.number()
	if r.bad || n > uint64(len(r.s)-r.at) {
		r.bad = true
		return nil
	}
	if n == 0 {
		return nil
	}
	const most = 1 << 12 // asked for at once
	out := make([]T, 0, min(n, most))
	for range n {
		if out = append(out, item()); r.bad {
			return nil
		}
	}
	return out
}

func (r *reader) time() time.Time {
	if r.at >= len(r.s) {
		r.bad = true
		return time.Time{}
	}
	r.at++
	if r.s[r.at-1] == 0 {
		return time.Time{}
	}
	u := r.number()
	sec := int64(u >> 1) //nolint:gosec // the zigzag form of a signed number
	if u&1 != 0 {
		sec = ^sec
	}
	return time.Unix(sec, int64(r.number()%1e9)).UTC() //nolint:gosec // below a billion
}

func (r *reader) score() vuln.Score {
	s := vuln.Score{Type: r.text(), Vector: r.text()}
	if len(r.s)-r.at < 8 {
		r.bad = true
		return s
	}
	s.Base = math.Float64frombits(binary.LittleEndian.Uint64([]byte(r.s[r.at : r.at+8])))
	r.at += 8
	return s
}

func (r *reader) advisory() *vuln.Advisory {
	a := &vuln.Advisory{ID: r.text(), Aliases: list(r, r.text), Upstream: list(r, r.text), Related: list(r, r.text), Summary: r.text(),
		Published: r.time(), Modified: r.time(), Withdrawn: r.time(), Severity: list(r, r.score)}
	a.References = list(r, func() vuln.Reference { return vuln.Reference{Type: r.text(), URL: r.text()} })
	a.DatabaseSeverity, a.Source = r.text(), r.text()
	a.Affected = list(r, func() vuln.Affected {
		f := vuln.Affected{Ecosystem: r.text(), Name: r.text(), PURL: r.text(), Unparsable: r.text(), Versions: list(r, r.text), Severity: list(r, r.score)}
		f.Ranges = list(r, func() vuln.Range {
			g := vuln.Range{Type: vuln.RangeType(r.text())}
			if g.Type != vuln.RangeGit {
				g.Events = list(r, func() vuln.Event {
					return vuln.Event{Introduced: r.text(), Fixed: r.text(), LastAffected: r.text(), Limit: r.text()}
				})
			}
			return g
		})
		return f
	})
	return a
}
