package html

import (
	"bytes"
	"io"
	"unicode"
	"unicode/utf8"
)

// printable writes for people who read a page what is to be seen, and U+FFFD for what is
// not: control characters, and those that turn around the text beside them (Unicode 16.0,
// section 23.2), by which the name of one workload reads as another's. A template hands
// over whole texts, so that no character comes in two halves.
type printable struct{ to io.Writer }

func (p printable) Write(text []byte) (int, error) {
	if _, err := p.to.Write(bytes.Map(shown, text)); err != nil {
		return 0, err
	}
	return len(text), nil
}

func shown(r rune) rune {
	if r == '\n' || r == '\t' || unicode.IsPrint(r) {
		return r
	}
	return utf8.RuneError
}
