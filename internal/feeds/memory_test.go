package feeds_test

import (
	"archive/zip"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/feeds"
)

// wordy is a record that says much and of which little is kept.
func wordy(i, details int) string {
	text := strings.Repeat(fmt.Sprintf("%016x ", uint64(i+1)*0x9e3779b97f4a7c15), details/17) //nolint:gosec // an index
	return fmt.Sprintf(`{"id":"MADE-%d","modified":"2026-01-01T00:00:00Z","summary":"fault %d","details":%q,"affected":[{"package":{"ecosystem":"Go","name":"example.com/m%d"},`+
		`"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.%d.0"}]},{"type":"GIT","repo":"https://example.com/m%d","events":[{"introduced":"0"},{"fixed":"%040x"}]}]}]}`, i, i, text, i, i%50, i, i)
}

// What an import has in memory is what it keeps, not what it reads: records of an archive
// and of a folder whose texts are many times as long. It is looked at while it goes on.
func TestMemoryOfImports(t *testing.T) {
	n, details := 1000, 16<<10
	if os.Getenv("COFFERDAM_LONG") != "" {
		n, details = 200_000, 4<<10
	}
	dir := t.TempDir()
	archive, folder := filepath.Join(dir, "all.zip"), filepath.Join(dir, "folder")
	f, err := os.Create(archive) // #nosec G304 -- of the test
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	read := 0
	for i := range n {
		text := wordy(i, details)
		read += len(text)
		write(t, filepath.Join(folder, fmt.Sprintf("%06d.json", i)), text)
		w, err := z.Create(fmt.Sprintf("%06d.json", i))
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
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{archive, folder} {
		before, most, looks := live(), uint64(0), 0
		c := &feeds.Cache{Dir: t.TempDir(), Progress: func(_ string, done, total int) {
			if total == n && done%(n/4) == n/4-1 {
				looks++
				if alive := live(); alive > before {
					most = max(most, alive-before)
				}
			}
		}}
		note, problems, err := c.Update(context.Background(), feeds.Request{From: []string{from}, At: now})
		if err != nil || note.Advisories != n || len(problems) > 0 || looks != 4 {
			t.Fatal(err, note, problems, looks)
		}
		st, err := os.Stat(c.Path())
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d records of %d bytes: %d bytes alive at most, %d a record, for a cache of %d", filepath.Base(from), n, read, most, most/uint64(n), st.Size())
		// A record has two kilobytes at most, its lists and its names included.
		if allowed := uint64(n)*2<<10 + 4<<20; most > allowed {
			t.Errorf("%s: %d bytes are alive, more than %d", filepath.Base(from), most, allowed)
		}
	}
	if status, err := os.ReadFile("/proc/self/status"); err == nil {
		_, peak, _ := strings.Cut(string(status), "VmHWM:")
		peak, _, _ = strings.Cut(peak, "\n")
		t.Logf("the process had %s at most", strings.TrimSpace(peak))
	}
}

// More records than an update reads are refused, and what was there stays. There are two
// million to be read for that: the short test has some, which are taken.
func TestTooManyRecords(t *testing.T) {
	each, most := 50, 2_000_000
	if os.Getenv("COFFERDAM_LONG") != "" {
		each = most/2 + 1
	}
	dir := t.TempDir()
	c := &feeds.Cache{Dir: filepath.Join(dir, "cache")}
	good := filepath.Join(dir, "good.json")
	write(t, good, record("A-1", "Go", "2026-01-01T00:00:00Z"))
	update(t, c, feeds.Request{From: []string{good}})
	for _, name := range []string{"1.ndjson", "2.ndjson"} {
		write(t, filepath.Join(dir, "many", name), strings.Repeat(`{"id":"A"}`+"\n", each))
	}
	note, _, err := c.Update(context.Background(), feeds.Request{From: []string{filepath.Join(dir, "many")}, At: now})
	if 2*each > most {
		if ident.KindOf(err) != ident.KindLimit || ids(t, c) != "A-1@01" {
			t.Errorf("%v", err)
		}
	} else if err != nil || note.Advisories != 2*each {
		t.Errorf("%v %+v", err, note)
	}
}

// live is how many bytes are reachable.
func live() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
