package intent

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// Verb is what a rule wants.
type Verb string

// The verbs.
const (
	// Deny: nothing of FROM reaches anything of TO.
	Deny Verb = "deny"
	// Allow: everything of FROM reaches everything of TO.
	Allow Verb = "allow"
	// AllowOnly: as Allow, and nothing else reaches TO, nor FROM on other ports.
	AllowOnly Verb = "allow only"
)

// Severity says how much it matters that a rule is broken.
type Severity string

// The severities, in the words of SARIF's levels. Only a broken rule of the
// first fails a check; the others are told.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Note    Severity = "note"
)

// Rule is one intention, such as
//
//	deny internet -> zone=restricted
//	pci: allow only shop/web -> payments/api tcp/8443
//	warning deny zone=public -> zone=restricted transitively
type Rule struct {
	ID       string // the name of the rule, or "line 3"
	Named    bool   // ID is a name
	Line     int    // from 1
	Column   int    // of Text, in characters from 1
	Text     string
	Severity Severity
	Verb     Verb
	From     Side
	To       Side
	Ports    []segment.Conn // none: every port
	// Transitively asks for every number of hops, by way of workloads that would
	// have to be taken over.
	Transitively bool
}

// Side is one side of a rule: workloads, or addresses outside.
type Side struct {
	Text     string
	Column   int       // in characters from 1
	Address  ident.Ref // zero for workloads
	Selector estate.Selector
}

const (
	// maxRules bounds a file; each may be asked of every pair of workloads.
	maxRules = 10_000
	maxLine  = 4096
)

// fault is what is wrong with a rule, and at which byte of it.
type fault struct {
	at   int
	text string
}

func faultf(at int, format string, args ...any) *fault {
	return &fault{at, fmt.Sprintf(format, args...)}
}

// Parse reads rules, one on a line; # begins a comment. An error names the file,
// the line, the column and what was expected, and is of kind usage.
func Parse(name string, data []byte) ([]Rule, error) {
	if !utf8.Valid(data) {
		return nil, ident.Errorf(ident.KindUsage, "%s is not UTF-8 text", name)
	}
	var out []Rule
	ids := make(map[string]int)
	for i, raw := range bytes.Split(data, []byte("\n")) {
		line, _, _ := strings.Cut(string(raw), "#")
		indent := len(line) - len(strings.TrimLeftFunc(line, unicode.IsSpace))
		column := func(at int) int { return utf8.RuneCountInString(line[:indent+at]) + 1 }
		fail := func(at int, format string, args ...any) error {
			return ident.Errorf(ident.KindUsage, "%s:%d:%d: %s", name, i+1, column(at), fmt.Sprintf(format, args...)).
				WithHint("[NAME:] [error|warning|note] deny|allow|allow only FROM -> TO [PORT…] [transitively], for example: deny internet -> zone=restricted")
		}
		text := strings.TrimSpace(line)
		if len(raw) > maxLine {
			return nil, fail(0, "the line is longer than %d bytes", maxLine)
		}
		if text == "" {
			continue
		}
		r, wrong := parseRule(text)
		if wrong != nil {
			return nil, fail(wrong.at, "%s", wrong.text)
		}
		r.Line, r.Column = i+1, column(0)
		// The sides hold bytes so far.
		r.From.Column, r.To.Column = column(r.From.Column), column(r.To.Column)
		if r.Named = r.ID != ""; !r.Named {
			r.ID = fmt.Sprintf("line %d", r.Line)
		}
		if first, dup := ids[r.ID]; dup {
			return nil, fail(0, "the name %s is taken by line %d", r.ID, first)
		}
		ids[r.ID] = r.Line
		if out = append(out, r); len(out) > maxRules {
			return nil, fail(0, "more than %d rules", maxRules)
		}
	}
	if len(out) == 0 {
		return nil, ident.Errorf(ident.KindUsage, "%s holds no rule", name).WithHint("for example: deny internet -> zone=restricted")
	}
	return out, nil
}

