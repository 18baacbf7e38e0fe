package reachtest

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/tools/txtar"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// statement is one line of a script.
type statement struct {
	line int
	text string
	verb string

	from, to ident.Ref
	port     *segment.Port
	conns    []segment.Conn
	refs     []ident.Ref
	word     string // a profile, an exposure level, or what a cause or an idle policy mentions
	gress    string // "", "egress" or "ingress"
	verdict  segment.Verdict
	by       *ruleName
}

// ruleName is RULE: "default", or a kind, a name and perhaps an index.
type ruleName struct {
	byDefault             bool
	kind, namespace, name string
	rule                  int // -1: any
}

const scriptName = "test"

// parse splits an archive into its script and its manifests.
func parse(name string, data []byte) (script []statement, manifests []txtar.File, err error) {
	a := txtar.Parse(data)
	text, offset := a.Comment, 0
	at := strings.Count(string(a.Comment), "\n")
	for _, f := range a.Files {
		at++ // the marker
		start := at
		at += strings.Count(string(f.Data), "\n")
		if f.Name != scriptName {
			manifests = append(manifests, f)
			continue
		}
		if len(strings.TrimSpace(string(a.Comment))) > 0 {
			return nil, nil, ident.Errorf(ident.KindUsage, "%s has a script before its files and in -- test --", name).WithHint("keep one of them")
		}
		text, offset = f.Data, start
	}
	for i, raw := range strings.Split(string(text), "\n") {
		line := strings.TrimSpace(raw)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		s, err := parseStatement(line)
		if err != nil {
			return nil, nil, ident.Errorf(ident.KindUsage, "%s:%d: %v", name, offset+i+1, err).
				WithHint("eval FROM -> TO PORT, then expect allow|deny|unknown [by KIND ns/name#rule]; also ports, reach, exposed, cause, cni, enforcement, idle")
		}
		if s.verb == "expect" && (len(script) == 0 || script[len(script)-1].verb != "eval" && script[len(script)-1].verb != "expect") {
			return nil, nil, ident.Errorf(ident.KindUsage, "%s:%d: expect follows no eval", name, offset+i+1).WithHint("write eval FROM -> TO PORT on the line before")
		}
		s.line, s.text = offset+i+1, line
		script = append(script, s)
	}
	switch {
	case len(script) == 0:
		return nil, nil, ident.Errorf(ident.KindUsage, "%s has no statement", name).WithHint("eval shop/web -> shop/db tcp/5432, then expect allow")
	case len(manifests) == 0:
		return nil, nil, ident.Errorf(ident.KindUsage, "%s holds no manifests", name).WithHint("-- NAME.yaml -- on a line of its own begins a file")
	}
	return script, manifests, nil
}

func parseStatement(line string) (statement, error) {
	verb, rest, _ := strings.Cut(line, " ")
	s := statement{verb: verb}
	rest = strings.TrimSpace(rest)
	var err error
	switch verb {
	case "cni", "cause", "enforcement", "idle":
		if s.word = rest; rest == "" {
			err = fmt.Errorf("%s names nothing", verb)
		}
	case "eval":
		err = s.eval(rest)
	case "expect":
		err = s.expect(rest)
	case "ports":
		left, right, ok := strings.Cut(rest, "=")
		if !ok {
			return s, fmt.Errorf("ports has no =")
		}
		if err = s.pair(strings.TrimSpace(left)); err == nil {
			s.conns, err = parseConns(right)
		}
	case "reach":
		err = s.reach(rest)
	case "exposed":
		ref, level, ok := strings.Cut(rest, " ")
		if !ok {
			return s, fmt.Errorf("exposed needs a workload and internet, internal, none or unknown")
		}
		s.word = strings.TrimSpace(level)
		s.from, err = ident.ParseRef(ref)
	default:
		err = fmt.Errorf("%q is no statement", verb)
	}
	return s, err
}

