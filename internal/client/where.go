package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
)

// Question is what all questions say beside what they ask.
type Question struct {
	Tenant string
	At     time.Time // what ran then; zero: what runs now
}

func (q *Question) values() url.Values {
	v := url.Values{}
	if q.Tenant != "" {
		v.Set("tenant", q.Tenant)
	}
	if !q.At.IsZero() {
		v.Set("at", q.At.UTC().Format(time.RFC3339Nano))
	}
	return v
}

// pageRows is how much is asked for at a time; a server may give less.
const pageRows = 1000

// Where is the answer of a server, and how much it does not list.
type Where struct {
	inventory.Where
	MoreNotCovered int `json:"moreNotCovered"`
	MoreUnknowns   int `json:"moreUnknowns"`
}

// Where asks in which workloads something runs, page after page, and unites the
// pages. The error is of KindUsage where no advisory that the server has loaded has the identifier.
func (c *Client) Where(ctx context.Context, query string, q Question) (*Where, error) {
	v := q.values()
	v.Set("query", query)
	v.Set("limit", strconv.Itoa(pageRows))
	var out *Where
	at := map[string]int{}
	for {
		var page struct {
			Where
			Next string `json:"next"`
		}
		if err := c.do(ctx, &request{method: http.MethodGet, path: "/api/v1/where", query: v}, &page); err != nil {
			return nil, err
		}
		if page.SchemaVersion != inventory.SchemaVersion {
			return nil, ident.Errorf(ident.KindFailure, "the server answers in version %.20q, and this program reads %q", page.SchemaVersion, inventory.SchemaVersion).
				WithHint("take the same version of both")
		}
		if out == nil {
			out = &page.Where
			for i := range out.Components {
				at[keyOf(&out.Components[i])] = i
			}
		} else {
			out.add(&page.Where, at)
		}
		if page.Next == "" {
			break
		}
		if page.Next == v.Get("cursor") {
			return nil, ident.Errorf(ident.KindFailure, "the server's pages do not end")
		}
		v.Set("cursor", page.Next)
	}
	out.Sites = inventory.SortSites(out.Sites)
	inventory.SortComponents(out.Components)
	return out, nil
}

func keyOf(h *inventory.ComponentHit) string { return h.PURL + "\x00" + h.Name + "\x00" + h.Version }

// add unites a page with those before it.
func (w *Where) add(page *Where, at map[string]int) {
	w.Found = w.Found || page.Found
	w.Sites = append(w.Sites, page.Sites...)
	w.NotRunning = append(w.NotRunning, page.NotRunning...)
	for _, h := range page.Components {
		i, ok := at[keyOf(&h)]
		if !ok {
			at[keyOf(&h)] = len(w.Components)
			w.Components = append(w.Components, h)
			continue
		}
		w.Components[i].Artifacts = append(w.Components[i].Artifacts, h.Artifacts...)
	}
}