// parseRule reads a rule without space around it. The columns of its sides are
// offsets in bytes.
func parseRule(text string) (Rule, *fault) {
	r := Rule{Text: text, Severity: Error}
	arrow := strings.Index(text, "->")
	if arrow < 0 {
		return r, faultf(0, "%q has no ->", clip(text))
	}
	at := 0 // what is not read yet
	// rest is the side before the arrow from at on; it moves at over space.
	rest := func() string {
		left := text[at:arrow]
		at += len(left) - len(strings.TrimLeftFunc(left, unicode.IsSpace))
		return strings.TrimSpace(text[at:arrow])
	}
	if id, after, ok := strings.Cut(text[:arrow], ":"); ok && !strings.ContainsAny(id, " =/") && strings.HasPrefix(after, " ") {
		r.ID, at = id, len(id)+1
	}
	for _, s := range []Severity{Error, Warning, Note} {
		if strings.HasPrefix(rest(), string(s)+" ") {
			r.Severity = s
			at += len(s)
			break
		}
	}
	for _, v := range []Verb{AllowOnly, Allow, Deny} {
		if strings.HasPrefix(rest(), string(v)+" ") || rest() == string(v) {
			r.Verb = v
			at += len(v)
			break
		}
	}
	if r.Verb == "" {
		return r, faultf(at, "%q begins with none of deny, allow, allow only", clip(rest()))
	}
	from := rest()
	fromAt := at
	words := fieldsAt(text, arrow+2)
	if n := len(words); n > 1 && words[n-1].text == "transitively" {
		if r.Verb != Deny {
			return r, faultf(words[n-1].at, "only deny goes with transitively")
		}
		r.Transitively, words = true, words[:n-1]
	}
	// The ports stand last; a selector has neither its form nor spaces, but for
	// label selectors in parentheses.
	for n := len(words); n > 1; n = len(words) {
		p, ok := parsePorts(words[n-1].text)
		if !ok {
			break
		}
		if r.Transitively {
			return r, faultf(words[n-1].at, "a way of several hops has no ports of its own; leave them out")
		}
		r.Ports, words = append([]segment.Conn{p}, r.Ports...), words[:n-1]
	}
	to, toAt := "", len(text)
	for i, w := range words {
		if to += " " + w.text; i == 0 {
			to, toAt = w.text, w.at
		}
	}
	var wrong *fault
	if r.From, wrong = parseSide(from, fromAt); wrong != nil {
		return r, wrong
	}
	if r.To, wrong = parseSide(to, toAt); wrong != nil {
		return r, wrong
	}
	if r.From.outside() && r.To.outside() {
		return r, faultf(toAt, "both sides are outside the estate")
	}
	if r.Verb == AllowOnly && r.To.outside() {
		return r, faultf(toAt, "allow only speaks of what may reach workloads, and %s is none", r.To.Text)
	}
	return r, nil
}

// word is a word and where it begins.
type word struct {
	text string
	at   int
}

// fieldsAt returns the words of a text from a byte on.
func fieldsAt(text string, from int) []word {
	var out []word
	for _, f := range strings.Fields(text[from:]) {
		at := from + strings.Index(text[from:], f)
		out = append(out, word{f, at})
		from = at + len(f)
	}
	return out
}

// parsePorts reads tcp/8443, 8443/TCP, tcp/8000-8100 and tcp.
func parsePorts(word string) (segment.Conn, bool) {
	protocol, ports, ok := strings.Cut(word, "/")
	if !ok {
		p, ok := segment.ParseProtocol(strings.ToUpper(word))
		return segment.Conn{Protocol: p, From: 1, To: 65535}, ok && word != ""
	}
	if _, ok := segment.ParseProtocol(strings.ToUpper(protocol)); !ok {
		protocol, ports = ports, protocol
	}
	low, high, isRange := strings.Cut(ports, "-")
	from, err := segment.ParsePort(protocol + "/" + low)
	if err != nil {
		return segment.Conn{}, false
	}
	to := from
	if isRange {
		if to, err = segment.ParsePort(protocol + "/" + high); err != nil || to.Number < from.Number {
			return segment.Conn{}, false
		}
	}
	return segment.Conn{Protocol: from.Protocol, From: from.Number, To: to.Number}, true
}

// parseSide reads internet, an address, a CIDR, ns/name, or a SELECTOR.
func parseSide(text string, at int) (Side, *fault) {
	s := Side{Text: text, Column: at}
	if text == "" {
		return s, faultf(at, "a side of the rule is empty")
	}
	if !strings.ContainsAny(text, "=,! ()") {
		ref, err := ident.ParseRef(text)
		switch {
		case err == nil && ref.IsCIDR():
			s.Address = ref
			return s, nil
		case err == nil && ref.Namespace != "":
			text = "workload=" + text
		}
	}
	sel, err := estate.ParseSelector(text)
	if err != nil {
		return s, faultf(at, "%v", err)
	}
	s.Selector = sel
	return s, nil
}

func (s *Side) outside() bool { return !s.Address.IsZero() }

func clip(s string) string {
	const most = 60
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
