package vuln_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/decode"
	"github.com/cofferdam-io/cofferdam/sbom/encode"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// rows are the findings of a document and what could not be compared, whatever its form.
func rows(t *testing.T, db *vuln.Database, d *sbom.Document) []string {
	t.Helper()
	r, err := vuln.Scan(context.Background(), []*sbom.Document{d}, db, nil)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range r.Findings {
		out = append(out, fmt.Sprint(f.ID, f.Aliases, f.Advisories, f.PURL, f.Component, f.Severity, f.Fixed, f.Fix, f.Range, f.Layer, len(f.Indices)))
	}
	for _, u := range r.Unmatched {
		out = append(out, fmt.Sprint(u.PURL, " ", u.Version, u.Class, u.Advisory, u.Reason))
	}
	slices.Sort(out)
	return out
}

// Every real document has the same findings, and leaves the same open, as SPDX and as
// CycloneDX.
func TestFindingsOfBothFormsOfRealDocuments(t *testing.T) {
	var paths []string
	err := filepath.WalkDir(dataDir(t, "sbom"), func(p string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			paths = append(paths, p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	db := loadAll(t, publicAdvisories(t))
	var documents, found atomic.Int64
	one := func(p string) {
		data, err := os.ReadFile(p)
		if err != nil {
			t.Error(err)
			return
		}
		docs, err := decode.Bytes(context.Background(), p, data, decode.Limits{})
		if err != nil {
			return
		}
		for _, d := range docs {
			documents.Add(1)
			want := rows(t, db, d)
			found.Add(int64(len(want)))
			for _, form := range []encode.Format{encode.CycloneDX, encode.SPDX} {
				var b bytes.Buffer
				if _, err := encode.Document(context.Background(), &b, d, form, encode.Options{At: time.Unix(1, 0)}); err != nil {
					t.Errorf("%s as %s: %v", p, form, err)
					continue
				}
				again, err := decode.Bytes(context.Background(), p, b.Bytes(), decode.Limits{})
				if err != nil || len(again) != 1 {
					t.Errorf("%s as %s: %v", p, form, err)
					continue
				}
				if got := rows(t, db, again[0]); !slices.Equal(got, want) {
					lost := slices.DeleteFunc(slices.Clone(want), func(s string) bool { return slices.Contains(got, s) })
					more := slices.DeleteFunc(slices.Clone(got), func(s string) bool { return slices.Contains(want, s) })
					t.Errorf("%s as %s: %d, then %d; lost %.1200q, more %.1200q", p, form, len(want), len(got), lost[:min(len(lost), 3)], more[:min(len(more), 3)])
				}
			}
		}
	}
	work := make(chan string)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for p := range work {
				one(p)
			}
		})
	}
	for i, p := range paths {
		// Of the standard's own documents there are many that differ in one word.
		if i%4 == 0 || os.Getenv("COFFERDAM_LONG") != "" || !strings.Contains(p, "cdx-spec-tests") {
			work <- p
		}
	}
	close(work)
	wg.Wait()
	t.Logf("%d documents, %d findings and components left open", documents.Load(), found.Load())
	if documents.Load() < 300 || found.Load() < 1000 {
		t.Errorf("only %d documents with %d rows", documents.Load(), found.Load())
	}
}
