package contain_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/contain"
	"github.com/cofferdam-io/cofferdam/segment"
)

// TestDrainNamesWhatComesBack holds the drain steps against every pair that a plan
// cuts in one direction only: where the destination may open a connection to a port
// that clients have, deleting the conntrack entry is not enough, and the steps say so.
func TestDrainNamesWhatComesBack(t *testing.T) {
	named, silent := 0, 0
	for seed := range uint64(300) {
		p := small(t, seed)
		plan, err := contain.Make(context.Background(), p)
		if err != nil || plan.Established.Answer == "cut" || len(plan.Cuts) > 20 {
			continue
		}
		for _, c := range plan.Cuts {
			back, err := p.Graph.Between(c.To, c.From)
			if err != nil {
				t.Fatal(err)
			}
			want := !slices.ContainsFunc(plan.Cuts, func(o contain.Cut) bool { return o.From == c.To && o.To == c.From }) && opensClientPort(back)
			got := slices.ContainsFunc(plan.Established.Drain, func(s string) bool {
				return strings.HasPrefix(s, "once drained") && strings.Contains(s+",", " "+c.From.Short()+" and "+c.To.Short()+",")
			})
			if got != want {
				t.Fatalf("seed %d: %s → %s may come back: %t, and the steps say so: %t: %q", seed, c.From.Short(), c.To.Short(), want, got, plan.Established.Drain)
			}
			if want {
				named++
			} else {
				silent++
			}
		}
	}
	t.Logf("%d pairs come back, %d do not", named, silent)
	if named == 0 || silent == 0 {
		t.Error("the estates do not exercise both")
	}
}

// opensClientPort looks at each port of Linux's default range by itself.
func opensClientPort(edges []segment.Edge) bool {
	for _, e := range edges {
		for _, c := range e.Connections {
			for n := 32768; n <= 60999; n++ {
				if c.Contains(segment.Port{Protocol: c.Protocol, Number: uint16(n)}) {
					return true
				}
			}
		}
	}
	return false
}
