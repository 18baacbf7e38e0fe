package feeds

import (
	"context"
	"errors"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Fetched is what is known of a document that was fetched: what asks for it again costs
// nothing while it is the same.
type Fetched struct {
	URL          string    `json:"url"`
	ETag         string    `json:"etag,omitempty"`
	LastModified string    `json:"lastModified,omitempty"`
	Entries      int       `json:"entries"` // of what was taken
	Checked      time.Time `json:"checked"` // when it was last asked for without fault
}

// Document fetches one document of at most so many bytes, as patiently as mirrors are
// asked; nil where it is the one that was had.
func (c *Cache) Document(ctx context.Context, url string, had Fetched, most int64, at time.Time) ([]byte, Fetched, error) {
	was := Source{}
	if had.URL == url {
		was.ETag, was.LastModified = had.ETag, had.LastModified
	}
	var to memory
	header, err := (&update{cache: c}).get(ctx, url, was, most, &to)
	switch {
	case errors.Is(err, errNotModified):
		had.Checked = at.UTC()
		return nil, had, nil
	case ctx.Err() != nil:
		return nil, had, context.Cause(ctx)
	case err != nil:
		return nil, had, ident.Errorf(ident.KindFailure, "%w", err)
	}
	return to.Bytes(), Fetched{URL: url, ETag: header.Get("ETag"), LastModified: header.Get("Last-Modified"), Checked: at.UTC()}, nil
}

// Shrank reports whether a source that had so many entries has suspiciously few.
func Shrank(before, after int) bool { return before >= shrinkFrom && 2*after < before }
