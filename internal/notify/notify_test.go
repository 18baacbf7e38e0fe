package notify_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cofferdam-io/cofferdam/internal/notify"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/sbom/quality"
)

// message is one about findings.
type message = notify.Message[report.RunningFinding, notify.Told]

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var secret = []byte("a secret of thirty-two bytes....")

// receiver checks signatures as Standard Webhooks says, and answers what a test wants.
type receiver struct {
	*httptest.Server
	t       *testing.T
	mu      sync.Mutex
	answers []func(http.ResponseWriter) // one each, then 204
	ids     []string
	got     chan message // that were taken
}

func receive(t *testing.T, answers ...func(http.ResponseWriter)) *receiver {
	t.Helper()
	r := &receiver{t: t, answers: answers, got: make(chan message, 100)}
	r.Server = httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) serve(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		r.t.Error(err)
	}
	id, stamp := q.Header.Get("webhook-id"), q.Header.Get("webhook-timestamp")
	s, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || time.Since(time.Unix(s, 0)).Abs() > 5*time.Minute || q.Header.Get("webhook-signature") != notify.Sign(secret, id, time.Unix(s, 0), body) {
		r.t.Errorf("a message that is not signed: %v", q.Header)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ids = append(r.ids, id)
	if len(r.answers) > 0 {
		answer := r.answers[0]
		r.answers = r.answers[1:]
		answer(w)
		return
	}
	var m message
	if err := json.Unmarshal(body, &m); err != nil {
		r.t.Error(err)
	}
	w.WriteHeader(http.StatusNoContent)
	r.got <- m
}

func status(code int, header ...string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
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

func finding(id, severity string, kev bool) report.RunningFinding {
	return report.RunningFinding{Cluster: "prod", Container: "shop/Deployment/web/app", Image: "sha256:1", ID: id, PURL: "pkg:npm/lodash@4.17.20", Severity: severity, KEV: kev, Owner: "team-shop"}
}

func (e *estate) follower(t *testing.T, url, file string) *notify.Follower[report.RunningFinding, notify.Told] {
	t.Helper()
	h, err := notify.NewHook("tickets", url, "whsec_"+base64.StdEncoding.EncodeToString(secret))
	if err != nil {
		t.Fatal(err)
	}
	return &notify.Follower[report.RunningFinding, notify.Told]{Kind: notify.Findings(), Hook: h, File: file, Every: time.Millisecond, Wait: time.Millisecond, Log: slog.New(slog.DiscardHandler), Now: time.Now,
		Revision: func() string {
			e.mu.Lock()
			defer e.mu.Unlock()
			if e.n == 0 {
				return ""
			}
			return strconv.Itoa(e.n)
		},
		Current: func(context.Context) ([]report.RunningFinding, error) {
			e.mu.Lock()
			defer e.mu.Unlock()
			return slices.Clone(e.now), nil
		}}
}

// run follows until the test or end ends it.
func run(t *testing.T, f *notify.Follower[report.RunningFinding, notify.Told]) (end func()) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan bool)
	go func() { f.Run(ctx); close(done) }()
	end = sync.OnceFunc(func() { stop(); <-done })
	t.Cleanup(end)
	return end
}

func (r *receiver) next() message {
	r.t.Helper()
	select {
	case m := <-r.got:
		return m
	case <-time.After(time.Minute):
		r.t.Fatal("no message came")
		return message{}
	}
}

func ids(list []report.RunningFinding) string {
	var out []string
	for i := range list {
		out = append(out, list[i].ID)
	}
	return strings.Join(out, " ")
}

