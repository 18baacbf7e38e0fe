package feeds_test

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/feeds"
	"github.com/cofferdam-io/cofferdam/vuln"
)

var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func record(id, ecosystem, modified string) string {
	return fmt.Sprintf(`{"id":%q,"modified":%q,"affected":[{"package":{"ecosystem":%q,"name":"pkg"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.0.0"}]}]}]}`, id, modified, ecosystem)
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func zipped(t *testing.T, members map[string]string) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for name, text := range members {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func update(t *testing.T, c *feeds.Cache, q feeds.Request) (*feeds.Note, []feeds.Problem) {
	t.Helper()
	q.At = now
	note, problems, err := c.Update(context.Background(), q)
	if err != nil {
		t.Fatal(err, problems)
	}
	return note, problems
}

// ids are the records of a cache, sorted, with the time each was changed last.
func ids(t *testing.T, c *feeds.Cache) string {
	t.Helper()
	as, note, err := c.Load(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if note != nil && note.Advisories != len(as) {
		t.Errorf("the note says %d records, and there are %d", note.Advisories, len(as))
	}
	var out []string
	for _, a := range as {
		out = append(out, a.ID+"@"+a.Modified.Format("02"))
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func TestFilesFoldersAndArchives(t *testing.T) {
	dir := t.TempDir()
	c := &feeds.Cache{Dir: filepath.Join(dir, "cache")}
	src := filepath.Join(dir, "src")
	write(t, filepath.Join(src, "a.json"), record("A-1", "Go", "2026-01-01T00:00:00Z"))
	write(t, filepath.Join(src, "deep", "b.yaml"), record("B-1", "npm", "2026-01-02T00:00:00Z"))
	write(t, filepath.Join(src, ".git", "c.json"), record("HIDDEN", "Go", "2026-01-02T00:00:00Z"))
	write(t, filepath.Join(src, "other.json"), `{"name":"no record"}`)
	write(t, filepath.Join(src, "all.zip"), string(zipped(t, map[string]string{"Z-1.json": record("Z-1", "Go", "2026-01-03T00:00:00Z"), "notes.md": "x"})))
	if note, _, err := c.Load(context.Background()); note != nil || err != nil {
		t.Fatal("a cache that is not there", err)
	}
	note, problems := update(t, c, feeds.Request{From: []string{src}})
	if got := ids(t, c); got != "A-1@01 B-1@02 Z-1@03" || len(problems) > 0 || !note.AsOf.Equal(time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("%s %v %+v", got, problems, note)
	}
	// One is changed, one is gone, one is broken, and the sources are those of before.
	write(t, filepath.Join(src, "a.json"), record("A-1", "Go", "2026-01-09T00:00:00.5Z"))
	if err := os.Remove(filepath.Join(src, "deep", "b.yaml")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(src, "bad.json"), `{"id":"BAD","affected":[`)
	_, problems = update(t, c, feeds.Request{})
	if got := ids(t, c); got != "A-1@09 Z-1@03" || len(problems) != 1 || !strings.Contains(problems[0].Where, "bad.json") {
		t.Errorf("%s %v", got, problems)
	}
	// What is broken is told again.
	if _, problems = update(t, c, feeds.Request{}); len(problems) != 1 {
		t.Errorf("%v", problems)
	}
	// What was left out because of its ecosystem is read where it is wanted again.
	write(t, filepath.Join(src, "n.json"), record("N-1", "npm", "2026-01-04T00:00:00Z"))
	update(t, c, feeds.Request{From: []string{src}, Only: []string{"NPM"}})
	if got := ids(t, c); got != "N-1@04" {
		t.Errorf("only npm: %q", got)
	}
	update(t, c, feeds.Request{From: []string{src}})
	if got := ids(t, c); got != "A-1@09 N-1@04 Z-1@03" {
		t.Errorf("all again: %q", got)
	}
}

// TestNothingIsReadTwice: a file whose size and time are those of before is not opened.
func TestNothingIsReadTwice(t *testing.T) {
	dir := t.TempDir()
	c := &feeds.Cache{Dir: filepath.Join(dir, "cache")}
	name := filepath.Join(dir, "src", "a.json")
	write(t, name, record("A-1", "Go", "2026-01-01T00:00:00Z"))
	update(t, c, feeds.Request{From: []string{filepath.Dir(name)}})
	st, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	write(t, name, record("A-2", "Go", "2026-01-01T00:00:00Z")) // as long, and as old
	if err := os.Chtimes(name, st.ModTime(), st.ModTime()); err != nil {
		t.Fatal(err)
	}
	update(t, c, feeds.Request{})
	if got := ids(t, c); got != "A-1@01" {
		t.Errorf("%q: the file was read again", got)
	}
}

func TestShrunkSourcesAreKeptBack(t *testing.T) {
	dir := t.TempDir()
	c := &feeds.Cache{Dir: filepath.Join(dir, "cache")}
	src := filepath.Join(dir, "src")
	for i := range 20 {
		write(t, filepath.Join(src, fmt.Sprintf("%02d.json", i)), record(fmt.Sprintf("A-%02d", i), "Go", "2026-01-01T00:00:00Z"))
	}
	update(t, c, feeds.Request{From: []string{src}})
	before := ids(t, c)
	for i := range 11 {
		if err := os.Remove(filepath.Join(src, fmt.Sprintf("%02d.json", i))); err != nil {
			t.Fatal(err)
		}
	}
	note, problems := update(t, c, feeds.Request{})
	if ids(t, c) != before || len(problems) != 1 || !strings.Contains(problems[0].Message, "9 of 20") || note.Sources[0].Held == "" {
		t.Errorf("%v %+v", problems, note.Sources)
	}
	// It is told as long as it is so, and taken where somebody says so.
	if _, problems = update(t, c, feeds.Request{}); len(problems) != 1 {
		t.Errorf("%v", problems)
	}
	note, problems = update(t, c, feeds.Request{Force: true})
	if note.Advisories != 9 || len(problems) > 0 || note.Sources[0].Held != "" {
		t.Errorf("%v %+v", problems, note)
	}
	if _, problems = update(t, c, feeds.Request{}); len(problems) > 0 {
		t.Errorf("%v", problems)
	}
}

func TestFaultsLeaveTheCache(t *testing.T) {
	dir := t.TempDir()
	c := &feeds.Cache{Dir: filepath.Join(dir, "cache")}
	name := filepath.Join(dir, "a.json")
	write(t, name, record("A-1", "Go", "2026-01-01T00:00:00Z"))
	ctx := context.Background()
	for what, q := range map[string]feeds.Request{
		"no source":              {},
		"a source that is not":   {From: []string{filepath.Join(dir, "gone")}},
		"a source without any":   {From: []string{t.TempDir()}},
		"a mirror, no ecosystem": {From: []string{"https://mirror.example"}},
	} {
		if _, _, err := c.Update(ctx, q); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	update(t, c, feeds.Request{From: []string{name}})
	if _, _, err := c.Update(ctx, feeds.Request{From: []string{t.TempDir()}}); err == nil || ids(t, c) != "A-1@01" {
		t.Error("an update that finds nothing takes what was there away")
	}
	done, cancel := context.WithCancel(ctx)
	cancel()
	if _, _, err := c.Update(done, feeds.Request{}); err == nil || ids(t, c) != "A-1@01" {
		t.Error("an update that is interrupted takes what was there away")
	}
	if left, err := filepath.Glob(filepath.Join(c.Dir, ".update-*")); err != nil || len(left) > 0 {
		t.Errorf("%v is left over", left)
	}
	// A cache that is damaged is said so, never read as empty; naming the sources mends it.
	raw, err := os.ReadFile(c.Path())
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)/2] ^= 1
	write(t, c.Path(), string(raw))
	if _, _, err := c.Load(ctx); ident.KindOf(err) != ident.KindFailure || err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("%v", err)
	}
	if _, err := c.Note(ctx); err == nil {
		t.Error("the note of a damaged cache is read")
	}
	update(t, c, feeds.Request{From: []string{name}})
	if ids(t, c) != "A-1@01" {
		t.Error("a damaged cache cannot be mended")
	}
}

func TestHostileArchives(t *testing.T) {
	dir := t.TempDir()
	c := &feeds.Cache{Dir: filepath.Join(dir, "cache")}
	good := record("A-1", "Go", "2026-01-01T00:00:00Z")
	bomb := `{"id":"BOMB","details":"` + strings.Repeat("a", 4<<20) + `"}`
	name := filepath.Join(dir, "all.zip")
	write(t, name, string(zipped(t, map[string]string{"../../A-1.json": good, "bomb.json": bomb})))
	_, problems := update(t, c, feeds.Request{From: []string{name}})
	if ids(t, c) != "A-1@01" || len(problems) != 1 || !strings.Contains(problems[0].Message, "inflates beyond") {
		t.Errorf("%v", problems)
	}
	write(t, filepath.Join(dir, "cut.zip"), string(zipped(t, map[string]string{"A-1.json": good})[:60]))
	if _, problems, err := c.Update(context.Background(), feeds.Request{From: []string{filepath.Join(dir, "cut.zip")}, At: now}); err == nil || len(problems) != 1 {
		t.Errorf("%v %v", problems, err)
	}
}

// One archive may have a record twice, and nothing but what cannot be read: the newer
// one counts, and of the latter some are named and all are counted.
func TestArchivesOfTwinsAndOfRubbish(t *testing.T) {
	dir := t.TempDir()
	c := &feeds.Cache{Dir: filepath.Join(dir, "cache")}
	name := filepath.Join(dir, "all.zip")
	members := map[string]string{
		"A-1.json":       record("A-1", "Go", "2026-01-09T00:00:00Z"),
		"again/A-1.json": record("A-1", "Go", "2026-01-01T00:00:00Z"),
		"lines.ndjson":   strings.Repeat("{\"id\":\n", 3000),
	}
	write(t, name, string(zipped(t, members)))
	note, problems := update(t, c, feeds.Request{From: []string{name}})
	if note.Sources[0].Quarantined != 3000 || len(problems) != 1001 || !strings.HasPrefix(problems[1000].Message, "2000 more") {
		t.Errorf("%d problems of %d", len(problems), note.Sources[0].Quarantined)
	}
	as, _, err := c.Load(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	db, err := vuln.NewDatabase(as, vuln.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if db.Len() != 1 || db.Duplicates() != 1 || db.AsOf().Day() != 9 {
		t.Errorf("%d records, %d twins, as of %v", db.Len(), db.Duplicates(), db.AsOf())
	}
}

// One giant member costs no more than what is read of any, and only itself.
func TestGiantMember(t *testing.T) {
	dir := t.TempDir()
	c := &feeds.Cache{Dir: filepath.Join(dir, "cache")}
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for name, text := range map[string]string{"giant.json": strings.Repeat(" ", 65<<20), "A-1.json": record("A-1", "Go", "2026-01-01T00:00:00Z")} {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name}) // stored: its ratio is no reason
		if err == nil {
			_, err = w.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "all.zip")
	write(t, name, buf.String())
	_, problems := update(t, c, feeds.Request{From: []string{name}})
	if ids(t, c) != "A-1@01" || len(problems) != 1 || !strings.Contains(problems[0].Message, "inflates beyond 67108864") {
		t.Errorf("%v", problems)
	}
}

// mirror serves records as osv.dev does, on a real socket.
type mirror struct {
	mu      sync.Mutex
	records map[string]string // id → modified
	asked   []string
	broken  bool
	cut     bool
	list    bool
}

func (m *mirror) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken {
		http.Error(w, "down", http.StatusBadGateway)
		return
	}
	name := strings.TrimPrefix(r.URL.Path, "/Go/")
	switch {
	case name == "all.zip":
		var buf bytes.Buffer
		z := zip.NewWriter(&buf)
		var tags []string
		for id, at := range m.records {
			f, err := z.Create(id + ".json")
			if err == nil {
				_, err = f.Write([]byte(record(id, "Go", at)))
			}
			if err != nil {
				panic(err)
			}
			tags = append(tags, id+at)
		}
		if err := z.Close(); err != nil {
			panic(err)
		}
		slices.Sort(tags)
		tag := fmt.Sprintf("%q", ident.SHA256([]byte(strings.Join(tags, " "))).Short())
		if r.Header.Get("If-None-Match") == tag {
			m.asked = append(m.asked, "all.zip=304")
			w.WriteHeader(http.StatusNotModified)
			return
		}
		m.asked = append(m.asked, "all.zip")
		w.Header().Set("ETag", tag)
		w.Header().Set("Content-Length", fmt.Sprint(buf.Len()))
		raw := buf.Bytes()
		if m.cut {
			raw = raw[:len(raw)/2]
		}
		_, _ = w.Write(raw)
	case name == "modified_id.csv" && m.list:
		m.asked = append(m.asked, name)
		for id, at := range m.records {
			_, _ = fmt.Fprintf(w, "%s,%s\n", at, id)
		}
	case m.records[strings.TrimSuffix(name, ".json")] != "":
		m.asked = append(m.asked, name)
		id := strings.TrimSuffix(name, ".json")
		_, _ = fmt.Fprint(w, record(id, "Go", m.records[id]))
	default:
		http.NotFound(w, r)
	}
}

func TestMirror(t *testing.T) {
	m := &mirror{records: map[string]string{"GO-1": "2026-01-01T00:00:00Z", "GO-2": "2026-01-01T00:00:00Z", "GO-3": "2026-01-01T00:00:00Z"}}
	srv := httptest.NewServer(m)
	defer srv.Close()
	c := &feeds.Cache{Dir: t.TempDir(), Client: srv.Client(), Wait: noWait}
	first := feeds.Request{From: []string{srv.URL + "/"}, Only: []string{"Go"}}
	step := func(what string, change func(), q feeds.Request, asked, want string, problems int) {
		t.Helper()
		m.mu.Lock()
		m.asked = nil
		change()
		m.mu.Unlock()
		_, ps := update(t, c, q)
		m.mu.Lock()
		defer m.mu.Unlock()
		if got := strings.Join(m.asked, " "); got != asked || ids(t, c) != want || len(ps) != problems {
			t.Errorf("%s: asked for %q, want %q; has %q, want %q; %v", what, got, asked, ids(t, c), want, ps)
		}
	}
	nothing := func() {}
	step("the first time", nothing, first, "all.zip", "GO-1@01 GO-2@01 GO-3@01", 0)
	step("nothing new", nothing, feeds.Request{}, "all.zip=304", "GO-1@01 GO-2@01 GO-3@01", 0)
	step("with a list, nothing new", func() { m.list = true }, feeds.Request{}, "modified_id.csv", "GO-1@01 GO-2@01 GO-3@01", 0)
	step("one new, one changed, one gone", func() {
		m.records["GO-4"], m.records["GO-2"] = "2026-01-05T00:00:00Z", "2026-01-06T00:00:00Z"
		delete(m.records, "GO-1")
	}, feeds.Request{}, "modified_id.csv GO-2.json GO-4.json", "GO-2@06 GO-3@01 GO-4@05", 0)
	step("the mirror is down", func() { m.broken = true }, feeds.Request{}, "", "GO-2@06 GO-3@01 GO-4@05", 1)
	step("the archive is cut short", func() { m.broken, m.list, m.cut = false, false, true }, feeds.Request{}, strings.TrimSpace(strings.Repeat("all.zip ", 5)), "GO-2@06 GO-3@01 GO-4@05", 1)
	step("and whole again", func() { m.cut = false }, feeds.Request{}, "all.zip", "GO-2@06 GO-3@01 GO-4@05", 0)
	as, note, err := c.Load(context.Background())
	if err != nil || note.Sources[0].URL != srv.URL+"/Go" || note.Sources[0].ETag == "" {
		t.Fatal(note, err)
	}
	if _, err := vuln.NewDatabase(as, vuln.Options{}); err != nil {
		t.Fatal(err)
	}
	// A mirror that was never reached has nothing to keep.
	fresh := &feeds.Cache{Dir: t.TempDir(), Client: srv.Client(), Wait: noWait}
	m.mu.Lock()
	m.broken = true
	m.mu.Unlock()
	if _, _, err := fresh.Update(context.Background(), first); err == nil || !strings.Contains(err.Error(), "502") {
		t.Errorf("%v", err)
	}
}
