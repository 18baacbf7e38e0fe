package app

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/client"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/decode"
)

// mostServerDocuments bounds how many documents of one image are asked for: releases of a
// tag that is moved every night are one image by their name.
const mostServerDocuments = 64

// ServerSBOMs takes the documents of images that run from a server, and who it knows to
// vouch for them. An image is asked for by each digest under which it may be known, and
// one of which only the name is known by that. That a server has no document of an image
// is no problem: the image is then without one, as it is beside a folder that has none.
func (l *Loader) ServerSBOMs(ctx context.Context, srv *client.Client, tenant string, images []inventory.ImageNames) ([]*sbom.Document, *inventory.Trust, []Problem, error) {
	f := serverSBOMs{l: l, srv: srv, tenant: tenant, read: map[ident.Digest]*sbom.Document{}, trust: &inventory.Trust{}}
	for i := range images {
		l.progress("taking SBOMs from the server", i, len(images))
		if err := f.image(ctx, &images[i]); err != nil {
			return nil, nil, nil, err
		}
	}
	return f.docs, f.trust, f.problems, nil
}

type serverSBOMs struct {
	l        *Loader
	srv      *client.Client
	tenant   string
	read     map[ident.Digest]*sbom.Document // nil: it cannot be read
	docs     []*sbom.Document
	trust    *inventory.Trust
	problems []Problem
	answers  bool // it has answered a question about images in the tenant
}

// image takes the documents of one image.
func (f *serverSBOMs) image(ctx context.Context, run *inventory.ImageNames) error {
	documents, err := f.known(ctx, run)
	if err != nil {
		return err
	}
	checked := inventory.CheckedImage{Reference: run.Reference, Digests: run.Digests, By: f.srv.URL()}
	unsigned := len(documents) > 0 && len(run.Digests) > 0
	for _, x := range documents {
		d, err := ident.ParseDigest(x.Digest)
		if err != nil {
			return ident.Errorf(ident.KindFailure, "the server names a document %.80q: %w", x.Digest, err)
		}
		doc, err := f.document(ctx, d)
		if err != nil {
			return err
		}
		if doc == nil || len(run.Digests) == 0 { // what a name means is any artifact's of that name
			unsigned = false
			continue
		}
		if !slices.ContainsFunc(doc.Subject.Digests, func(g ident.RoledDigest) bool { return g.Role != ident.RoleDocument }) {
			// It does not say itself which image it is of: whoever handed it over did.
			doc.Subject.Digests = append(doc.Subject.Digests, ident.RoledDigest{Digest: run.Digests[0]})
		}
		said, err := f.srv.DocumentTrust(ctx, d, x.Document, f.tenant)
		if err != nil {
			return err
		}
		at, err := timeOf(said.TrustAt)
		if err != nil {
			return err
		}
		switch said.Trust {
		case inventory.SBOMVerified, inventory.SBOMInvalid:
			unsigned = false
			f.trust.Documents = append(f.trust.Documents, inventory.VouchedSBOM{Document: d, Artifact: run.Digests[0], Trust: said.Trust, By: said.SignedBy, Reason: said.TrustReason, Says: f.srv.URL(), At: at})
		case inventory.SBOMUnsigned:
			if checked.At.IsZero() || at.Before(checked.At) {
				checked.At = at
			}
		default:
			unsigned = false
		}
	}
	if unsigned { // each of them: a question about one is none about the others
		f.trust.Images = append(f.trust.Images, checked)
	}
	return nil
}

// known lists the documents that the server has of an image, each once, the latest last.
func (f *serverSBOMs) known(ctx context.Context, run *inventory.ImageNames) ([]report.HistoryDocument, error) {
	kind, names := "digest", make([]string, len(run.Digests))
	for i, d := range run.Digests {
		names[i] = d.String()
	}
	if len(names) == 0 {
		kind, names = "reference", []string{run.Reference.String()}
	}
	var out []report.HistoryDocument
	seen := map[string]bool{}
	for _, name := range names {
		h, err := f.srv.History(ctx, f.tenant, kind, name)
		if ident.KindOf(err) == ident.KindNotFound {
			if err := f.asks(ctx, run); err != nil {
				return nil, err
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, x := range h.Documents {
			if x.Archived == 0 && !seen[x.Digest] {
				seen[x.Digest] = true
				out = append(out, x)
			}
		}
	}
	if n := len(out); n > mostServerDocuments {
		f.problems = append(f.problems, Problem{Where: run.Reference.String(), Message: fmt.Sprintf("the server has %d documents of it, and the latest %d are used", n, mostServerDocuments),
			Hint: "run the image by its digest: a tag may be any of them"})
		out = out[n-mostServerDocuments:]
	}
	return out, nil
}

// asks tells a server that knows nothing of a digest from one that is no catalogue, or
// no such path of one, which say "not found" of everything: a name is never not found.
func (f *serverSBOMs) asks(ctx context.Context, run *inventory.ImageNames) error {
	if f.answers {
		return nil
	}
	if _, err := f.srv.History(ctx, f.tenant, "reference", run.Reference.String()); err != nil {
		return err
	}
	f.answers = true
	return nil
}

// timeOf reads a time of the API; "" is none.
func timeOf(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, ident.Errorf(ident.KindFailure, "the server says %.40q where a time is due", text)
	}
	return at, nil
}

// document reads one document; nil where it cannot be read.
func (f *serverSBOMs) document(ctx context.Context, d ident.Digest) (*sbom.Document, error) {
	if doc, known := f.read[d]; known {
		return doc, nil
	}
	raw, err := f.srv.Content(ctx, d, f.tenant)
	if err != nil {
		return nil, err
	}
	docs, err := decode.Bytes(ctx, d.String(), raw, decode.Limits{Details: f.l.Details, Seen: f.l.Seen, Digest: d})
	if err == nil && len(docs) != 1 {
		err = ident.Errorf(ident.KindUnsupported, "holds %d documents", len(docs))
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		f.read[d] = nil
		f.problems = append(f.problems, problemOf(d.String(), err))
		return nil, nil
	}
	f.read[d] = docs[0]
	f.docs = append(f.docs, docs[0])
	return docs[0], nil
}
