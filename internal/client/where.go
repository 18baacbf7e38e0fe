package client

import (
	"context"
	"net/url"
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
	var out *Where
	at := map[string]int{}
	type page struct {
		Where
		Next string `json:"next"`
	}
	err := pages(ctx, c, "/api/v1/where", v, func(p *page) (string, error) {
		if p.SchemaVersion != inventory.SchemaVersion {
			return "", ident.Errorf(ident.KindFailure, "the server answers in version %.20q, and this program reads %q", p.SchemaVersion, inventory.SchemaVersion).
				WithHint("take the same version of both")
		}
		if out != nil {
			out.add(&p.Where, at)
			return p.Next, nil
		}
		out = &p.Where
		for i := range out.Components {
			at[keyOf(&out.Components[i])] = i
		}
		return p.Next, nil
	})
	if err != nil {
		return nil, err
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
