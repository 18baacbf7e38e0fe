package manifest

import "strings"

// calicoLabels returns labels that every endpoint has which a selector of Calico
// matches: the equalities of its outermost conjunction. What else the selector
// asks is left aside, which errs towards matching more; so is a selector that
// does not parse, and labels that Calico itself gives to endpoints
// (projectcalico.org/…), which pods do not carry.
//
//	app == 'web' && has(tier) && (zone == "a" || zone == "b")   → app=web
func calicoLabels(selector string) map[string]string {
	terms, ok := conjunction(selector)
	if !ok {
		return nil
	}
	out := map[string]string{}
	for _, t := range terms {
		key, value, ok := equality(t)
		if !ok || strings.Contains(key, "projectcalico.org/") {
			continue
		}
		if old, twice := out[key]; twice && old != value {
			continue // nothing matches both; one of them narrows enough
		}
		out[key] = value
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// conjunction splits a selector at the && that stand outside quotes and brackets.
// It reports false where a || stands there, or a quote or bracket stays open.
func conjunction(s string) (terms []string, ok bool) {
	depth, start := 0, 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\'' || c == '"':
			end := strings.IndexByte(s[i+1:], c)
			if end < 0 {
				return nil, false
			}
			i += end + 1
		case c == '(' || c == '{':
			depth++
		case c == ')' || c == '}':
			if depth--; depth < 0 {
				return nil, false
			}
		case depth == 0 && strings.HasPrefix(s[i:], "||"):
			return nil, false
		case depth == 0 && strings.HasPrefix(s[i:], "&&"):
			terms = append(terms, s[start:i])
			start, i = i+2, i+1
		}
	}
	return append(terms, s[start:]), depth == 0
}

// equality reads key == 'value' or key == "value".
func equality(term string) (key, value string, ok bool) {
	key, rest, found := strings.Cut(term, "==")
	key, rest = strings.TrimSpace(key), strings.TrimSpace(rest)
	if !found || key == "" || strings.ContainsAny(key, " \t'\"!(){}&|") || len(rest) < 2 {
		return "", "", false
	}
	quote := rest[0]
	if quote != '\'' && quote != '"' || strings.IndexByte(rest[1:], quote) != len(rest)-2 {
		return "", "", false
	}
	return key, rest[1 : len(rest)-1], true
}
