package catalog_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/internal/store/sqlite"
)

// largeDocument writes an SPDX document of about n bytes as scanners of images write
// the largest: one byte in sixteen is of packages, the rest of files.
func largeDocument(n int) []byte {
	var b bytes.Buffer
	b.Grow(n + 4096)
	b.WriteString(`{"spdxVersion":"SPDX-2.3","dataLicense":"CC0-1.0","SPDXID":"SPDXRef-DOCUMENT","name":"large","documentNamespace":"https://scanner.example/large","creationInfo":{"created":"2026-01-02T03:04:05Z","creators":["Tool: made-1"]},"packages":[`)
	for i := 0; b.Len() < n/16; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"SPDXID":"SPDXRef-Package-%d","name":"package-%d","versionInfo":"1.%d","supplier":"Organization: Somebody","downloadLocation":"NOASSERTION","filesAnalyzed":false,"licenseDeclared":"MIT","copyrightText":"NOASSERTION","externalRefs":[{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:npm/package-%d@1.%d"}]}`, i, i, i%50, i, i%50)
	}
	b.WriteString(`],"files":[`)
	for i := uint64(0); b.Len() < n; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		h := i * 0x9e3779b97f4a7c15
		fmt.Fprintf(&b, `{"fileName":"/usr/share/doc/thing-%d/file-%d.txt","SPDXID":"SPDXRef-File-%016x","fileTypes":["TEXT"],"checksums":[{"algorithm":"SHA256","checksumValue":"%016x%016x%016x%016x"}],"licenseConcluded":"NOASSERTION","copyrightText":""}`, i%7919, i, h, h, h*3, h*5, h*7)
	}
	b.WriteString("]}")
	return b.Bytes()
}

// One large document is taken in with little more memory than it has bytes. A process
// of its own does it, whose memory nobody else has a part of.
func TestLargeDocument(t *testing.T) {
	if raced {
		t.Skip("the race detector takes several times the memory that is measured here")
	}
	size := 64 << 20
	if os.Getenv("COFFERDAM_LONG") != "" {
		size = 256 << 20
	}
	dir := t.TempDir()
	path := dir + "/large.json"
	if err := os.WriteFile(path, largeDocument(size), 0o600); err != nil {
		t.Fatal(err)
	}
	child := exec.Command(os.Args[0], "-test.run=^TestLargeDocumentAlone$", "-test.v") // #nosec G204 -- this test's own program
	child.Env = append(os.Environ(), "COFFERDAM_TEST_LARGE="+path, "GOGC=100", "GOMEMLIMIT=off")
	out, err := child.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "PASS: TestLargeDocumentAlone") {
		t.Fatalf("%v\n%s", err, out)
	}
	// The kernel's own count of a child begins with what its parent had before exec.
	_, said, _ := strings.Cut(string(out), "VmHWM:")
	var used int64
	if _, err := fmt.Sscan(said, &used); err != nil {
		t.Fatalf("the child does not say what it used: %v\n%s", err, out)
	}
	// 256 MiB are to be taken in with 512; what is below is the program and its caches.
	most := int64(size)*3/2 + 128<<20
	t.Logf("%d bytes: %v of CPU time, %d MiB at most", size, child.ProcessState.UserTime()+child.ProcessState.SystemTime(), used>>10)
	if got := used << 10; got > most {
		t.Errorf("%d bytes of memory were used, more than %d", got, most)
	}
}

// TestLargeDocumentAlone is the process that TestLargeDocument starts.
func TestLargeDocumentAlone(t *testing.T) {
	path := os.Getenv("COFFERDAM_TEST_LARGE")
	if path == "" {
		t.Skip("TestLargeDocument starts it")
	}
	f, err := os.Open(path) // #nosec G304 -- made by the test
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // only read
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	coding := &catalog.Coding{}
	s, err := sqlite.Open(context.Background(), t.TempDir(), sqlite.Options{Coding: coding.Store()})
	if err != nil {
		t.Fatal(err)
	}
	c, end := open(t, s, catalog.Options{Log: slog.New(slog.DiscardHandler), Coding: coding})
	defer end()
	r, err := c.Take(context.Background(), ci, catalog.Upload{Body: f, Size: info.Size()})
	if err != nil || r.Components < 10_000 {
		t.Fatal(r, err)
	}
	if n := total(t, c, catalog.Search{Component: "pkg:npm/package-7@1.7"}); n != 1 {
		t.Errorf("%d artifacts have a component of it", n)
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if strings.HasPrefix(line, "VmHWM:") {
			t.Log(line)
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
