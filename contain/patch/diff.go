package patch

import (
	"bytes"
	"fmt"
	"strings"
)

const (
	// around is how many equal lines stand around a change, as git has it.
	around = 3
	// maxEdits bounds the search for the shortest diff, whose memory grows with
	// its square; beyond it all lines between the first and the last difference
	// are replaced.
	maxEdits = 2000
	// devNull is the name of a file that is not there.
	devNull = "/dev/null"
)

// Diff returns the unified diff of two versions of a file as git apply and patch
// take it, nil if nothing changed. Names are paths in the tree that the diff is
// applied to. A name of "" or "/dev/null" stands for a file that is not there
// before or after; the bytes of that side are ignored.
func Diff(oldName string, old []byte, newName string, changed []byte) []byte {
	created, deleted := oldName == "" || oldName == devNull, newName == "" || newName == devNull
	if created {
		old, oldName = nil, newName
	}
	if deleted {
		changed, newName = nil, oldName
	}
	if created && deleted || !created && !deleted && oldName == newName && bytes.Equal(old, changed) {
		return nil
	}
	var b bytes.Buffer
	from, to := quotedName("a/"+oldName), quotedName("b/"+newName)
	fmt.Fprintf(&b, "diff --git %s %s\n", from, to)
	switch {
	case created:
		b.WriteString("new file mode 100644\n")
		from = devNull
	case deleted:
		b.WriteString("deleted file mode 100644\n")
		to = devNull
	case oldName != newName:
		fmt.Fprintf(&b, "rename from %s\nrename to %s\n", quotedName(oldName), quotedName(newName))
	}
	if bytes.Equal(old, changed) {
		return b.Bytes() // an empty file, or a new name alone
	}
	fmt.Fprintf(&b, "--- %s\n+++ %s\n", named(from), named(to))
	writeHunks(&b, lines(old), lines(changed))
	return b.Bytes()
}

// named ends a name with a blank in it by a tab, so that it is told from a date.
func named(name string) string {
	if strings.ContainsAny(name, " ") && name[0] != '"' {
		return name + "\t"
	}
	return name
}

