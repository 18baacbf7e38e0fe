package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/cofferdam-io/cofferdam/ident"
)

// pageRows is how much is asked for at a time; a server may give less.
const pageRows = 1000

// pages asks for a list page after page. take is handed each, and returns the cursor
// of the next: "" ends the list.
func pages[P any](ctx context.Context, c *Client, path string, query url.Values, take func(page *P) (next string, err error)) error {
	query.Set("limit", strconv.Itoa(pageRows))
	for {
		var page P
		if err := c.do(ctx, &request{method: http.MethodGet, path: path, query: query}, &page); err != nil {
			return err
		}
		next, err := take(&page)
		if err != nil || next == "" {
			return err
		}
		if next == query.Get("cursor") {
			return ident.Errorf(ident.KindFailure, "the server's pages do not end")
		}
		query.Set("cursor", next)
	}
}
