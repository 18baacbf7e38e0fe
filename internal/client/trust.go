package client

import (
	"context"
	"time"

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
