package rewrite_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/cofferdam-io/cofferdam/contain/pick"
	"github.com/cofferdam-io/cofferdam/contain/rewrite"
	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/segment"
	"github.com/cofferdam-io/cofferdam/segment/k8s"
	"github.com/cofferdam-io/cofferdam/segment/synth"
)

type file struct {
	bytes.Buffer
	name string
}

func (*file) Close() error { return nil }

// made decodes a made estate.
func made(b *testing.B, c synth.Config) (*manifest.Set, *segment.Model) {
	b.Helper()
	var files []*file
	err := synth.Files(synth.Model(c), func(name string) (io.WriteCloser, error) {
		f := &file{name: name}
		files = append(files, f)
		return f, nil
	})
	if err != nil {
		b.Fatal(err)
	}
	var in []manifest.Input
	for _, f := range files {
		in = append(in, manifest.Input{Name: f.name, Data: f.Bytes()})
	}
	set, err := manifest.Decode(context.Background(), in, manifest.Options{})
	if err != nil {
		b.Fatal(err)
	}
	m, err := k8s.Model(set, segment.Generic())
	if err != nil {
		b.Fatal(err)
	}
	return set, m
}

// BenchmarkCut cuts ten edges into each of a few workloads that are isolated.
func BenchmarkCut(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		set, m := made(b, synth.Config{Pods: n, Workloads: n, Policies: n, Mix: synth.Rich, Seed: 1})
		g, err := segment.Build(context.Background(), m)
		if err != nil {
			b.Fatal(err)
		}
		var edges []rewrite.Edge
		for i := 0; i < len(m.Workloads) && len(edges) < 100; i += 7 {
			column, err := g.Column(m.Workloads[i].Ref)
			if err != nil {
				b.Fatal(err)
			}
			into := 0
			for _, e := range column {
				if !e.Src.IsCIDR() && into < 10 && g.Isolation(e.Dst).Ingress == segment.Yes && (into == 0 || edges[len(edges)-1].Src != e.Src) {
					into++
					edges = append(edges, rewrite.Edge{Src: e.Src, Dst: e.Dst, At: segment.Ingress})
				}
			}
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var cut, changes int
			for b.Loop() {
				res, err := rewrite.New(set, m, pick.New(m)).Cut(context.Background(), edges)
				if err != nil {
					b.Fatal(err)
				}
				cut, changes = 0, len(res.Changes)
				for _, o := range res.Outcomes {
					if o.Cut {
						cut++
					}
				}
			}
			b.ReportMetric(float64(cut), "cut")
			b.ReportMetric(float64(changes), "changes")
		})
	}
}
