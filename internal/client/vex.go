package client

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
)

// PushVEX hands a document of statements over: OpenVEX, CSAF or CycloneDX.
func (c *Client) PushVEX(ctx context.Context, raw []byte) (*report.VEXReceipt, error) {
	out := &report.VEXReceipt{}
	r := &request{method: http.MethodPost, path: "/api/v1/vex", size: int64(len(raw)), header: http.Header{"Content-Type": {"application/json"}},
		body: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil }}
	if err := c.do(ctx, r, out); err != nil {
		return nil, err
	}
	return out, nil
}

// WithdrawVEX withdraws a document of statements by its number.
func (c *Client) WithdrawVEX(ctx context.Context, id string) error {
	return c.do(ctx, &request{method: http.MethodDelete, path: "/api/v1/vex/" + url.PathEscape(id)}, nil)
}

// VEXQuery selects documents of statements. Zero fields select everything that counts.
type VEXQuery struct {
	Vulnerability, Uploader string
	At                      time.Time
	History                 bool
}

// VEX lists the documents of statements that were handed over, page after page.
func (c *Client) VEX(ctx context.Context, q VEXQuery) (*report.VEXDocuments, error) {
	v := (&Question{At: q.At}).values()
	for k, text := range map[string]string{"vulnerability": q.Vulnerability, "uploader": q.Uploader} {
		if text != "" {
			v.Set(k, text)
		}
	}
	if q.History {
		v.Set("history", "true")
	}
	out := &report.VEXDocuments{SchemaVersion: inventory.SchemaVersion, Items: []report.VEXDocument{}}
	err := pages(ctx, c, "/api/v1/vex", v, func(page *report.VEXDocuments) (string, error) {
		out.Items = append(out.Items, page.Items...)
		return page.Next, nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
