package rewrite_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/contain/rewrite"
	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/segment"
)

// realEstates reads the folders of manifests of real applications, each an estate,
// and this repository's example.
func realEstates(t *testing.T) map[string]*manifest.Set {
	t.Helper()
	folders := map[string]string{"example": filepath.Join("..", "..", "examples", "estate")}
	if root := os.Getenv("COFFERDAM_DATA"); root != "" {
		folders["boutique"] = filepath.Join(root, "netpol", "microservices-demo")
		folders["sock-shop"] = filepath.Join(root, "netpol", "sock-shop")
	} else {
		t.Log("COFFERDAM_DATA is not set: only the example of this repository")
	}
	out := make(map[string]*manifest.Set)
	for name, folder := range folders {
		var in []manifest.Input
		err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() && strings.Contains(d.Name(), "istio") {
				return filepath.SkipDir // the same application in a mesh, which decides otherwise
			}
			if err != nil || d.IsDir() || d.Name() == "kustomization.yaml" || !strings.HasSuffix(path, ".yaml") && !strings.HasSuffix(path, ".yml") {
				return err
			}
			b, err := os.ReadFile(path)
			in = append(in, manifest.Input{Name: path, Data: b})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		set, err := manifest.Decode(context.Background(), in, manifest.Options{})
		if err != nil {
			t.Fatal(err)
		}
		out[name] = set
	}
	return out
}

// TestRealEstates cuts every edge between workloads that is open, one by one, at
// the end that is isolated.
func TestRealEstates(t *testing.T) {
	for name, set := range realEstates(t) {
		t.Run(name, func(t *testing.T) {
			g := graphOf(t, modelOf(t, set, segment.Generic()))
			var edges []rewrite.Edge
			for e := range g.Edges(segment.ByWorkload) {
				if e.Src.IsCIDR() || e.Dst.IsCIDR() {
					continue
				}
				x := rewrite.Edge{Src: e.Src, Dst: e.Dst, At: segment.Ingress}
				if g.Isolation(e.Dst).Ingress != segment.Yes {
					x.At = segment.Egress
				}
				if g.Isolation(e.Dst).Ingress == segment.Yes || g.Isolation(e.Src).Egress == segment.Yes {
					edges = append(edges, x)
				}
			}
			cut := 0
			reasons := map[string]int{}
			for i := 0; i < len(edges); i += 1 + len(edges)/40 {
				res, gone := checkCut(t, set, segment.Generic(), edges[i:i+1])
				if o := res.Outcomes[0]; o.Cut {
					cut++
					if gone == 0 || len(res.Changes) == 0 {
						t.Errorf("%s -> %s was open, and nothing changed", o.Edge.Src, o.Edge.Dst)
					}
				} else {
					reasons[o.Reason]++
				}
			}
			all, _ := checkCut(t, set, segment.Generic(), edges)
			t.Logf("%d open edges at isolated ends; one by one %d were cut, left alone: %v; together %d objects change", len(edges), cut, reasons, len(all.Changes))
			if len(edges) > 0 && cut == 0 {
				t.Error("none could be cut")
			}
		})
	}
}
