package registry_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/registry"
	"github.com/cofferdam-io/cofferdam/internal/testenv/oci"
)

func TestStack(t *testing.T) {
	r := oci.New(t, oci.Options{Referrers: true})
	c := client(t, registry.Options{Limits: quick})
	put := func(tag, config string, annotations map[string]string, layers ...string) oci.Image {
		m := oci.Manifest{SchemaVersion: 2, MediaType: oci.ManifestType, Annotations: annotations,
			Config: &oci.Descriptor{MediaType: oci.ConfigType, Digest: r.PutBlob(t, "base", []byte(config)).String(), Size: len(config)}}
		for _, l := range layers {
			m.Layers = append(m.Layers, oci.Descriptor{MediaType: oci.LayerType, Digest: r.PutBlob(t, "base", []byte(l)).String(), Size: len(l)})
		}
		return r.Put(t, "base", tag, m)
	}
	config := func(ids ...string) string {
		for i := range ids {
			ids[i] = fmt.Sprintf("%q", ident.SHA256([]byte(ids[i])))
		}
		return `{"rootfs":{"type":"layers","diff_ids":[` + strings.Join(ids, ",") + `]}}`
	}
	of := map[string]string{"org.opencontainers.image.base.name": "docker.io/library/debian:12", "org.opencontainers.image.base.digest": ident.SHA256([]byte("debian")).String()}
	amd := put("amd", config("a", "b"), of, "a.gz", "b.gz")
	arm := put("arm", config("a", "c"), of, "a.gz", "c.gz")
	r.Index(t, "base", "both", []oci.Image{amd, arm})
	put("tagged", config("a"), map[string]string{"org.opencontainers.image.base.name": "debian:12"}, "a.gz")

	digests := func(texts ...string) []string {
		for i := range texts {
			texts[i] = ident.SHA256([]byte(texts[i])).String()
		}
		slices.Sort(texts)
		return texts
	}
	for tag, want := range map[string]struct {
		layers []string
		base   string
	}{
		"amd":    {digests("a", "b", "a.gz", "b.gz"), "docker.io/library/debian:12@" + ident.SHA256([]byte("debian")).String()},
		"both":   {digests("a", "b", "c", "a.gz", "b.gz", "c.gz"), "docker.io/library/debian:12@" + ident.SHA256([]byte("debian")).String()},
		"tagged": {digests("a", "a.gz"), ""},
	} {
		s, err := c.Stack(t.Context(), ref(t, r.Host+"/base:"+tag))
		if err != nil {
			t.Errorf("%s: %v", tag, err)
			continue
		}
		var got []string
		for _, l := range s.Layers {
			got = append(got, l.String())
		}
		slices.Sort(got)
		base := ""
		if !s.Base.Digest.IsZero() {
			base = s.Base.String()
		}
		if b, err := c.Base(t.Context(), ref(t, r.Host+"/base:"+tag)); err != nil || b.Base != s.Base || len(b.Layers) > 0 || !slices.Equal(b.Manifests, s.Manifests) || len(b.Manifests) == 0 {
			t.Errorf("%s: %+v %v", tag, b, err)
		}
		if !slices.Equal(got, want.layers) || base != want.base {
			t.Errorf("%s: %v, base %q, want %q", tag, got, base, want.base)
		}
	}
	many := make([]string, 10_001)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	for tag, text := range map[string]string{"list": `[]`, "cut": `{"rootfs":{"diff_ids":["sha256:`, "many": config(many...)} {
		put(tag, text, nil, "a.gz")
		if s, err := c.Stack(t.Context(), ref(t, r.Host+"/base:"+tag)); err == nil {
			t.Errorf("%s: %d layers of a configuration that is none", tag, len(s.Layers))
		}
	}
	chart := r.Attach(t, amd, "application/vnd.x", oci.Layer{MediaType: "application/x", Content: []byte("x")})
	if _, err := c.Stack(t.Context(), ref(t, r.Reference(chart))); ident.KindOf(err) != ident.KindUnsupported {
		t.Errorf("something that is no image: %v", err)
	}
}
