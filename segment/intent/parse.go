package intent

import (
	"bytes"
	"fmt"
	"strings"
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

// Rule is one intention, such as
//
//	deny internet -> zone=restricted
//	pci: allow only shop/web -> payments/api tcp/8443
//	deny zone=public -> zone=restricted transitively
type Rule struct {
	ID    string // of the rule, or "line 3"
	Line  int
	Text  string
	Verb  Verb
	From  Side
	To    Side
	Ports []segment.Conn // none: every port
	// Transitively asks for every number of hops, by way of workloads that would
	// have to be taken over.
	Transitively bool
}

// Side is one side of a rule: workloads, or addresses outside.
type Side struct {
	Text     string
	Address  ident.Ref // zero for workloads
	Selector estate.Selector
}

const (
	// maxRules bounds a file; each may be asked of every pair of workloads.
	maxRules = 10_000
	maxLine  = 4096
)

// Parse reads rules, one on a line; # begins a comment. An error names the file,
// the line and what was expected, and is of kind usage.
func Parse(name string, data []byte) ([]Rule, error) {
	if !utf8.Valid(data) {
		return nil, ident.Errorf(ident.KindUsage, "%s is not UTF-8 text", name)
	}
	var out []Rule
	ids := make(map[string]int)
	for i, raw := range bytes.Split(data, []byte("\n")) {
		fail := func(format string, args ...any) error {
			return ident.Errorf(ident.KindUsage, "%s:%d: %s", name, i+1, fmt.Sprintf(format, args...)).
				WithHint("[NAME:] deny|allow|allow only FROM -> TO [PORT…] [transitively], for example: deny internet -> zone=restricted")
		}
		if len(raw) > maxLine {
			return nil, fail("the line is longer than %d bytes", maxLine)
		}
		text, _, _ := strings.Cut(string(raw), "#")
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		r, err := parseRule(text)
		if err != nil {
			return nil, fail("%v", err)
		}
		if r.Line = i + 1; r.ID == "" {
			r.ID = fmt.Sprintf("line %d", r.Line)
		}
		if first, dup := ids[r.ID]; dup {
			return nil, fail("the name %s is taken by line %d", r.ID, first)
		}
		ids[r.ID] = r.Line
		if out = append(out, r); len(out) > maxRules {
			return nil, fail("more than %d rules", maxRules)
		}
	}
	if len(out) == 0 {
		return nil, ident.Errorf(ident.KindUsage, "%s holds no rule", name).WithHint("for example: deny internet -> zone=restricted")
	}
	return out, nil
}

func parseRule(text string) (Rule, error) {
	r := Rule{Text: text}
	from, to, ok := strings.Cut(text, "->")
	if !ok {
		return r, fmt.Errorf("%q has no ->", clip(text))
	}
	if id, rest, ok := strings.Cut(from, ":"); ok && !strings.ContainsAny(id, " =/") && strings.HasPrefix(rest, " ") {
		r.ID, from = id, rest
	}
	from = strings.TrimSpace(from)
	for _, v := range []Verb{AllowOnly, Allow, Deny} {
		if rest, ok := strings.CutPrefix(from, string(v)+" "); ok {
			r.Verb, from = v, strings.TrimSpace(rest)
			break
		}
	}
	if r.Verb == "" {
		return r, fmt.Errorf("%q begins with none of deny, allow, allow only", clip(from))
	}
	words := strings.Fields(to)
	if n := len(words); n > 1 && words[n-1] == "transitively" {
		if r.Verb != Deny {
			return r, fmt.Errorf("only deny goes with transitively")
		}
		r.Transitively, words = true, words[:n-1]
	}
	// The ports stand last; a selector has neither its form nor spaces, but for
	// label selectors in parentheses.
	for n := len(words); n > 1; n = len(words) {
		p, ok := parsePorts(words[n-1])
		if !ok {
			break
		}
		r.Ports, words = append([]segment.Conn{p}, r.Ports...), words[:n-1]
	}
	if r.Transitively && len(r.Ports) > 0 {
		return r, fmt.Errorf("a way of several hops has no ports of its own; leave them out")
	}
	var err error
	if r.From, err = parseSide(from); err != nil {
		return r, err
	}
	if r.To, err = parseSide(strings.Join(words, " ")); err != nil {
		return r, err
	}
	if r.From.outside() && r.To.outside() {
		return r, fmt.Errorf("both sides are outside the estate")
	}
	if r.Verb == AllowOnly && r.To.outside() {
		return r, fmt.Errorf("allow only speaks of what may reach workloads, and %s is none", r.To.Text)
	}
	return r, nil
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
func parseSide(text string) (Side, error) {
	s := Side{Text: text}
	if text == "" {
		return s, fmt.Errorf("a side of the rule is empty")
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
	s.Selector = sel
	return s, err
}

func (s *Side) outside() bool { return !s.Address.IsZero() }

func clip(s string) string {
	const most = 60
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
