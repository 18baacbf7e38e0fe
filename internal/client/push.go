package client

import (
	"context"
	"io"
	"net/http"
	"net/url"
)

// Document is one to push, with what is known of the artifact beside it.
type Document struct {
	Name string // what messages say
	Size int64
	// Open opens it, anew for every try.
	Open func() (io.ReadCloser, error)

	Tenant, Artifact, Version, Build, Release, Service, Owner, Cluster string

	Index      string   // digest of an image index that lists the artifact
	References []string // names of the artifact
	Origin     Origin   // where it was found, if that was a registry
}

// Origin says what a document was attached to in a registry, and how. Manifest and
// Blob are digests.
type Origin struct{ Image, How, Manifest, Blob, Predicate string }

// Receipt is the server's acknowledgement.
type Receipt struct {
	Digest     string   `json:"digest"`
	Sequence   uint64   `json:"sequence"`
	Artifact   uint32   `json:"artifact"`
	Components int      `json:"components,omitempty"`
	Duplicate  bool     `json:"duplicate"`
	Status     string   `json:"status"`
	Warnings   []string `json:"warnings,omitempty"`
	Blocked    []struct {
		List, Component, Reason, Ticket string
		Components                      []struct{ PURL, Name, Version string }
		Doubtful                        bool
	} `json:"blocked,omitempty"`
}

// Push hands a document over. When it returns nil the document is on the server's
// disk. It may be repeated: the server knows a document that it has.
func (c *Client) Push(ctx context.Context, d Document) (*Receipt, error) {
	q := url.Values{}
	for k, v := range map[string]string{"tenant": d.Tenant, "artifact": d.Artifact, "version": d.Version, "build": d.Build,
		"release": d.Release, "service": d.Service, "owner": d.Owner, "cluster": d.Cluster, "index": d.Index, "originImage": d.Origin.Image,
		"originHow": d.Origin.How, "originManifest": d.Origin.Manifest, "originBlob": d.Origin.Blob, "originPredicate": d.Origin.Predicate} {
		if v != "" {
			q.Set(k, v)
		}
	}
	if len(d.References) > 0 {
		q["reference"] = d.References
	}
	r := &request{method: http.MethodPost, path: "/api/v1/documents", query: q, size: d.Size, body: d.Open,
		header: http.Header{"Content-Type": {"application/octet-stream"}}}
	var out Receipt
	if err := c.do(ctx, r, &out); err != nil {
		return nil, err
	}
	return &out, nil
}
