package report

import (
	"strings"
	"unicode"
)

// GitHub-flavoured Markdown (GFM 0.29, with tables) is the same answer as the
// table, printed by the same code: the printer marks what is bold with two
// characters that clean never lets through, escapes each line as a whole, and
// only then writes the marks as Markdown. So no text of an answer, however
// hostile, is ever read as markup.
const (
	boldOn  = '\ue000'
	boldOff = '\ue001'
)

// block is what the last line written was; blocks of different kinds are
// parted by an empty line.
type block uint8

const (
	blockNone block = iota
	blockText
	blockItem
	blockTable
	blockCode
)

// markdownLine writes one line of an answer: an indented line is an item of a
// list, any other a paragraph.
func (p *printer) markdownLine(line string) {
	text := strings.TrimLeft(line, " ")
	indent := len(line) - len(text)
	text = strings.TrimRight(text, " ")
	switch {
	case text == "":
	case indent == 0:
		p.begin(blockText)
		p.put(escapeMarkdown(text))
	case indent < nestedIndent:
		p.begin(blockItem)
		p.put("- " + escapeMarkdown(text))
	default:
		p.begin(blockItem)
		p.put("  - " + escapeMarkdown(text))
	}
}

// nestedIndent is the indent from which a line belongs to the line above it.
const nestedIndent = 5

// begin parts blocks by an empty line; items of a list stand together.
func (p *printer) begin(b block) {
	if p.last != blockNone && (p.last != b || b == blockText || b == blockTable || b == blockCode) {
		p.put("")
	}
	p.last = b
}

func (p *printer) markdownHeading(title, remark string) {
	p.begin(blockText)
	p.put("### " + escapeMarkdown(title))
	if remark != "" {
		p.begin(blockText)
		p.put(escapeMarkdown(remark))
	}
}

func (p *printer) markdownTable(cols []column, used []bool, rows [][]string) {
	p.begin(blockTable)
	line := func(cell func(int) string) {
		var b strings.Builder
		for i := range cols {
			if used[i] {
				b.WriteString("| " + cell(i) + " ")
			}
		}
		p.put(b.String() + "|")
	}
	line(func(i int) string { return escapeMarkdown(cols[i].title) })
	line(func(int) string { return "---" })
	for _, r := range rows {
		line(func(i int) string { return escapeMarkdown(strings.TrimSpace(r[i])) })
	}
}

// markdownCode writes commands to copy as a fenced block whose fence is longer
// than any run of backticks in it.
func (p *printer) markdownCode(lines []string) {
	fence := "```"
	for strings.Contains(strings.Join(lines, "\n"), fence) {
		fence += "`"
	}
	p.begin(blockCode)
	p.put(fence + "sh")
	for _, l := range lines {
		p.put(l)
	}
	p.put(fence)
}

// escapeMarkdown makes a line of text stand for itself inside a paragraph, an
// item or a cell of a table: no markup, HTML, entity, link, autolink or mention
// comes of it (GFM 2.4, 6.1–6.11; the mention is GitHub's own).
func escapeMarkdown(s string) string {
	var b strings.Builder
	b.Grow(len(s) + 16)
	rs := []rune(s)
	for i, r := range rs {
		switch r {
		case boldOn, boldOff:
			b.WriteString("**")
			continue
		case '\\', '`', '*', '_', '[', ']', '<', '>', '|', '~', '&', '$', '#':
			b.WriteByte('\\')
		case '-', '+', '=':
			if i == 0 {
				b.WriteByte('\\') // a list, a rule, or the heading of the line above
			}
		case '.', ')':
			if startsItem(rs[:i]) || r == '.' && endsWith(rs[:i], "www") {
				b.WriteByte('\\')
			}
		case ':':
			if i+1 < len(rs) && !unicode.IsLetter(rs[i+1]) && !unicode.IsDigit(rs[i+1]) && rs[i+1] != ' ' {
				b.WriteByte('\\') // an address, with or without something escaped in it
			}
		case '@':
			if i == 0 || !unicode.IsLetter(rs[i-1]) && !unicode.IsDigit(rs[i-1]) {
				b.WriteString("@<!-- -->") // copied it is "@", and it names nobody
				continue
			}
			b.WriteByte('\\')
		case '\n', '\r':
			r = '�'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// startsItem reports whether what stands before makes a numbered list of a dot.
func startsItem(before []rune) bool {
	if len(before) == 0 || len(before) > 9 {
		return false
	}
	for _, r := range before {
		if r < '0' || r > '9' {
			return false
		}
	}
	return true
}

func endsWith(rs []rune, word string) bool {
	return strings.HasSuffix(strings.ToLower(string(rs[max(0, len(rs)-len(word)):])), word)
}
