package registry

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Artifact is something to be attached to what a digest names.
type Artifact struct {
	Type        string // its artifactType
	Annotations map[string]string
	Layers      []Content
}

// Content is the bytes of a layer.
type Content struct {
	MediaType   string
	Bytes       []byte
	Annotations map[string]string
}

// The media types that are written.
const (
	indexType    = "application/vnd.oci.image.index.v1+json"
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	configType   = "application/vnd.oci.image.config.v1+json"
	emptyType    = "application/vnd.oci.empty.v1+json"
)

// descriptor and written are what is written of a manifest.
type (
	descriptor struct {
		MediaType    string            `json:"mediaType"`
		Digest       ident.Digest      `json:"digest"`
		Size         int               `json:"size"`
		ArtifactType string            `json:"artifactType,omitempty"`
		Annotations  map[string]string `json:"annotations,omitempty"`
	}
	written struct {
		SchemaVersion int               `json:"schemaVersion"`
		MediaType     string            `json:"mediaType"`
		ArtifactType  string            `json:"artifactType,omitempty"`
		Config        descriptor        `json:"config"`
		Layers        []json.RawMessage `json:"layers"`
		Subject       *descriptor       `json:"subject,omitempty"`
		Annotations   map[string]string `json:"annotations,omitempty"`
	}
)

// Attach pushes a manifest whose subject is what a reference's digest names, and returns
// its digest. A registry that does not say that it keeps referrers, and does not list
// this one, gets it entered into the index of the tag schema (OCI distribution 1.1,
// "Pushing Manifests with Subject"). Nothing is written to mirrors.
func (c *Client) Attach(ctx context.Context, to ident.ImageRef, a Artifact) (ident.Digest, error) {
	d, err := c.attach(ctx, to, a)
	return d, refusedPush(err)
}

func (c *Client) attach(ctx context.Context, to ident.ImageRef, a Artifact) (ident.Digest, error) {
	subject, err := c.byDigest(ctx, to, to.Digest, true)
	if err != nil {
		return ident.Digest{}, err
	}
	kind := subject.mediaType
	if kind == "" { // OCI allows it to be left out
		if kind = manifestType; subject.index {
			kind = indexType
		}
	}
	m := written{SchemaVersion: 2, MediaType: manifestType, ArtifactType: a.Type, Annotations: a.Annotations, Subject: &descriptor{MediaType: kind, Digest: to.Digest, Size: int(subject.bytes)}}
	if m.Config, err = c.upload(ctx, to, Content{MediaType: emptyType, Bytes: []byte("{}")}); err != nil {
		return ident.Digest{}, err
	}
	if m.Layers, err = c.layers(ctx, to, a.Layers); err != nil {
		return ident.Digest{}, err
	}
	raw, err := json.Marshal(&m)
	if err != nil {
		return ident.Digest{}, err
	}
	own := descriptor{MediaType: manifestType, Digest: ident.SHA256(raw), Size: len(raw), ArtifactType: a.Type, Annotations: a.Annotations}
	done, err := c.put(ctx, to, own.Digest.String(), manifestType, raw)
	if err != nil {
		return ident.Digest{}, err
	}
	if done.header.Get("OCI-Subject") != "" {
		return own.Digest, nil
	}
	listed, err := c.referrersFrom(ctx, c.registry(to.Registry), to, to.Digest)
	if err != nil {
		return ident.Digest{}, err
	}
	if slices.ContainsFunc(listed, func(l Layer) bool { return l.Digest == own.Digest }) {
		return own.Digest, nil
	}
	return own.Digest, c.enter(ctx, to, own)
}

// mostEntering bounds how often an entry is made again that somebody else overwrote.
const mostEntering = 5

