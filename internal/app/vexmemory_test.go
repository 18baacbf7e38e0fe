//go:build unix

package app_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/internal/app"
	"github.com/cofferdam-io/cofferdam/internal/testenv/used"
)

// wordyCSAF is a document of a vendor about some products and vulnerabilities, with notes
// of so many bytes of which nothing is kept.
func wordyCSAF(doc, products, vulnerabilities, notes int) string {
	var b strings.Builder
	const each = 1 << 14                                                                                                                         // bytes of a note
	note := fmt.Sprintf(`{"category":"description","text":%q}`, strings.Repeat(fmt.Sprintf("%016x", uint64(doc+1)*0x9e3779b97f4a7c15), each/16)) //nolint:gosec // an index
	fmt.Fprintf(&b, `{"document":{"category":"csaf_vex","csaf_version":"2.0","notes":[%s],"publisher":{"category":"vendor","name":"Example PSIRT","namespace":"https://example.com"},
"tracking":{"id":"EX-%d","current_release_date":"2026-01-02T03:04:05Z","status":"final","version":"1"}},"product_tree":{"full_product_names":[`, strings.TrimSuffix(strings.Repeat(note+",", notes/each), ","), doc)
	for i := range products {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"product_id":"P-%d","name":"Product %d of document %d","product_identification_helper":{"purl":"pkg:npm/example-%d@%d.0.0"}}`, i, i, doc, i, doc)
	}
	b.WriteString(`]},"vulnerabilities":[`)
	for i := range vulnerabilities {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"cve":"CVE-2026-%d","notes":[{"category":"description","text":"in words"}],"product_status":{"fixed":["P-%d"],"known_not_affected":["P-%d"]},"flags":[{"label":"vulnerable_code_not_present","product_ids":["P-%d"]}]}`,
			10_000+i, i%products, (i+1)%products, (i+1)%products)
	}
	b.WriteString(`]}`)
	return b.String()
}

// What reading CSAF documents has in memory is what is kept of their statements, not how
// long the documents are: a folder of them, and a single large one. It is looked at while
// it goes on. With COFFERDAM_LONG there are 10,000 documents and one of 64 MB.
func TestMemoryOfCSAF(t *testing.T) {
	n, notes, large := 400, 32<<10, 4<<20
	if os.Getenv("COFFERDAM_LONG") != "" {
		n, large = 10_000, 64<<20
	}
	dir, read := t.TempDir(), 0
	put := func(name, text string) {
		read += len(text)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		put(fmt.Sprintf("%05d.json", i), wordyCSAF(i, 4, 4, notes))
	}
	const many = 1000 // products and vulnerabilities of the large one
	put("large.json", wordyCSAF(n, many, many, large))
	live := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, most, looks := live(), uint64(0), 0
	l := &app.Loader{Progress: func(stage string, done, total int) {
		if stage == "reading VEX" && total == n+1 && done%(n/4) == n/4-1 {
			looks++
			if alive := live(); alive > before {
				most = max(most, alive-before)
			}
		}
	}}
	known, problems, err := l.Intelligence(t.Context(), app.IntelligenceInputs{VEX: []string{dir}})
	if err != nil || len(problems) > 0 || known.Statements.Len() != 2*4*n+2*many || looks != 4 {
		t.Fatal(err, problems, known.Statements.Len(), looks)
	}
	if alive := live(); alive > before {
		most = max(most, alive-before)
	}
	runtime.KeepAlive(known)
	statements := uint64(known.Statements.Len()) //nolint:gosec // a count
	t.Logf("%d documents of %d bytes: %d statements, %d bytes alive at most, %d a statement; the process had %.0f MB at most", n+1, read, statements, most, most/statements, used.PeakMB(t))
	// A statement has two kilobytes at most, and what is read of one document comes and goes.
	if allowed := statements*2<<10 + 4<<20; most > allowed {
		t.Errorf("%d bytes are alive, more than %d", most, allowed)
	}
}
