package clusterimage_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"path"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/policy/clusterimage"
)

// packed is a gzipped tar of files, in this order.
func packed(t testing.TB, names ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, n := range names {
		if err := w.WriteHeader(&tar.Header{Name: n, Mode: 0o600, Size: 1}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestUnpack: what two readers would unpack as two things is unpacked by neither.
func TestUnpack(t *testing.T) {
	for name, c := range map[string]struct {
		raw  []byte
		want int
		says string
	}{
		"files":              {packed(t, "a", "./b/c"), 2, ""},
		"nothing":            {packed(t), 0, ""},
		"twice":              {packed(t, "a", "./a"), 0, "twice"},
		"out of it":          {packed(t, "../a"), 0, "leads out"},
		"out of it, hidden":  {packed(t, "b/../../a"), 0, "leads out"},
		"from the root":      {packed(t, "/a"), 0, "leads out"},
		"no gzip":            {[]byte("hello, this is no archive"), 0, "gzip"},
		"gzip of no archive": {packed(t, "a")[:40], 0, "EOF"},
	} {
		files, err := clusterimage.Unpack(c.raw)
		if len(files) != c.want || (err != nil) != (c.says != "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %d files, %v", name, len(files), err)
		}
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add(packed(f, "repository/timestamp.json", "repository/targets/a"))
	f.Add(packed(f, "../a", "/b"))
	f.Add(packed(f, "a")[:40])
	f.Fuzz(func(t *testing.T, raw []byte) {
		files, err := clusterimage.Unpack(raw)
		if err != nil {
			return
		}
		total := 0
		for name, content := range files {
			if total += len(content); name != path.Clean(name) || path.IsAbs(name) || strings.HasPrefix(name, "..") {
				t.Errorf("%q", name)
			}
		}
		if total > 32<<20 {
			t.Errorf("%d bytes", total)
		}
	})
}
