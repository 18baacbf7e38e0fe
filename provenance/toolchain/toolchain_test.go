package toolchain_test

import (
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/provenance/predicate"
	"github.com/cofferdam-io/cofferdam/provenance/toolchain"
)

// TestTools: which of a build's inputs are compilers, and of which release.
func TestTools(t *testing.T) {
	for uri, want := range map[string]string{
		"pkg:docker/golang@1.21.3-alpine?platform=linux%2Famd64":              "go 1.21.3",
		"pkg:docker/golang@1.22rc1-bookworm":                                  "go ?", // which of the candidates' builds is not told
		"pkg:docker/golang@1.21":                                              "go ?", // whichever was the newest that day
		"pkg:docker/golang@latest":                                            "go ?",
		"pkg:oci/golang@sha256%3A9f86d081884c7d659a2feaa0c55ad015?tag=1.22.1": "go 1.22.1",
		"pkg:golang/stdlib@1.20.3":                                            "go 1.20.3",
		"pkg:golang/stdlib@go1.20":                                            "go 1.20", // the first of its line
		"pkg:golang/stdlib@go1.21":                                            "go ?",    // since 1.21 the first is 1.21.0
		"pkg:golang/golang.org/toolchain@v0.0.1-go1.21.0.linux-amd64":         "go 1.21.0",
		"docker-image://docker.io/library/golang:1.22.5":                      "go 1.22.5",
		"pkg:docker/node@20.11.1-alpine3.19":                                  "node 20.11.1",
		"pkg:generic/gcc@13.2.0":                                              "gcc 13.2.0",
		"pkg:golang/github.com/json-iterator/go@v1.1.12":                      "", // a library
		"pkg:npm/node@20.0.0":                                                 "", // a package of that name, not the runtime
		"pkg:docker/registry.local/scanner@1":                                 "",
		"git+https://github.com/golang/go@refs/tags/go1.22.1":                 "",
		"golang": "",
		"":       "",
	} {
		p := &predicate.Provenance{Version: "v1", Dependencies: []predicate.Resource{{URI: "https://example.org/source"}, {URI: uri}}}
		got := ""
		for _, x := range toolchain.Of(p) {
			if got += x.Name + " " + x.Version; x.Version == "" {
				got += "?"
			}
			if x.Pointer != "/buildDefinition/resolvedDependencies/1" {
				t.Errorf("%s is said to stand at %s", uri, x.Pointer)
			}
		}
		if got != want {
			t.Errorf("%s: %q, want %q", uri, got, want)
		}
	}
}

// TestDocument: one release told twice is one; Go is a library and commands; what is open is
// told, and a build that names nothing is not one that is harmless.
func TestDocument(t *testing.T) {
	p := &predicate.Provenance{Version: "v1", Builder: predicate.Builder{Version: map[string]string{"go": "go1.21.3", "a/b": "7"}},
		Dependencies: []predicate.Resource{{URI: "pkg:docker/golang@1.21.3"}, {URI: "pkg:docker/node@20"}}}
	d, open := toolchain.Document("p.json", []byte("{}"), p)
	var got []string
	for i := range d.Components {
		got = append(got, d.Components[i].PURL)
	}
	if s := strings.Join(got, " "); s != "pkg:golang/stdlib@1.21.3 pkg:golang/toolchain@1.21.3" {
		t.Errorf("compared: %s", s)
	}
	if len(open) != 2 || !strings.Contains(open[0], "/runDetails/builder/version/a~1b") || !strings.Contains(open[1], `node is named as "pkg:docker/node@20"`) || !d.Incomplete {
		t.Errorf("left open: %q", open)
	}
	if d, open := toolchain.Document("p.json", nil, &predicate.Provenance{Version: "v0.2"}); len(open) != 1 || !d.Incomplete {
		t.Errorf("a build that names no compiler is complete: %q", open)
	}
}
