package estate

import (
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Member is a workload as selectors see it.
type Member struct {
	Ref             ident.Ref
	Zone            string            // "" while zones are being decided
	Labels          map[string]string // of its pods
	Annotations     map[string]string // of the workload
	NamespaceLabels map[string]string
	// NamespaceDeclared is false where the labels of the namespace are unknown.
	NamespaceDeclared bool
}

// Selector is a SELECTOR of the command-line contract: "zone=restricted",
// "namespace=payments", "workload=ns/name", or a label selector over pod labels
// ("app=web,tier in (front,back),!canary"). The zero value selects nothing.
type Selector struct {
	text      string
	zone      string
	namespace string
	workload  ident.Ref
	labels    *LabelSelector
}

// String returns the selector as it was written.
func (s Selector) String() string { return s.text }

// ParseSelector reads a SELECTOR. Errors are of kind usage.
func ParseSelector(text string) (Selector, error) {
	s := Selector{text: strings.TrimSpace(text)}
	if s.text == "" {
		return Selector{}, ident.Errorf(ident.KindUsage, "an empty selector selects nothing").WithHint("%s", selectorHint)
	}
	if key, value, ok := strings.Cut(s.text, "="); ok && !strings.ContainsAny(s.text, ",!()") {
		switch key {
		case "zone":
			s.zone = value
		case "namespace":
			s.namespace = value
		case "workload":
			ref, err := ident.ParseRef(value)
			if err != nil || ref.IsCIDR() {
				return Selector{}, ident.Errorf(ident.KindUsage, "%q names no workload", s.text).WithHint("workload=ns/name")
			}
			s.workload = ref
		}
		if s.zone != "" || s.namespace != "" || !s.workload.IsZero() {
			return s, nil
		}
		if key == "zone" || key == "namespace" {
			return Selector{}, ident.Errorf(ident.KindUsage, "%q names no %s", s.text, key).WithHint("%s", selectorHint)
		}
	}
	l, err := ParseLabelSelector(s.text)
	if err != nil {
		return Selector{}, err
	}
	s.labels = l
	return s, nil
}

const selectorHint = "zone=NAME, namespace=NAME, workload=NS/NAME, or labels such as app=web,tier in (front,back)"

// Matches reports whether the selector selects m.
func (s Selector) Matches(m *Member) bool {
	switch {
	case s.zone != "":
		return m.Zone == s.zone
	case s.namespace != "":
		return m.Ref.Namespace == s.namespace
	case !s.workload.IsZero():
		return s.workload.Matches(m.Ref)
	default:
		return s.labels != nil && s.labels.Matches(m.Labels)
	}
}

// Matches evaluates the selector as the API server does (labels.Selector): a
// nil selector matches nothing, an empty one everything; NotIn and DoesNotExist
// match where the key is absent.
func (l *LabelSelector) Matches(labels map[string]string) bool {
	if l == nil {
		return false
	}
	for k, v := range l.MatchLabels {
		if got, ok := labels[k]; !ok || got != v {
			return false
		}
	}
	for _, r := range l.MatchExpressions {
		v, has := labels[r.Key]
		var ok bool
		switch r.Operator {
		case "In":
			ok = has && slices.Contains(r.Values, v)
		case "NotIn":
			ok = !has || !slices.Contains(r.Values, v)
		case "Exists":
			ok = has
		case "DoesNotExist":
			ok = !has
		}
		if !ok {
			return false
		}
	}
	return true
}

// keys are the label keys that the selector asks about.
func (l *LabelSelector) keys() []string {
	var out []string
	for k := range l.MatchLabels {
		out = append(out, k)
	}
	for _, r := range l.MatchExpressions {
		out = append(out, r.Key)
	}
	return out
}

// ParseLabelSelector reads the textual form of the API conventions: "a=b",
// "a==b", "a!=b", "a in (b,c)", "a notin (b,c)", "a", "!a", joined by commas.
func ParseLabelSelector(text string) (*LabelSelector, error) {
	out := &LabelSelector{}
	for _, part := range splitTop(text) {
		r, err := parseRequirement(strings.TrimSpace(part))
		if err != nil {
			return nil, err
		}
		out.MatchExpressions = append(out.MatchExpressions, r)
	}
	return out, nil
}

// splitTop splits at commas outside parentheses.
func splitTop(s string) []string {
	var out []string
	depth, start := 0, 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '(':
			depth++
		case ')':
			depth--
		case ',':
			if depth == 0 {
				out = append(out, s[start:i])
				start = i + 1
			}
		}
	}
	return append(out, s[start:])
}

func parseRequirement(s string) (Requirement, error) {
	bad := ident.Errorf(ident.KindUsage, "%.80q is not a selector", s).WithHint("%s", selectorHint)
	if open := strings.IndexByte(s, '('); open >= 0 {
		if !strings.HasSuffix(s, ")") {
			return Requirement{}, bad
		}
		words := strings.Fields(s[:open])
		if len(words) != 2 || !validLabelKey(words[0]) {
			return Requirement{}, bad
		}
		r := Requirement{Key: words[0]}
		switch words[1] {
		case "in":
			r.Operator = "In"
		case "notin":
			r.Operator = "NotIn"
		default:
			return Requirement{}, bad
		}
		for v := range strings.SplitSeq(s[open+1:len(s)-1], ",") {
			if v = strings.TrimSpace(v); !validLabelValue(v) {
				return Requirement{}, bad
			}
			r.Values = append(r.Values, v)
		}
		return r, nil
	}
	for _, op := range []struct{ sign, operator string }{{"!=", "NotIn"}, {"==", "In"}, {"=", "In"}} {
		if k, v, ok := strings.Cut(s, op.sign); ok {
			k, v = strings.TrimSpace(k), strings.TrimSpace(v)
			if !validLabelKey(k) || !validLabelValue(v) {
				return Requirement{}, bad
			}
			return Requirement{Key: k, Operator: op.operator, Values: []string{v}}, nil
		}
	}
	if k, ok := strings.CutPrefix(s, "!"); ok && validLabelKey(strings.TrimSpace(k)) {
		return Requirement{Key: strings.TrimSpace(k), Operator: "DoesNotExist"}, nil
	}
	if validLabelKey(s) {
		return Requirement{Key: s, Operator: "Exists"}, nil
	}
	return Requirement{}, bad
}

// validLabelKey accepts [prefix/]name of the label syntax, without checking the
// lengths of the prefix's parts.
func validLabelKey(s string) bool {
	name := s
	if prefix, after, ok := strings.Cut(s, "/"); ok {
		if !validLabelChars(prefix) || prefix == "" || len(prefix) > 253 {
			return false
		}
		name = after
	}
	return name != "" && len(name) <= 63 && validLabelChars(name)
}

func validLabelValue(s string) bool { return len(s) <= 63 && validLabelChars(s) }

func validLabelChars(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		alnum := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !alnum && (c != '-' && c != '_' && c != '.' || i == 0 || i == len(s)-1) {
			return false
		}
	}
	return true
}
