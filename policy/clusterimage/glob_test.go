package clusterimage_test

import (
	"fmt"
	"testing"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/policy/clusterimage"
)

const aDigest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func TestGlob(t *testing.T) {
	for _, c := range []struct {
		glob, image string
		want        bool
	}{
		{"**", "nginx", true},
		{"*", "nginx", true},
		{"*", "shop/web", false},
		{"*/*", "shop/web", true},
		{"r.example/*", "r.example/web:1", true},
		{"r.example/*", "r.example/shop/web:1", false},
		{"r.example/**", "r.example/shop/web@" + aDigest, true},
		{"r.example/web", "r.example/web", true},
		{"r.example/web", "r.example/web@" + aDigest, false},
		{"r.example/web@*", "r.example/web@" + aDigest, true},
		{"r.example/web**", "r.example/web-evil@" + aDigest, true},
		{"rXexample/*", "r.example/web", false},
		{"r.example/*", "rXexample/web", false},
		{"index.docker.io/library/nginx:*", "nginx", true},
		{"index.docker.io/library/nginx:latest", "nginx", true},
		{"index.docker.io/library/nginx:*", "docker.io/library/nginx:1", true},
		{"nginx", "nginx", true},
		{"**", "not an image", true},
		{"index.docker.io/**", "not an image", false},
	} {
		g, err := clusterimage.ParseGlob(c.glob)
		if err != nil {
			t.Errorf("%s: %v", c.glob, err)
			continue
		}
		if got := g.Match(c.image); got != c.want {
			t.Errorf("%s matches %s: %v", c.glob, c.image, got)
		}
	}
	for _, bad := range []string{"", "[", "a b", "a?", "a{b}", "a\n", "a#b", "é"} {
		if _, err := clusterimage.ParseGlob(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestMatchesResources(t *testing.T) {
	g, err := clusterimage.ParseGlob("r.example/**")
	if err != nil {
		t.Fatal(err)
	}
	p := clusterimage.Policy{Images: []clusterimage.Glob{g}, Match: []clusterimage.Match{
		{Group: "apps", Version: "*", Resource: "deployments", Selector: &estate.LabelSelector{MatchLabels: map[string]string{"a": "b"}}},
		{Version: "v1", Resource: "pods"},
	}}
	for _, c := range []struct {
		image string
		r     clusterimage.Resource
		want  bool
	}{
		{"r.example/web", clusterimage.Resource{Group: "apps", Version: "v1", Resource: "deployments", Labels: map[string]string{"a": "b"}}, true},
		{"r.example/web", clusterimage.Resource{Group: "apps", Version: "v1", Resource: "deployments"}, false},
		{"r.example/web", clusterimage.Resource{Version: "v1", Resource: "pods"}, true},
		{"r.example/web", clusterimage.Resource{Version: "v2", Resource: "pods"}, false},
		{"r.example/web", clusterimage.Resource{Group: "batch", Version: "v1", Resource: "jobs"}, false},
		{"r.example/web", clusterimage.Resource{}, true}, // not known: governed
		{"s.example/web", clusterimage.Resource{Version: "v1", Resource: "pods"}, false},
	} {
		if got := p.Matches(c.image, c.r); got != c.want {
			t.Errorf("%s in %+v: %v", c.image, c.r, got)
		}
	}
}

func Example() {
	g, _ := clusterimage.ParseGlob("registry.example/shop/*")
	p := clusterimage.Policy{Images: []clusterimage.Glob{g}}
	fmt.Println(p.Matches("registry.example/shop/web:1", clusterimage.Resource{}))
	// Output: true
}