// enter adds a manifest to the index of the tag schema. The registry cannot be asked to
// take a change only if nobody made another meanwhile: what was written is read again,
// and written again where it is gone. Somebody who writes between that and their own
// reading can still lose it, as with every client of the tag schema.
func (c *Client) enter(ctx context.Context, to ident.ImageRef, entry descriptor) error {
	tag := tagFor(to.Digest)
	for range mostEntering {
		index := map[string]json.RawMessage{"schemaVersion": json.RawMessage("2"), "mediaType": json.RawMessage(`"` + indexType + `"`)}
		var list []json.RawMessage
		there, err := c.manifestUnder(ctx, to, tag, func(m *manifest, raw []byte) error {
			if !m.index {
				return ident.Errorf(ident.KindFailure, "the tag %s of %s is no list of referrers, and is not overwritten", tag, to.Name())
			}
			if err := json.Unmarshal(raw, &index); err != nil {
				return err
			}
			return json.Unmarshal(index["manifests"], &list)
		})
		if err != nil {
			return err
		}
		if there != nil && slices.ContainsFunc(there.manifests, func(l Layer) bool { return l.Digest == entry.Digest }) {
			return nil
		}
		if len(list) >= c.limits.Referrers {
			return ident.Errorf(ident.KindLimit, "%d manifests are attached to %s already", len(list), shown(to, to.Digest.String()))
		}
		one, err := json.Marshal(&entry)
		if err != nil {
			return err
		}
		if index["manifests"], err = json.Marshal(append(list, one)); err != nil {
			return err
		}
		raw, err := json.Marshal(index)
		if err != nil {
			return err
		}
		if _, err := c.put(ctx, to, tag, indexType, raw); err != nil {
			return err
		}
	}
	return ident.Errorf(ident.KindIndeterminate, "the list of what is attached to %s changes whenever it is written", shown(to, to.Digest.String())).WithHint("try again when nobody else attaches something")
}

// AddToTag adds layers to what stands under the tag that cosign gives an image: ".sig"
// for signatures, ".att" for attestations. It keeps the layers that are there.
func (c *Client) AddToTag(ctx context.Context, to ident.ImageRef, how How, add []Content) (ident.Digest, error) {
	d, err := c.addToTag(ctx, to, tagFor(to.Digest)+cosignTags[how], add)
	return d, refusedPush(err)
}

func (c *Client) addToTag(ctx context.Context, to ident.ImageRef, tag string, add []Content) (ident.Digest, error) {
	var before written
	if _, err := c.manifestUnder(ctx, to, tag, func(m *manifest, raw []byte) error {
		if m.index {
			return ident.Errorf(ident.KindFailure, "the tag %s of %s is an index, and is not overwritten", tag, to.Name())
		}
		return json.Unmarshal(raw, &before)
	}); err != nil {
		return ident.Digest{}, err
	}
	layers, err := c.layers(ctx, to, add)
	if err != nil {
		return ident.Digest{}, err
	}
	m := written{SchemaVersion: 2, MediaType: manifestType, Layers: append(before.Layers, layers...), Annotations: before.Annotations}
	config, err := imageConfig(m.Layers)
	if err != nil {
		return ident.Digest{}, err
	}
	if m.Config, err = c.upload(ctx, to, Content{MediaType: configType, Bytes: config}); err != nil {
		return ident.Digest{}, err
	}
	raw, err := json.Marshal(&m)
	if err != nil {
		return ident.Digest{}, err
	}
	_, err = c.put(ctx, to, tag, manifestType, raw)
	return ident.SHA256(raw), err
}

// imageConfig is the configuration that cosign and registries expect of an image whose
// layers are these.
func imageConfig(layers []json.RawMessage) ([]byte, error) {
	ids := []ident.Digest{}
	for _, l := range layers {
		var d descriptor
		if err := json.Unmarshal(l, &d); err != nil {
			return nil, err
		}
		ids = append(ids, d.Digest)
	}
	return json.Marshal(map[string]any{"architecture": "", "os": "", "config": map[string]any{}, "rootfs": map[string]any{"type": "layers", "diff_ids": ids}})
}

