package app

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/provenance/layout"
	"github.com/cofferdam-io/cofferdam/report"
)

// LayoutInputs say which in-toto layout is verified, and by what.
type LayoutInputs struct {
	Layout    string
	Keys      []string // files of the owners' keys: each has to have signed
	Links     string   // folder of links; "" is that of the layout
	Artifacts []string // files that are to have come about so
	// WithoutInspections takes steps for enough: inspections are never run here.
	WithoutInspections bool
	At                 time.Time
}

// maxLinks bounds the files of a folder of links.
const maxLinks = 10_000

// VerifyLayout says whether a layout was kept. An error says that the question is wrong or
// that a file cannot be read.
func (l *Loader) VerifyLayout(ctx context.Context, in LayoutInputs) (*report.LayoutVerification, error) {
	a := &report.LayoutVerification{SchemaVersion: inventory.SchemaVersion, Layout: in.Layout, At: in.At.UTC().Format(time.RFC3339), Verdict: report.Verified,
		Steps: []report.LayoutStep{}, Inspections: []string{}, Artifacts: append([]string{}, in.Artifacts...)}
	q := layout.Input{At: in.At, Products: layout.Artifacts{}}
	var err error
	if q.Layout, err = l.read(ctx, in.Layout); err != nil {
		return nil, err
	}
	for _, name := range in.Keys {
		raw, err := l.read(ctx, name)
		if err != nil {
			return nil, err
		}
		k, err := layout.ParseKey(name, raw)
		if err != nil {
			a.Verdict, a.Class, a.Reason, a.Message, a.Hint = report.Refused, report.Refused, string(layout.Malformed), name+": "+err.Error(), hintOf(err)
			return a, nil
		}
		q.Owners = append(q.Owners, k)
	}
	if q.Links, err = l.links(ctx, in); err != nil {
		return nil, err
	}
	for _, name := range in.Artifacts {
		if q.Products[name], err = l.digests(ctx, name); err != nil {
			return nil, err
		}
	}
	r, err := layout.Verify(ctx, q)
	var refused *layout.Refusal
	switch {
	case errors.As(err, &refused):
		a.Verdict, a.Class, a.Reason, a.Step, a.Message, a.Hint = report.Refused, report.Refused, string(refused.Reason), refused.Step, refused.Error(), hintOf(err)
		return a, nil
	case err != nil:
		return nil, err
	}
	a.Expires, a.Notes, a.Inspections = r.Expires.Format(time.RFC3339), r.Notes, append(a.Inspections, r.Inspections...)
	for _, s := range r.Steps {
		step := report.LayoutStep{Name: s.Name, Threshold: s.Threshold, Keys: []string{}, Layout: s.Layout, Materials: s.Materials, Products: s.Products}
		for _, k := range s.By {
			step.Keys = append(step.Keys, k.String())
		}
		if slices.ContainsFunc(s.Who, func(who string) bool { return who != "" }) {
			step.Signers = s.Who
		}
		a.Steps = append(a.Steps, step)
	}
	if len(r.Inspections) > 0 && !in.WithoutInspections {
		a.Verdict, a.Class, a.Reason = report.Indeterminate, report.Indeterminate, report.Inspections
		a.Message = "its steps were kept; what " + counted(len(r.Inspections), "inspection") + " would find nobody knows, as none is ever run"
		a.Hint = "run them by hand where that is safe; --without-inspections takes the steps for enough"
	}
	return a, nil
}

// links reads the folder of links, those of layouts within layouts below it.
func (l *Loader) links(ctx context.Context, in LayoutInputs) ([]layout.Document, error) {
	folder := in.Links
	if folder == "" {
		folder = filepath.Dir(in.Layout)
	}
	files, err := l.expand(folder, hasExt(".link", ".json", ".layout"))
	if err != nil {
		return nil, err
	}
	if len(files) > maxLinks {
		return nil, ident.Errorf(ident.KindLimit, "holds %d files, more than %d", len(files), maxLinks).At(folder)
	}
	var out []layout.Document
	for _, f := range files {
		raw, err := l.read(ctx, f.name)
		if err != nil {
			return nil, err
		}
		rel, err := filepath.Rel(folder, f.name)
		if err != nil {
			return nil, ident.Unreadable(f.name, err)
		}
		out = append(out, layout.Document{Path: filepath.ToSlash(rel), Raw: raw})
	}
	return out, nil
}

// digests are those that links have of a file.
func (l *Loader) digests(ctx context.Context, name string) (map[string]string, error) {
	f, err := l.open(name)
	if err != nil {
		return nil, ident.Unreadable(name, err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	short, long := sha256.New(), sha512.New()
	if _, err := io.Copy(io.MultiWriter(short, long), ctxReader{ctx, f}); err != nil {
		return nil, ident.Unreadable(name, err)
	}
	return map[string]string{"sha256": hex.EncodeToString(short.Sum(nil)), "sha512": hex.EncodeToString(long.Sum(nil))}, nil
}
