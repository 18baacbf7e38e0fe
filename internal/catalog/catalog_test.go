package catalog_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/index"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/internal/store/postgres"
	"github.com/cofferdam-io/cofferdam/internal/store/sqlite"
	"github.com/cofferdam-io/cofferdam/internal/testenv/pg"
)

func TestMain(m *testing.M) {
	if is, err := childOfTest(); is {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(withServer{m})
}

// withServer ends the PostgreSQL that tests share.
type withServer struct{ *testing.M }

func (m withServer) Run() int {
	defer pg.StopShared()
	return m.M.Run()
}

var ci = authz.Actor{Subject: "token:ci", Roles: []authz.Role{authz.Publisher}}

func embedded(t testing.TB, dir string) store.Store {
	t.Helper()
	s, err := sqlite.Open(context.Background(), dir, sqlite.Options{Coding: store.Coding{Encode: index.EncodeRow}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// onEngines asks the same of a catalogue on either engine. Each call of reopen opens
// the one store of the test again.
func onEngines(t *testing.T, test func(t *testing.T, reopen func() store.Store)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		dir := t.TempDir()
		test(t, func() store.Store { return embedded(t, dir) })
	})
	t.Run("postgres", func(t *testing.T) {
		dsn := pg.Shared(t).Database(t)
		test(t, func() store.Store { return shared(t, dsn) })
	})
}

func shared(t testing.TB, dsn string) store.Store {
	t.Helper()
	s, err := postgres.Open(context.Background(), dsn, postgres.Options{Coding: store.Coding{Encode: index.EncodeRow}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// open opens a catalogue; end closes it and its store.
func open(t testing.TB, s store.Store, o catalog.Options) (c *catalog.Catalog, end func()) {
	t.Helper()
	o.Store = s
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	c, err := catalog.Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return c, func() {
		if err := errors.Join(c.Close(context.Background()), s.Close()); err != nil {
			t.Error(err)
		}
	}
}

func text(name string, purls ...string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, `{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"metadata":{"component":{"type":"container","name":%q}},"components":[`, name)
	for i, p := range purls {
		if i > 0 {
			b.WriteByte(',')
		}
		n, v, _ := strings.Cut(p[strings.LastIndexByte(p, '/')+1:], "@")
		fmt.Fprintf(&b, `{"type":"library","bom-ref":"c%d","name":%q,"version":%q,"purl":%q}`, i, n, v, p)
	}
	b.WriteString("]}")
	return []byte(b.String())
}

func take(t testing.TB, c *catalog.Catalog, u catalog.Upload, doc []byte) *catalog.Receipt {
	t.Helper()
	u.Body, u.Size = bytes.NewReader(doc), int64(len(doc))
	r, err := c.Take(context.Background(), ci, u)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func total(t testing.TB, c *catalog.Catalog, q catalog.Search) int {
	t.Helper()
	q.Begin, q.Limit = true, 1000
	f, err := c.Search(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Artifacts) != f.Total {
		t.Fatalf("%d artifacts are listed of %d", len(f.Artifacts), f.Total)
	}
	return f.Total
}

func digest(n int) ident.Digest { return ident.SHA256([]byte{byte(n)}) }

// What runs where, now and in the past, by which digest, and what nobody knows.
func TestRunningWorkloads(t *testing.T) { onEngines(t, runningWorkloads) }

func runningWorkloads(t *testing.T, reopen func() store.Store) {
	c, end := open(t, reopen(), catalog.Options{})
	defer end()
	lodash := func(n int) []byte { return text(fmt.Sprint("image", n), "pkg:npm/lodash@4.17."+fmt.Sprint(n)) }
	for n := range 3 {
		take(t, c, catalog.Upload{Artifact: digest(n)}, lodash(n))
	}
	w := func(name, zone string, n int) catalog.Workload {
		x := catalog.Workload{Namespace: "shop", Kind: "Deployment", Name: name, Container: "app", Zone: zone}
		if n >= 0 {
			x.Digest = digest(n)
		}
		return x
	}
	report := func(cluster string, want int, ws ...catalog.Workload) {
		t.Helper()
		if n, err := c.Report(context.Background(), ci, cluster, ws); err != nil || n != want {
			t.Fatalf("%d changed, %v; want %d", n, err, want)
		}
	}
	report("prod", 4, w("web", "dmz", 0), w("api", "restricted", 1), w("old", "dmz", 9), w("built-here", "", -1))
	report("prod", 0, w("web", "dmz", 0), w("api", "restricted", 1), w("old", "dmz", 9), w("built-here", "", -1))
	report("test", 1, w("web", "dmz", 1))
	then := time.Now()
	q := catalog.Search{Component: "pkg:npm/lodash"}
	for _, c2 := range []struct {
		running       bool
		zone, cluster string
		want          int
	}{{false, "", "", 3}, {true, "", "", 2}, {false, "restricted", "", 1}, {false, "dmz", "", 2}, {false, "", "test", 1}, {false, "nowhere", "", 0}, {true, "", "nowhere", 0}} {
		q.Running, q.Zone, q.Cluster = c2.running, c2.zone, c2.cluster
		if got := total(t, c, q); got != c2.want {
			t.Errorf("%+v: %d", c2, got)
		}
	}
	f, err := c.Search(context.Background(), catalog.Search{Component: "pkg:npm/lodash", Running: true, Begin: true, Limit: 1})
	if err != nil || !f.More || f.Coverage.Workloads != 5 || f.Coverage.WithSBOM != 3 || f.Coverage.Unresolved != 1 || len(f.Coverage.Clusters) != 2 {
		t.Errorf("%+v, %v", f, err)
	}
	// A workload that runs an image whose document comes later is found then.
	take(t, c, catalog.Upload{Artifact: digest(9)}, lodash(9))
	if got := total(t, c, catalog.Search{Component: "pkg:npm/lodash", Zone: "dmz"}); got != 3 {
		t.Errorf("the image of old has a document now, and %d run in dmz", got)
	}
	report("prod", 3, w("api", "restricted", 1)) // the others ended
	if got := total(t, c, catalog.Search{Component: "pkg:npm/lodash", Zone: "dmz"}); got != 1 {
		t.Errorf("%d run in dmz", got)
	}
	if got := total(t, c, catalog.Search{Component: "pkg:npm/lodash", Zone: "dmz", At: then}); got != 3 {
		t.Errorf("%d ran in dmz then, by what is known of them now", got)
	}
}

// A document that names two digests of an image joins what were two artifacts. What
// only its sender says joins nothing: an old document handed over for a new image
// would make the two one.
func TestArtifactsJoin(t *testing.T) { onEngines(t, artifactsJoin) }

func artifactsJoin(t *testing.T, reopen func() store.Store) {
	c, end := open(t, reopen(), catalog.Options{})
	take(t, c, catalog.Upload{Artifact: digest(1)}, text("one", "pkg:npm/a@1"))
	take(t, c, catalog.Upload{Artifact: digest(2)}, text("two", "pkg:npm/a@2"))
	if got := total(t, c, catalog.Search{Component: "pkg:npm/a"}); got != 2 {
		t.Fatalf("%d artifacts", got)
	}
	about := func(name, component string, n int) []byte {
		return []byte(strings.Replace(string(text(name, component)), `"name":"`+name+`"`, `"name":"`+name+`","purl":"pkg:oci/`+name+`@`+strings.Replace(digest(n).String(), ":", "%3A", 1)+`"`, 1))
	}
	r := take(t, c, catalog.Upload{Artifact: digest(2)}, about("one", "pkg:npm/b@1", 1))
	docs, err := c.Documents(context.Background(), "", r.Digest)
	if err != nil || len(docs) != 1 || docs[0].Subject.Claimed != digest(2) {
		t.Fatalf("%+v, %v", docs, err)
	}
	if got := total(t, c, catalog.Search{Component: "pkg:npm/a"}); got != 2 {
		t.Fatalf("what the sender said joined them: %d artifacts", got)
	}
	// A syft document names the manifest and the configuration.
	take(t, c, catalog.Upload{}, []byte(`{"artifacts":[{"id":"1","name":"b","version":"1","type":"npm","purl":"pkg:npm/b@1"}],"artifactRelationships":[],`+
		`"source":{"id":"s","name":"one","type":"image","metadata":{"userInput":"one","imageID":"`+digest(2).String()+`","manifestDigest":"`+digest(1).String()+`"}},`+
		`"descriptor":{"name":"syft","version":"1.0.0"},"schema":{"version":"16.0.0","url":"https://raw.githubusercontent.com/anchore/syft/main/schema/json/schema-16.0.0.json"}}`))
	check := func(c *catalog.Catalog) {
		t.Helper()
		for _, q := range []string{"pkg:npm/a", "pkg:npm/b"} {
			if got := total(t, c, catalog.Search{Component: q}); got != 1 {
				t.Errorf("%s is in %d artifacts", q, got)
			}
		}
	}
	check(c)
	end()
	c, end = open(t, reopen(), catalog.Options{})
	check(c)
	end()
}

// The index is derived: damage to what is kept of it costs time and no answer.
func TestDamagedCheckpointIsMadeAnew(t *testing.T) { onEngines(t, damagedCheckpointIsMadeAnew) }

func damagedCheckpointIsMadeAnew(t *testing.T, reopen func() store.Store) {
	for round, spoil := range []func(store.Store){
		func(store.Store) {},
		func(s store.Store) {
			list, _ := s.Segments(context.Background())
			for _, g := range list {
				if strings.Contains(g.Name, "postings") || strings.Contains(g.Name, "dictionary") {
					g.Data = []byte("damaged")
					if err := s.PutSegments(context.Background(), []store.Segment{g}, nil, nil); err != nil {
						t.Fatal(err)
					}
				}
			}
		},
		func(s store.Store) {
			list, _ := s.Segments(context.Background())
			names := make([]string, 0, len(list))
			for _, g := range list {
				if !strings.HasSuffix(g.Name, "manifest") {
					names = append(names, g.Name)
				}
			}
			if err := s.PutSegments(context.Background(), nil, names, nil); err != nil {
				t.Fatal(err)
			}
		},
	} {
		s := reopen()
		spoil(s)
		c, end := open(t, s, catalog.Options{Log: slog.New(slog.DiscardHandler)})
		if got := total(t, c, catalog.Search{Component: "pkg:npm/a"}); got != round {
			t.Errorf("round %d: %d artifacts", round, got)
		}
		take(t, c, catalog.Upload{}, text(fmt.Sprint("image", round), fmt.Sprintf("pkg:npm/a@%d", round)))
		end()
	}
}

// Every real document is taken in or put into quarantine with a reason, whole,
// truncated and with bits turned over; its bytes come back either way. The long run
// cuts at every thousandth byte and turns every five-hundredth, of the giants too,
// each of them in a catalogue of its own, since they fill gigabytes.
func TestEveryFixture(t *testing.T) {
	data := os.Getenv("COFFERDAM_DATA")
	if data == "" {
		t.Skip("COFFERDAM_DATA is not set: no real documents")
	}
	long := os.Getenv("COFFERDAM_LONG") != ""
	shared := &damage{t: t}
	end := shared.open()
	files := 0
	var giants []string
	err := filepath.WalkDir(filepath.Join(data, "sbom"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		doc, err := os.ReadFile(path)
		if err != nil || len(doc) > 8<<20 {
			return err
		}
		files++
		switch {
		case long && len(doc) > 1<<20:
			giants = append(giants, path)
		case long:
			shared.all(path, doc, len(doc))
		case len(doc) > 400_000: // cutting a giant at every thousandth byte takes hours
			shared.put(path, doc)
		default:
			shared.all(path, doc, fixtureCuts)
		}
		return nil
	})
	taken, rejected := end()
	if err != nil || files < 500 || taken < 300 || rejected < 1000 {
		t.Errorf("%d files, %d taken, %d rejected, %v", files, taken, rejected, err)
	}
	t.Logf("%d files; %d taken in, %d in quarantine; %d larger ones to go", files, taken, rejected, len(giants))
	for i, path := range giants {
		doc, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(filepath.Base(path), func(t *testing.T) {
			alone := &damage{t: t}
			end := alone.open()
			alone.all(path, doc, len(doc))
			taken, rejected := end()
			t.Logf("%d of %d, %d bytes; %d taken in, %d in quarantine", i+1, len(giants), len(doc), taken, rejected)
		})
	}
}

// damage hands documents over, whole and damaged, and counts what became of them.
type damage struct {
	t    *testing.T
	c    *catalog.Catalog
	gate chan struct{}
	wg   sync.WaitGroup

	mu              sync.Mutex
	taken, rejected int
}

// open makes the catalogue. What it returns waits for everything, ends it and says
// how much was taken in and rejected.
func (d *damage) open() func() (taken, rejected int) {
	c, end := open(d.t, embedded(d.t, d.t.TempDir()), catalog.Options{Log: slog.New(slog.DiscardHandler), Limits: catalog.Limits{Wait: time.Hour}})
	d.c, d.gate = c, make(chan struct{}, 16)
	return func() (int, int) {
		d.wg.Wait()
		end()
		return d.taken, d.rejected
	}
}

// all hands a document over whole, cut at every thousandth byte and with every
// five-hundredth turned, or fewer of either: at most some.
func (d *damage) all(path string, doc []byte, most int) {
	d.put(path, doc)
	cut, turn := 1000, 500
	for len(doc)/cut > most {
		cut *= 2
	}
	for len(doc)/turn > most {
		turn *= 2
	}
	for i := cut; i < len(doc); i += cut {
		d.put(fmt.Sprint(path, " cut at ", i), doc[:i])
	}
	for i := turn; i < len(doc); i += turn {
		bad := bytes.Clone(doc)
		bad[i] ^= 0x55
		d.put(fmt.Sprint(path, " turned at ", i), bad)
	}
}

func (d *damage) put(name string, doc []byte) {
	d.gate <- struct{}{}
	d.wg.Go(func() {
		defer func() { <-d.gate }()
		_, err := d.c.Take(context.Background(), ci, catalog.Upload{Body: bytes.NewReader(doc), Size: int64(len(doc))})
		var no *catalog.RejectedError
		d.mu.Lock()
		defer d.mu.Unlock()
		switch {
		case err == nil:
			if d.taken++; d.taken%53 == 0 {
				d.same(name, doc)
			}
		case errors.As(err, &no) && no.Error() != "" && no.ID > 0:
			d.rejected++
		default:
			d.t.Errorf("%s: %v", name, err)
		}
	})
}

// same checks that a document's bytes come back.
func (d *damage) same(name string, doc []byte) {
	r, _, err := d.c.Content(context.Background(), "", ident.SHA256(doc))
	if err != nil {
		d.t.Errorf("%s: %v", name, err)
		return
	}
	defer r.Close() //nolint:errcheck // what was read is compared
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, doc) {
		d.t.Errorf("%s: %d bytes come back of %d, %v", name, len(got), len(doc), err)
	}
}

// looks counts how often a server looks for the changes of others. It listens to nothing.
type looks struct {
	store.Store
	begun atomic.Int64
}

func (l *looks) Since(ctx context.Context, seq uint64, limit int) ([]store.Change, error) {
	l.begun.Add(1)
	return l.Store.Since(ctx, seq, limit)
}

// Two servers on one database: what one acknowledges the other shows once it has heard of
// it, or, where it hears of nothing, once it has looked, which it does four times a second;
// and neither loses the index of the other.
func TestTwoServersShareADatabase(t *testing.T) {
	server := pg.Start(t)
	dsn := server.Database(t)
	for round := range 3 {
		var looking []*looks
		open := func() (*catalog.Catalog, func()) {
			s := shared(t, dsn)
			if round == 1 {
				l := &looks{Store: s}
				looking, s = append(looking, l), l
			}
			return open(t, s, catalog.Options{Shared: true})
		}
		a, endA := open()
		b, endB := open()
		var wg sync.WaitGroup
		for i, c := range []*catalog.Catalog{a, b} {
			wg.Go(func() {
				for n := range 20 {
					take(t, c, catalog.Upload{}, text(fmt.Sprint("image-", round, "-", i, "-", n), fmt.Sprintf("pkg:npm/p%d@%d", n, round)))
				}
			})
		}
		wg.Wait()
		want := (round + 1) * 40
		// A look that begins now sees everything, and the next begins when that is shown.
		seen := make([]int64, len(looking))
		for i, l := range looking {
			seen[i] = l.begun.Load() + 2
		}
		for i, c := range []*catalog.Catalog{a, b} {
			shown := func() bool { return total(t, c, catalog.Search{Name: "p", Match: index.NamePrefix}) == want }
			if len(looking) > 0 {
				eventually(t, "it looks twice", func() bool { return looking[i].begun.Load() >= seen[i] })
				if !shown() {
					t.Fatalf("round %d: server %d does not show %d documents after a look", round, i, want)
				}
			} else {
				eventually(t, fmt.Sprintf("round %d: server %d shows %d documents", round, i, want), shown)
			}
		}
		endB()
		endA()
	}
}