func (s *statement) pair(text string) error {
	from, to, ok := strings.Cut(text, "->")
	if !ok {
		return fmt.Errorf("%q has no ->", text)
	}
	var err error
	if s.from, err = ident.ParseRef(strings.TrimSpace(from)); err != nil {
		return err
	}
	s.to, err = ident.ParseRef(strings.TrimSpace(to))
	return err
}

func (s *statement) eval(text string) error {
	i := strings.LastIndex(text, " ")
	if i < 0 {
		return fmt.Errorf("eval needs FROM -> TO PORT")
	}
	p, err := segment.ParsePort(text[i+1:])
	if err != nil {
		return err
	}
	s.port = &p
	return s.pair(text[:i])
}

func (s *statement) expect(text string) error {
	words := strings.Fields(text)
	if len(words) > 0 && (words[0] == segment.Egress.String() || words[0] == segment.Ingress.String()) {
		s.gress, words = words[0], words[1:]
	}
	if len(words) == 0 {
		return fmt.Errorf("expect needs allow, deny or unknown")
	}
	verdicts := map[string]segment.Verdict{"allow": segment.Allowed, "deny": segment.Denied, "unknown": segment.Unknown}
	v, ok := verdicts[words[0]]
	if !ok {
		return fmt.Errorf("%q is none of allow, deny, unknown", words[0])
	}
	s.verdict, words = v, words[1:]
	if len(words) == 0 {
		return nil
	}
	if words[0] != "by" {
		return fmt.Errorf("%q, where only by can stand", words[0])
	}
	var err error
	s.by, err = parseRule(words[1:])
	return err
}

func parseRule(words []string) (*ruleName, error) {
	if len(words) == 1 && words[0] == "default" {
		return &ruleName{byDefault: true}, nil
	}
	if len(words) != 2 {
		return nil, fmt.Errorf("by needs default, or a kind and a name such as NetworkPolicy shop/db#0")
	}
	r := &ruleName{kind: words[0], rule: -1}
	name, index, ok := strings.Cut(words[1], "#")
	if ok {
		n, err := strconv.Atoi(index)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("%q is no index of a rule", index)
		}
		r.rule = n
	}
	r.name = name
	if ns, n, ok := strings.Cut(name, "/"); ok {
		r.namespace, r.name = ns, n
	}
	return r, nil
}

func (s *statement) reach(text string) error {
	from, list, ok := strings.Cut(text, "=")
	if !ok {
		return fmt.Errorf("reach has no =")
	}
	var err error
	if s.from, err = ident.ParseRef(strings.TrimSpace(from)); err != nil {
		return err
	}
	for _, w := range strings.Split(list, ",") {
		if w = strings.TrimSpace(w); w == "" || w == "nothing" {
			continue
		}
		r, err := ident.ParseRef(w)
		if err != nil {
			return err
		}
		s.refs = append(s.refs, r)
	}
	return nil
}

// parseConns reads "tcp/80, udp/53-60", "all" or "none".
func parseConns(text string) ([]segment.Conn, error) {
	var out []segment.Conn
	for _, w := range strings.Split(text, ",") {
		switch w = strings.TrimSpace(w); w {
		case "", "none":
			continue
		case "all":
			for _, p := range []segment.Protocol{segment.TCP, segment.UDP, segment.SCTP} {
				out = append(out, segment.Conn{Protocol: p, From: 1, To: 65535})
			}
			continue
		}
		low, high, isRange := strings.Cut(w, "-")
		from, err := segment.ParsePort(low)
		if err != nil {
			return nil, err
		}
		to := from.Number
		if isRange {
			n, err := strconv.ParseUint(high, 10, 16)
			if err != nil || uint16(n) < to {
				return nil, fmt.Errorf("%q is no range of ports", w)
			}
			to = uint16(n)
		}
		out = append(out, segment.Conn{Protocol: from.Protocol, From: from.Number, To: to})
	}
	return out, nil
}
