package registry

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"

	"github.com/cofferdam-io/cofferdam/ident"
)

// How says in which way something is attached to an image.
type How string

// The ways.
const (
	ByReferrersAPI      How = "referrers-api"        // OCI distribution 1.1
	ByReferrersTag      How = "referrers-tag"        // its tag schema: an index under sha256-HEX
	ByCosignSBOM        How = "cosign-sbom"          // cosign's tag sha256-HEX.sbom: about the image by its name alone
	ByCosignAttestation How = "cosign-attestation"   // cosign's tag sha256-HEX.att
	ByCosignSignature   How = "cosign-signature"     // cosign's tag sha256-HEX.sig
	ByAttestation       How = "attestation-manifest" // BuildKit's, in the image's index
)

// cosignTags are the suffixes of cosign's tags.
var cosignTags = map[How]string{ByCosignSBOM: ".sbom", ByCosignAttestation: ".att", ByCosignSignature: ".sig"}

// Attachment is a manifest that is attached to another, read from the registry and
// checked against its digest. What it is about, its maker says: nothing is verified.
type Attachment struct {
	How          How
	Subject      ident.Digest // what it is attached to
	Digest       ident.Digest // its own
	ArtifactType string       // its own manifest's, not what a list says of it
	Annotations  map[string]string
	Layers       []Layer
}

// Attachments is what is attached to one digest.
type Attachments struct {
	Found []Attachment
	// Unchecked are the questions that were not answered. Only where there are none, is
	// what was not found not there.
	Unchecked []error
}

// Attached returns what is attached to a digest: its referrers, by the API and by the
// tag schema, and what stands under the tags of cosign that are named. Every manifest
// is read, and one that a list names but whose subject is another is a lie: it is left
// out, and told in Unchecked. The error is the context's.
func (c *Client) Attached(ctx context.Context, repo ident.ImageRef, subject ident.Digest, tags ...How) (*Attachments, error) {
	return collect(ctx, func(wg *sync.WaitGroup, add func([]Attachment, ...error)) {
		wg.Go(func() { c.referrers(ctx, repo, subject, add) })
		c.tags(ctx, wg, repo, subject, "", tags, add)
	})
}

// collect lets several goroutines add what they find.
func collect(ctx context.Context, ask func(wg *sync.WaitGroup, add func([]Attachment, ...error))) (*Attachments, error) {
	var (
		mu  sync.Mutex
		out Attachments
		wg  sync.WaitGroup
	)
	ask(&wg, func(found []Attachment, faults ...error) {
		mu.Lock()
		defer mu.Unlock()
		out.Found = append(out.Found, found...)
		out.Unchecked = append(out.Unchecked, faults...)
	})
	wg.Wait()
	if err := over(ctx); err != nil {
		return nil, err
	}
	return &out, nil
}

// tags reads what stands under tags of cosign, which may have a prefix.
func (c *Client) tags(ctx context.Context, wg *sync.WaitGroup, repo ident.ImageRef, subject ident.Digest, prefix string, tags []How, add func([]Attachment, ...error)) {
	for _, how := range tags {
		tag := prefix + tagFor(subject) + cosignTags[how]
		wg.Go(func() {
			o, err := c.byTag(ctx, repo, tag)
			switch {
			case absent(err):
			case err != nil:
				add(nil, explained(err))
			case o.index:
				add(nil, ident.Errorf(ident.KindIndeterminate, "the tag %s of %s is an index, and indexes of attachments are not read", tag, repo.Name()))
			default:
				add([]Attachment{o.attachment(how, subject)}, stoodIn(o, repo)...)
			}
		})
	}
}

// tagFor is the tag that the tag schema gives a digest (OCI distribution 1.1, "Referrers
// Tag Schema": the algorithm and at most 64 digits).
func tagFor(d ident.Digest) string {
	h := d.Hex()
	return d.Algorithm() + "-" + h[:min(len(h), 64)]
}

// IsAttachmentTag reports whether a tag names what is attached to an image, and no image.
func IsAttachmentTag(tag string) bool {
	alg, rest, ok := strings.Cut(tag, "-")
	if !ok || alg != "sha256" && alg != "sha384" && alg != "sha512" {
		return false
	}
	digits, _, _ := strings.Cut(rest, ".")
	return len(digits) == 64 && strings.Trim(digits, "0123456789abcdef") == ""
}

// stoodIn tells that a mirror spoke for the registry: what it does not list may be there.
func stoodIn(o *object, repo ident.ImageRef) []error {
	if !o.mirror {
		return nil
	}
	return []error{ident.Errorf(ident.KindIndeterminate, "a mirror stood in for %s, and may lack what is attached there", repo.Registry)}
}

