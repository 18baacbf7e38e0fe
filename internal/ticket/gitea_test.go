//go:build gitea

package ticket_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/internal/testenv/program"
	"github.com/cofferdam-io/cofferdam/internal/ticket"
)

// realGitea is a Gitea with a repository bot/web, and tokens of bot.
type realGitea struct {
	t          *testing.T
	url, token string
	kept       string // a token that may do what tickets need
}

// startGitea starts the program that COFFERDAM_GITEA names, with the templates of its
// module in COFFERDAM_GITEA_FILES: make gitea.
func startGitea(t *testing.T) *realGitea {
	t.Helper()
	bin, files := os.Getenv("COFFERDAM_GITEA"), os.Getenv("COFFERDAM_GITEA_FILES")
	if bin == "" || files == "" {
		t.Fatal("COFFERDAM_GITEA and COFFERDAM_GITEA_FILES are not set: make gitea")
	}
	dir, port := t.TempDir(), program.FreePort(t)
	config := filepath.Join(dir, "app.ini")
	text := fmt.Sprintf(`RUN_MODE = prod
I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true
WORK_PATH = %[1]s
[server]
HTTP_ADDR = 127.0.0.1
HTTP_PORT = %[2]s
DISABLE_SSH = true
OFFLINE_MODE = true
STATIC_ROOT_PATH = %[3]s
[database]
DB_TYPE = sqlite3
PATH = %[1]s/gitea.db
[security]
INSTALL_LOCK = true
SECRET_KEY = for tests
[log]
LEVEL = Error
`, dir, port, files)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		c := exec.CommandContext(t.Context(), bin, append([]string{"-c", config}, args...)...) // #nosec G204 -- a test's own program
		c.Dir, c.Env = dir, append(os.Environ(), "HOME="+dir)
		out, err := c.Output()
		if err != nil {
			t.Fatalf("gitea %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return strings.TrimSpace(string(out))
	}
	run("migrate")
	run("admin", "user", "create", "--username", "bot", "--password", "for-tests-1", "--email", "bot@shop.example", "--admin", "--must-change-password=false")
	token := func(name, scopes string) string {
		out := run("admin", "user", "generate-access-token", "--username", "bot", "--token-name", name, "--scopes", scopes, "--raw")
		return out[strings.LastIndex(out, "\n")+1:]
	}
	g := &realGitea{t: t, url: "http://127.0.0.1:" + port, token: token("all", "write:issue,write:repository,write:user"), kept: token("tickets", "write:issue,read:repository")}
	program.Start(t, program.Command{Path: bin, Args: []string{"-c", config, "web"}, Dir: dir, Answers: g.url + "/api/v1/version"})
	g.ask(http.MethodPost, "/user/repos", map[string]any{"name": "web"}, nil)
	return g
}

// ask asks Gitea itself, as a person's program would.
func (g *realGitea) ask(method, path string, in, out any) {
	g.t.Helper()
	b, err := json.Marshal(in)
	if err != nil {
		g.t.Fatal(err)
	}
	q, err := http.NewRequestWithContext(g.t.Context(), method, g.url+"/api/v1"+path, bytes.NewReader(b))
	if err != nil {
		g.t.Fatal(err)
	}
	q.Header.Set("Authorization", "token "+g.token)
	q.Header.Set("Content-Type", "application/json")
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		g.t.Fatal(err)
	}
	defer r.Body.Close()
	if r.StatusCode >= 300 {
		g.t.Fatalf("%s %s: %s", method, path, r.Status)
	}
	if out != nil {
		if err := json.NewDecoder(r.Body).Decode(out); err != nil {
			g.t.Fatal(err)
		}
	}
}

type giteaIssue struct {
	Number             int
	Title, Body, State string
	Comments           int
	Labels             []struct{ Name string }
}

// issues are those of the repository, by number.
func (g *realGitea) issues() map[int]giteaIssue {
	var list []giteaIssue
	g.ask(http.MethodGet, "/repos/bot/web/issues?state=all&type=issues&limit=50", nil, &list)
	out := map[int]giteaIssue{}
	for _, x := range list {
		out[x.Number] = x
	}
	return out
}

// TestRealGitea keeps tickets in a real Gitea: opened beside somebody else's, rewritten,
// closed, opened again, found again by their labels, and none of them twice.
func TestRealGitea(t *testing.T) {
	g := startGitea(t)
	g.ask(http.MethodPost, "/repos/bot/web/issues", map[string]any{"title": "somebody's", "body": "own"}, nil)
	for i := range 60 { // more than a page
		g.ask(http.MethodPost, "/repos/bot/web/labels", map[string]any{"name": fmt.Sprint("area/", i), "color": "#ff0000"}, nil)
	}
	o := ticket.Options{Tracker: "gitea", Project: "bot/web", Labels: []string{"security"}, Token: g.kept}
	b, e, dir := &board{t: t, Server: &httptest.Server{URL: g.url}}, &estate{}, t.TempDir()
	web, api := finding("CVE-1", "team-a", "shop/Deployment/web/app", "high"), finding("CVE-1", "team-a", "shop/Deployment/api/app", "high")
	e.set(web)
	k, end := b.run(o, e, filepath.Join(dir, "kept"), 0)
	defer func() {
		if t.Failed() {
			t.Logf("%+v\n%+v", k.Status(), g.issues())
		}
	}()
	b.until("no ticket is opened", func() bool {
		x := g.issues()[2]
		return strings.Contains(x.Title, "CVE-1 (high) in 1 of team-a's containers") && strings.Contains(x.Body, "upgrade lodash") && len(x.Labels) == 3
	})
	e.set(web, api)
	b.until("it is not rewritten", func() bool { return strings.Contains(g.issues()[2].Title, "in 2 of") })
	e.set()
	b.until("it is not closed", func() bool { x := g.issues()[2]; return x.State == "closed" && x.Comments == 1 })
	e.set(web)
	b.until("it is not opened again", func() bool { x := g.issues()[2]; return x.State == "open" && x.Comments == 2 })
	end()
	e.set(web, finding("CVE-1", "team-b", "shop/Deployment/db/app", "high"))
	k, _ = b.run(o, e, filepath.Join(dir, "forgotten"), 0) // which tickets there are
	b.until("another owner has no ticket", func() bool { return len(g.issues()) == 3 && k.Status().Open == 2 })
	e.set()
	b.until("they are not closed", func() bool {
		now := g.issues()
		return now[2].State == "closed" && now[3].State == "closed" && len(now) == 3
	})
	if x := g.issues()[1]; x.Title != "somebody's" || x.Body != "own" || x.State != "open" || x.Comments != 0 {
		t.Errorf("another's issue was changed: %+v", x)
	}
	var labels []struct{ Name string }
	g.ask(http.MethodGet, "/repos/bot/web/labels?limit=50&page=2", nil, &labels)
	if len(labels) != 14 { // 60, those that every ticket has, and the own ones of two
		t.Errorf("there are %d labels on the second page: %v", len(labels), labels)
	}
}
