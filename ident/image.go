package ident

import "strings"

// ImageRef is a container image reference, normalised as the container
// runtimes do: a name without registry is at docker.io, a single-word name
// there is under library/. It is comparable.
type ImageRef struct {
	Registry   string // "docker.io", "registry.example:5000"
	Repository string // "library/nginx", "shop/web"
	Tag        string // "" where the reference has none; "latest" is never added
	Digest     Digest // zero where the reference has none
}

// ParseImageRef reads a reference as pods and SBOMs write it, with the prefixes
// that container statuses put before it ("docker-pullable://", "docker://",
// "containerd://").
func ParseImageRef(s string) (ImageRef, error) {
	const maxLen = 1024 // registries allow 255 for the name and 128 for the tag
	if len(s) > maxLen {
		return ImageRef{}, Errorf(KindInvalid, "image reference of %d characters is longer than %d", len(s), maxLen)
	}
	rest := s
	if _, after, ok := strings.Cut(rest, "://"); ok {
		rest = after
	}
	var ref ImageRef
	if name, dig, ok := strings.Cut(rest, "@"); ok {
		d, err := ParseDigest(dig)
		if err != nil {
			return ImageRef{}, Errorf(KindInvalid, "image reference %q: %w", clip(s), err)
		}
		ref.Digest, rest = d, name
	}
	if i := strings.LastIndexByte(rest, ':'); i >= 0 && !strings.Contains(rest[i:], "/") {
		ref.Tag, rest = rest[i+1:], rest[:i]
		if !validTag(ref.Tag) {
			return ImageRef{}, Errorf(KindInvalid, "image reference %q has a malformed tag", clip(s))
		}
	}
	first, after, hasSlash := strings.Cut(rest, "/")
	if hasSlash && (strings.ContainsAny(first, ".:") || first == "localhost") {
		ref.Registry, ref.Repository = strings.ToLower(first), after
	} else {
		ref.Registry, ref.Repository = "docker.io", rest
	}
	if ref.Registry == "index.docker.io" {
		ref.Registry = "docker.io"
	}
	if ref.Registry == "docker.io" && ref.Repository != "" && !strings.Contains(ref.Repository, "/") {
		ref.Repository = "library/" + ref.Repository
	}
	if !validRepository(ref.Repository) {
		return ImageRef{}, Errorf(KindInvalid, "%q is not an image reference", clip(s))
	}
	return ref, nil
}

// Name returns registry and repository, without tag and digest.
func (r ImageRef) Name() string { return r.Registry + "/" + r.Repository }

// String returns the full normalised reference.
func (r ImageRef) String() string {
	s := r.Name()
	if r.Tag != "" {
		s += ":" + r.Tag
	}
	if !r.Digest.IsZero() {
		s += "@" + r.Digest.String()
	}
	return s
}

// Short returns the repository with its tag, without registry: what tables show.
func (r ImageRef) Short() string {
	s := strings.TrimPrefix(r.Repository, "library/")
	switch {
	case r.Tag != "":
		s += ":" + r.Tag
	case !r.Digest.IsZero():
		s += "@" + r.Digest.Short()
	}
	return s
}

// IsZero reports whether r names nothing.
func (r ImageRef) IsZero() bool { return r.Repository == "" && r.Digest.IsZero() }

// validTag is the grammar of the OCI distribution specification:
// [a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}.
func validTag(t string) bool {
	if t == "" || len(t) > 128 || t[0] == '.' || t[0] == '-' {
		return false
	}
	for i := 0; i < len(t); i++ {
		if c := t[i]; !isAlnum(c) && c != '_' && c != '.' && c != '-' {
			return false
		}
	}
	return true
}

// validRepository checks path components of lower-case letters, digits and
// separators, as the distribution specification's name grammar does.
func validRepository(s string) bool {
	if s == "" {
		return false
	}
	for part := range strings.SplitSeq(s, "/") {
		if part == "" || !isAlnum(part[0]) || !isAlnum(part[len(part)-1]) {
			return false
		}
		for i := 0; i < len(part); i++ {
			c := part[i]
			if 'A' <= c && c <= 'Z' || !isAlnum(c) && c != '_' && c != '.' && c != '-' {
				return false
			}
		}
	}
	return true
}

func isAlnum(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
