package report

import (
	"fmt"
	"io"
	"strings"
)

// Quantiles of a measurement, in milliseconds of CPU time.
type Quantiles struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
}

// DeltaKind is what changes of one kind take: "workload removed".
type DeltaKind struct {
	Kind string `json:"kind"`
	Quantiles
}

// BenchSegment is the answer of bench segment. Times are CPU time of the whole
// process, garbage collection included, on one processor.
type BenchSegment struct {
	SchemaVersion string `json:"schemaVersion"`
	Mix           string `json:"mix"`
	Seed          uint64 `json:"seed"`
	Machine       string `json:"machine"` // operating system, architecture and Go release

	Pods      int `json:"pods"`
	Workloads int `json:"workloads"`
	Policies  int `json:"policies"`
	Nodes     int `json:"nodes,omitempty"`
	Classes   int `json:"classes"`
	Edges     int `json:"edges"`
	// Digest is the SHA-256 of the canonical edge list; DigestOf says of which
	// rows: "all", or "every 16th workload" where all would take too long.
	Digest   string `json:"digest"`
	DigestOf string `json:"digestOf"`

	Group    float64 `json:"group_s"`
	Build    float64 `json:"build_s"` // after grouping
	AllPairs float64 `json:"allPairs_s"`
	Pair     float64 `json:"pair_ns"`
	Why      float64 `json:"why_ns"`
	// Blast is the transitive reach of one workload both ways with one path, once
	// the lines that it walks were evaluated by all pairs.
	Blast float64 `json:"blast_ms"`
	// Delta is one change of a policy or of a pod's labels inside the vocabulary of
	// the rules; DeltaGrow one that brings a new label key, port cut or block.
	Delta     Quantiles `json:"delta_ms"`
	DeltaGrow Quantiles `json:"deltaGrow_ms"`
	// DeltaPair and DeltaRow are such changes inside the vocabulary with the first
	// answer after them: whether another workload reaches the changed one, and the
	// list of all that the changed one can reach.
	DeltaPair Quantiles `json:"deltaPair_ms"`
	DeltaRow  Quantiles `json:"deltaRow_ms"`
	// DeltaKinds are changes of one kind each, inside the vocabulary.
	DeltaKinds []DeltaKind `json:"deltaKinds_ms"`
	// RSS is the most memory held until all pairs were evaluated, the estate
	// itself included.
	RSS float64 `json:"rss_mb"`
}

func benchSegmentTable(w io.Writer, b *BenchSegment, o Options) error {
	p := newPrinter(w, o)
	var kinds strings.Builder
	for _, k := range b.DeltaKinds {
		fmt.Fprintf(&kinds, "  %-34s %4.3f ms (p99 %.3f)\n", k.Kind, k.P50, k.P99)
	}
	p.text(fmt.Sprintf(`%d pods of %d workloads in %d classes, %d policies (%s, seed %d): %d edges
%s; times are CPU time on one processor

  group pods into classes      %10.3f s
  compile policies             %10.3f s
  all pairs                    %10.3f s
  one pair                     %10.0f ns
  why                          %10.0f ns
  transitive reach, both ways  %10.3f ms
  change inside the vocabulary %10.3f ms (p99 %.3f)
   … and one pair after it     %10.3f ms (p99 %.3f)
   … and all that it reaches   %10.3f ms (p99 %.3f)
  change of the vocabulary     %10.3f ms (p99 %.3f)
%s  peak memory, all pairs       %10.0f MB

edges %s (%s)
`, b.Pods, b.Workloads, b.Classes, b.Policies, b.Mix, b.Seed, b.Edges, b.Machine, b.Group, b.Build, b.AllPairs, b.Pair, b.Why, b.Blast,
		b.Delta.P50, b.Delta.P99, b.DeltaPair.P50, b.DeltaPair.P99, b.DeltaRow.P50, b.DeltaRow.P99, b.DeltaGrow.P50, b.DeltaGrow.P99, kinds.String(), b.RSS, b.Digest, b.DigestOf))
	return p.done()
}

// BenchContain is the answer of bench contain. Times are CPU time of the whole
// process, garbage collection included, on one processor.
type BenchContain struct {
	SchemaVersion string `json:"schemaVersion"`
	Mix           string `json:"mix"`
	Seed          uint64 `json:"seed"`
	Machine       string `json:"machine"`

	Workloads int    `json:"workloads"`
	Edges     int    `json:"edges"`
	Objective string `json:"objective"`
	Ends      int    `json:"ends"` // workloads that are affected, and protected
	// BenchPlan is of one cut with its proof, compared with no other.
	BenchPlan
	// Comparison is of every way, written and proved to choose from.
	Comparison BenchPlan `json:"comparison"`
}

// BenchPlan is what making a plan took.
type BenchPlan struct {
	Cuts    int `json:"cuts"` // edges that the plan closes
	Objects int `json:"objects"`
	Ways    int `json:"ways"` // that were written and proved
	// Plan is Cut and Write together.
	Plan  float64 `json:"plan_s"`
	Cut   float64 `json:"cut_s"`
	Write float64 `json:"write_s"`
	Prove float64 `json:"proof_s"`
	RSS   float64 `json:"rss_mb"` // the most memory held until then, the estate itself included
}

func benchContainTable(w io.Writer, b *BenchContain, o Options) error {
	p := newPrinter(w, o)
	c := &b.Comparison
	p.text(fmt.Sprintf(`%d workloads, %d edges (%s, seed %d); %s, %d affected
%s; times are CPU time on one processor

                                 one cut   the best of %d
  edges that are cut           %10d   %10d
  objects                      %10d   %10d
  find the minimum cuts        %10.3f s %10.3f s
  write the policies           %10.3f s %10.3f s
  prove                        %10.3f s %10.3f s
  peak memory                  %10.0f MB%10.0f MB
`, b.Workloads, b.Edges, b.Mix, b.Seed, b.Objective, b.Ends, b.Machine, c.Ways, b.Cuts, c.Cuts, b.Objects, c.Objects,
		b.Cut, c.Cut, b.Write, c.Write, b.Prove, c.Prove, b.RSS, c.RSS))
	return p.done()
}