// manifestUnder reads the manifest under a tag, at the registry itself, and hands it over
// with its bytes; nil where there is none.
func (c *Client) manifestUnder(ctx context.Context, repo ident.ImageRef, tag string, take func(*manifest, []byte) error) (*manifest, error) {
	q := question{to: c.registry(repo.Registry), method: http.MethodGet, repository: repo.Repository, path: "manifests/" + tag, accept: accepted, most: c.limits.Manifest, what: "manifest " + shown(repo, tag)}
	a, err := c.ask(ctx, q)
	if absent(err) {
		return nil, nil //nolint:nilnil // there is none
	}
	if err != nil {
		return nil, err
	}
	m, err := parseManifest(a.body, &c.limits)
	if err != nil {
		return nil, q.fault(Wrong, err)
	}
	return m, take(m, a.body)
}

func (c *Client) layers(ctx context.Context, repo ident.ImageRef, contents []Content) ([]json.RawMessage, error) {
	out := []json.RawMessage{}
	for _, l := range contents {
		d, err := c.upload(ctx, repo, l)
		if err != nil {
			return nil, err
		}
		raw, err := json.Marshal(&d)
		if err != nil {
			return nil, err
		}
		out = append(out, raw)
	}
	return out, nil
}

// upload pushes a blob in one piece, unless it is there (OCI distribution 1.1, "POST then
// PUT"), and describes it.
func (c *Client) upload(ctx context.Context, repo ident.ImageRef, l Content) (descriptor, error) {
	d := descriptor{MediaType: l.MediaType, Digest: ident.SHA256(l.Bytes), Size: len(l.Bytes), Annotations: l.Annotations}
	q := question{to: c.registry(repo.Registry), method: http.MethodHead, repository: repo.Repository, path: "blobs/" + d.Digest.String(), what: "blob " + shown(repo, d.Digest.String())}
	_, err := c.ask(ctx, q)
	if err == nil || !absent(err) {
		return d, err
	}
	q.method, q.path, q.written = http.MethodPost, "blobs/uploads/", []int{http.StatusAccepted}
	a, err := c.ask(ctx, q)
	if err != nil {
		return d, err
	}
	at, err := a.url.Parse(a.header.Get("Location"))
	if err != nil || a.header.Get("Location") == "" || at.Host != q.to.host || at.Scheme != q.to.scheme() || at.User != nil {
		return d, q.fault(Wrong, errors.New("it wants the blob somewhere else"))
	}
	query, err := url.ParseQuery(at.RawQuery)
	if err != nil {
		return d, q.fault(Wrong, err)
	}
	query.Set("digest", d.Digest.String())
	at.RawQuery = query.Encode()
	q.method, q.page, q.written = http.MethodPut, at, []int{http.StatusCreated}
	q.body, q.contentType = l.Bytes, "application/octet-stream"
	_, err = c.ask(ctx, q)
	return d, err
}

// put writes a manifest under a tag or its digest.
func (c *Client) put(ctx context.Context, repo ident.ImageRef, at, mediaType string, raw []byte) (*answer, error) {
	return c.ask(ctx, question{to: c.registry(repo.Registry), method: http.MethodPut, repository: repo.Repository, path: "manifests/" + at, body: raw, contentType: mediaType,
		written: []int{http.StatusCreated, http.StatusOK, http.StatusAccepted}, what: "writing of " + shown(repo, at)})
}

// refusedPush is an error of a write, with what a user can do about it.
func refusedPush(err error) error {
	var f *Fault
	if !errors.As(err, &f) || !strings.HasPrefix(f.What, "writing") && f.Reason != Unauthenticated && f.Reason != Forbidden {
		return explained(err)
	}
	e := ident.Errorf(ident.KindFailure, "%w", f)
	switch f.Reason {
	case Unauthenticated, Forbidden:
		return e.WithHint("docker login %s, or --registry-auth FILE with credentials that may write to the repository", f.Host)
	case Away, Limited:
		return e.WithHint("this is not your change: the registry is in trouble; try again later")
	}
	return e.WithHint("the registry does not take the manifest: is it one of OCI 1.0 or later?")
}
