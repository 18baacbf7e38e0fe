package licensing

import (
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom/license"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// Verdict is what a policy says of a licence. A higher one wins where licences apply
// together.
type Verdict uint8

// The verdicts.
const (
	Allowed Verdict = iota
	Restricted
	Unknown
	Denied
)

var verdictWords = [...]string{"allowed", "restricted", "unknown", "denied"}

func (v Verdict) String() string { return verdictWords[v] }

// MarshalText writes the word.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// Usages are how a product reaches its users: what a licence asks for depends on it.
var Usages = []string{"distributed", "saas", "internal"}

// Policy says which licences are wanted.
type Policy struct {
	Name       string
	Usage      string // one of Usages
	Default    Verdict
	lists      map[string]Verdict // by identifier, with exception, or "family:…"
	byUsage    map[string]map[string]Verdict
	exceptions []exception
}

type exception struct {
	Package string `json:"package"` // package URL, with a version or without
	License string `json:"license"` // what the component says; "" for any
	Reason  string `json:"reason"`
	Until   string `json:"until"` // a day, RFC 3339 full-date; "" for ever
	until   time.Time
	query   vuln.PURL
}

type lists struct {
	Allow    []string `json:"allow"`
	Restrict []string `json:"restrict"`
	Deny     []string `json:"deny"`
}

type policyFile struct {
	Kind       string           `json:"kind"`
	Name       string           `json:"name"`
	Usage      string           `json:"usage"`
	Default    string           `json:"default"`
	Allow      []string         `json:"allow"`
	Restrict   []string         `json:"restrict"`
	Deny       []string         `json:"deny"`
	Usages     map[string]lists `json:"usages"`
	Exceptions []exception      `json:"exceptions"`
}

// maxPolicyBytes bounds a policy file.
const maxPolicyBytes = 1 << 20

// DefaultPolicy allows what is permissive or in the public domain, restricts copyleft,
// and denies what is not for every purpose.
func DefaultPolicy() *Policy {
	return &Policy{Name: "default", Usage: "distributed", Default: Unknown, lists: map[string]Verdict{
		"family:" + PublicDomain: Allowed, "family:" + Permissive: Allowed, "family:" + WeakCopyleft: Restricted, "family:" + StrongCopyleft: Restricted,
		"family:" + NetworkCopyleft: Restricted, "family:" + SourceAvailable: Denied, "family:" + NonCommercial: Denied,
	}}
}

// ParsePolicy reads a policy file: YAML or JSON, of kind LicensePolicy. A member,
// licence, family or package that is not understood is an error.
func ParsePolicy(raw []byte) (*Policy, error) {
	if len(raw) > maxPolicyBytes {
		return nil, ident.Errorf(ident.KindLimit, "a policy of more than %d bytes", maxPolicyBytes)
	}
	var f policyFile
	if err := yaml.UnmarshalStrict(raw, &f); err != nil {
		return nil, ident.Errorf(ident.KindInvalid, "the policy cannot be read: %w", err)
	}
	if f.Kind != "LicensePolicy" {
		return nil, ident.Errorf(ident.KindInvalid, "the policy is of kind %.40q, and kind LicensePolicy is wanted", f.Kind)
	}
	p := &Policy{Name: f.Name, Usage: f.Usage, Default: Unknown, byUsage: map[string]map[string]Verdict{}}
	if p.Name == "" {
		p.Name = "unnamed"
	}
	if p.Usage == "" {
		p.Usage = "distributed"
	}
	if err := p.SetUsage(p.Usage); err != nil {
		return nil, err
	}
	if f.Default != "" {
		i := slices.Index(verdictWords[:], f.Default)
		if i < 0 {
			return nil, ident.Errorf(ident.KindInvalid, "the policy's default is %.40q", f.Default).WithHint("one of: %s", strings.Join(verdictWords[:], ", "))
		}
		p.Default = Verdict(i) //nolint:gosec // one of four
	}
	var err error
	if p.lists, err = compile(lists{f.Allow, f.Restrict, f.Deny}); err != nil {
		return nil, err
	}
	for usage, l := range f.Usages {
		if !slices.Contains(Usages, usage) {
			return nil, unknownUsage(usage)
		}
		if p.byUsage[usage], err = compile(l); err != nil {
			return nil, err
		}
	}
	for i := range f.Exceptions {
		e := f.Exceptions[i]
		if err := e.compile(); err != nil {
			return nil, err
		}
		p.exceptions = append(p.exceptions, e)
	}
	return p, nil
}

func unknownUsage(usage string) error {
	return ident.Errorf(ident.KindInvalid, "%.40q is no usage", usage).WithHint("one of: %s", strings.Join(Usages, ", "))
}

// SetUsage says how the product reaches its users.
func (p *Policy) SetUsage(usage string) error {
	if !slices.Contains(Usages, usage) {
		return unknownUsage(usage)
	}
	p.Usage = usage
	return nil
}

// compile puts lists into one; a denial beats a restriction, and that an allowance.
func compile(l lists) (map[string]Verdict, error) {
	out := map[string]Verdict{}
	for _, part := range []struct {
		names   []string
		verdict Verdict
	}{{l.Allow, Allowed}, {l.Restrict, Restricted}, {l.Deny, Denied}} {
		for _, name := range part.names {
			key, err := listed(name)
			if err != nil {
				return nil, err
			}
			out[key] = max(out[key], part.verdict)
		}
	}
	return out, nil
}

// listed is what an entry of a list is looked up by.
func listed(name string) (string, error) {
	if family, ok := strings.CutPrefix(name, "family:"); ok {
		if !slices.Contains(families, family) {
			return "", ident.Errorf(ident.KindInvalid, "%.60q is no family of licences", family).WithHint("one of: %s", strings.Join(families, ", "))
		}
		return name, nil
	}
	e, err := license.Parse(name)
	switch {
	case err != nil:
		return "", ident.Errorf(ident.KindInvalid, "the policy names a licence: %w", err)
	case e.Operator != license.Single:
		return "", ident.Errorf(ident.KindInvalid, "%.80q is several licences: a list has one a line", name)
	}
	return keyOf(e), nil
}

func keyOf(e *license.Expression) string {
	if x := exceptionOf(e); x != "" {
		return current(e) + " WITH " + x
	}
	return current(e)
}

func (e *exception) compile() error {
	p, err := vuln.ParsePURL(e.Package)
	if err != nil {
		return ident.Errorf(ident.KindInvalid, "an exception of the policy: %w", err)
	}
	if e.Reason == "" {
		return ident.Errorf(ident.KindInvalid, "the exception of %.80q has no reason", e.Package)
	}
	e.query = p
	if e.Until != "" {
		if e.until, err = time.Parse(time.DateOnly, e.Until); err != nil {
			return ident.Errorf(ident.KindInvalid, "the exception of %.80q ends at %.40q", e.Package, e.Until).WithHint("write the day as 2027-01-31")
		}
		e.until = e.until.AddDate(0, 0, 1)
	}
	return nil
}

// verdict judges an expression: the best of a choice, the worst of what applies together.
// chosen is what is judged, without the parts that nobody has to choose.
func (p *Policy) verdict(e *license.Expression) (v Verdict, chosen *license.Expression) {
	switch e.Operator {
	case license.Or:
		v = Denied + 1
		for _, part := range e.Parts {
			if got, c := p.verdict(part); got < v {
				v, chosen = got, c
			}
		}
		return v, chosen
	case license.And:
		parts := make([]*license.Expression, len(e.Parts))
		for i, part := range e.Parts {
			got, c := p.verdict(part)
			v, parts[i] = max(v, got), c
		}
		return v, &license.Expression{Operator: license.And, Parts: parts}
	}
	return p.single(e), e
}

// single looks a licence up: with its exception, alone, by its family, in the lists of
// the usage before those for all. Alone it is not looked up where it has an exception:
// allowing GPL-2.0-only WITH Classpath-exception-2.0 does not allow GPL-2.0-only, and
// denying GPL-2.0-only does deny it with an exception that is not listed.
func (p *Policy) single(e *license.Expression) Verdict {
	keys := []string{keyOf(e), "family:" + TermsOf(e).Family}
	if exceptionOf(e) != "" {
		keys = slices.Insert(keys, 1, current(e))
	}
	for i, k := range keys {
		for _, l := range []map[string]Verdict{p.byUsage[p.Usage], p.lists} {
			v, ok := l[k]
			if ok && (i != 1 || exceptionOf(e) == "" || v != Allowed) {
				return v
			}
		}
	}
	return p.Default
}

// excepted returns the exception that covers a component, nil for none.
func (p *Policy) excepted(purl, expression string, at time.Time) *exception {
	for i := range p.exceptions {
		e := &p.exceptions[i]
		got, err := vuln.ParsePURL(purl)
		if err != nil {
			return nil
		}
		q := e.query
		if got.Type == q.Type && got.FullName() == q.FullName() && (q.Version == "" || q.Version == got.Version) &&
			(e.License == "" || e.License == expression) && (e.until.IsZero() || !at.IsZero() && at.Before(e.until)) {
			return e
		}
	}
	return nil
}
