package sbom

import (
	"net/url"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
)

// ImagePURL is what a package URL of type oci or docker says about an image.
type ImagePURL struct {
	Digest    ident.Digest     // zero where the URL gives none
	Role      ident.DigestRole // what Digest was computed over, where the qualifier mediaType tells
	Reference ident.ImageRef   // zero where no repository is named, or neither tag nor digest
	Platform  string           // "linux/amd64", where the qualifier platform says so (BuildKit)
}

// ParseImagePURL reads the two types of ECMA-427 that name images; false is a
// package URL of something else. In type oci the version is a digest and the
// repository stands in the qualifier repository_url, with the image's own name at
// its end or without it (Kubernetes' bom). In type docker the version is a tag or
// a digest and the repository is the path; a path that begins with a registry's
// host is whole (BuildKit), any other is Docker Hub's.
func ParseImagePURL(s string) (ImagePURL, bool) {
	s, _, _ = strings.Cut(s, "#")
	s, query, _ := strings.Cut(s, "?")
	rest, ok := strings.CutPrefix(s, "pkg:")
	if !ok {
		return ImagePURL{}, false
	}
	typ, rest, ok := strings.Cut(strings.TrimLeft(rest, "/"), "/")
	if typ = strings.ToLower(typ); !ok || typ != "oci" && typ != "docker" {
		return ImagePURL{}, false
	}
	path, version, _ := strings.Cut(rest, "@")
	path, version = unescaped(path), unescaped(version)
	var p ImagePURL
	var repository, tag, digest string
	for pair := range strings.SplitSeq(query, "&") {
		key, value, _ := strings.Cut(pair, "=")
		value = unescaped(value)
		switch strings.ToLower(key) {
		case "repository_url":
			repository = strings.TrimRight(value, "/")
		case "tag":
			tag = value
		case "digest":
			digest = value
		case "platform":
			p.Platform = value
		case "mediatype":
			p.Role = roleOf(value)
		}
	}
	switch {
	case strings.Contains(version, ":"):
		digest = version
	case tag == "":
		tag = version
	}
	if d, err := ident.ParseDigest(digest); err == nil {
		p.Digest = d
	}
	if _, rest, ok := strings.Cut(repository, "://"); ok {
		repository = rest
	}
	switch last := repository[strings.LastIndexByte(repository, '/')+1:]; {
	case repository == "" && typ == "oci":
		return p, true
	case repository == "":
		repository = path
	case typ == "docker", last != path:
		repository += "/" + path
	}
	if tag != "" {
		repository += ":" + tag
	}
	if ref, err := ident.ParseImageRef(repository); err == nil {
		if ref.Digest = p.Digest; ref.Tag != "" || !ref.Digest.IsZero() {
			p.Reference = ref
		}
	}
	return p, true
}

// roleOf says what a digest was computed over, by the media type of that.
func roleOf(mediaType string) ident.DigestRole {
	switch {
	case strings.Contains(mediaType, "index"), strings.Contains(mediaType, "manifest.list"):
		return ident.RoleIndex
	case strings.Contains(mediaType, "manifest"):
		return ident.RoleManifest
	}
	return ident.RoleUnknown
}

func unescaped(s string) string {
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}
