package synth_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/segment"
	"github.com/cofferdam-io/cofferdam/segment/k8s"
	"github.com/cofferdam-io/cofferdam/segment/synth"
)

func TestSameSeedSameEstate(t *testing.T) {
	for _, mix := range synth.Mixes() {
		c := synth.Config{Pods: 250, Workloads: 100, Policies: 100, Mix: mix, Seed: 7}
		a, b := synth.Model(c), synth.Model(c)
		if !reflect.DeepEqual(a, b) {
			t.Errorf("%s: two estates of one seed differ", mix)
		}
		c.Seed++
		if mix != synth.None && mix != synth.Scale && reflect.DeepEqual(a.Policies, synth.Model(c).Policies) {
			t.Errorf("%s: two seeds give the same policies", mix)
		}
		if len(a.Endpoints) != 250 || len(a.Workloads) != 100 {
			t.Errorf("%s: %d pods of %d workloads", mix, len(a.Endpoints), len(a.Workloads))
		}
		g, err := segment.Build(context.Background(), a)
		if err != nil {
			t.Fatal(err)
		}
		n, err := g.Count(context.Background())
		if err != nil || n.Edges == 0 {
			t.Errorf("%s: %+v, %v", mix, n, err)
		}
		if full := 100 * 99; (mix == synth.Rich || mix == synth.Tiered) && (n.Edges < full/50 || n.Edges > full*9/10) {
			t.Errorf("%s: %d edges among 100 workloads exercise little", mix, n.Edges)
		}
	}
}

type buffer struct{ bytes.Buffer }

func (*buffer) Close() error { return nil }

// TestManifestsAreTheModel decodes the manifests of an estate: the engine has to
// say of them what it says of the model.
func TestManifestsAreTheModel(t *testing.T) {
	for _, mix := range synth.Mixes() {
		for _, x := range []struct{ pods, nodes int }{{120, 0}, {300, 0}, {250, 7}} {
			m := synth.Model(synth.Config{Pods: x.pods, Workloads: 120, Policies: 130, Nodes: x.nodes, Mix: mix, Seed: 11})
			files := make(map[string]*buffer)
			if err := synth.Files(m, func(name string) (io.WriteCloser, error) {
				files[name] = &buffer{}
				return files[name], nil
			}); err != nil {
				t.Fatal(err)
			}
			var in []manifest.Input
			for _, name := range slices.Sorted(maps.Keys(files)) {
				in = append(in, manifest.Input{Name: name, Data: files[name].Bytes()})
			}
			set, err := manifest.Decode(context.Background(), in, manifest.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if len(set.Estate.Faults) > 0 {
				t.Fatalf("%s: %+v", mix, set.Estate.Faults[0])
			}
			decoded, err := k8s.Model(set, segment.Generic())
			if err != nil {
				t.Fatal(err)
			}
			if len(decoded.Endpoints) != len(m.Endpoints) || len(decoded.Policies) != len(m.Policies) {
				t.Fatalf("%s: %d pods and %d policies, decoded %d and %d", mix, len(m.Endpoints), len(m.Policies), len(decoded.Endpoints), len(decoded.Policies))
			}
			a, b := edges(t, m), edges(t, decoded)
			if diff := cmp.Diff(a, b); diff != "" {
				t.Fatalf("%s: (-model +manifests)\n%.2000s", mix, diff)
			}
		}
	}
}

func edges(t *testing.T, m *segment.Model) []segment.Edge {
	t.Helper()
	g, err := segment.Build(context.Background(), m)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Collect(g.Edges(segment.ByWorkload))
}

func TestCheck(t *testing.T) {
	good := synth.Config{Pods: 10, Workloads: 10, Policies: 0, Mix: synth.None}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for _, c := range []synth.Config{{}, {Pods: 5, Workloads: 10, Mix: synth.Rich}, {Pods: 5, Workloads: 5, Policies: -1, Mix: synth.Rich}, {Pods: 1 << 40, Workloads: 5, Mix: synth.Rich}} {
		if c.Check() == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
}

func Example() {
	m := synth.Model(synth.Config{Pods: 60, Workloads: 20, Policies: 20, Mix: synth.Rich, Seed: 1})
	g, err := segment.Build(context.Background(), m)
	if err != nil {
		fmt.Println(err)
		return
	}
	n, err := g.Count(context.Background())
	fmt.Println(n.Pods, n.Workloads, n.Policies, n.Edges > 0, err)
	// Output: 60 20 20 true <nil>
}
