package ticket_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cofferdam-io/cofferdam/internal/ticket"
	"github.com/cofferdam-io/cofferdam/report"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// held is a ticket as a tracker of the tests holds it.
type held struct {
	title, body string
	labels      []string
	closed      bool
	comments    []string
}

// board answers as GitHub, GitLab, Jira and Gitea document their interfaces, as far as tickets use them.
type board struct {
	*httptest.Server
	t       *testing.T
	mu      sync.Mutex
	tickets map[string]*held
	labels  []string                    // Gitea's, which have numbers from 1
	refuse  []func(http.ResponseWriter) // the next answers
	writes  int
}

func newBoard(t *testing.T) *board {
	t.Helper()
	b := &board{t: t, tickets: map[string]*held{}}
	b.Server = httptest.NewServer(http.HandlerFunc(b.serve))
	t.Cleanup(b.Close)
	return b
}

func (b *board) serve(w http.ResponseWriter, q *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	user, pass, basic := q.BasicAuth()
	if q.Header.Get("Authorization") != "Bearer secret" && q.Header.Get("PRIVATE-TOKEN") != "secret" && (!basic || user != "bot@shop.example" || pass != "secret") {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if len(b.refuse) > 0 {
		answer := b.refuse[0]
		b.refuse = b.refuse[1:]
		answer(w)
		return
	}
	var in struct {
		Title, Body, Description, State, Name string
		StateEvent                            string `json:"state_event"`
		Labels                                any
		Fields                                struct {
			Summary, Description string
			Labels               []string
			Project              struct{ Key string }
			IssueType            struct{ Name string }
		}
		Transition struct{ ID string }
	}
	if q.Method != http.MethodGet {
		b.writes++
		if err := json.NewDecoder(q.Body).Decode(&in); err != nil {
			b.t.Error(err)
		}
	}
	path := q.URL.EscapedPath()
	kind := map[bool]string{true: "github"}[strings.HasPrefix(path, "/repos/shop/web/issues")]
	if strings.HasPrefix(path, "/api/v4/projects/group%2Fweb/issues") {
		kind = "gitlab"
	}
	if strings.HasPrefix(path, "/rest/api/2/") {
		kind = "jira"
	}
	if strings.HasPrefix(path, "/api/v1/repos/shop/web/") {
		kind = "gitea"
	}
	_, rest, _ := strings.Cut(path, map[string]string{"github": "/issues", "gitea": "/issues", "gitlab": "/issues", "jira": "/rest/api/2/"}[kind])
	rest = strings.TrimPrefix(strings.TrimPrefix(rest, "issue"), "/")
	ref, sub, _ := strings.Cut(rest, "/")
	state := func(x *held) any {
		category := map[bool]string{true: "done", false: "indeterminate"}[x.closed]
		return map[string]any{"fields": map[string]any{"status": map[string]any{"statusCategory": map[string]string{"key": category}}}}
	}
	write := func(status int, v any) {
		w.WriteHeader(status)
		if err := json.NewEncoder(w).Encode(v); err != nil {
			b.t.Error(err)
		}
	}
	switch {
	case kind == "":
		w.WriteHeader(http.StatusNotFound)
	case strings.HasSuffix(path, "/labels"):
		if q.Method == http.MethodPost {
			b.labels = append(b.labels, in.Name)
			write(201, map[string]any{"id": len(b.labels), "name": in.Name})
			return
		}
		page, _ := strconv.Atoi(q.URL.Query().Get("page"))
		list := []any{}
		if page <= len(b.labels) { // of one label
			list = append(list, map[string]any{"id": page, "name": b.labels[page-1]})
		}
		write(200, list)
	case q.Method == http.MethodGet && sub == "transitions":
		to := func(id, key string) any {
			return map[string]any{"id": id, "to": map[string]any{"statusCategory": map[string]string{"key": key}}}
		}
		write(200, map[string]any{"transitions": []any{to("11", "new"), to("31", "done")}})
	case q.Method == http.MethodGet:
		label := q.URL.Query().Get("labels")
		if kind == "jira" {
			_, label, _ = strings.Cut(q.URL.Query().Get("jql"), `labels = "`)
			label = strings.TrimSuffix(label, `"`)
		}
		out := []any{}
		for n, x := range b.tickets {
			if !strings.Contains(strings.Join(x.labels, " "), label) && (kind != "gitea" || slices.Contains(b.labels, label)) {
				continue // a label that does not exist is passed over by Gitea
			}
			number, _ := strconv.Atoi(strings.TrimPrefix(n, "SHOP-"))
			v := map[string]any{"number": number, "iid": number, "state": map[bool]string{true: "closed", false: "open"}[x.closed]}
			if kind == "gitea" {
				labels := []any{}
				for _, l := range x.labels {
					labels = append(labels, map[string]any{"name": l})
				}
				v["labels"] = labels
			}
			if kind == "jira" {
				v = state(x).(map[string]any)
				v["key"] = n
			}
			out = append(out, v)
		}
		if kind == "jira" {
			write(200, map[string]any{"issues": out})
			return
		}
		write(200, out)
	case q.Method == http.MethodPost && ref == "":
		x := &held{title: in.Title, body: in.Body + in.Description, labels: in.Fields.Labels}
		switch l := in.Labels.(type) {
		case string:
			x.labels = strings.Split(l, ",")
		case []any:
			for _, s := range l {
				if id, is := s.(float64); is { // Gitea's are numbers
					s = b.labels[int(id)-1]
				}
				x.labels = append(x.labels, fmt.Sprint(s))
			}
		}
		n := strconv.Itoa(len(b.tickets) + 1)
		if kind == "jira" {
			if in.Fields.Project.Key != "SHOP" || in.Fields.IssueType.Name != "Bug" {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			x.title, x.body, n = in.Fields.Summary, in.Fields.Description, "SHOP-"+n
		}
		b.tickets[n] = x
		number, _ := strconv.Atoi(strings.TrimPrefix(n, "SHOP-"))
		write(201, map[string]any{"number": number, "iid": number, "key": n})
	default:
		x := b.tickets[ref]
		switch {
		case x == nil:
			w.WriteHeader(http.StatusNotFound)
			return
		case sub == "comments" || sub == "notes" || sub == "comment":
			x.comments = append(x.comments, in.Body)
		case sub == "transitions":
			x.closed = in.Transition.ID == "31"
		case in.State != "" || in.StateEvent != "":
			x.closed = in.State == "closed" || in.StateEvent == "close"
		default:
			x.title, x.body = in.Title+in.Fields.Summary, in.Body+in.Description+in.Fields.Description
		}
		write(200, map[string]any{})
	}
}

// estate is what runs, as a test changes it.
type estate struct {
	mu  sync.Mutex
	n   int
	now []report.RunningFinding
}

func (e *estate) set(now ...report.RunningFinding) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.n++
	e.now = now
}

func finding(id, owner, container, severity string) report.RunningFinding {
	return report.RunningFinding{Cluster: "prod", Container: container, Image: "sha256:1", ID: id, PURL: "pkg:npm/lodash@4.17.20", Severity: severity, Owner: owner, State: "new", Status: "affected", Fix: "upgrade lodash to 4.17.21"}
}

func (b *board) run(o ticket.Options, e *estate, file string, most int) (k *ticket.Keeper, end func()) {
	b.t.Helper()
	o.Name, o.URL, o.Token = "shop", b.URL, cmp.Or(o.Token, "secret\n")
	k, err := ticket.NewKeeper(&o)
	if err != nil {
		b.t.Fatal(err)
	}
	k.File, k.Most, k.Every, k.Wait, k.Log, k.Now = file, most, time.Millisecond, time.Millisecond, slog.New(slog.DiscardHandler), time.Now
	k.Revision = func() string { e.mu.Lock(); defer e.mu.Unlock(); return strconv.Itoa(e.n) }
	k.Current = func(context.Context) ([]report.RunningFinding, error) {
		e.mu.Lock()
		defer e.mu.Unlock()
		return append([]report.RunningFinding{}, e.now...), nil
	}
	ctx, stop := context.WithCancel(b.t.Context())
	finished := make(chan bool)
	go func() { defer close(finished); k.Run(ctx) }()
	end = sync.OnceFunc(func() { stop(); <-finished })
	b.t.Cleanup(end)
	return k, end
}

// until waits for the tracker to be as it should.
func (b *board) until(what string, is func() bool) {
	b.t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		b.mu.Lock()
		ok := is()
		b.mu.Unlock()
		if ok {
			return
		}
		if time.Now().After(end) {
			b.mu.Lock()
			defer b.mu.Unlock()
			for n, x := range b.tickets {
				b.t.Logf("%s %+v", n, x)
			}
			b.t.Fatal(what)
		}
	}
}

