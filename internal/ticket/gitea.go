package ticket

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/cofferdam-io/cofferdam/ident"
)

// gitea is the REST API v1 of Gitea (Forgejo has the same API and was not tried), "Issues" and "Labels".
type gitea struct {
	*caller
	repository string
}

type giteaLabel struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

// mostLabelPages bounds how many pages of a repository's labels are read: 10,000 labels of
// the usual page.
const mostLabelPages = 200

// labels returns the numbers of labels by name, and leaves out those that the repository
// does not have. A server may have smaller pages than it is asked for: only an empty one is
// the end.
func (g *gitea) labels(ctx context.Context, names []string) (map[string]int64, error) {
	out := map[string]int64{}
	for page := 1; page <= mostLabelPages; page++ {
		var list []giteaLabel
		if err := g.call(ctx, http.MethodGet, g.repository+"/labels?limit=50&page="+strconv.Itoa(page), nil, &list); err != nil {
			return nil, err
		}
		if len(list) == 0 {
			return out, nil
		}
		for _, l := range list {
			if _, is := out[l.Name]; !is && slices.Contains(names, l.Name) {
				out[l.Name] = l.ID
			}
		}
		if len(out) == len(names) {
			return out, nil
		}
	}
	return nil, ident.Errorf(ident.KindLimit, "the repository of the tickets %s has more labels than are read", g.name).WithHint("delete those that no issue has")
}

// find asks for an issue with a label that the repository has: a label that it does not
// have is passed over by Gitea, which then answers with anybody's issues.
func (g *gitea) find(ctx context.Context, label string) (*issue, error) {
	known, err := g.labels(ctx, []string{label})
	if err != nil || len(known) == 0 {
		return nil, err
	}
	var list []struct {
		Number int          `json:"number"`
		State  string       `json:"state"`
		Labels []giteaLabel `json:"labels"`
	}
	if err := g.call(ctx, http.MethodGet, g.repository+"/issues?state=all&type=issues&limit=10&labels="+url.QueryEscape(label), nil, &list); err != nil {
		return nil, err
	}
	for _, x := range list {
		if slices.ContainsFunc(x.Labels, func(l giteaLabel) bool { return l.Name == label }) {
			return &issue{strconv.Itoa(x.Number), x.State == "closed"}, nil
		}
	}
	return nil, nil
}

// create makes the labels that the repository does not have: Gitea takes numbers of labels
// and makes none by itself.
func (g *gitea) create(ctx context.Context, t *Ticket, labels []string) (string, error) {
	known, err := g.labels(ctx, labels)
	if err != nil {
		return "", err
	}
	ids := make([]int64, 0, len(labels))
	for _, name := range labels {
		id, is := known[name]
		if !is {
			var made giteaLabel
			if err := g.call(ctx, http.MethodPost, g.repository+"/labels", map[string]any{"name": name, "color": "#6c757d"}, &made); err != nil {
				return "", err
			}
			id, known[name] = made.ID, made.ID
		}
		ids = append(ids, id)
	}
	var out struct {
		Number int `json:"number"`
	}
	err = g.call(ctx, http.MethodPost, g.repository+"/issues", map[string]any{"title": t.Title, "body": t.Body, "labels": ids}, &out)
	return strconv.Itoa(out.Number), err
}

func (g *gitea) edit(ctx context.Context, ref string, change map[string]any) error {
	return g.call(ctx, http.MethodPatch, g.repository+"/issues/"+ref, change, nil)
}

func (g *gitea) rewrite(ctx context.Context, ref string, t *Ticket) error {
	return g.edit(ctx, ref, map[string]any{"title": t.Title, "body": t.Body})
}

func (g *gitea) comment(ctx context.Context, ref, text string) error {
	return g.call(ctx, http.MethodPost, g.repository+"/issues/"+ref+"/comments", map[string]any{"body": text}, nil)
}

func (g *gitea) turn(ctx context.Context, ref string, closed bool) error {
	return g.edit(ctx, ref, map[string]any{"state": map[bool]string{true: "closed", false: "open"}[closed]})
}
