package app_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/internal/app"
	"github.com/cofferdam-io/cofferdam/internal/corpus"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// held is a document's findings held against a report of it.
func held(t *testing.T, l *app.Loader, db *vuln.Database, document string, reports ...string) *vuln.Reconciliation {
	t.Helper()
	ctx := context.Background()
	docs, problems, err := l.SBOMs(ctx, []string{document})
	if err != nil || len(problems) > 0 {
		t.Fatal(document, problems, err)
	}
	return heldDocuments(t, l, db, docs, reports...)
}

func heldDocuments(t *testing.T, l *app.Loader, db *vuln.Database, docs []*sbom.Document, reports ...string) *vuln.Reconciliation {
	t.Helper()
	ctx := context.Background()
	reported, problems, err := l.ScannerReports(ctx, reports)
	if err != nil || len(problems) > 0 {
		t.Fatal(reports, problems, err)
	}
	r, err := vuln.Scan(ctx, docs, db, nil)
	if err != nil {
		t.Fatal(err)
	}
	return vuln.Reconcile(r, reported, db, docs)
}

func publicAdvisories(t *testing.T, l *app.Loader, root string) *vuln.Database {
	t.Helper()
	db, problems, err := l.Advisories(context.Background(), []string{filepath.Join(root, "vuln", "osv-go"), filepath.Join(root, "vuln", "osv-pypa")})
	if err != nil || len(problems) > 0 {
		t.Fatal(problems, err)
	}
	return db
}

// Why OSV-Scanner and we differ, where both had the same advisories and documents
// (docs/scanners.md).
const (
	// A Go binary that was built from a working copy says "(devel)": it takes every range
	// that begins at 0 for one that holds it; we say that it cannot be compared.
	noVersion = "no version"
	// It folds the case of Go's module paths, which have case; the record has capitals.
	foldedCase = "folded case"
)

// TestAgainstOSVScanner: with one set of advisories, every difference has a reason.
func TestAgainstOSVScanner(t *testing.T) {
	root := corpus.Root(t)
	l := &app.Loader{}
	db := publicAdvisories(t, l, root)
	images, err := filepath.Glob(filepath.Join(root, "sbom", "guac-data", "top-dh-sboms", "*.json"))
	if err != nil || len(images) != 24 {
		t.Fatal(images, err)
	}
	agreed, classes := 0, map[string]int{}
	for _, image := range images {
		name := filepath.Base(image)
		report := filepath.Join("testdata", "osv-scanner", name)
		var reports []string
		if _, err := os.Stat(report); err == nil {
			reports = append(reports, report)
		}
		r := held(t, l, db, image, reports...)
		agreed += r.Agreed
		for _, x := range r.OnlyTheirs {
			if x.Version != "(devel)" || !strings.Contains(x.Reason, "could not be compared") {
				t.Errorf("%s: only OSV-Scanner has %v in %s %s: %s", name, x.IDs, x.Name, x.Version, x.Reason)
				continue
			}
			classes[noVersion]++
		}
		for i := range r.OnlyOurs {
			f := &r.OnlyOurs[i]
			if !strings.HasPrefix(f.PURL, "pkg:golang/") || strings.ToLower(f.Component.Name) == f.Component.Name {
				t.Errorf("%s: only we have %s in %s", name, f.ID, f.PURL)
				continue
			}
			classes[foldedCase]++
		}
	}
	t.Logf("%d agreed, %v", agreed, classes)
	if agreed != 498 || classes[noVersion] != 37 || classes[foldedCase] != 1 {
		t.Errorf("%d agreed, %v: docs/scanners.md says otherwise", agreed, classes)
	}
}

// TestAgainstTrivysReports reads every report of Trivy's own tests as a document and as a
// report. Its database there is a small one of its own, so that hardly any record is
// loaded here; what differs says so, and nothing is without a reason.
func TestAgainstTrivysReports(t *testing.T) {
	root := corpus.Root(t)
	l := &app.Loader{}
	db := publicAdvisories(t, l, root)
	files, err := filepath.Glob(filepath.Join(root, "sbom", "trivy-testdata", "integration", "testdata", "*.json.golden"))
	if err != nil || len(files) < 60 {
		t.Fatal(len(files), err)
	}
	reasons, agreed, ours, read := map[string]int{}, 0, 0, 0
	for _, f := range files {
		if raw, err := os.ReadFile(f); err != nil || !strings.Contains(string(raw), `"VulnerabilityID"`) {
			continue
		}
		docs, _, err := l.SBOMs(context.Background(), []string{f})
		if err != nil {
			t.Fatal(err)
		}
		r := heldDocuments(t, l, db, docs, f)
		read++
		agreed += r.Agreed
		ours += len(r.OnlyOurs)
		for _, x := range r.OnlyTheirs {
			reason, _, _ := strings.Cut(x.Reason, ":")
			reasons[reason]++
			if !slices.Contains(trivyReasons, reason) {
				t.Errorf("%s: only Trivy has %v in %s %s: %q", filepath.Base(f), x.IDs, x.Name, x.Version, x.Reason)
			}
		}
	}
	t.Logf("%d reports: %d agreed, %d only ours, only theirs %v", read, agreed, ours, reasons)
	if read < 60 || agreed == 0 {
		t.Errorf("%d reports, %d agreed", read, agreed)
	}
}

var trivyReasons = []string{"no loaded advisory has the identifier", "no document lists the package", "the component could not be compared", "the documents list the package in another version",
	"the loaded advisories of it are about other packages", "the ranges of the loaded advisories do not hold this version"}
