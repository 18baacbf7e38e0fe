package report

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// style paints text for a terminal. Words carry the meaning, colour only
// supports it: without colour nothing is lost.
type style struct{ ink ink }

// ink is how emphasis is written. Markdown knows bold only.
type ink uint8

const (
	inkNone ink = iota
	inkANSI
	inkMarkdown
)

// Codes of SGR (ECMA-48, 8.3.117). The two that only help the eye mean nothing in Markdown.
const (
	ansiBold = "1"
	ansiDim  = "2"
	ansiCyan = "36"
)

func (s style) paint(code, text string) string {
	switch {
	case text == "" || s.ink == inkNone || s.ink == inkMarkdown && (code == ansiDim || code == ansiCyan):
		return text
	case s.ink == inkMarkdown:
		words := strings.TrimRight(text, " ") // a mark after a space would stand for itself
		return string(boldOn) + words + string(boldOff) + text[len(words):]
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s style) bold(t string) string   { return s.paint(ansiBold, t) }
func (s style) dim(t string) string    { return s.paint(ansiDim, t) }
func (s style) red(t string) string    { return s.paint("31", t) }
func (s style) green(t string) string  { return s.paint("32", t) }
func (s style) yellow(t string) string { return s.paint("33", t) }
func (s style) cyan(t string) string   { return s.paint(ansiCyan, t) }

func (s style) severity(v ident.Severity) string {
	switch v {
	case ident.SeverityCritical, ident.SeverityHigh:
		return s.red(v.String())
	case ident.SeverityMedium:
		return s.yellow(v.String())
	default:
		return v.String()
	}
}

func (s style) verdict(v segment.Verdict) string {
	switch v {
	case segment.Allowed:
		return s.green(v.String())
	case segment.Denied:
		return s.red(v.String())
	default:
		return s.yellow(v.String())
	}
}

func (s style) exposure(e segment.ExposureLevel) string {
	switch e {
	case segment.ExposedInternet:
		return s.red(string(e))
	case segment.ExposedUnknown:
		return s.yellow(string(e))
	default:
		return string(e)
	}
}

// clean makes foreign text safe for a terminal: control characters, escape
// sequences and characters that reorder or hide text become visible
// replacements, so that a hostile label cannot repaint the screen or lie about
// what stands beside it (see Unicode TR36, section 2.5).
func clean(s string) string {
	safe := true
	for i := 0; i < len(s) && safe; i++ {
		safe = s[i] >= 0x20 && s[i] < 0x7f
	}
	if safe {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == utf8.RuneError, !unicode.IsPrint(r) && r != ' ':
			b.WriteRune('�')
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// visible counts the columns that painted text takes: escape sequences that
// style wrote take none. Wide characters count as one, which at worst misaligns.
func visible(s string) int {
	n := 0
	for i := 0; i < len(s); {
		if s[i] == 0x1b {
			if j := strings.IndexByte(s[i:], 'm'); j >= 0 {
				i += j + 1
				continue
			}
		}
		_, size := utf8.DecodeRuneInString(s[i:])
		i += size
		n++
	}
	return n
}

// shorten cuts painted text to width columns, with an ellipsis as the last.
func shorten(s string, width int) string {
	if visible(s) <= width {
		return s
	}
	var b strings.Builder
	n, painted := 0, false
	for i := 0; i < len(s) && n < width-1; {
		if s[i] == 0x1b {
			if j := strings.IndexByte(s[i:], 'm'); j >= 0 {
				b.WriteString(s[i : i+j+1])
				i += j + 1
				painted = true
				continue
			}
		}
		_, size := utf8.DecodeRuneInString(s[i:])
		b.WriteString(s[i : i+size])
		i += size
		n++
	}
	b.WriteString("…")
	if painted {
		b.WriteString("\x1b[0m")
	}
	return b.String()
}
