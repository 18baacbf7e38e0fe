package registry

import (
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
)

// manifest is what is read of a manifest or an index (OCI image specification 1.1).
type manifest struct {
	index        bool
	mediaType    string
	artifactType string
	config       Layer
	layers       []Layer
	manifests    []Layer // of an index
	subject      ident.Digest
	annotations  map[string]string
}

// Layer is a descriptor: content, by its digest.
type Layer struct {
	MediaType   string
	Digest      ident.Digest
	Size        int64
	Annotations map[string]string

	platform string // "linux/arm64/v8"; "" where it does not say
}

// isImage reports whether a manifest is that of a container image, and not of a chart,
// a signature or a document that is kept in a registry like one.
func (m *manifest) isImage() bool {
	if m.index {
		return m.artifactType == "" && m.subject.IsZero()
	}
	if m.artifactType != "" || !m.subject.IsZero() {
		return false
	}
	switch m.config.MediaType {
	case "application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json":
		return true
	}
	return false
}

// parseManifest reads a manifest or an index. Which it is, its members tell and not
// the header that the registry sends with it, which no digest covers; what could be
// both is refused (CVE-2021-41190). A name that occurs twice is refused.
func parseManifest(raw []byte, lim *Limits) (*manifest, error) {
	r := jsonscan.New(raw, jsonscan.Options{MaxDepth: 64})
	var m manifest
	var layered, indexed bool
	if !r.RequireObject() {
		return nil, r.Err()
	}
	for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
		switch string(key) {
		case "mediaType":
			m.mediaType = r.String()
		case "artifactType":
			m.artifactType = r.String()
		case "config":
			layered = true
			m.config = readDescriptor(r)
		case "layers", "blobs": // blobs: the artifact manifest of OCI 1.1's candidates
			layered = true
			list, err := readDescriptors(r, lim.Layers)
			if err != nil {
				return nil, err
			}
			m.layers = append(m.layers, list...)
		case "manifests":
			indexed = true
			list, err := readDescriptors(r, max(lim.Platforms, lim.Referrers))
			if err != nil {
				return nil, err
			}
			m.manifests = list
		case "subject":
			if d := readDescriptor(r); !d.Digest.IsZero() {
				m.subject = d.Digest
			}
		case "annotations":
			m.annotations = readAnnotations(r)
		}
	}
	if err := r.End(); err != nil {
		return nil, err
	}
	says := kindOf(m.mediaType)
	switch {
	case layered && indexed:
		return nil, ident.Errorf(ident.KindInvalid, "is a manifest and an index at once")
	case !layered && !indexed:
		return nil, ident.Errorf(ident.KindUnsupported, "is neither a manifest nor an index of OCI or Docker's schema 2")
	case says != "" && (says == "index") != indexed:
		return nil, ident.Errorf(ident.KindInvalid, "says that it is %.80q, and is not", m.mediaType)
	}
	m.index = indexed
	return &m, nil
}

// kindOf says what a media type claims; "" for neither.
func kindOf(mediaType string) string {
	switch {
	case strings.Contains(mediaType, "index"), strings.Contains(mediaType, "manifest.list"):
		return "index"
	case strings.Contains(mediaType, "manifest"):
		return "manifest"
	}
	return ""
}

func readDescriptors(r *jsonscan.Reader, most int) ([]Layer, error) {
	var out []Layer
	if !r.Array() {
		return nil, nil
	}
	for r.NextItem() {
		if len(out) == most {
			return nil, ident.Errorf(ident.KindLimit, "lists more than %d", most)
		}
		if d := readDescriptor(r); !d.Digest.IsZero() {
			out = append(out, d)
			continue
		}
		if r.Err() == nil {
			return nil, ident.Errorf(ident.KindInvalid, "lists something without a digest")
		}
	}
	return out, nil
}

func readDescriptor(r *jsonscan.Reader) Layer {
	var d Layer
	if !r.Object() {
		return d
	}
	for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
		switch string(key) {
		case "mediaType":
			d.MediaType = r.String()
		case "digest":
			d.Digest, _ = ident.ParseDigest(r.String()) // zero is no digest
		case "size":
			d.Size = max(0, r.Int())
		case "annotations":
			d.Annotations = readAnnotations(r)
		case "platform":
			d.platform = readPlatform(r)
		}
	}
	return d
}

// maxAnnotations bounds the annotations that are remembered of one object.
const maxAnnotations = 256

func readAnnotations(r *jsonscan.Reader) map[string]string {
	if !r.Object() {
		return nil
	}
	out := map[string]string{}
	for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
		if k := string(key); len(out) < maxAnnotations {
			if v, ok := r.TryString(); ok {
				out[k] = v
			}
		}
	}
	return out
}

func readPlatform(r *jsonscan.Reader) string {
	var system, machine, variant string
	if !r.Object() {
		return ""
	}
	for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
		switch string(key) {
		case "os":
			system = r.String()
		case "architecture":
			machine = r.String()
		case "variant":
			variant = r.String()
		}
	}
	if system == "" && machine == "" {
		return ""
	}
	p := system + "/" + machine
	if variant != "" {
		p += "/" + variant
	}
	return p
}

// parseTags reads a page of a list of tags. What is no tag is left out: nothing could
// be asked by it.
func parseTags(raw []byte) ([]string, error) {
	var out []string
	r := jsonscan.New(raw, jsonscan.Options{MaxDepth: 16})
	found := false
	r.RequireObject()
	for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
		if string(key) != "tags" {
			continue
		}
		found = true
		for _, t := range r.Strings() {
			if _, err := ident.ParseImageRef("x/y:" + t); err == nil && t != "" {
				out = append(out, t)
			}
		}
	}
	if err := r.End(); err != nil {
		return nil, err
	}
	if !found {
		return nil, ident.Errorf(ident.KindInvalid, "is no list of tags")
	}
	return out, nil
}
