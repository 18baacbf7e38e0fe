package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// mostRows is how many rows a section of a table shows without --all.
const mostRows = 20

// printer writes an answer for a terminal. The first write error sticks.
type printer struct {
	w *bufio.Writer
	style
	o    Options
	last block // of Markdown
}

// newPrinter writes for a terminal, or Markdown if that is the format.
func newPrinter(w io.Writer, o Options) *printer {
	p := &printer{w: bufio.NewWriter(w), o: o}
	switch {
	case o.Format == formatMarkdown:
		p.style = style{inkMarkdown}
	case o.Color:
		p.style = style{inkANSI}
	}
	return p
}

// put writes one line as it stands.
func (p *printer) put(line string) { fmt.Fprintln(p.w, line) }

// linef writes one line of text; its indent says what it belongs to.
func (p *printer) linef(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	if p.ink == inkMarkdown {
		p.markdownLine(line)
		return
	}
	p.put(line)
}

// text writes lines that are laid out already.
func (p *printer) text(s string) {
	for line := range strings.SplitSeq(strings.TrimSuffix(s, "\n"), "\n") {
		if line == "" {
			p.blank()
			continue
		}
		p.linef("%s", line)
	}
}

func (p *printer) blank() {
	if p.ink != inkMarkdown {
		p.put("")
	}
}

// commands writes command lines to copy, under a title.
func (p *printer) commands(title string, lines []string) {
	if p.ink == inkMarkdown {
		p.markdownHeading(title, "")
		p.markdownCode(lines)
		return
	}
	p.blank()
	p.linef("%s", p.bold(title))
	for _, l := range lines {
		p.linef("  %s", l)
	}
}

func (p *printer) done() error { return p.w.Flush() }

// heading opens a section: a title in capitals, a count, and a remark.
func (p *printer) heading(title string, count int, remark string) {
	if p.ink == inkMarkdown {
		if count >= 0 {
			title += fmt.Sprintf(" (%d)", count)
		}
		p.markdownHeading(title, remark)
		return
	}
	p.blank()
	s := p.bold(title)
	if count >= 0 {
		s += p.bold(fmt.Sprintf(" (%d)", count))
	}
	if remark != "" {
		s += "  " + p.dim(remark)
	}
	p.linef("%s", s)
}

// column of a table. A column may shrink to Min columns when the table is
// wider than the terminal.
type column struct {
	title  string
	shrink int // least width; 0: never shrinks
}

// table prints rows under column titles, two spaces in, at most mostRows of
// them unless all are wanted. A column that is empty in every row is left out.
func (p *printer) table(cols []column, rows [][]string) {
	shown := rows
	if !p.o.All && len(rows) > mostRows {
		shown = rows[:mostRows]
	}
	width := make([]int, len(cols))
	used := make([]bool, len(cols))
	for i, c := range cols {
		width[i] = visible(c.title)
		for _, r := range shown {
			if n := visible(r[i]); n > 0 {
				used[i] = true
				width[i] = max(width[i], n)
			}
		}
	}
	if p.ink == inkMarkdown {
		p.markdownTable(cols, used, shown)
	} else {
		p.shrink(cols, width, used)
		p.row(func(i int) string { return p.dim(cols[i].title) }, width, used)
		for _, r := range shown {
			p.row(func(i int) string { return r[i] }, width, used)
		}
	}
	if n := len(rows) - len(shown); n > 0 {
		p.linef("  %s", p.dim(fmt.Sprintf("… and %d more (--all)", n)))
	}
}

// shrink takes columns from the widest that may give, until the row fits.
func (p *printer) shrink(cols []column, width []int, used []bool) {
	if p.o.Width <= 0 || p.o.Wide {
		return
	}
	for {
		total, widest := 0, -1
		for i := range cols {
			if !used[i] {
				continue
			}
			total += width[i] + 2
			if cols[i].shrink > 0 && width[i] > max(cols[i].shrink, visible(cols[i].title)) && (widest < 0 || width[i] > width[widest]) {
				widest = i
			}
		}
		if total <= p.o.Width || widest < 0 {
			return
		}
		width[widest]--
	}
}

func (p *printer) row(cell func(int) string, width []int, used []bool) {
	var b strings.Builder
	for i := range width {
		if !used[i] {
			continue
		}
		text := shorten(cell(i), width[i])
		b.WriteString("  ")
		b.WriteString(text)
		b.WriteString(strings.Repeat(" ", width[i]-visible(text)))
	}
	p.linef("%s", strings.TrimRight(b.String(), " "))
}

// plural writes "1 workload", "2 workloads".
func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	if strings.HasSuffix(one, "y") {
		return fmt.Sprintf("%d %sies", n, strings.TrimSuffix(one, "y"))
	}
	return fmt.Sprintf("%d %ss", n, one)
}
