package catalog_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/index/synth"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/internal/corpus"
	"github.com/cofferdam-io/cofferdam/internal/store/sqlite"
)

// One large document is taken in with little more memory than it has bytes. A process
// of its own does it, whose memory nobody else has a part of.
func TestLargeDocument(t *testing.T) {
	for _, shape := range synth.LargeShapes() {
		t.Run(shape.Name, func(t *testing.T) { testLarge(t, shape) })
	}
}

func testLarge(t *testing.T, shape synth.Large) {
	size := int64(64 << 20)
	if os.Getenv("COFFERDAM_LONG") != "" {
		size = 256 << 20
	}
	dir := t.TempDir()
	path := dir + "/large.json"
	f, err := os.Create(path) // #nosec G304 -- of the test
	if err == nil {
		err = errors.Join(shape.Write(f, size), f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	program := os.Args[0]
	if raced {
		// The race detector takes several times the memory that is measured here.
		program = dir + "/catalog.test"
		if out, err := exec.Command("go", "test", "-c", "-o", program, ".").CombinedOutput(); err != nil { // #nosec G204 -- this package
			t.Fatalf("the test's program cannot be built without the race detector: %v\n%s", err, out)
		}
	}
	child := exec.Command(program) // #nosec G204 -- this test's own program
	child.Env = append(os.Environ(), largeVariable+"="+path, "GOGC=100", "GOMEMLIMIT=off")
	out, err := child.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	// The kernel's own count of a child begins with what its parent had before exec.
	_, said, _ := strings.Cut(string(out), "VmHWM:")
	var used int64
	if _, err := fmt.Sscan(said, &used); err != nil {
		t.Fatalf("the child does not say what it used: %v\n%s", err, out)
	}
	// 256 MiB are to be taken in with 512; what is below is the program and its caches.
	most := size*3/2 + 128<<20
	t.Logf("%d bytes: %v of CPU time, %d MiB at most", size, child.ProcessState.UserTime()+child.ProcessState.SystemTime(), used>>10)
	if got := used << 10; got > most {
		t.Errorf("%d bytes of memory were used, more than %d", got, most)
	}
}

// largeVariable names the document that the process of TestLargeDocument takes in.
const largeVariable = "COFFERDAM_TEST_LARGE"

// childOfTest is that process: it says what it used. is is false in any other.
func childOfTest() (is bool, err error) {
	path := os.Getenv(largeVariable)
	if path == "" {
		return false, nil
	}
	return true, takeLarge(context.Background(), path)
}

func takeLarge(ctx context.Context, path string) error {
	f, err := os.Open(path) // #nosec G304 -- made by the test
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read
	info, err := f.Stat()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "large")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // of a test
	coding := &catalog.Coding{}
	s, err := sqlite.Open(ctx, dir, sqlite.Options{Coding: coding.Store()})
	if err != nil {
		return err
	}
	c, err := catalog.Open(ctx, catalog.Options{Store: s, Log: slog.New(slog.DiscardHandler), Now: time.Now, Coding: coding})
	if err != nil {
		return err
	}
	r, err := c.Take(ctx, ci, catalog.Upload{Body: f, Size: info.Size()})
	if err != nil || r.Components < 10_000 {
		return fmt.Errorf("taken in as %+v: %w", r, err)
	}
	found, err := c.Search(ctx, catalog.Search{Component: "pkg:npm/package-7@1.7", Begin: true, Limit: 10})
	if err != nil || found.Total != 1 {
		return fmt.Errorf("a component of it is found in %+v: %w", found, err)
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(status)) {
		if strings.HasPrefix(line, "VmHWM:") {
			fmt.Print(line)
		}
	}
	return errors.Join(c.Close(ctx), s.Close())
}

// A large document, of which nothing but keys is kept while it is read, has the components
// that it has otherwise, and is about the same.
func TestLargeIsReadAlike(t *testing.T) {
	var files []string
	for pattern, least := range map[string]int{"sbom/guac-data/top-dh-sboms/*.json": 20, "sbom/sbom-utility-tests/examples/cyclonedx/SBOM/*/bom*.json": 7} {
		found, err := filepath.Glob(filepath.Join(corpus.Root(t), pattern))
		if err != nil || len(found) < least {
			t.Fatalf("%s: %d documents, %v", pattern, len(found), err)
		}
		files = append(files, found...)
	}
	s := embedded(t, t.TempDir())
	c, end := open(t, s, catalog.Options{})
	defer end()
	components := 0
	for _, f := range files {
		small, err := os.ReadFile(f) // #nosec G304 -- of the corpus
		if err != nil {
			t.Fatal(err)
		}
		at, err := s.Position(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		large := take(t, c, catalog.Upload{}, append(bytes.Clone(small), bytes.Repeat([]byte(" "), 5<<20)...))
		usual := take(t, c, catalog.Upload{}, append(bytes.Clone(small), ' '))
		rows, err := s.Since(context.Background(), at.Seq, 10)
		if err != nil || len(rows) != 2 {
			t.Fatalf("%d changes, %v", len(rows), err)
		}
		if large.Components != usual.Components || large.Artifact != usual.Artifact || !bytes.Equal(rows[0].Row, rows[1].Row) {
			t.Errorf("%s: %+v, and as a small one %+v", filepath.Base(f), large, usual)
		}
		components += large.Components
	}
	if components < 2000 {
		t.Errorf("the documents have %d components", components)
	}
}

// A document that would take too much memory is kept in quarantine, however few bytes it
// came in.
func TestLargeOnceItIsUnpacked(t *testing.T) {
	c, end := open(t, embedded(t, t.TempDir()), catalog.Options{})
	defer end()
	for size, taken := range map[int]bool{8 << 20: true, 60 << 20: false} {
		var b bytes.Buffer
		z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
		if err != nil {
			t.Fatal(err)
		}
		random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same each time
		piece := bytes.Repeat([]byte(" "), 4096)
		for n := 0; n < size; n += len(piece) {
			for i := range 256 { // or so much space would pack too well for a document
				piece[i] = " \n\t\r"[random.IntN(4)]
			}
			if _, err := z.Write(piece); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := z.Write(text("packed", "pkg:npm/p@1")); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		if b.Len() >= 4<<20 {
			t.Fatalf("it packs to %d bytes, which are large themselves", b.Len())
		}
		_, err = c.Take(context.Background(), ci, catalog.Upload{Body: &b, Size: int64(b.Len())})
		var no *catalog.RejectedError
		if taken != (err == nil) || !taken && (!errors.As(err, &no) || ident.KindOf(no.Err) != ident.KindLimit || !strings.Contains(err.Error(), "is read whole")) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

// What comes back is what was sent, also where it is larger than what is pooled, was
// sent without its size, or packs to nothing.
func TestBodiesComeBack(t *testing.T) {
	c, end := open(t, embedded(t, t.TempDir()), catalog.Options{})
	defer end()
	for _, n := range []int{1, 4000, 1 << 20, 5 << 20, 9 << 20} {
		for _, known := range []bool{true, false} {
			doc := append(text(fmt.Sprint("image-", n, known), "pkg:npm/p@1"), bytes.Repeat([]byte(" \n"), n/2)...)
			u := catalog.Upload{Body: bytes.NewReader(doc), Size: -1}
			if known {
				u.Size = int64(len(doc))
			}
			r, err := c.Take(context.Background(), ci, u)
			if err != nil {
				t.Fatal(err)
			}
			body, size, err := c.Content(context.Background(), "", r.Digest)
			if err != nil {
				t.Fatal(err)
			}
			back, err := io.ReadAll(body)
			if err != nil || size != int64(len(doc)) || !bytes.Equal(back, doc) {
				t.Errorf("%d bytes, known %v: %d come back, %v", len(doc), known, len(back), err)
			}
			if err := body.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
