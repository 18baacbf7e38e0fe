package client

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
)

// PushTrust hands over what verify said of SBOMs.
func (c *Client) PushTrust(ctx context.Context, tenant string, raw []byte) (*report.TrustReceipt, error) {
	out := &report.TrustReceipt{}
	if err := c.pushAnswer(ctx, "/api/v1/trust", tenant, raw, out); err != nil {
		return nil, err
	}
	return out, nil
}

// TrustQuery selects documents of what runs. Zero fields select everything.
type TrustQuery struct {
	Tenant, Cluster, Zone string
	Trust                 string // words, separated by commas
	At                    time.Time
}

// Trust asks who vouches for the SBOMs of what runs, page after page.
func (c *Client) Trust(ctx context.Context, q TrustQuery) (*report.TrustedSBOMs, error) {
	v := (&Question{Tenant: q.Tenant, At: q.At}).values()
	for k, text := range map[string]string{"cluster": q.Cluster, "zone": q.Zone, "trust": q.Trust} {
		if text != "" {
			v.Set(k, text)
		}
	}
	out := &report.TrustedSBOMs{SchemaVersion: inventory.SchemaVersion, Items: []report.TrustedSBOM{}}
	type page struct {
		report.TrustedSBOMs
		Next string
	}
	err := pages(ctx, c, "/api/v1/trust", v, func(p *page) (string, error) {
		out.Sequence, out.Counts, out.Items = p.Sequence, p.Counts, append(out.Items, p.Items...)
		return p.Next, nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// DocumentTrust is what a server knows of who vouches for a document, as the SBOM of what
// it is about.
type DocumentTrust struct {
	Trust       string `json:"trust"` // inventory.SBOMVerified and the like
	TrustReason string `json:"trustReason"`
	SignedBy    string `json:"signedBy"`
	TrustBy     string `json:"trustBy"`
	TrustAt     string `json:"trustAt"` // RFC 3339; "" where nobody found it out
}

// DocumentTrust asks who vouches for a document, which has a number beside its bytes.
func (c *Client) DocumentTrust(ctx context.Context, d ident.Digest, number uint32, tenant string) (*DocumentTrust, error) {
	v := (&Question{Tenant: tenant}).values()
	v.Set("document", strconv.FormatUint(uint64(number), 10))
	out := &DocumentTrust{}
	if err := c.do(ctx, &request{method: http.MethodGet, path: "/api/v1/documents/" + d.String() + "/trust", query: v}, out); err != nil {
		return nil, err
	}
	return out, nil
}
