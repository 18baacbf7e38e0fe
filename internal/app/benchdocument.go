package app

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/index/synth"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/internal/store/sqlite"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
)

// BenchDocumentOptions are what BenchDocument is told.
type BenchDocumentOptions struct {
	Shape string // the name of one of synth.LargeShapes
	Size  int    // how long the document is to be, in MiB
	Data  string // where it and the catalogue are made, to be removed at the end; "": the system's place
}

// mostBenchDocument is how long a document a server takes in where nothing else is said, in
// MiB.
const mostBenchDocument = 512

// BenchDocument makes one long document and takes it in by a catalogue on SQLite, from the
// bytes in a file until they are on disk and a component of it is found. at is told what is
// being done.
func BenchDocument(ctx context.Context, o BenchDocumentOptions, at func(string)) (*report.BenchDocument, error) {
	shapes := synth.LargeShapes()
	i := slices.IndexFunc(shapes, func(s synth.Large) bool { return s.Name == o.Shape })
	if i < 0 {
		names := make([]string, len(shapes))
		for k := range shapes {
			names[k] = shapes[k].Name
		}
		return nil, ident.Errorf(ident.KindUsage, "there is no shape %.40q", o.Shape).WithHint("%s", strings.Join(names, ", "))
	}
	if o.Size < 1 || o.Size > mostBenchDocument {
		return nil, ident.Errorf(ident.KindUsage, "a document of %d MiB is not made", o.Size).WithHint("1 to %d, which is what a server takes in where nothing else is said", mostBenchDocument)
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	dir, err := os.MkdirTemp(o.Data, "cofferdam-bench-")
	if err != nil {
		return nil, ident.Errorf(ident.KindFailure, "no folder for the benchmark's catalogue: %w", err)
	}
	out := &report.BenchDocument{SchemaVersion: inventory.SchemaVersion, Machine: machine(), Shape: o.Shape, About: shapes[i].About}
	err = benchDocument(ctx, shapes[i], int64(o.Size)<<20, dir, out, at)
	if err = errors.Join(err, os.RemoveAll(dir)); err != nil {
		return nil, err
	}
	return out, nil
}

func benchDocument(ctx context.Context, shape synth.Large, size int64, dir string, out *report.BenchDocument, at func(string)) (err error) {
	at("making the document")
	path := filepath.Join(dir, "document.json")
	f, err := os.Create(path) // #nosec G304 -- in a folder of our own
	if err != nil {
		return ident.Errorf(ident.KindFailure, "no document for the benchmark: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := shape.Write(f, size); err != nil {
		return ident.Errorf(ident.KindFailure, "the benchmark's document: %w", err)
	}
	info, err := f.Stat()
	if err == nil {
		_, err = f.Seek(0, 0)
	}
	if err != nil {
		return ident.Errorf(ident.KindFailure, "the benchmark's document: %w", err)
	}
	out.Bytes = info.Size()

	coding := &catalog.Coding{}
	store, err := sqlite.Open(ctx, filepath.Join(dir, "catalogue"), sqlite.Options{Coding: coding.Store()})
	if err != nil {
		return err
	}
	c, err := catalog.Open(ctx, catalog.Options{Store: store, Log: slog.New(slog.DiscardHandler), Now: time.Now, Coding: coding})
	if err != nil {
		return errors.Join(err, store.Close())
	}
	runtime.GC()
	at("taking it in")
	took, err := spent(func() error {
		r, err := c.Take(ctx, authz.Actor{Subject: "bench", Roles: []authz.Role{authz.Publisher}}, catalog.Upload{Body: f, Size: out.Bytes})
		if err != nil {
			return err
		}
		out.Components = r.Components
		found, err := c.Search(ctx, catalog.Search{Component: "pkg:npm/package-7@1.7", Limit: 1})
		if err == nil && found.Total != 1 {
			err = ident.Errorf(ident.KindFailure, "%d artifacts are found by a component that one has", found.Total)
		}
		return err
	})
	out.CPU = took.Seconds()
	if _, peak, peakErr := usage(); peakErr == nil {
		out.RSS = float64(peak) / 1e6
	}
	if err == nil {
		var sizes map[string]int64
		if sizes, err = store.Sizes(ctx); err == nil {
			for _, n := range sizes {
				out.Database += n
			}
		}
	}
	return errors.Join(err, c.Close(ctx), store.Close())
}
