package clusterimage

import (
	"regexp"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Glob is a pattern of image references as the policy controller reads them: *
// stands for characters other than a slash, ** for any, and the whole reference must
// match, registry, tag and digest included.
type Glob struct {
	Pattern string
	re      *regexp.Regexp
}

var globCharacters = regexp.MustCompile(`^[a-zA-Z0-9_:/*.@-]+$`)

// ParseGlob reads a pattern.
func ParseGlob(pattern string) (Glob, error) {
	if !globCharacters.MatchString(pattern) {
		return Glob{}, ident.Errorf(ident.KindInvalid, "the glob %q holds what no image reference does", pattern).
			WithHint("letters, digits and _ : / . @ - stand for themselves, * for all but a slash, ** for anything")
	}
	full := pattern
	switch pattern {
	case "*":
		full = dockerHub + "library/*"
	case "*/*":
		full = dockerHub + "*/*"
	}
	var b strings.Builder
	b.WriteByte('^')
	for i, part := range strings.Split(full, "**") {
		if i > 0 {
			b.WriteString(".*")
		}
		for j, p := range strings.Split(part, "*") {
			if j > 0 {
				b.WriteString("[^/]*")
			}
			b.WriteString(regexp.QuoteMeta(p))
		}
	}
	b.WriteByte('$')
	re, err := regexp.Compile(b.String())
	if err != nil {
		return Glob{}, ident.Errorf(ident.KindInvalid, "the glob %q: %w", pattern, err)
	}
	return Glob{pattern, re}, nil
}

const dockerHub = "index.docker.io/"

// Match reports whether a reference matches, as it is written or as the controller
// completes it: with index.docker.io for Docker Hub and :latest where nothing stands.
func (g Glob) Match(image string) bool {
	if g.re.MatchString(image) {
		return true
	}
	ref, err := ident.ParseImageRef(image)
	if err != nil {
		return false
	}
	name := ref.Name()
	if rest, ok := strings.CutPrefix(name, "docker.io/"); ok {
		name = dockerHub + rest
	}
	switch {
	case !ref.Digest.IsZero():
		name += "@" + ref.Digest.String()
	case ref.Tag != "":
		name += ":" + ref.Tag
	default:
		name += ":latest"
	}
	return g.re.MatchString(name)
}

// Doubt says why a glob matches no image, or fewer than it seems to; "" where it
// looks sound.
func (g Glob) Doubt() (message, hint string) {
	p := g.Pattern
	literal, _, wild := strings.Cut(p, "*")
	repository := literal
	if _, rest, ok := strings.Cut(literal, "/"); ok {
		repository = rest
	}
	repository, _, _ = strings.Cut(repository, "@")
	repository, _, _ = strings.Cut(repository, ":")
	last := p[strings.LastIndexByte(p, '/')+1:]
	switch {
	case strings.HasPrefix(p, "/") || strings.HasSuffix(p, "/") || strings.Contains(p, "//"):
		return "matches no image: a reference holds no empty part", "remove the scheme, and slashes that are doubled or at an end"
	case strings.Contains(literal, "/") && repository != strings.ToLower(repository):
		return "matches no image: repositories are lower case", "write " + strings.ToLower(p)
	case p == "*" || p == "*/*":
		return "matches images of Docker Hub only", "write ** for every image"
	case strings.HasPrefix(p, "docker.io/"):
		return "does not match what is pulled from Docker Hub: the controller completes such references to index.docker.io/", "write index." + p
	case !wild && !strings.ContainsAny(last, ":@"):
		return "matches only a reference that has neither tag nor digest", "write " + p + "** for every tag and digest, or " + p + "@* for digests"
	}
	return "", ""
}
