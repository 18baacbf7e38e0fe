package ticket

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/listen"
	"github.com/cofferdam-io/cofferdam/internal/retry"
)

// Options say where tickets are kept.
type Options struct {
	Name    string
	Tracker string // one of Trackers
	URL     string // of its API: https://api.github.com, https://gitlab.example, https://jira.example, https://gitea.example
	Project string // owner/name, group/name or number, the project's key
	Token   string
	User    string   // Jira Cloud: whose token it is; "" sends the token alone
	Type    string   // Jira: of issues, "Bug" by default
	Labels  []string // beside the one that names a ticket
}

// Trackers are the words for Options.Tracker.
func Trackers() []string { return []string{"github", "gitlab", "jira", "gitea"} }

// issue is a ticket as its tracker has it.
type issue struct {
	ref    string
	closed bool
}

// tracker is a program that keeps tickets.
type tracker interface {
	find(ctx context.Context, label string) (*issue, error) // nil where there is none
	create(ctx context.Context, t *Ticket, labels []string) (ref string, err error)
	rewrite(ctx context.Context, ref string, t *Ticket) error
	comment(ctx context.Context, ref, text string) error
	turn(ctx context.Context, ref string, closed bool) error
}

// caller speaks JSON with a tracker.
type caller struct {
	base, name string
	sign       func(*http.Request)
	client     *http.Client
}

// The bounds of one request.
const (
	tryTime    = 20 * time.Second
	mostAnswer = 4 << 20
)

// Refused is an answer that is not 2xx.
type Refused struct {
	Tracker string
	Status  int
	After   time.Duration // that it asked for; 0: it did not
	Said    string        // the beginning of it
}

func (r *Refused) Error() string {
	return "the tracker " + r.Tracker + " answers " + strconv.Itoa(r.Status) + " " + http.StatusText(r.Status) + ": " + r.Said
}

func newTracker(o *Options) (tracker, *http.Client, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "https" && (u.Scheme != "http" || !listen.IsLoopback(u.Host)) {
		return nil, nil, ident.Errorf(ident.KindUsage, "the tickets %q have no https URL of a tracker's API", o.Name).WithHint("url: https://api.github.com, https://gitlab.example, https://jira.example or https://gitea.example")
	}
	token := strings.TrimSpace(o.Token)
	if token == "" || strings.ContainsAny(token, "\r\n") {
		return nil, nil, ident.Errorf(ident.KindUsage, "the tickets %q have no token", o.Name).WithHint("tokenFile: a file that holds one that may write issues")
	}
	if o.Project == "" {
		return nil, nil, ident.Errorf(ident.KindUsage, "the tickets %q have no project", o.Name).WithHint("project: owner/name (GitHub, Gitea), group/name (GitLab), KEY (Jira)")
	}
	c := &caller{base: strings.TrimSuffix(o.URL, "/"), name: o.Name, client: &http.Client{Timeout: tryTime, Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: tryTime, MaxIdleConns: 1},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}} // a token is for whom it was given to
	bearer := func(q *http.Request) { q.Header.Set("Authorization", "Bearer "+token) }
	switch o.Tracker {
	case "github", "gitea":
		owner, repository, ok := strings.Cut(o.Project, "/")
		if !ok || owner == "" || repository == "" || strings.Contains(repository, "/") {
			return nil, nil, ident.Errorf(ident.KindUsage, "the project %.100q of the tickets %q is no repository", o.Project, o.Name).WithHint("project: owner/name")
		}
		path := "/repos/" + url.PathEscape(owner) + "/" + url.PathEscape(repository)
		if o.Tracker == "gitea" {
			c.sign = bearer
			return &gitea{c, "/api/v1" + path}, c.client, nil
		}
		c.sign = func(q *http.Request) { bearer(q); q.Header.Set("X-GitHub-Api-Version", "2022-11-28") }
		return &github{c, path + "/issues"}, c.client, nil
	case "gitlab":
		c.sign = func(q *http.Request) { q.Header.Set("PRIVATE-TOKEN", token) }
		return &gitlab{c, "/api/v4/projects/" + url.PathEscape(o.Project) + "/issues"}, c.client, nil
	case "jira":
		c.sign = bearer
		search := "/rest/api/2/search"
		if o.User != "" {
			c.sign = func(q *http.Request) { q.SetBasicAuth(o.User, token) }
			search = "/rest/api/2/search/jql" // Jira Cloud has this one only
		}
		kind := o.Type
		if kind == "" {
			kind = "Bug"
		}
		return &jira{c, o.Project, kind, search}, c.client, nil
	}
	return nil, nil, ident.Errorf(ident.KindUsage, "the tickets %q are for the tracker %.40q", o.Name, o.Tracker).WithHint("tracker: %s; others are told by webhooks", strings.Join(Trackers(), ", "))
}