// quotedName writes a path as git does: in quotes with escapes where it holds
// control characters, quotes or backslashes.
func quotedName(name string) string {
	if !strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' || r == 0x7f }) {
		return name
	}
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(name) {
		switch c := name[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\t':
			b.WriteString(`\t`)
		case c < ' ' || c == 0x7f:
			fmt.Fprintf(&b, `\%03o`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// lines cuts a text after each line break; the last line may have none.
func lines(text []byte) []string {
	if len(text) == 0 {
		return nil
	}
	return strings.SplitAfter(strings.TrimSuffix(string(text), "\n")+endOf(text), "\n")[:bytes.Count(text, []byte{'\n'})+btoi(text[len(text)-1] != '\n')]
}

func endOf(text []byte) string {
	if text[len(text)-1] == '\n' {
		return "\n"
	}
	return ""
}

// span is a run of lines that differ: old[a:b] became changed[c:d].
type span struct{ a, b, c, d int }

func writeHunks(w *bytes.Buffer, old, changed []string) {
	spans := differences(old, changed)
	for len(spans) > 0 {
		n := 1
		for n < len(spans) && spans[n].a-spans[n-1].b <= 2*around {
			n++
		}
		first, last := spans[0], spans[n-1]
		lead, tail := min(around, first.a), min(around, len(old)-last.b)
		start, end := first.a-lead, last.b+tail
		fmt.Fprintf(w, "@@ -%s +%s @@\n", extent(start, end), extent(first.c-lead, last.d+tail))
		at := start
		for _, s := range spans[:n] {
			writeLines(w, ' ', old[at:s.a])
			writeLines(w, '-', old[s.a:s.b])
			writeLines(w, '+', changed[s.c:s.d])
			at = s.b
		}
		writeLines(w, ' ', old[at:end])
		spans = spans[n:]
	}
}

// extent writes a range of lines; an empty one is named by the line before it.
func extent(from, to int) string {
	switch to - from {
	case 0:
		return fmt.Sprintf("%d,0", from)
	case 1:
		return fmt.Sprint(from + 1)
	}
	return fmt.Sprintf("%d,%d", from+1, to-from)
}

func writeLines(w *bytes.Buffer, sign byte, lines []string) {
	for _, l := range lines {
		w.WriteByte(sign)
		w.WriteString(l)
		if !strings.HasSuffix(l, "\n") {
			w.WriteString("\n\\ No newline at end of file\n")
		}
	}
}

// differences finds a shortest set of runs that differ (E. W. Myers, An O(ND)
// Difference Algorithm and Its Variations, 1986).
func differences(old, changed []string) []span {
	head := 0
	for head < len(old) && head < len(changed) && old[head] == changed[head] {
		head++
	}
	tail := 0
	for tail < len(old)-head && tail < len(changed)-head && old[len(old)-1-tail] == changed[len(changed)-1-tail] {
		tail++
	}
	a, b := numbered(old[head:len(old)-tail], changed[head:len(changed)-tail])
	if len(a) == 0 && len(b) == 0 {
		return nil
	}
	spans, ok := shortestEdit(a, b)
	if !ok {
		spans = []span{{0, len(a), 0, len(b)}}
	}
	for i := range spans {
		spans[i] = span{spans[i].a + head, spans[i].b + head, spans[i].c + head, spans[i].d + head}
	}
	return spans
}

// numbered gives equal lines equal numbers.
func numbered(old, changed []string) (a, b []int) {
	numbers := map[string]int{}
	number := func(lines []string) []int {
		out := make([]int, len(lines))
		for i, l := range lines {
			n, ok := numbers[l]
			if !ok {
				n = len(numbers)
				numbers[l] = n
			}
			out[i] = n
		}
		return out
	}
	return number(old), number(changed)
}

// shortestEdit searches forwards and keeps the furthest point of each diagonal
// for every number of edits, to walk back over; false beyond maxEdits.
func shortestEdit(a, b []int) ([]span, bool) {
	most := min(len(a)+len(b), maxEdits)
	furthest := make([]int32, 2*most+3)
	zero := most + 1
	var trace [][]int32
	for d := 0; d <= most; d++ {
		trace = append(trace, append([]int32(nil), furthest[zero-d-1:zero+d+2]...))
		for k := -d; k <= d; k += 2 {
			x := 0
			if k == -d || k != d && furthest[zero+k-1] < furthest[zero+k+1] {
				x = int(furthest[zero+k+1])
			} else {
				x = int(furthest[zero+k-1]) + 1
			}
			y := x - k
			for x < len(a) && y < len(b) && a[x] == b[y] {
				x, y = x+1, y+1
			}
			furthest[zero+k] = int32(x) //nolint:gosec // a line number of a text in memory
			if x >= len(a) && y >= len(b) {
				return walkBack(trace, len(a), len(b)), true
			}
		}
	}
	return nil, false
}

// walkBack turns the trace of a search into runs, from the end to the beginning.
func walkBack(trace [][]int32, x, y int) []span {
	var out []span
	for d := len(trace) - 1; d > 0; d-- {
		at := func(k int) int { return int(trace[d][d+1+k]) }
		k := x - y
		down := k == -d || k != d && at(k-1) < at(k+1)
		if down {
			k++
		} else {
			k--
		}
		px := at(k)
		py := px - k
		s := span{px, px, py, py + 1}
		if !down {
			s = span{px, px + 1, py, py}
		}
		if len(out) > 0 && out[len(out)-1].a == s.b && out[len(out)-1].c == s.d {
			out[len(out)-1].a, out[len(out)-1].c = s.a, s.c
		} else {
			out = append(out, s)
		}
		x, y = px, py
	}
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out
}