func (o *object) attachment(how How, subject ident.Digest) Attachment {
	kind := o.artifactType
	if kind == "" {
		kind = o.config.MediaType // OCI image specification, "Guidelines for Artifact Usage"
	}
	return Attachment{How: how, Subject: subject, Digest: o.digest, ArtifactType: kind, Annotations: o.annotations, Layers: o.layers}
}

// listed is one entry of a list of referrers.
type listed struct {
	digest ident.Digest
	how    How
}

// referrers reads the manifests that refer to a digest.
func (c *Client) referrers(ctx context.Context, repo ident.ImageRef, subject ident.Digest, add func([]Attachment, ...error)) {
	var list []listed
	seen := map[ident.Digest]bool{}
	put := func(how How, entries []Layer) {
		for _, e := range entries {
			if !seen[e.Digest] {
				seen[e.Digest] = true
				list = append(list, listed{e.Digest, how})
			}
		}
	}
	entries, err := c.referrersAPI(ctx, repo, subject)
	if err != nil {
		add(nil, explained(err))
	}
	put(ByReferrersAPI, entries)
	o, err := c.byTag(ctx, repo, tagFor(subject))
	switch {
	case absent(err):
	case err != nil:
		add(nil, explained(err))
	case !o.index:
		add(nil, ident.Errorf(ident.KindIndeterminate, "the tag %s of %s is no list of referrers", tagFor(subject), repo.Name()))
	default:
		add(nil, stoodIn(o, repo)...)
		put(ByReferrersTag, o.manifests)
	}
	if len(list) > c.limits.Referrers {
		add(nil, ident.Errorf(ident.KindIndeterminate, "more than %d manifests are attached to %s", c.limits.Referrers, shown(repo, subject.String())).
			WithHint("the first of them were read"))
		list = list[:c.limits.Referrers]
	}
	var wg sync.WaitGroup
	next := make(chan listed)
	for range min(len(list), c.limits.Concurrency) {
		wg.Go(func() {
			for l := range next {
				o, err := c.byDigest(ctx, repo, l.digest, false)
				switch {
				case err != nil:
					add(nil, missing(err))
				case o.subject != subject:
					add(nil, ident.Errorf(ident.KindIndeterminate, "%s lists %s as attached to %s, and its own manifest does not say so", repo.Registry, l.digest.Short(), subject.Short()))
				case o.index:
					add(nil, ident.Errorf(ident.KindIndeterminate, "%s, which is attached to %s, is an index, and indexes of attachments are not read", l.digest.Short(), subject.Short()))
				default:
					add([]Attachment{o.attachment(l.how, subject)})
				}
			}
		})
	}
	for _, l := range list {
		next <- l
	}
	close(next)
	wg.Wait()
}

// missing is the error of something that a registry names and does not have: that is
// no "not there".
func missing(err error) error {
	var f *Fault
	if errors.As(err, &f) && f.definitive() {
		g := *f
		g.Reason, g.Err = Wrong, errors.New("it is named, and is not there")
		err = &g
	}
	return explained(err)
}

// referrersAPI asks the API of OCI distribution 1.1, at the registry, or where that is
// away at a mirror: the list that comes with an error is a mirror's, and may lack what
// the registry has.
func (c *Client) referrersAPI(ctx context.Context, repo ident.ImageRef, subject ident.Digest) ([]Layer, error) {
	list, fault := c.referrersFrom(ctx, c.registry(repo.Registry), repo, subject)
	if fault == nil || over(ctx) != nil {
		return list, fault
	}
	for _, m := range c.mirrors[repo.Registry] {
		if list, err := c.referrersFrom(ctx, m, repo, subject); err == nil && len(list) > 0 {
			return list, fault
		}
	}
	return nil, fault
}

// referrersFrom asks one target. A registry that does not have the API answers 404, as
// the specification says, or that it knows no such request: that is an answer, and an
// empty list.
func (c *Client) referrersFrom(ctx context.Context, t target, repo ident.ImageRef, subject ident.Digest) ([]Layer, error) {
	var list []Layer
	q := question{to: t, method: http.MethodGet, repository: repo.Repository, path: "referrers/" + subject.String(),
		accept: "application/vnd.oci.image.index.v1+json", most: c.limits.Manifest, what: "list of what refers to " + shown(repo, subject.String())}
	err := c.pages(ctx, q, func(a *answer) error {
		m, err := parseManifest(a.body, &c.limits)
		if err != nil {
			return q.fault(Wrong, err)
		}
		if !m.index {
			return q.fault(Wrong, errors.New("it answers with no list"))
		}
		list = append(list, m.manifests...)
		if len(list) > c.limits.Referrers {
			return errEnough
		}
		return nil
	})
	var f *Fault
	if errors.As(err, &f) {
		switch {
		case f.Reason == Absent:
			return nil, nil
		case f.Reason == Refused && (f.Status == http.StatusBadRequest || f.Status == http.StatusMethodNotAllowed || f.Status == http.StatusNotAcceptable):
			return nil, nil
		}
	}
	return list, err
}