// call sends one request. in and out may be nil.
func (c *caller) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	q, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return err
	}
	q.Header.Set("Content-Type", "application/json")
	q.Header.Set("Accept", "application/json")
	q.Header.Set("User-Agent", "cofferdam")
	c.sign(q)
	r, err := c.client.Do(q)
	if err != nil {
		return ident.Errorf(ident.KindIndeterminate, "the tracker %s is not reached: %w", c.name, err)
	}
	defer r.Body.Close() //nolint:errcheck // it was read
	raw, err := io.ReadAll(io.LimitReader(r.Body, mostAnswer+1))
	if r.StatusCode < 200 || r.StatusCode >= 300 {
		after, _ := retry.After(r.Header, time.Now())
		return &Refused{Tracker: c.name, Status: r.StatusCode, After: min(after, longestWait), Said: plain(string(raw), 200)}
	}
	switch {
	case err != nil:
		return ident.Errorf(ident.KindIndeterminate, "the answer of the tracker %s ends early: %w", c.name, err)
	case len(raw) > mostAnswer:
		return ident.Errorf(ident.KindLimit, "the answer of the tracker %s is larger than %d bytes", c.name, mostAnswer)
	case out == nil:
		return nil
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return ident.Errorf(ident.KindFailure, "the answer of the tracker %s cannot be read: %w", c.name, err)
	}
	return nil
}

// github is GitHub's REST API, "Issues".
type github struct {
	*caller
	issues string
}

func (g *github) find(ctx context.Context, label string) (*issue, error) {
	var list []struct {
		Number int    `json:"number"`
		State  string `json:"state"`
	}
	err := g.call(ctx, http.MethodGet, g.issues+"?state=all&per_page=1&labels="+url.QueryEscape(label), nil, &list)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &issue{strconv.Itoa(list[0].Number), list[0].State == "closed"}, nil
}

func (g *github) create(ctx context.Context, t *Ticket, labels []string) (string, error) {
	var out struct {
		Number int `json:"number"`
	}
	err := g.call(ctx, http.MethodPost, g.issues, map[string]any{"title": t.Title, "body": t.Body, "labels": labels}, &out)
	return strconv.Itoa(out.Number), err
}

func (g *github) rewrite(ctx context.Context, ref string, t *Ticket) error {
	return g.call(ctx, http.MethodPatch, g.issues+"/"+ref, map[string]any{"title": t.Title, "body": t.Body}, nil)
}

func (g *github) comment(ctx context.Context, ref, text string) error {
	return g.call(ctx, http.MethodPost, g.issues+"/"+ref+"/comments", map[string]any{"body": text}, nil)
}

func (g *github) turn(ctx context.Context, ref string, closed bool) error {
	state := map[bool]string{true: "closed", false: "open"}[closed]
	return g.call(ctx, http.MethodPatch, g.issues+"/"+ref, map[string]any{"state": state}, nil)
}

// gitlab is GitLab's REST API v4, "Issues" and "Notes".
type gitlab struct {
	*caller
	issues string
}

func (g *gitlab) find(ctx context.Context, label string) (*issue, error) {
	var list []struct {
		IID   int    `json:"iid"`
		State string `json:"state"`
	}
	err := g.call(ctx, http.MethodGet, g.issues+"?state=all&scope=all&per_page=1&labels="+url.QueryEscape(label), nil, &list)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &issue{strconv.Itoa(list[0].IID), list[0].State == "closed"}, nil
}

