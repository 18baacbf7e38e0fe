package clusterimage

import (
	"regexp"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/policy/glob"
)

// Glob is a pattern of image references as the policy controller reads them: it must
// match the whole reference, registry, tag and digest included.
type Glob struct {
	Pattern string
	full    string // with what the controller reads into short ones
}

var globCharacters = regexp.MustCompile(`^[a-zA-Z0-9_:/*.@-]+$`)

// ParseGlob reads a pattern.
func ParseGlob(pattern string) (Glob, error) {
	if !globCharacters.MatchString(pattern) {
		return Glob{}, ident.Errorf(ident.KindInvalid, "the glob %q holds what no image reference does", pattern).
			WithHint("letters, digits and _ : / . @ - stand for themselves, * for all but a slash, ** for anything")
	}
	switch pattern {
	case "*":
		return Glob{pattern, dockerHub + "library/*"}, nil
	case "*/*":
		return Glob{pattern, dockerHub + "*/*"}, nil
	}
	return Glob{pattern, pattern}, nil
}

const dockerHub = "index.docker.io/"

// Match reports whether a reference matches, as it is written or as the controller
// completes it: with index.docker.io for Docker Hub and :latest where nothing stands.
func (g Glob) Match(image string) bool {
	if glob.Match(g.full, image) {
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
	return glob.Match(g.full, name)
}

// Emptiness says why a glob matches no image at all; "" where it may match some.
func (g Glob) Emptiness() (message, hint string) {
	p := g.Pattern
	literal, _, _ := strings.Cut(p, "*")
	repository := literal
	if _, rest, ok := strings.Cut(literal, "/"); ok {
		repository = rest
	}
	repository, _, _ = strings.Cut(repository, "@")
	repository, _, _ = strings.Cut(repository, ":")
	switch {
	case strings.HasPrefix(p, "/") || strings.HasSuffix(p, "/") || strings.Contains(p, "//"):
		return "matches no image: a reference holds no empty part", "remove the scheme, and slashes that are doubled or at an end"
	case strings.Contains(literal, "/") && repository != strings.ToLower(repository):
		return "matches no image: repositories are lower case", "write " + strings.ToLower(p)
	}
	return "", ""
}

// Doubt says why a glob matches no image, or fewer than it seems to as the controller
// reads it; "" where it looks sound.
func (g Glob) Doubt() (message, hint string) {
	if message, hint = g.Emptiness(); message != "" {
		return message, hint
	}
	p := g.Pattern
	last := p[strings.LastIndexByte(p, '/')+1:]
	switch {
	case p == "*" || p == "*/*":
		return "matches images of Docker Hub only", "write ** for every image"
	case strings.HasPrefix(p, "docker.io/"):
		return "does not match what is pulled from Docker Hub: the controller completes such references to index.docker.io/", "write index." + p
	case !strings.Contains(p, "*") && !strings.ContainsAny(last, ":@"):
		return "matches only a reference that has neither tag nor digest", "write " + p + "** for every tag and digest, or " + p + "@* for digests"
	}
	return "", ""
}
