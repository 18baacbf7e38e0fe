package spdx

import (
	"net/url"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
)

// imagePURL is what a package URL of type oci or docker says about an image.
type imagePURL struct {
	digest    string // "" where the version is a tag
	ref       string // registry, repository, tag and digest; "" where no repository is named
	mediaType string
}

// parseImagePURL reads the two types of ECMA-427 that name images. In type oci the
// version is a digest and the repository stands in a qualifier; in type docker the
// version is a tag or a digest and the repository is the path.
func parseImagePURL(s string) (imagePURL, bool) {
	s, _, _ = strings.Cut(s, "#")
	s, query, _ := strings.Cut(s, "?")
	rest, ok := strings.CutPrefix(s, "pkg:")
	if !ok {
		return imagePURL{}, false
	}
	typ, rest, ok := strings.Cut(strings.TrimLeft(rest, "/"), "/")
	if typ = strings.ToLower(typ); !ok || typ != "oci" && typ != "docker" {
		return imagePURL{}, false
	}
	path, version, _ := strings.Cut(rest, "@")
	path, version = unescaped(path), unescaped(version)
	var repository, tag, digest, mediaType string
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
		case "mediatype":
			mediaType = value
		}
	}
	switch {
	case strings.Contains(version, ":"):
		digest = version
	case tag == "":
		tag = version
	}
	p := imagePURL{digest: digest, mediaType: mediaType}
	switch last := repository[strings.LastIndexByte(repository, '/')+1:]; {
	case typ == "oci" && repository == "":
		return p, true
	case typ == "docker" && repository == "":
		p.ref = "docker.io/" + path
	case typ == "oci" && last == path:
		p.ref = repository
	default:
		p.ref = repository + "/" + path // the qualifier holds the registry alone
	}
	if _, rest, ok := strings.Cut(p.ref, "://"); ok {
		p.ref = rest
	}
	if tag != "" {
		p.ref += ":" + tag
	}
	if digest != "" {
		p.ref += "@" + digest
	}
	return p, true
}

// role says what the digest was computed over: the media type knows, else the
// generator may.
func (p imagePURL) role(generator ident.DigestRole) ident.DigestRole {
	switch {
	case strings.Contains(p.mediaType, "index"), strings.Contains(p.mediaType, "manifest.list"):
		return ident.RoleIndex
	case strings.Contains(p.mediaType, "manifest"):
		return ident.RoleManifest
	}
	return generator
}

func unescaped(s string) string {
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}
