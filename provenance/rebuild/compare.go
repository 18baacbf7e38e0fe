package rebuild

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"errors"
	"io"
	"maps"
	"slices"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Part is a piece of an artifact that is compared with the piece of the same place: a
// file, an image's configuration, a layer.
type Part struct {
	Name   string       // "layer 2", "linux/amd64 configuration"
	Digest ident.Digest // of its bytes; SHA-256
	// Open returns its bytes, which are asked for only where digests differ. Those of a
	// file that is an io.ReaderAt are looked at as a Go program, too.
	Open func(ctx context.Context) (io.ReadCloser, error)
}

// Verdict is what a comparison came to.
type Verdict string

// The verdicts.
const (
	Identical Verdict = "identical"
	Differs   Verdict = "differs"
	Unknown   Verdict = "unknown" // a part that differs could not be read
)

// Result is a comparison of two builds.
type Result struct {
	Verdict Verdict `json:"verdict"`
	// SameContent is true where every file of both has the same name, kind and bytes, and
	// what differs is when, by whom or how they were packed.
	SameContent bool         `json:"sameContent"`
	Parts       []PartResult `json:"parts"`
}

// PartResult is what became of one part.
type PartResult struct {
	Name    string  `json:"name"`
	A       string  `json:"a,omitempty"` // digests; empty where the build has no such part
	B       string  `json:"b,omitempty"`
	Verdict Verdict `json:"verdict"`
	// Kind is what differs: missing, content, metadata (of files in an archive), archive
	// (how it was written down), compression; empty where that is not known.
	Kind        string       `json:"kind,omitempty"`
	Differences []Difference `json:"differences,omitempty"` // the first of them
	More        int          `json:"more,omitempty"`
	Message     string       `json:"message,omitempty"` // why it, or what differs, is not known
}

// The kinds of differences.
const (
	Missing     = "missing"
	Content     = "content"
	Metadata    = "metadata"
	Archive     = "archive"
	Compression = "compression"
)

// Difference is one thing that differs.
type Difference struct {
	Path string `json:"path,omitempty"`
	What string `json:"what"` // content, mode, time, owner, link, kind, only in one, order, go:-trimpath
	A    string `json:"a,omitempty"`
	B    string `json:"b,omitempty"`
}

// Limits bound a comparison. Zero fields have the defaults.
type Limits struct {
	Bytes       int64 // of one part, unpacked: 16 GiB
	Files       int   // of one part: 1,000,000
	Differences int   // that are listed of one part: 100
}

func (l Limits) filled() Limits {
	if l.Bytes <= 0 {
		l.Bytes = 16 << 30
	}
	if l.Files <= 0 {
		l.Files = 1_000_000
	}
	if l.Differences <= 0 {
		l.Differences = 100
	}
	return l
}

// Compare holds two builds against each other, part by part. An error is of the context
// alone: what cannot be read is unknown.
func Compare(ctx context.Context, a, b []Part, lim Limits) (*Result, error) {
	lim = lim.filled()
	out := &Result{Verdict: Identical, SameContent: true, Parts: []PartResult{}}
	for i := range max(len(a), len(b)) {
		var p PartResult
		switch {
		case i >= len(b):
			p = PartResult{Name: a[i].Name, A: a[i].Digest.String(), Verdict: Differs, Kind: Missing}
		case i >= len(a):
			p = PartResult{Name: b[i].Name, B: b[i].Digest.String(), Verdict: Differs, Kind: Missing}
		default:
			p = PartResult{Name: a[i].Name, A: a[i].Digest.String(), B: b[i].Digest.String(), Verdict: Identical}
			if a[i].Digest != b[i].Digest {
				p.compare(ctx, &a[i], &b[i], lim)
			}
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		switch p.Verdict {
		case Differs:
			out.Verdict = Differs // which no part that is unknown can change
			out.SameContent = out.SameContent && (p.Kind == Metadata || p.Kind == Archive || p.Kind == Compression)
		case Unknown:
			if out.SameContent = false; out.Verdict == Identical {
				out.Verdict = Unknown
			}
		}
		out.Parts = append(out.Parts, p)
	}
	return out, nil
}

func (p *PartResult) compare(ctx context.Context, a, b *Part, lim Limits) {
	p.Verdict = Differs // their digests do
	x, err := look(ctx, a, lim)
	var y *inside
	if err == nil {
		y, err = look(ctx, b, lim)
	}
	if err != nil {
		// That they differ is sure unless a digest lies; what differs is not known.
		p.Message = err.Error()
		if errors.Is(err, errChanged) {
			p.Verdict = Unknown
		}
		return
	}
	switch {
	case x.unpacked == y.unpacked:
		p.Kind = Compression
		return
	case x.files == nil || y.files == nil:
		p.Kind = Content
		p.programs(x, y)
		return
	}
	p.Kind = Archive
	var found []Difference
	for _, name := range slices.Sorted(maps.Keys(union(x.files, y.files))) {
		f, inA := x.files[name]
		g, inB := y.files[name]
		switch {
		case !inA:
			found = append(found, Difference{Path: name, What: "only in B"})
			p.Kind = Content
		case !inB:
			found = append(found, Difference{Path: name, What: "only in A"})
			p.Kind = Content
		default:
			more, content := f.differs(name, &g)
			found = append(found, more...)
			if content {
				p.Kind = Content
			} else if len(more) > 0 && p.Kind == Archive {
				p.Kind = Metadata
			}
		}
	}
	if !slices.Equal(x.order, y.order) && len(x.files) == len(y.files) && p.Kind != Content {
		found = append(found, Difference{What: "order"})
	}
	p.list(found, lim)
}

func (p *PartResult) list(found []Difference, lim Limits) {
	if n := len(found) - lim.Differences; n > 0 {
		p.More, found = n, found[:lim.Differences]
	}
	p.Differences = append(p.Differences, found...)
}

func union(a, b map[string]file) map[string]bool {
	out := map[string]bool{}
	for n := range a {
		out[n] = true
	}
	for n := range b {
		out[n] = true
	}
	return out
}

// programs says how two Go programs were built differently.
func (p *PartResult) programs(x, y *inside) {
	if x.program == nil || y.program == nil {
		return
	}
	add := func(what, a, b string) {
		if a != b {
			p.Differences = append(p.Differences, Difference{What: "go:" + what, A: a, B: b})
		}
	}
	add("version", x.program.GoVersion, y.program.GoVersion)
	add("path", x.program.Path, y.program.Path)
	add("module", x.program.Main.Version, y.program.Main.Version)
	settings := func(i *buildinfo.BuildInfo) map[string]string {
		out := map[string]string{}
		for _, s := range i.Settings {
			out[s.Key] = s.Value
		}
		for _, d := range i.Deps {
			for d.Replace != nil {
				d = d.Replace
			}
			out[d.Path] = d.Version + " " + d.Sum
		}
		return out
	}
	a, b := settings(x.program), settings(y.program)
	names := map[string]bool{}
	for k := range a {
		names[k] = true
	}
	for k := range b {
		names[k] = true
	}
	for _, k := range slices.Sorted(maps.Keys(names)) {
		add(k, a[k], b[k])
	}
}

var errChanged = errors.New("is not what its digest names")

var (
	gzipMagic = []byte{0x1f, 0x8b}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
)

func begins(b, magic []byte) bool { return bytes.HasPrefix(b, magic) }