// TestTickets: one ticket for an owner and a vulnerability; it is rewritten as it spreads, closed once
// nothing has it, opened again, and never twice, whatever the program forgot.
func TestTickets(t *testing.T) {
	for name, o := range map[string]ticket.Options{
		"github": {Tracker: "github", Project: "shop/web", Labels: []string{"security"}}, "gitlab": {Tracker: "gitlab", Project: "group/web"},
		"gitea": {Tracker: "gitea", Project: "shop/web", Labels: []string{"security"}},
		"jira":  {Tracker: "jira", Project: "SHOP"}, "jira cloud": {Tracker: "jira", Project: "SHOP", User: "bot@shop.example"},
	} {
		t.Run(name, func(t *testing.T) {
			b, e, dir := newBoard(t), &estate{}, t.TempDir()
			first := map[bool]string{true: "SHOP-1", false: "1"}[o.Tracker == "jira"]
			web, api := finding("CVE-1", "team-a", "shop/Deployment/web/app", "high"), finding("CVE-1", "team-a", "shop/Deployment/api/app", "high")
			e.set(web)
			_, end := b.run(o, e, filepath.Join(dir, "kept"), 0)
			b.until("no ticket is opened", func() bool {
				x := b.tickets[first]
				return x != nil && strings.Contains(x.title, "CVE-1 (high) in 1 of team-a's containers") && strings.Contains(x.body, "web/app") && strings.Contains(x.body, "upgrade lodash") && strings.Contains(strings.Join(x.labels, " "), "cofferdam-")
			})
			e.set(web, api)
			b.until("it is not rewritten", func() bool {
				x := b.tickets[first]
				return strings.Contains(x.title, "in 2 of") && strings.Contains(x.body, "api/app")
			})
			accepted := web
			accepted.State = "accepted"
			e.set(accepted)
			b.until("it is not closed", func() bool { x := b.tickets[first]; return x.closed && len(x.comments) == 1 })
			e.set(web)
			b.until("it is not opened again", func() bool { x := b.tickets[first]; return !x.closed && len(x.comments) == 2 })
			end()
			e.set(web, finding("CVE-1", "team-b", "shop/Deployment/db/app", "high"))
			k, end := b.run(o, e, filepath.Join(dir, "forgotten"), 0) // which tickets there are
			b.until("another owner has no ticket", func() bool { return len(b.tickets) == 2 })
			e.set()
			b.until("they are not closed", func() bool { return b.tickets[first].closed && len(b.tickets) == 2 && k.Status().Writes == 4 })
			end()
			writes := b.writes // nobody writes now
			k, _ = b.run(o, e, filepath.Join(dir, "forgotten"), 0)
			b.until("it is not looked at", func() bool { return !k.Status().Kept.IsZero() })
			if b.writes != writes {
				t.Error("what is as it should be is written again")
			}
		})
	}
}

