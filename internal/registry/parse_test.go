package registry

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestChallenges(t *testing.T) {
	for header, want := range map[string][]challenge{
		`Bearer realm="https://a.example/token",service="b c",scope="repository:x:pull,push"`: {{"bearer", map[string]string{"realm": "https://a.example/token", "service": "b c", "scope": "repository:x:pull,push"}}},
		`Basic realm="x"`:                       {{"basic", map[string]string{"realm": "x"}}},
		`Negotiate, Basic realm = "a\"b" , x=y`: {{"negotiate", map[string]string{}}, {"basic", map[string]string{"realm": `a"b`, "x": "y"}}},
		`Bearer realm="a",realm="b"`:            {{"bearer", map[string]string{"realm": "a"}}},
		`Bearer realm="unfinished`:              {{"bearer", map[string]string{}}},
		``:                                      nil,
		`,,, `:                                  nil,
		`"x"`:                                   nil,
		strings.Repeat("a", maxChallenge+1):     nil,
	} {
		got := parseChallenges([]string{header})
		if !slices.EqualFunc(got, want, func(a, b challenge) bool {
			return a.scheme == b.scheme && len(a.params) == len(b.params) && func() bool {
				for k, v := range b.params {
					if a.params[k] != v {
						return false
					}
				}
				return true
			}()
		}) {
			t.Errorf("%.80s: %+v", header, got)
		}
	}
}

func TestNextLink(t *testing.T) {
	for header, want := range map[string]string{
		`</v2/x/tags/list?last=a&n=2>; rel="next"`: "/v2/x/tags/list?last=a&n=2",
		`<a>; rel=prev, <b>; title="x"; rel=next`:  "b",
		`<a>`: "", `a; rel="next"`: "", `<a; rel="next"`: "", `>a<; rel=next`: "", ``: "",
	} {
		if got := nextLink([]string{header}); got != want {
			t.Errorf("%s: %q", header, got)
		}
	}
}

func TestAttachmentTags(t *testing.T) {
	hex := strings.Repeat("ab", 32)
	for tag, want := range map[string]bool{"sha256-" + hex: true, "sha256-" + hex + ".sig": true, "sha512-" + hex: true, "sha256-abc": false, "v1": false, "sha256-" + hex + "x": false, "x-" + hex: false} {
		if IsAttachmentTag(tag) != want {
			t.Error(tag)
		}
	}
}

func seeds(f *testing.F) {
	for _, glob := range []string{"../../sbom/decode/testdata/generators/buildkit/*.json", "../../sbom/decode/testdata/generators/images/*.json"} {
		names, err := filepath.Glob(glob)
		if err != nil || len(names) == 0 {
			f.Fatal(glob, err)
		}
		for _, n := range names {
			b, err := os.ReadFile(n)
			if err != nil {
				f.Fatal(err)
			}
			if len(b) < 2000 {
				f.Add(b)
			}
		}
	}
}

// FuzzManifest: what is taken for a manifest is one in encoding/json's eyes, with the
// layers, entries and subject that that sees.
func FuzzManifest(f *testing.F) {
	seeds(f)
	f.Add([]byte(`{"schemaVersion":2,"config":{"digest":"sha256:x"},"layers":[],"subject":{"digest":"sha256:` + strings.Repeat("0", 64) + `"}}`))
	f.Add([]byte(`{"name":"x","tags":["a","b",null]}`))
	lim := Limits{}
	lim.fill()
	f.Fuzz(func(t *testing.T, raw []byte) {
		if tags, err := parseTags(raw); err == nil && slices.Contains(tags, "") {
			t.Error("an empty tag")
		}
		m, err := parseManifest(raw, &lim)
		if err != nil {
			return
		}
		var twin struct {
			Layers, Blobs, Manifests []any
			Subject                  *struct{ Digest string }
		}
		if json.Unmarshal(raw, &twin) != nil {
			return
		}
		var exact map[string]json.RawMessage
		if json.Unmarshal(raw, &exact) != nil {
			t.Fatal("no object")
		}
		for k := range exact {
			switch lower := strings.ToLower(k); lower {
			case "layers", "blobs", "manifests", "subject":
				if lower != k {
					return // encoding/json does not mind the case, and we do
				}
			}
		}
		if len(m.layers) != len(twin.Layers)+len(twin.Blobs) || len(m.manifests) != len(twin.Manifests) {
			t.Errorf("%d layers and %d manifests; the twin sees %d, %d and %d", len(m.layers), len(m.manifests), len(twin.Layers), len(twin.Blobs), len(twin.Manifests))
		}
		for _, l := range append(m.layers, m.manifests...) {
			if l.Digest.IsZero() || l.Size < 0 {
				t.Errorf("%+v", l)
			}
		}
		if !m.subject.IsZero() && (twin.Subject == nil || !strings.EqualFold(twin.Subject.Digest, m.subject.String())) {
			t.Errorf("subject %s", m.subject)
		}
	})
}

// FuzzHeaders: headers of strangers end, and give nothing that was not in them.
func FuzzHeaders(f *testing.F) {
	f.Add(`Bearer realm="https://a.example/token",service="b"`)
	f.Add(`</v2/x?last=a>; rel="next"`)
	f.Add(`Negotiate, Basic realm="a\"b"`)
	f.Fuzz(func(t *testing.T, h string) {
		for _, c := range parseChallenges([]string{h}) {
			if c.scheme == "" || !strings.Contains(strings.ToLower(h), c.scheme) {
				t.Errorf("scheme %q", c.scheme)
			}
		}
		if next := nextLink([]string{h}); !strings.Contains(h, next) {
			t.Errorf("link %q", next)
		}
	})
}

// FuzzConfig: files of credentials are somebody's own, and still end no program.
func FuzzConfig(f *testing.F) {
	f.Add([]byte(`{"auths":{"https://index.docker.io/v1/":{"auth":"YTpi"}},"credHelpers":{"x":"y"},"credsStore":"z"}`))
	f.Add([]byte(`{"kind":"Secret","data":{".dockerconfigjson":"e30="}}`))
	f.Add([]byte(`{"x.example":{"auth":"YTpi","email":"e"}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := ParseConfig(raw)
		if err != nil {
			return
		}
		c.store, c.helpers = "", nil // no processes
		if _, err := c.For(t.Context(), "x.example", "a/b/c"); err != nil {
			t.Error(err)
		}
	})
}
