package client

import (
	"context"
	"net/url"
)

// Checkpoints hands every signed checkpoint of the journal over, oldest first.
func (c *Client) Checkpoints(ctx context.Context, take func(signed string) error) error {
	return listed(ctx, c, "/api/v1/journal/checkpoints", take)
}

// Journal hands the encoding of every record over, in order.
func (c *Client) Journal(ctx context.Context, take func(encoding []byte) error) error {
	return listed(ctx, c, "/api/v1/journal", take)
}

// listed hands every item of a list over, page after page.
func listed[T any](ctx context.Context, c *Client, path string, take func(T) error) error {
	type page struct {
		Items []T
		Next  string
	}
	return pages(ctx, c, path, url.Values{}, func(p *page) (string, error) {
		for _, item := range p.Items {
			if err := take(item); err != nil {
				return "", err
			}
		}
		return p.Next, nil
	})
}