func (g *gitlab) create(ctx context.Context, t *Ticket, labels []string) (string, error) {
	var out struct {
		IID int `json:"iid"`
	}
	err := g.call(ctx, http.MethodPost, g.issues, map[string]any{"title": t.Title, "description": t.Body, "labels": strings.Join(labels, ",")}, &out)
	return strconv.Itoa(out.IID), err
}

func (g *gitlab) rewrite(ctx context.Context, ref string, t *Ticket) error {
	return g.call(ctx, http.MethodPut, g.issues+"/"+ref, map[string]any{"title": t.Title, "description": t.Body}, nil)
}

func (g *gitlab) comment(ctx context.Context, ref, text string) error {
	return g.call(ctx, http.MethodPost, g.issues+"/"+ref+"/notes", map[string]any{"body": text}, nil)
}

func (g *gitlab) turn(ctx context.Context, ref string, closed bool) error {
	event := map[bool]string{true: "close", false: "reopen"}[closed]
	return g.call(ctx, http.MethodPut, g.issues+"/"+ref, map[string]any{"state_event": event}, nil)
}

// jira is Jira's REST API v2, of Cloud and of Data Center.
type jira struct {
	*caller
	project, kind, search string
}

// done is the category of statuses that end an issue, whatever a project calls them.
const done = "done"

type jiraStatus struct {
	Category struct {
		Key string `json:"key"`
	} `json:"statusCategory"`
}

func (j *jira) find(ctx context.Context, label string) (*issue, error) {
	var out struct {
		Issues []struct {
			Key    string `json:"key"`
			Fields struct {
				Status jiraStatus `json:"status"`
			} `json:"fields"`
		} `json:"issues"`
	}
	jql := "project = " + strconv.Quote(j.project) + " AND labels = " + strconv.Quote(label)
	err := j.call(ctx, http.MethodGet, j.search+"?maxResults=1&fields=status&jql="+url.QueryEscape(jql), nil, &out)
	if err != nil || len(out.Issues) == 0 {
		return nil, err
	}
	x := &out.Issues[0]
	return &issue{x.Key, x.Fields.Status.Category.Key == done}, nil
}

func (j *jira) create(ctx context.Context, t *Ticket, labels []string) (string, error) {
	var out struct {
		Key string `json:"key"`
	}
	err := j.call(ctx, http.MethodPost, "/rest/api/2/issue", map[string]any{"fields": map[string]any{"project": map[string]string{"key": j.project}, "issuetype": map[string]string{"name": j.kind},
		"summary": t.Title, "description": t.Body, "labels": labels}}, &out)
	return out.Key, err
}

func (j *jira) rewrite(ctx context.Context, ref string, t *Ticket) error {
	return j.call(ctx, http.MethodPut, "/rest/api/2/issue/"+url.PathEscape(ref), map[string]any{"fields": map[string]any{"summary": t.Title, "description": t.Body}}, nil)
}

func (j *jira) comment(ctx context.Context, ref, text string) error {
	return j.call(ctx, http.MethodPost, "/rest/api/2/issue/"+url.PathEscape(ref)+"/comment", map[string]any{"body": text}, nil)
}

// turn takes the first transition that the project's workflow has to a status that ends an
// issue, or to one that does not.
func (j *jira) turn(ctx context.Context, ref string, closed bool) error {
	path := "/rest/api/2/issue/" + url.PathEscape(ref) + "/transitions"
	var out struct {
		Transitions []struct {
			ID string     `json:"id"`
			To jiraStatus `json:"to"`
		} `json:"transitions"`
	}
	if err := j.call(ctx, http.MethodGet, path, nil, &out); err != nil {
		return err
	}
	for _, t := range out.Transitions {
		if (t.To.Category.Key == done) == closed {
			return j.call(ctx, http.MethodPost, path, map[string]any{"transition": map[string]string{"id": t.ID}}, nil)
		}
	}
	return ident.Errorf(ident.KindFailure, "the workflow of %s has no way for %s to %s", j.project, ref, map[bool]string{true: "be closed", false: "be opened again"}[closed])
}
