package app_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/app"
	"github.com/cofferdam-io/cofferdam/report"
)

// published is a web server of KEV and EPSS that says 304 to who has the newest.
type published struct {
	mu    sync.Mutex
	files map[string]string // by path; none is 404
	sent  map[string]int    // whole answers
	same  map[string]int    // 304
}

func (p *published) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	text, ok := p.files[q.URL.Path]
	tag := fmt.Sprintf("%q", ident.SHA256([]byte(text)))
	switch {
	case !ok:
		http.NotFound(w, q)
	case q.Header.Get("If-None-Match") == tag:
		p.same[q.URL.Path]++
		w.WriteHeader(http.StatusNotModified)
	default:
		p.sent[q.URL.Path]++
		w.Header().Set("ETag", tag)
		_, _ = w.Write([]byte(text))
	}
}

func (p *published) put(path, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.files[path] = text
}

func exploitedList(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(`{"cveID":"CVE-2026-%04d","vendorProject":"x","product":"x","vulnerabilityName":"x","dateAdded":"2026-11-01","shortDescription":"x","requiredAction":"x","dueDate":"2026-12-01","knownRansomwareCampaignUse":"Unknown","notes":""}`, i+1))
	}
	return fmt.Sprintf(`{"title":"x","catalogVersion":"2026.11.20","dateReleased":"2026-11-20T15:00:00.0000Z","count":%d,"vulnerabilities":[%s]}`, n, strings.Join(list, ","))
}

func scoreList(n int) string {
	var b strings.Builder
	b.WriteString("#model_version:v2025.03.14,score_date:2026-11-20T12:55:00Z\ncve,epss,percentile\n")
	for i := range n {
		fmt.Fprintf(&b, "CVE-2026-%04d,0.5,0.9\n", i+1)
	}
	return b.String()
}

// The nightly job fetches KEV and EPSS where they changed; what is broken, gone or shrunk
// leaves what was there, and makes it fail.
func TestIntelligenceIsFetched(t *testing.T) {
	p := &published{files: map[string]string{}, sent: map[string]int{}, same: map[string]int{}}
	web := httptest.NewServer(p)
	defer web.Close()
	dir := t.TempDir()
	record, config := filepath.Join(dir, "a.json"), filepath.Join(dir, "c.yaml")
	for name, text := range map[string]string{record: everyLodash, config: fmt.Sprintf("advisories: [%q]\nkev: %s/kev.json\nepss: %s/epss.csv\nnightly: {at: \"02:30\"}\n", record, web.URL, web.URL)} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p.put("/kev.json", exploitedList(20))
	p.put("/epss.csv", scoreList(30))
	night := 0
	// Each server is a new one, which has not done its job yet, with the cache of before.
	run := func(why, fault string, kev, epss int) {
		t.Helper()
		night++
		data := filepath.Join(dir, fmt.Sprint("data", night))
		ask, url, end := nights(t, app.ServeOptions{Data: data, Config: config}, filepath.Join(dir, "cache"))
		defer end()
		a := ask(why, func(a *report.ServerAdvisories) bool {
			return a.State == "loaded" && a.Nightly != nil && len(a.Nightly.Servers) == 1 && !a.Nightly.Servers[0].Ended.IsZero()
		})
		if r := a.Nightly.Servers[0]; (fault == "") != (r.Fault == "") || !strings.Contains(r.Fault, fault) {
			t.Errorf("%s: %+v", why, r)
		}
		got := map[string]int{}
		for _, f := range a.Feeds {
			got[strings.ToLower(f.Feed)] = f.Entries
		}
		if got["kev"] != kev || got["epss"] != epss {
			t.Errorf("%s: %+v", why, a.Feeds)
		}
		if m := metricsOf(t, url, data); kev > 0 && !strings.Contains(m, `cofferdam_feed_newest_timestamp_seconds{feed="kev"} 1.`) {
			t.Errorf("%s: no age in the metrics", why)
		}
	}
	run("the first night", "", 20, 30)
	if p.sent["/kev.json"] != 1 || p.sent["/epss.csv"] != 1 {
		t.Errorf("%v", p.sent)
	}
	run("nothing changed", "", 20, 30)
	if p.sent["/kev.json"] != 1 || p.same["/kev.json"] != 1 || p.same["/epss.csv"] != 1 {
		t.Errorf("what is had is fetched again: %v %v", p.sent, p.same)
	}
	p.put("/kev.json", exploitedList(25))
	run("one changed", "", 25, 30)
	p.put("/kev.json", exploitedList(9))
	run("it lost more than half", "it has 9 entries and had 25", 25, 30)
	p.put("/kev.json", strings.Replace(exploitedList(25), `"count":25`, `"count":26`, 1))
	run("it is cut short", "says that it has 26 entries", 25, 30)
	p.mu.Lock()
	delete(p.files, "/epss.csv")
	p.mu.Unlock()
	p.put("/kev.json", exploitedList(26))
	run("the other is gone", "404", 26, 30)
	if err := os.RemoveAll(filepath.Join(dir, "cache", "feeds")); err != nil {
		t.Fatal(err)
	}
	run("one that never came", "404", 26, 0)

	bad := filepath.Join(dir, "bad.yaml")
	if err := os.WriteFile(bad, []byte("kev: "+web.URL+"/kev.json\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (&app.Loader{Cache: dir}).Serve(t.Context(), app.ServeOptions{Data: filepath.Join(dir, "bad"), Config: bad, Addr: "127.0.0.1:0"}); err == nil || !strings.Contains(err.Error(), "nightly job fetches") {
		t.Errorf("nobody fetches it: %v", err)
	}
}
