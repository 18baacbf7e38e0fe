package encode_test

import (
	"bytes"
	"context"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/internal/corpus"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/decode"
	"github.com/cofferdam-io/cofferdam/sbom/encode"
	"github.com/cofferdam-io/cofferdam/sbom/schema"
)

var (
	tool    = sbom.Tool{Name: "cofferdam", Version: "1.2.3"}
	options = encode.Options{Tool: tool, At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	judge   = schema.New(schema.Limits{})
)

// faulter is what tests and fuzz targets have in common.
type faulter interface {
	Helper()
	Errorf(format string, args ...any)
}

// written encodes d, has the result judged by the rules of its format, and decodes
// it. It returns nil after a fault.
func written(t faulter, name string, d *sbom.Document, f encode.Format, validate bool) (*sbom.Document, []byte) {
	t.Helper()
	ctx := context.Background()
	var b bytes.Buffer
	losses, err := encode.Document(ctx, &b, d, f, options)
	if err != nil {
		t.Errorf("%s as %s: %v", name, f, err)
		return nil, nil
	}
	for _, l := range losses {
		if l.Kept == "" {
			t.Errorf("%s as %s loses %s", name, f, l.What)
		}
	}
	if validate {
		var vs []schema.Violation
		switch f {
		case encode.SPDX:
			vs, err = judge.SPDXJSON(ctx, b.Bytes())
		case encode.CycloneDX:
			vs, err = judge.JSON(ctx, "1.7", b.Bytes())
		default:
			vs, err = judge.JSON(ctx, "1.6", b.Bytes())
		}
		if err != nil {
			t.Errorf("%s as %s: %v", name, f, err)
		}
		for i, v := range vs {
			if i < 3 {
				t.Errorf("%s as %s is invalid: %s", name, f, v)
			}
		}
	}
	docs, err := decode.Bytes(ctx, name, b.Bytes(), decode.Limits{})
	if err != nil || len(docs) != 1 {
		t.Errorf("%s as %s, read back: %v, %d documents", name, f, err, len(docs))
		return nil, nil
	}
	return docs[0], b.Bytes()
}

// keeps holds got against want: it says the same, and has all its identities.
func keeps(t faulter, name string, want, got *sbom.Document) {
	t.Helper()
	loose := shared(want)
	if diff := difference(facts(want, loose), facts(got, loose)); diff != "" {
		t.Errorf("%s:\n%s", name, diff)
	}
	have := identities(got)
	for id := range identities(want) {
		if !have[id] {
			t.Errorf("%s: lost %s", name, id)
		}
	}
}

// convert takes a document through every format, and from one to the other and
// back; from there on nothing changes any more, not even the identities.
func convert(t faulter, name string, d *sbom.Document, validate bool) {
	t.Helper()
	for _, f := range encode.Formats() {
		if f == encode.CycloneDX16 && len(d.Components) > 100 && !long() {
			continue // the small ones differ from 1.7 in the same things
		}
		once, _ := written(t, name, d, f, validate)
		if once == nil {
			continue
		}
		keeps(t, name+" as "+string(f), d, once)
		g := encode.SPDX
		switch {
		case f == encode.SPDX:
			g = encode.CycloneDX
		case f == encode.CycloneDX16:
			continue
		}
		if own := d.Format == sbom.SPDX; own == (f == encode.SPDX) && !long() {
			continue // as its own format it is the way back of the other
		}
		twice, _ := written(t, name, once, g, false)
		if twice == nil {
			continue
		}
		back, _ := written(t, name, twice, f, false)
		if back == nil {
			continue
		}
		keeps(t, name+" as "+string(f)+" there and back", once, back)
		if !long() {
			continue
		}
		again, _ := written(t, name, back, g, false)
		if again != nil && !maps.Equal(identities(twice), identities(again)) {
			t.Errorf("%s there and back: identities %v, then %v", name, identities(twice), identities(again))
		}
	}
}

func long() bool { return os.Getenv("COFFERDAM_LONG") != "" }

func TestEveryRealDocumentKeepsWhatItSays(t *testing.T) {
	root := corpus.Root(t)
	var paths []string
	err := filepath.WalkDir(filepath.Join(root, "sbom"), func(p string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			if info, err := e.Info(); err != nil || info.Size() > largestFile && !long() {
				return err
			}
			paths = append(paths, p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) < 1000 {
		t.Fatalf("only %d files: the data is gone", len(paths))
	}
	var documents, components atomic.Int64
	var wg sync.WaitGroup
	work := make(chan string)
	for range 2 {
		wg.Go(func() {
			for p := range work {
				data, err := os.ReadFile(p)
				if err != nil {
					t.Error(err)
					continue
				}
				name := strings.TrimPrefix(p, root+"/")
				docs, err := decode.Bytes(context.Background(), name, data, decode.Limits{})
				if err != nil {
					continue
				}
				for _, d := range docs {
					documents.Add(1)
					components.Add(int64(len(d.Components)))
					convert(t, name, d, true)
				}
			}
		})
	}
	for i, p := range paths {
		// Of the standard's own documents there are many that differ in one word.
		if i%4 == 0 || long() || !strings.Contains(p, "cdx-spec-tests") {
			work <- p
		}
	}
	close(work)
	wg.Wait()
	t.Logf("%d documents with %d components", documents.Load(), components.Load())
	if documents.Load() < 300 {
		t.Errorf("only %d documents were read", documents.Load())
	}
}