// TestRefusals: a tracker that is away is asked again; one ticket that is refused holds up no other; a removed
// one is opened anew; there is a bound.
func TestRefusals(t *testing.T) {
	b, e := newBoard(t), &estate{}
	status := func(code int) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { w.Header().Set("Retry-After", "0"); w.WriteHeader(code) }
	}
	b.refuse = []func(http.ResponseWriter){status(503), status(429), status(422)}
	e.set(finding("CVE-1", "", "shop/Deployment/web/app", "low"), finding("CVE-2", "", "shop/Deployment/web/app", "critical"), finding("CVE-3", "", "shop/Deployment/web/app", "high"))
	k, _ := b.run(ticket.Options{Tracker: "github", Project: "shop/web"}, e, filepath.Join(t.TempDir(), "kept"), 2)
	b.until("two tickets, of the worst", func() bool {
		return len(b.tickets) == 2 && k.Status().Left == 1 && k.Status().Failures == 0 && strings.Contains(b.tickets["1"].title+b.tickets["2"].title, "CVE-2") && strings.Contains(b.tickets["1"].title+b.tickets["2"].title, "CVE-3")
	})
	b.mu.Lock()
	delete(b.tickets, "1")
	b.tickets["0"] = &held{}
	b.mu.Unlock()
	e.set(finding("CVE-2", "", "shop/Deployment/api/app", "critical"), finding("CVE-3", "", "shop/Deployment/api/app", "high"))
	b.until("a removed ticket is not opened anew", func() bool { return len(b.tickets) == 3 && k.Status().Problem == "" && k.Status().Open == 2 })

	for name, o := range map[string]ticket.Options{"in the clear": {Tracker: "github", Project: "a/b", URL: "http://tracker.example", Token: "x"}, "no token": {Tracker: "github", Project: "a/b", URL: "https://api.github.com"},
		"a token of lines": {Tracker: "github", Project: "a/b", URL: "https://api.github.com", Token: "a\nb"}, "another tracker": {Tracker: "bugzilla", Project: "a", URL: "https://x.example", Token: "x"},
		"no repository": {Tracker: "github", Project: "a", URL: "https://api.github.com", Token: "x"}, "no project": {Tracker: "jira", URL: "https://jira.example", Token: "x"}} {
		if _, err := ticket.NewKeeper(&o); err == nil || strings.Contains(err.Error(), "a\nb") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTexts: what a finding says cannot break out of a ticket, call somebody, or make it long.
func TestTexts(t *testing.T) {
	f := finding("CVE-1", "@team`x`\n# heading", "shop/Deployment/`web`/app\n@everybody \u202e", "high")
	f.KEV, f.Due = true, time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	list := []report.RunningFinding{f}
	for i := range 150 {
		g := f
		g.Container = fmt.Sprint("c", i)
		list = append(list, g)
	}
	all := ticket.Of(list)
	if len(all) != 1 {
		t.Fatalf("%d tickets", len(all))
	}
	x := all[0]
	if strings.Contains(x.Title+x.Body, "@e") || strings.Contains(x.Title+x.Body, "@t") || strings.Contains(x.Title, "\n") || strings.Contains(x.Body, "\u202e") || strings.Contains(x.Body, "\n# ") || strings.Contains(x.Body, "`web`") {
		t.Errorf("%q\n%s", x.Title, x.Body)
	}
	if !strings.Contains(x.Body, "gone by 2026-12-01") || !strings.Contains(x.Title, "known to be exploited") || !strings.Contains(x.Body, "and 51 more") {
		t.Errorf("%q\n%s", x.Title, x.Body)
	}
	cleared := finding("CVE-2", "", "c", "high")
	cleared.Status = "not_affected"
	if got := ticket.Of([]report.RunningFinding{cleared}); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}
