package rebuild_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/provenance/rebuild"
)

type entry struct {
	name, content string
	mode          int64
	at            int64
	link          string
}

func archive(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Mode: 0o644 + e.mode, Size: int64(len(e.content)), ModTime: time.Unix(e.at, 0), Typeflag: tar.TypeReg}
		if e.link != "" {
			h.Typeflag, h.Linkname = tar.TypeSymlink, e.link
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zipped(t testing.TB, raw []byte, level int) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, level)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(raw); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

type noCloser struct{ *bytes.Reader }

func (noCloser) Close() error { return nil }

func part(name string, raw []byte) rebuild.Part {
	return rebuild.Part{Name: name, Digest: ident.SHA256(raw), Open: func(context.Context) (io.ReadCloser, error) { return noCloser{bytes.NewReader(raw)}, nil }}
}

func TestCompare(t *testing.T) {
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	a, b := entry{name: "a", content: "a"}, entry{name: "d/b", content: "b"}
	base := archive(t, a, b)
	later, wider, other, linked := a, a, a, entry{name: "a", link: "b"}
	later.at, wider.mode, other.content = 7, 0o111, "x"
	away := part("p", []byte("never read"))
	away.Open = func(context.Context) (io.ReadCloser, error) { return nil, errors.New("the registry did not answer") }
	lying := part("p", []byte("what it says"))
	lying.Open = part("p", []byte("what it is")).Open
	for name, c := range map[string]struct {
		a, b    rebuild.Part
		verdict rebuild.Verdict
		kind    string
		same    bool
		what    string // path and words of the first difference
	}{
		"identical":          {part("p", base), part("p", base), rebuild.Identical, "", true, ""},
		"not even read":      {away, away, rebuild.Identical, "", true, ""},
		"compressed harder":  {part("p", zipped(t, base, 1)), part("p", zipped(t, base, 9)), rebuild.Differs, rebuild.Compression, true, ""},
		"zstd for gzip":      {part("p", zipped(t, base, 9)), part("p", z.EncodeAll(base, nil)), rebuild.Differs, rebuild.Compression, true, ""},
		"a time":             {part("p", base), part("p", archive(t, later, b)), rebuild.Differs, rebuild.Metadata, true, "/a time"},
		"a mode, zipped":     {part("p", zipped(t, base, 9)), part("p", zipped(t, archive(t, wider, b), 9)), rebuild.Differs, rebuild.Metadata, true, "/a mode"},
		"order":              {part("p", base), part("p", archive(t, b, a)), rebuild.Differs, rebuild.Archive, true, " order"},
		"content":            {part("p", base), part("p", archive(t, other, b)), rebuild.Differs, rebuild.Content, false, "/a content"},
		"a file more":        {part("p", base), part("p", archive(t, a, b, entry{name: "c"})), rebuild.Differs, rebuild.Content, false, "/c only in B"},
		"a file less":        {part("p", base), part("p", archive(t, b)), rebuild.Differs, rebuild.Content, false, "/a only in A"},
		"a file again":       {part("p", base), part("p", archive(t, a, b, a)), rebuild.Differs, rebuild.Content, false, "/a (2) only in B"},
		"a link for a file":  {part("p", base), part("p", archive(t, linked, b)), rebuild.Differs, rebuild.Content, false, "/a kind"},
		"no archive":         {part("p", []byte("a")), part("p", []byte("b")), rebuild.Differs, rebuild.Content, false, ""},
		"one is no archive":  {part("p", base), part("p", []byte("b")), rebuild.Differs, rebuild.Content, false, ""},
		"cut off":            {part("p", base), part("p", archive(t, other, b)[:1500]), rebuild.Differs, "", false, ""},
		"cannot be read":     {part("p", base), away, rebuild.Differs, "", false, ""},
		"a digest that lies": {part("p", base), lying, rebuild.Unknown, "", false, ""},
		"empty":              {part("p", nil), part("p", []byte("x")), rebuild.Differs, rebuild.Content, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := rebuild.Compare(context.Background(), []rebuild.Part{c.a}, []rebuild.Part{c.b}, rebuild.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			p := r.Parts[0]
			if r.Verdict != c.verdict || p.Kind != c.kind || r.SameContent != c.same || (p.Kind == "" && p.Verdict != rebuild.Identical) != (p.Message != "") {
				t.Errorf("%+v", r)
			}
			got := ""
			if len(p.Differences) > 0 {
				got = p.Differences[0].Path + " " + p.Differences[0].What
			}
			if got != c.what {
				t.Errorf("%q, want %q: %+v", got, c.what, p.Differences)
			}
		})
	}
	r, err := rebuild.Compare(context.Background(), []rebuild.Part{part("configuration", base), part("layer 1", base)}, []rebuild.Part{part("configuration", base)}, rebuild.Limits{})
	if err != nil || r.Verdict != rebuild.Differs || r.Parts[1].Kind != rebuild.Missing || r.SameContent {
		t.Errorf("a layer less: %+v %v", r, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := rebuild.Compare(ctx, []rebuild.Part{part("p", base)}, []rebuild.Part{part("p", archive(t, b))}, rebuild.Limits{}); !errors.Is(err, context.Canceled) {
		t.Errorf("went on though nobody waits: %v", err)
	}
}

// TestLimits: what unpacks to more, or lists more, is not taken, and is not called the same.
func TestLimits(t *testing.T) {
	var many []entry
	for i := range 300 {
		many = append(many, entry{name: strings.Repeat("x", i+1), content: "1"})
	}
	big := zipped(t, make([]byte, 1<<20), 9)
	for name, c := range map[string]struct {
		a, b rebuild.Part
		lim  rebuild.Limits
	}{
		"a bomb":     {part("p", big), part("p", zipped(t, make([]byte, 1<<20+1), 9)), rebuild.Limits{Bytes: 1 << 16}},
		"many files": {part("p", archive(t, many...)), part("p", archive(t, many[1:]...)), rebuild.Limits{Files: 100}},
	} {
		r, err := rebuild.Compare(context.Background(), []rebuild.Part{c.a}, []rebuild.Part{c.b}, c.lim)
		if err != nil || r.Verdict != rebuild.Differs || r.SameContent || !strings.Contains(r.Parts[0].Message, "more than") {
			t.Errorf("%s: %+v %v", name, r, err)
		}
	}
	r, err := rebuild.Compare(context.Background(), []rebuild.Part{part("p", archive(t, many...))}, []rebuild.Part{part("p", archive(t, many[:10]...))}, rebuild.Limits{Differences: 20})
	if err != nil || len(r.Parts[0].Differences) != 20 || r.Parts[0].More != 270 {
		t.Errorf("%+v %v", r.Parts[0].More, err)
	}
}

// TestPrograms: of Go programs it is told how they were built. This test is one.
func TestPrograms(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	const of = "build\tCGO_ENABLED="
	at := bytes.LastIndex(raw, []byte(of))
	if at < 0 {
		t.Fatal("the program does not say how it was built")
	}
	other := bytes.Clone(raw)
	other[at+len(of)] = '7'
	r, err := rebuild.Compare(context.Background(), []rebuild.Part{part("p", raw)}, []rebuild.Part{part("p", other)}, rebuild.Limits{})
	if err != nil || len(r.Parts[0].Differences) != 1 || r.Parts[0].Differences[0].What != "go:CGO_ENABLED" || r.Parts[0].Differences[0].B != "7" {
		t.Errorf("%+v %v", r.Parts[0].Differences, err)
	}
}

// FuzzCompare: what is compared with itself is identical without being read, and which of
// two builds comes first changes no verdict.
func FuzzCompare(f *testing.F) {
	base := archive(f, entry{name: "a", content: "a"}, entry{name: "d/b", content: "b", at: 7})
	f.Add(base, archive(f, entry{name: "a", content: "a", mode: 0o111}, entry{name: "d/b", link: "a"}))
	f.Add(zipped(f, base, 1), zipped(f, base, 9))
	f.Add([]byte("\x28\xb5\x2f\xfd"), []byte("\x1f\x8b"))
	f.Add([]byte("\x7fELF"), []byte("PK\x03\x04"))
	lim := rebuild.Limits{Bytes: 1 << 20, Files: 100, Differences: 5}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		one, err := rebuild.Compare(t.Context(), []rebuild.Part{part("p", a)}, []rebuild.Part{part("p", b)}, lim)
		if err != nil {
			t.Fatal(err)
		}
		other, err := rebuild.Compare(t.Context(), []rebuild.Part{part("p", b)}, []rebuild.Part{part("p", a)}, lim)
		if err != nil {
			t.Fatal(err)
		}
		if one.Verdict != other.Verdict || one.SameContent != other.SameContent || (one.Verdict == rebuild.Identical) != bytes.Equal(a, b) {
			t.Errorf("%+v\n%+v", one, other)
		}
		if len(one.Parts) != 1 || len(one.Parts[0].Differences) > 5 {
			t.Errorf("%+v", one.Parts)
		}
	})
}