// What begins, what becomes worse and what ends is told once, also over a restart.
func TestTellsWhatChanges(t *testing.T) {
	r, e, file := receive(t), &estate{}, filepath.Join(t.TempDir(), "told.json")
	end := run(t, e.follower(t, r.URL, file))
	e.set(finding("CVE-1", "high", false), finding("CVE-2", "low", false)) // what was there before is not told
	for until := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(file); err == nil {
			break
		}
		if time.Now().After(until) {
			t.Fatal("what is so is not taken for told")
		}
	}
	e.set(finding("CVE-1", "high", false), finding("CVE-2", "low", true), finding("CVE-3", "critical", false))
	if m := r.next(); m.Type != notify.TypeChanged || ids(m.Data.Begun) != "CVE-3" || ids(m.Data.Changed) != "CVE-2" || len(m.Data.Ended) != 0 || m.Data.Begun[0].Owner != "team-shop" {
		t.Errorf("%+v", m)
	}
	e.set(finding("CVE-2", "low", true), finding("CVE-3", "critical", false))
	if m := r.next(); len(m.Data.Begun)+len(m.Data.Changed) != 0 || len(m.Data.Ended) != 1 || m.Data.Ended[0].ID != "CVE-1" || m.Data.Ended[0].Owner != "team-shop" {
		t.Errorf("%+v", m)
	}
	end()
	e.set(finding("CVE-3", "critical", false), finding("CVE-4", "high", false)) // while nobody looked
	end = run(t, e.follower(t, r.URL, file))
	// At least once: what was told just before the end may be told again.
	if m := r.next(); ids(m.Data.Begun) != "CVE-4" || !slices.ContainsFunc(m.Data.Ended, func(x notify.Told) bool { return x.ID == "CVE-2" }) {
		t.Errorf("%+v", m)
	}
	end()
	if err := os.WriteFile(file, []byte("{nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, e.follower(t, r.URL, file))
	if m := r.next(); m.Type != notify.TypeResync {
		t.Errorf("nobody knows what was told, and nobody says so: %+v", m)
	}
	e.set(finding("CVE-4", "high", false))
	if m := r.next(); len(m.Data.Ended) != 1 || m.Data.Ended[0].ID != "CVE-3" {
		t.Errorf("%+v", m)
	}
}

func TestTellsOfTheBeginning(t *testing.T) {
	r, e := receive(t), &estate{}
	f := e.follower(t, r.URL, filepath.Join(t.TempDir(), "told.json"))
	f.Initial = true
	var many []report.RunningFinding
	for i := range 450 {
		many = append(many, finding(fmt.Sprint("CVE-", i), "high", false))
	}
	e.set(many...)
	run(t, f)
	seen := map[string]bool{}
	for i, more := range []int{250, 50, 0} {
		m := r.next()
		if m.Data.More != more {
			t.Errorf("message %d: %d more, want %d", i, m.Data.More, more)
		}
		for k := range m.Data.Begun {
			seen[m.Data.Begun[k].ID] = true
		}
	}
	if len(seen) != 450 {
		t.Errorf("%d of 450 are told", len(seen))
	}
}

// A message is tried until it is taken, under one identifier, and never at another
// address.
func TestTriesAgain(t *testing.T) {
	elsewhere := receive(t)
	r := receive(t, status(500), status(503, "Retry-After", "1"), status(302, "Location", elsewhere.URL), status(429))
	e := &estate{}
	f := e.follower(t, r.URL, filepath.Join(t.TempDir(), "told.json"))
	f.Initial = true
	e.set(finding("CVE-1", "high", false))
	begun := time.Now()
	run(t, f)
	if m := r.next(); ids(m.Data.Begun) != "CVE-1" {
		t.Errorf("%+v", m)
	}
	if time.Since(begun) < time.Second {
		t.Error("it came again before it was asked to")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.ids) != 5 || len(slices.Compact(r.ids)) != 1 {
		t.Errorf("one message has the identifiers %v", r.ids)
	}
	if len(elsewhere.got) != 0 {
		t.Error("a redirect was followed")
	}
}

func TestReceiverThatWantsNoMore(t *testing.T) {
	r, e := receive(t, status(410)), &estate{}
	f := e.follower(t, r.URL, filepath.Join(t.TempDir(), "told.json"))
	f.Initial = true
	e.set(finding("CVE-1", "high", false))
	f.Run(t.Context()) // ends by itself
	if s := f.Status(); !s.Gone || s.Messages != 0 {
		t.Errorf("%+v", s)
	}
}

func TestHooksAreChecked(t *testing.T) {
	good := base64.StdEncoding.EncodeToString(secret)
	for name, c := range map[string][2]string{
		"in the clear": {"http://hooks.example/x", good}, "no URL": {"hooks", good}, "a password in it": {"https://a:b@hooks.example", good},
		"a short secret": {"https://hooks.example", "c2hvcnQ="}, "no secret": {"https://hooks.example", ""}, "not base64": {"https://hooks.example", "%%%"},
	} {
		if _, err := notify.NewHook("x", c[0], c[1]); err == nil || c[1] != "" && strings.Contains(err.Error(), c[1]) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The example of the specification's reference implementations.
	key, _ := base64.StdEncoding.DecodeString("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if got := notify.Sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`)); got != "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
		t.Error(got)
	}
	h, err := notify.NewHook("x", "http://127.0.0.1:1/a-secret-path", good)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Send(t.Context(), "msg_1", time.Now(), nil); err == nil || strings.Contains(err.Error(), "a-secret-path") {
		t.Errorf("an address is in an error: %v", err)
	}
}

// TestScoresAreTold: what is judged first, what is judged differently, and what is no
// longer selected.
func TestScoresAreTold(t *testing.T) {
	got := make(chan notify.Message[report.DocumentScore, notify.ToldScore], 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		var m notify.Message[report.DocumentScore, notify.ToldScore]
		if err := json.NewDecoder(q.Body).Decode(&m); err != nil {
			t.Error(err)
		}
		got <- m
	}))
	defer receiver.Close()
	h, err := notify.NewHook("quality", receiver.URL, base64.StdEncoding.EncodeToString(secret))
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var now []report.DocumentScore
	set := func(scores ...float64) {
		mu.Lock()
		defer mu.Unlock()
		now = nil
		for i, x := range scores {
			now = append(now, report.DocumentScore{Document: fmt.Sprint("sha256:", i), Summary: quality.Summary{Score: x, Grade: "C"}})
		}
	}
	set(70, 80)
	ctx, cancel := context.WithCancel(t.Context())
	f := &notify.Follower[report.DocumentScore, notify.ToldScore]{Kind: notify.Scores(), Hook: h, File: filepath.Join(t.TempDir(), "told.json"), Initial: true, Every: time.Millisecond, Wait: time.Millisecond,
		Log: slog.New(slog.DiscardHandler), Now: time.Now,
		Current: func(context.Context) ([]report.DocumentScore, error) {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(now), nil
		},
		Revision: func() string { mu.Lock(); defer mu.Unlock(); return fmt.Sprint(now) }}
	done := make(chan struct{})
	go func() { defer close(done); f.Run(ctx) }()
	defer func() { cancel(); <-done }()
	next := func() notify.Message[report.DocumentScore, notify.ToldScore] {
		select {
		case m := <-got:
			return m
		case <-time.After(time.Minute):
			t.Fatal("nobody is told")
			panic("unreachable")
		}
	}
	if m := next(); m.Type != notify.TypeScoresChanged || len(m.Data.Begun) != 2 || m.Data.Begun[0].Score != 70 {
		t.Errorf("%+v", m)
	}
	set(70, 81.5)
	if m := next(); len(m.Data.Begun) != 0 || len(m.Data.Changed) != 1 || m.Data.Changed[0].Document != "sha256:1" || m.Data.Changed[0].Score != 81.5 {
		t.Errorf("%+v", m)
	}
	set(70)
	if m := next(); len(m.Data.Ended) != 1 || m.Data.Ended[0].Document != "sha256:1" || m.Data.Ended[0].Score != 81.5 {
		t.Errorf("%+v", m)
	}
}
