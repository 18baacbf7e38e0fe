package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// Content returns the bytes of a document: of the one with the digest, or of the only
// one of the artifact with it. What a server sends that is not the document is an error.
func (c *Client) Content(ctx context.Context, d ident.Digest, tenant string) ([]byte, error) {
	q := url.Values{}
	if tenant != "" {
		q.Set("tenant", tenant)
	}
	var raw []byte
	err := c.do(ctx, &request{method: http.MethodGet, path: "/api/v1/documents/" + d.String() + "/content", query: q}, &raw)
	if k := ident.KindOf(err); k == ident.KindNotFound || k == ident.KindUsage {
		// It may be an artifact's, or the same bytes are several documents.
		one, numbers, herr := c.only(ctx, d, tenant)
		if herr != nil {
			return nil, herr
		}
		d = one
		q.Set("document", strconv.FormatUint(uint64(numbers[0]), 10))
		err = c.do(ctx, &request{method: http.MethodGet, path: "/api/v1/documents/" + d.String() + "/content", query: q}, &raw)
	}
	if err != nil {
		return nil, err
	}
	if got := ident.SHA256(raw); got != d {
		return nil, ident.Errorf(ident.KindRefused, "the server sent %s for %s", got, d).WithHint("its copy is damaged, or something between has changed it")
	}
	return raw, nil
}

// only finds the bytes that a digest names, and the numbers of the documents that have
// them: one, or several that say different things of the same bytes.
func (c *Client) only(ctx context.Context, d ident.Digest, tenant string) (ident.Digest, []uint32, error) {
	v := url.Values{"digest": {d.String()}, "limit": {strconv.Itoa(pageRows)}}
	if tenant != "" {
		v.Set("tenant", tenant)
	}
	var h struct {
		Documents []struct {
			Digest   ident.Digest `json:"digest"`
			Document uint32       `json:"document"`
			Format   string       `json:"format"`
		} `json:"documents"`
	}
	if err := c.do(ctx, &request{method: http.MethodGet, path: "/api/v1/history", query: v}, &h); err != nil {
		return d, nil, err
	}
	if len(h.Documents) == 0 {
		return d, nil, ident.Errorf(ident.KindNotFound, "the server has no document and no artifact %s", d)
	}
	var names []string
	var numbers []uint32
	for _, x := range h.Documents {
		numbers = append(numbers, x.Document)
		if x.Digest != h.Documents[0].Digest {
			names = append(names, x.Digest.String()+" ("+x.Format+")")
		}
	}
	if len(names) > 0 {
		return d, nil, ident.Errorf(ident.KindUsage, "%s is of an artifact with several documents", d).
			WithHint("name one: %s (%s), %s", h.Documents[0].Digest, h.Documents[0].Format, strings.Join(names, ", "))
	}
	return h.Documents[0].Digest, numbers, nil
}

// Findings are what a server's advisories say of an artifact.
type Findings struct {
	Findings   []vuln.Finding     `json:"findings"`
	Unmatched  []vuln.Unmatched   `json:"unmatched"`
	Documents  []ident.Digest     `json:"documents"`
	Components int                `json:"components"`
	Coverage   inventory.Coverage `json:"coverage"`
	Origins    []vuln.OriginCount `json:"origins"`
	By         struct {
		Quarantined int       `json:"quarantined"`
		Loaded      time.Time `json:"loaded"`
	} `json:"by"`
}

// Findings asks which vulnerabilities an artifact or a document has.
func (c *Client) Findings(ctx context.Context, d ident.Digest, tenant string) (*Findings, error) {
	q := Question{Tenant: tenant}
	var out Findings
	if err := c.do(ctx, &request{method: http.MethodGet, path: "/api/v1/artifacts/" + d.String() + "/findings", query: q.values()}, &out); err != nil {
		return nil, err
	}
	return &out, nil
}

// SayBuilt says which image another one was built on, and the layers of that.
func (c *Client) SayBuilt(ctx context.Context, tenant string, image ident.Digest, base string, layers []ident.Digest) error {
	body, err := json.Marshal(report.BaseImage{Base: base, Layers: layers})
	if err != nil {
		return err
	}
	r := putJSON("/api/v1/artifacts/"+image.String()+"/base", body)
	r.query = (&Question{Tenant: tenant}).values()
	return c.do(ctx, r, nil)
}

// Compare asks what changed between two artifacts or documents.
func (c *Client) Compare(ctx context.Context, before, after ident.Digest, tenant string) (*report.SBOMDiff, error) {
	q := Question{Tenant: tenant}
	v := q.values()
	v.Set("old", before.String())
	v.Set("new", after.String())
	var out report.SBOMDiff
	if err := c.do(ctx, &request{method: http.MethodGet, path: "/api/v1/compare", query: v}, &out); err != nil {
		return nil, err
	}
	return &out, nil
}
