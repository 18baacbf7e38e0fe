package registry

import "strings"

// challenge is one way in which a server lets somebody say who they are (RFC 9110,
// section 11.6.1).
type challenge struct {
	scheme string // lower case
	params map[string]string
}

// maxChallenge bounds the header that is read; a real one has a few hundred bytes.
const maxChallenge = 16 << 10

// parseChallenges reads WWW-Authenticate headers. What is malformed ends the reading
// of that header; what stood before it counts.
func parseChallenges(headers []string) []challenge {
	var out []challenge
	for _, h := range headers {
		if len(h) > maxChallenge {
			continue
		}
		out = append(out, parseChallenge(h)...)
	}
	return out
}

func parseChallenge(h string) []challenge {
	var out []challenge
	for h = strings.TrimLeft(h, " \t,"); h != ""; h = strings.TrimLeft(h, " \t,") {
		word, rest := token(h)
		if word == "" {
			return out
		}
		after := strings.TrimLeft(rest, " \t")
		if !strings.HasPrefix(after, "=") || len(out) == 0 {
			out = append(out, challenge{scheme: strings.ToLower(word), params: map[string]string{}})
			h = rest
			continue
		}
		value, rest, ok := parameter(strings.TrimLeft(after[1:], " \t"))
		if !ok {
			return out
		}
		key := strings.ToLower(word)
		if p := out[len(out)-1].params; p[key] == "" { // the first one counts
			p[key] = value
		}
		h = rest
	}
	return out
}

// token reads a token of RFC 9110, section 5.6.2.
func token(s string) (word, rest string) {
	i := strings.IndexFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`()<>@,;:\"/[]?={}`, r)
	})
	if i < 0 {
		return s, ""
	}
	return s[:i], s[i:]
}

// parameter reads a token or a quoted string.
func parameter(s string) (value, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		value, rest = token(s)
		return value, rest, value != ""
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), s[i+1:], true
		case '\\':
			if i++; i == len(s) {
				return "", "", false
			}
		}
		b.WriteByte(s[i])
	}
	return "", "", false
}

// nextLink returns the target of the link of relation "next" (RFC 8288), "" for none.
func nextLink(headers []string) string {
	for _, h := range headers {
		for len(h) <= maxChallenge {
			open := strings.IndexByte(h, '<')
			end := strings.IndexByte(h, '>')
			if open < 0 || end < open {
				break
			}
			target := h[open+1 : end]
			params, rest := h[end+1:], ""
			if i := strings.IndexByte(params, '<'); i >= 0 {
				params, rest = params[:i], params[i:]
			}
			for p := range strings.SplitSeq(params, ";") {
				key, value, _ := strings.Cut(strings.Trim(p, " \t,"), "=")
				if strings.EqualFold(strings.TrimSpace(key), "rel") && strings.EqualFold(strings.Trim(strings.TrimSpace(value), `"`), "next") {
					return target
				}
			}
			h = rest
		}
	}
	return ""
}
