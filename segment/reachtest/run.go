package reachtest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
	"github.com/cofferdam-io/cofferdam/segment/cni"
	"github.com/cofferdam-io/cofferdam/segment/k8s"
)

// Failure is an expectation that was not met.
type Failure struct {
	File     string `json:"file"`
	Line     int    `json:"line"`
	Text     string `json:"text"` // the statement
	Expected string `json:"expected"`
	Found    string `json:"found"`
	// Why is what was considered, one rule on a line.
	Why []string `json:"why"`
}

// Result of one test file.
type Result struct {
	File       string    `json:"file"`
	Statements int       `json:"statements"`
	Failures   []Failure `json:"failures"`
	// Faults name the manifests that could not be read: what they would say is
	// unknown, not absent.
	Faults []string `json:"faults,omitempty"`
}

// Run evaluates a test. An error means that it could not be: it is malformed, its
// manifests cannot be read, or a name in it is none of theirs. Without cni the
// network is the one that the manifests show.
func Run(ctx context.Context, name string, data []byte) (*Result, error) {
	script, files, err := parse(name, data)
	if err != nil {
		return nil, err
	}
	network := cni.Auto
	for _, s := range script {
		if s.verb == "cni" {
			network = s.word
		}
	}
	var in []manifest.Input
	for _, f := range files {
		in = append(in, manifest.Input{Name: name + "/" + f.Name, Data: f.Data})
	}
	set, err := manifest.Decode(ctx, in, manifest.Options{})
	if err != nil {
		return nil, err
	}
	p, err := cni.For(network, set.Estate)
	if err != nil {
		return nil, err
	}
	m, err := k8s.Model(set, p)
	if err != nil {
		return nil, err
	}
	g, err := segment.Build(ctx, m)
	if err != nil {
		return nil, err
	}
	r := &runner{ctx: ctx, g: g, res: &Result{File: name, Failures: []Failure{}}}
	for i := range set.Estate.Faults {
		f := &set.Estate.Faults[i]
		r.res.Faults = append(r.res.Faults, fmt.Sprintf("%s:%d: %s", f.Source.File, f.Source.Line, f.Message))
	}
	for i := range script {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := r.run(&script[i]); err != nil {
			return nil, ident.Errorf(ident.KindUsage, "%s:%d: %v", name, script[i].line, err)
		}
		r.res.Statements++
	}
	return r.res, nil
}

type runner struct {
	ctx context.Context //nolint:containedctx // lives as long as one Run
	g   *segment.Graph
	why *segment.Explanation // of the last eval
	res *Result
}

func (r *runner) run(s *statement) error {
	switch s.verb {
	case "eval":
		x, err := r.g.Why(s.from, s.to, s.port)
		r.why = x
		return err
	case "expect":
		r.expect(s)
	case "ports":
		return r.ports(s)
	case "reach":
		return r.reach(s)
	case "exposed":
		if got := r.g.Exposure(s.from).Level; string(got) != s.word {
			r.fail(s, s.word, string(got), nil)
		}
	case "enforcement":
		if got := r.g.Enforcement(); got != s.word {
			r.fail(s, s.word, got, nil)
		}
	case "idle":
		var all []string
		for _, o := range r.g.WithoutEffect() {
			all = append(all, o.Object+": "+o.Reason)
		}
		if !slices.ContainsFunc(all, func(o string) bool { return strings.Contains(o, s.word) }) {
			r.fail(s, "an object without effect that mentions "+s.word, fmt.Sprintf("%d objects", len(all)), all)
		}
	case "cause":
		var all []string
		for _, c := range r.g.Causes() {
			all = append(all, c.Object+": "+c.Reason)
		}
		if !slices.ContainsFunc(all, func(c string) bool { return strings.Contains(c, s.word) }) {
			r.fail(s, "an unknown that mentions "+s.word, fmt.Sprintf("%d unknowns", len(all)), all)
		}
	}
	return nil
}

func (r *runner) fail(s *statement, expected, found string, why []string) {
	r.res.Failures = append(r.res.Failures, Failure{File: r.res.File, Line: s.line, Text: s.text, Expected: expected, Found: found, Why: why})
}

func (r *runner) expect(s *statement) {
	x := r.why
	decisions := []segment.Decision{x.Egress, x.Ingress}
	verdict := x.Verdict
	switch s.gress {
	case segment.Egress.String():
		decisions, verdict = decisions[:1], x.Egress.Verdict
	case segment.Ingress.String():
		decisions, verdict = decisions[1:], x.Ingress.Verdict
	}
	hit := s.by == nil || slices.ContainsFunc(decisions, func(d segment.Decision) bool { return d.Verdict == verdict && s.by.is(d.Rule) })
	if verdict == s.verdict && hit {
		return
	}
	var found, why []string
	for i, d := range []segment.Decision{x.Egress, x.Ingress} {
		found = append(found, fmt.Sprintf("%s %s by %s", segment.Gress(i), d.Verdict, ruleText(d.Rule))) //nolint:gosec // two directions
		for _, c := range d.Considered {
			why = append(why, fmt.Sprintf("%s: %s: %s", ruleText(c.Rule), c.Outcome, c.Reason))
		}
	}
	for _, u := range x.Unknowns {
		why = append(why, "unknown: "+u.Object+": "+u.Reason)
	}
	r.fail(s, strings.TrimPrefix(s.text, "expect "), fmt.Sprintf("%s: %s", x.Verdict, strings.Join(found, ", ")), why)
}

func (n *ruleName) is(r segment.RuleRef) bool {
	if n.byDefault || r.Default {
		return n.byDefault == r.Default
	}
	return n.kind == r.Kind && n.namespace == r.Namespace && n.name == r.Name && (n.rule < 0 || n.rule == r.Rule)
}

func ruleText(r segment.RuleRef) string {
	switch {
	case r.Default:
		return "default"
	case r.Name == "":
		return r.Kind
	}
	s := r.Kind + " " + r.Name
	if r.Namespace != "" {
		s = r.Kind + " " + r.Namespace + "/" + r.Name
	}
	if r.Rule >= 0 {
		s += fmt.Sprintf("#%d", r.Rule)
	}
	return s
}

func (r *runner) ports(s *statement) error {
	edges, err := r.g.Between(s.from, s.to)
	if err != nil {
		return err
	}
	var got []segment.Conn
	for _, e := range edges {
		if e.Verdict == segment.Allowed {
			got = e.Connections
		}
	}
	if !slices.Equal(got, s.conns) {
		r.fail(s, connsText(s.conns), connsText(got), nil)
	}
	return nil
}

func connsText(cs []segment.Conn) string {
	if len(cs) == 0 {
		return "none"
	}
	out := make([]string, len(cs))
	for i, c := range cs {
		out[i] = c.String()
	}
	return strings.Join(out, ", ")
}

func (r *runner) reach(s *statement) error {
	reached, err := r.g.Reach(r.ctx, []ident.Ref{s.from}, segment.Forward, 0)
	if err != nil {
		return err
	}
	var got, want []string
	for _, x := range reached {
		if !x.Workload.IsCIDR() {
			got = append(got, x.Workload.Short())
		}
	}
	for _, w := range s.refs {
		refs, err := r.g.Resolve(w)
		if err != nil {
			return err
		}
		for _, x := range refs {
			want = append(want, x.Short())
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		r.fail(s, strings.Join(want, ", "), strings.Join(got, ", "), nil)
	}
	return nil
}
