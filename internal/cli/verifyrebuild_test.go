package cli_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/testenv/oci"
)

// TestVerifyRebuild compares files, folders in the OCI image layout and images of a
// registry, also with each other.
func TestVerifyRebuild(t *testing.T) {
	dir := t.TempDir()
	file := filesIn[[]byte](t, dir)
	layer := func(content string, at int64) []byte {
		t.Helper()
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		if err := w.WriteHeader(&tar.Header{Name: "app/bin", Mode: 0o755, Size: int64(len(content)), ModTime: time.Unix(at, 0)}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	r := oci.New(t, oci.Options{Referrers: true})
	config := []byte(`{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}`)
	describe := func(mediaType string, raw []byte) oci.Descriptor {
		return oci.Descriptor{MediaType: mediaType, Digest: ident.SHA256(raw).String(), Size: len(raw)}
	}
	manifest := func(l []byte, annotation string) []byte {
		t.Helper()
		c := describe(oci.ConfigType, config)
		m := oci.Manifest{SchemaVersion: 2, MediaType: oci.ManifestType, Config: &c, Layers: []oci.Descriptor{describe("application/vnd.oci.image.layer.v1.tar", l)}}
		if annotation != "" {
			m.Annotations = map[string]string{"built": annotation}
		}
		raw, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	pushed := func(tag string, l []byte, annotation string) string {
		t.Helper()
		r.PutBlob(t, "shop/web", config)
		r.PutBlob(t, "shop/web", l)
		r.PutRaw(t, "shop/web", tag, oci.ManifestType, manifest(l, annotation))
		return r.Host + "/shop/web:" + tag
	}
	folder := func(name string, l []byte) string {
		t.Helper()
		raw := manifest(l, "")
		for _, b := range [][]byte{config, l, raw} {
			file(filepath.Join(name, "blobs", "sha256", ident.SHA256(b).Hex()), b)
		}
		index, err := json.Marshal(oci.Manifest{SchemaVersion: 2, Manifests: []oci.Descriptor{describe(oci.ManifestType, raw)}})
		if err != nil {
			t.Fatal(err)
		}
		return filepath.Dir(file(filepath.Join(name, "index.json"), index))
	}
	one, later, other := layer("program", 1), layer("program", 2), layer("PROGRAM", 1)
	image := pushed("1", one, "")
	broken := folder("broken", one)
	file(filepath.Join("broken", "blobs", "sha256", ident.SHA256(one).Hex()), []byte("something else"))
	for name, c := range map[string]struct {
		args []string
		code int
		says []string
	}{
		"the same files":          {[]string{file("a", []byte("x")), file("b", []byte("x"))}, 0, []string{"IDENTICAL"}},
		"other files":             {[]string{file("c", []byte("x")), file("d", []byte("y"))}, 3, []string{"DIFFERS", "file: differs in content"}},
		"archives":                {[]string{file("e.tar", one), file("f.tar", later)}, 3, []string{"every file is the same; how they were packed is not", "/app/bin: time: 1970-01-01T00:00:01Z, and 1970-01-01T00:00:02Z"}},
		"the same image":          {[]string{image, pushed("2", one, "")}, 0, []string{"IDENTICAL"}},
		"another manifest":        {[]string{image, pushed("3", one, "yesterday")}, 3, []string{"the manifest is not"}},
		"a later layer":           {[]string{image, pushed("4", later, "")}, 3, []string{"layer 1: differs in metadata"}},
		"another program":         {[]string{image, pushed("5", other, "")}, 3, []string{"layer 1: differs in content", "/app/bin: content: 7 bytes"}},
		"image and folder":        {[]string{image, folder("oci", one)}, 0, []string{"IDENTICAL"}},
		"image and other folder":  {[]string{image, folder("other", other)}, 3, []string{"layer 1: differs in content"}},
		"as JUnit":                {[]string{image, folder("junit", other), "-o", "junit"}, 3, []string{"differs in content"}},
		"a folder that is broken": {[]string{image, broken}, 1, []string{"is not what its digest names"}},
		"a folder of no layout":   {[]string{image, t.TempDir()}, 2, []string{"none of the OCI image layout"}},
		"no such image":           {[]string{image, r.Host + "/shop/nowhere:1"}, 1, []string{"shop/nowhere"}},
		"no such file":            {[]string{filepath.Join(dir, "missing"), image}, 1, []string{"no such file"}},
		"one":                     {[]string{image}, 2, []string{"needs two builds"}},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errs := run(t, nil, append([]string{"verify", "rebuild"}, c.args...)...)
			if code != c.code {
				t.Errorf("exit %d, want %d: %s%s", code, c.code, out, errs)
			}
			for _, s := range c.says {
				if !strings.Contains(out+errs, s) {
					t.Errorf("%q is not in %s%s", s, out, errs)
				}
			}
		})
	}
	_, out, _ := run(t, nil, "verify", "rebuild", image, folder("json", later), "-o", "json")
	var a struct {
		Verdict     string
		SameContent bool
		Parts       []struct{ Name, Verdict, Kind string }
	}
	if err := json.Unmarshal([]byte(out), &a); err != nil || a.Verdict != "differs" || !a.SameContent || len(a.Parts) != 2 || a.Parts[1].Kind != "metadata" {
		t.Errorf("%v %s", err, out)
	}
}
