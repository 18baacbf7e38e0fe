//go:build unix

package tighten_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/contain/tighten"
	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/flow"
	"github.com/cofferdam-io/cofferdam/internal/testenv/used"
	"github.com/cofferdam-io/cofferdam/segment"
	"github.com/cofferdam-io/cofferdam/segment/k8s"
	"github.com/cofferdam-io/cofferdam/segment/synth"
)

// BenchmarkMake tightens estates of which every workload uses some of what it may:
// about twenty connections each, of hundreds that the policies allow.
// COFFERDAM_WORKLOADS adds a size.
func BenchmarkMake(b *testing.B) {
	sizes := []int{300, 1000}
	if n, err := strconv.Atoi(os.Getenv("COFFERDAM_WORKLOADS")); err == nil && n > 0 {
		sizes = append(sizes, n)
	}
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			in := made(b, synth.Config{Pods: n, Workloads: n, Policies: n, Mix: synth.Rich, Seed: 1})
			set, err := manifest.Decode(context.Background(), in, manifest.Options{})
			if err != nil {
				b.Fatal(err)
			}
			m, err := k8s.Model(set, segment.Generic())
			if err != nil {
				b.Fatal(err)
			}
			g, err := segment.Build(context.Background(), m)
			if err != nil {
				b.Fatal(err)
			}
			p := &tighten.Problem{Graph: g, Set: set, Observed: inUse(b, set, g), AcceptUnobserved: true, At: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)}
			var spent time.Duration
			var edits, edges, final int
			for b.Loop() {
				b.StopTimer()
				if p.Graph, err = segment.Build(context.Background(), m); err != nil { // changes are cheap on the newest graph of a line only
					b.Fatal(err)
				}
				b.StartTimer()
				from := used.CPU(b)
				plan, err := tighten.Make(context.Background(), p)
				if err != nil {
					b.Fatal(err)
				}
				spent += used.CPU(b) - from
				edits, edges, final = len(plan.Edits), plan.Proof.Before.Edges, plan.Proof.Final.Edges
			}
			b.ReportMetric(float64(edits), "edits")
			b.ReportMetric(float64(edges), "edges")
			b.ReportMetric(float64(final), "final-edges")
			b.ReportMetric(spent.Seconds()/float64(b.N), "cpu-s/op")
			b.ReportMetric(used.PeakMB(b), "peak-MB")
		})
	}
}

func made(b *testing.B, c synth.Config) []manifest.Input {
	b.Helper()
	files := make(map[string]*buffer)
	if err := synth.Files(synth.Model(c), func(name string) (io.WriteCloser, error) {
		files[name] = &buffer{}
		return files[name], nil
	}); err != nil {
		b.Fatal(err)
	}
	var in []manifest.Input
	for _, name := range slices.Sorted(maps.Keys(files)) {
		in = append(in, manifest.Input{Name: name, Data: bytes.Clone(files[name].Bytes())})
	}
	return in
}

// inUse draws about twenty connections of each workload.
func inUse(b *testing.B, set *manifest.Set, g *segment.Graph) *flow.Observed {
	b.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	var csv strings.Builder
	csv.WriteString("time,src,dst,protocol,port\n")
	for _, w := range g.Workloads() {
		row, err := g.Row(w)
		if err != nil {
			b.Fatal(err)
		}
		row = slices.DeleteFunc(row, func(e segment.Edge) bool { return e.Dst.IsCIDR() || e.Verdict != segment.Allowed || e.Partial })
		for range min(20, len(row)) {
			e := row[r.IntN(len(row))]
			c := e.Connections[r.IntN(len(e.Connections))]
			fmt.Fprintf(&csv, "2026-11-20T10:00:00Z,%s,%s,%s,%d\n", named(e.Src), named(e.Dst), c.Protocol, c.From)
		}
	}
	a := flow.NewAggregator(flow.Options{Book: flow.NewBook(set.Estate, flow.BookOptions{})})
	if err := a.Read(context.Background(), "flows.csv", strings.NewReader(csv.String()), flow.CSV); err != nil {
		b.Fatal(err)
	}
	return a.Observed()
}
