package app_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/app"
	"github.com/cofferdam-io/cofferdam/internal/client"
	"github.com/cofferdam-io/cofferdam/internal/testenv/pg"
	"github.com/cofferdam-io/cofferdam/report"
)

// nights runs a server with a job of every night, and asks it until something is so.
func nights(t *testing.T, o app.ServeOptions, cache string) (ask func(what string, is func(*report.ServerAdvisories) bool) *report.ServerAdvisories, url string, end func()) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ready, done := make(chan string, 1), make(chan error, 1)
	o.Addr, o.Log, o.Ready = "127.0.0.1:0", slog.New(slog.DiscardHandler), func(u string) { ready <- u }
	go func() { done <- (&app.Loader{Cache: cache}).Serve(ctx, o) }()
	select {
	case url = <-ready:
	case err := <-done:
		stop()
		t.Fatal(err)
	}
	secret, err := os.ReadFile(filepath.Join(o.Data, "admin.token"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(url, client.Options{Token: strings.TrimSpace(string(secret))})
	if err != nil {
		t.Fatal(err)
	}
	ask = func(what string, is func(*report.ServerAdvisories) bool) *report.ServerAdvisories {
		t.Helper()
		var a *report.ServerAdvisories
		var err error
		for until := time.Now().Add(time.Minute); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
			if a, err = c.Advisories(t.Context()); err == nil && is(a) {
				return a
			}
		}
		t.Fatalf("%s: %+v, %+v, %v", what, a, a.Nightly, err)
		return nil
	}
	return ask, url, func() {
		c.Close()
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// metricsOf reads a server's metrics with its administrator's token.
func metricsOf(t *testing.T, url, data string) string {
	t.Helper()
	secret, err := os.ReadFile(filepath.Join(data, "admin.token"))
	if err != nil {
		t.Fatal(err)
	}
	return fetch(t, url+"metrics", strings.TrimSpace(string(secret)))
}

// A server that never did its nightly job does it when it starts: it fills the cache from
// the sources of its configuration. A source that shrank makes it fail, and what was there
// stays. Another server on the same database does it, too.
func TestNightlyJob(t *testing.T) {
	dir := t.TempDir()
	feed := filepath.Join(dir, "feed")
	records := func(n int) {
		t.Helper()
		if err := os.RemoveAll(feed); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(feed, 0o700); err != nil {
			t.Fatal(err)
		}
		for i := range n {
			text := strings.Replace(everyLodash, `"id":"`, fmt.Sprintf(`"id":"N%d-`, i), 1)
			if err := os.WriteFile(filepath.Join(feed, fmt.Sprintf("%d.json", i)), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	records(30)
	config := filepath.Join(dir, "c.yaml")
	if err := os.WriteFile(config, []byte(fmt.Sprintf("nightly: {at: %q, jitterMinutes: 20, from: [%q]}\n", "02:30", feed)), 0o600); err != nil {
		t.Fatal(err)
	}
	dsn := pg.Start(t).Database(t)
	for i, o := range []app.ServeOptions{{Data: filepath.Join(dir, "alone"), Config: config}, {Data: filepath.Join(dir, "a"), Config: config, DB: dsn}, {Data: filepath.Join(dir, "b"), Config: config, DB: dsn}} {
		ask, url, end := nights(t, o, filepath.Join(dir, fmt.Sprint("cache", i)))
		a := ask("done at once", func(a *report.ServerAdvisories) bool {
			return a.State == "loaded" && a.Nightly != nil && len(a.Nightly.Servers) == max(1, i) && !a.Nightly.Servers[max(0, i-1)].Ended.IsZero() && !a.Nightly.Servers[0].Ended.IsZero()
		})
		for _, r := range a.Nightly.Servers {
			if r.Succeeded.IsZero() || r.Failed != 0 || !strings.Contains(r.Result, "30 advisories as of ") {
				t.Errorf("%+v", r)
			}
		}
		if a.Feeds[0].Entries != 30 || a.Nightly.Running != "" || !a.Nightly.Next.After(time.Now()) {
			t.Errorf("%+v, %+v", a.Feeds, a.Nightly)
		}
		if text := metricsOf(t, url, o.Data); !strings.Contains(text, `cofferdam_job_failures{job="nightly"} 0`) || !strings.Contains(text, `cofferdam_job_succeeded_timestamp_seconds{job="nightly"} 1`) {
			t.Errorf("metrics do not tell of the job: %s", text)
		}
		end()
	}
	// The same servers again: what was done is not done again, until the next night.
	records(5)
	ask, _, end := nights(t, app.ServeOptions{Data: filepath.Join(dir, "alone"), Config: config}, filepath.Join(dir, "cache0"))
	a := ask("loaded", func(a *report.ServerAdvisories) bool { return a.State == "loaded" })
	if a.Feeds[0].Entries != 30 || len(a.Nightly.Servers) != 1 || a.Nightly.Servers[0].Succeeded.IsZero() {
		t.Errorf("after a restart: %+v, %+v", a.Feeds, a.Nightly)
	}
	end()
	// A server that has not: the feed of which most is gone makes the job fail.
	ask, url, end := nights(t, app.ServeOptions{Data: filepath.Join(dir, "other"), Config: config}, filepath.Join(dir, "cache0"))
	a = ask("failed", func(a *report.ServerAdvisories) bool {
		return a.State == "loaded" && len(a.Nightly.Servers) == 1 && a.Nightly.Servers[0].Failed == 1
	})
	if r := a.Nightly.Servers[0]; !strings.Contains(r.Fault, "it has 5 records and had 30") || !r.Succeeded.IsZero() || a.Feeds[0].Entries != 30 {
		t.Errorf("%+v, %+v", r, a.Feeds)
	}
	if text := metricsOf(t, url, filepath.Join(dir, "other")); !strings.Contains(text, `cofferdam_job_failures{job="nightly"} 1`) || !strings.Contains(text, `cofferdam_job_succeeded_timestamp_seconds{job="nightly"} NaN`) {
		t.Error("metrics do not tell that the job failed")
	}
	end()
}

// What cannot be meant is refused when the server starts.
func TestNightlyConfiguration(t *testing.T) {
	dir := t.TempDir()
	for text, want := range map[string]string{
		`nightly: {at: "25:00"}`:                                         "is no time of day",
		`nightly: {at: "02:30", jitterMinutes: 721}`:                     "0 to 720",
		`nightly: {at: "02:30", ecosystems: [Go]}`:                       "names nothing",
		`{nightly: {at: "02:30", from: [/tmp/x]}, advisories: [c.yaml]}`: "the files that advisories names",
		`nightly: {at: "02:30", every: day}`:                             "every",
	} {
		config := filepath.Join(dir, "c.yaml")
		if err := os.WriteFile(config, []byte(strings.ReplaceAll(text, "[c.yaml]", "["+config+"]")), 0o600); err != nil {
			t.Fatal(err)
		}
		err := (&app.Loader{Cache: filepath.Join(dir, "cache")}).Serve(t.Context(), app.ServeOptions{Data: filepath.Join(dir, "data"), Addr: "127.0.0.1:0", Config: config, Log: slog.New(slog.DiscardHandler)})
		if err == nil || !strings.Contains(err.Error(), want) || ident.KindOf(err) != ident.KindUsage {
			t.Errorf("%s: %v", text, err)
		}
	}
}
