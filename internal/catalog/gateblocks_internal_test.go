package catalog

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cofferdam-io/cofferdam/evidence"
	"github.com/cofferdam-io/cofferdam/ident"
)

func criteria(names ...string) (out []evidence.Criterion) {
	for _, n := range names {
		out = append(out, evidence.Criterion{Name: n, Digest: ident.SHA256([]byte(n))})
	}
	return out
}

// TestBlocksOf: what begins and ends a block, case by case.
func TestBlocksOf(t *testing.T) {
	begin := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	prod, stage := criteria("prod.yaml", "fail on high"), criteria("stage.yaml")
	image := func(n int) ident.Digest { return ident.SHA256(fmt.Append(nil, n)) }
	run := func(hour, n int, verdict string, more ...func(*gateRun)) gateRun {
		r := gateRun{at: begin.Add(time.Duration(hour) * time.Hour), digest: image(n), criteria: prod, failed: verdict == evidence.GateFailed, passed: verdict == evidence.GatePassed}
		for _, f := range more {
			f(&r)
		}
		return r
	}
	by := func(list []evidence.Criterion) func(*gateRun) { return func(r *gateRun) { r.criteria = list } }
	warned := func(r *gateRun) { r.failed = false }
	unknown := func(r *gateRun) { r.digest = ident.Digest{} }
	moved := criteria("prod.yaml")
	moved[0].Name = "elsewhere/prod.yaml"
	changed := slices.Clone(prod)
	changed[0].Digest = ident.SHA256(nil)
	const failed, passed, open = evidence.GateFailed, evidence.GatePassed, "not checked"
	for name, c := range map[string]struct {
		runs []gateRun
		want string
	}{
		"nothing failed":                        {[]gateRun{run(0, 1, passed), run(1, 2, passed)}, ""},
		"the next release passes":               {[]gateRun{run(0, 1, failed), run(3, 2, passed)}, "0-3 "},
		"a hundred times the same is one block": {append(slices.Repeat([]gateRun{run(0, 1, failed)}, 100), run(2, 1, passed)), "0-2 "},
		"several releases fail":                 {[]gateRun{run(0, 1, failed), run(1, 2, failed), run(4, 3, passed)}, "0-4 "},
		"the same image passes, after VEX":      {[]gateRun{run(0, 1, passed), run(1, 1, failed), run(5, 1, passed)}, "1-5 "},
		"an old release passes again":           {[]gateRun{run(0, 1, passed), run(1, 2, failed), run(2, 1, passed)}, "1- "},
		"blocked again":                         {[]gateRun{run(0, 1, failed), run(1, 2, passed), run(2, 3, failed)}, "0-1 2- "},
		"never passes":                          {[]gateRun{run(0, 1, failed), run(9, 1, failed)}, "0- "},
		"recorded out of order":                 {[]gateRun{run(3, 2, passed), run(0, 1, failed), run(1, 1, failed)}, "0-3 "},
		"passed before it failed, sent late":    {[]gateRun{run(2, 2, failed), run(1, 1, passed)}, "2- "},
		"in one second":                         {[]gateRun{run(0, 1, failed), run(0, 1, passed)}, "0- "},
		"only warned":                           {[]gateRun{run(0, 1, failed, warned)}, ""},
		"a warning mends nothing":               {[]gateRun{run(0, 1, failed), run(1, 1, failed, warned)}, "0- "},
		"could not be checked":                  {[]gateRun{run(0, 1, open), run(1, 2, failed), run(2, 3, open)}, "1- "},
		"another gate passes":                   {[]gateRun{run(0, 1, failed), run(1, 1, passed, by(stage))}, "0-o "},
		"both gates, then each passes":          {[]gateRun{run(0, 1, failed), run(1, 1, failed, by(stage)), run(2, 1, passed, by(stage)), run(3, 2, passed)}, "0-3o 1-2 "},
		"a gate that asks for more passes":      {[]gateRun{run(0, 1, failed), run(1, 2, passed, by(append(slices.Clip(prod), stage...)))}, "0-1 "},
		"the policy was moved":                  {[]gateRun{run(0, 1, failed, by(criteria("prod.yaml"))), run(1, 2, passed, by(moved))}, "0-1 "},
		"the policy was changed":                {[]gateRun{run(0, 1, failed), run(1, 2, passed, by(changed))}, "0-1 "},
		"nobody knows which image passed":       {[]gateRun{run(0, 1, failed), run(1, 1, passed, unknown)}, "0- "},
	} {
		got := ""
		for _, b := range blocksOf(c.runs) {
			got += fmt.Sprint(int(b.from.Sub(begin).Hours()), "-")
			if !b.until.IsZero() {
				got += fmt.Sprint(int(b.until.Sub(begin).Hours()))
			}
			if b.otherwise {
				got += "o"
			}
			got += " "
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestBlocksAgainstTwin holds the blocks against what the words say, run by run.
func TestBlocksAgainstTwin(t *testing.T) {
	begin := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		sets := [][]evidence.Criterion{criteria("a"), criteria("a", "b"), criteria("c"), nil}
		runs := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) gateRun {
			became := rapid.IntRange(0, 4).Draw(t, "became")
			r := gateRun{at: begin.Add(time.Duration(rapid.IntRange(0, 12).Draw(t, "at")) * time.Second), criteria: rapid.SampledFrom(sets).Draw(t, "criteria"), failed: became > 2, passed: became < 2}
			if n := rapid.IntRange(0, 4).Draw(t, "image"); n > 0 {
				r.digest = ident.SHA256(fmt.Append(nil, n))
			}
			return r
		}), 0, 14).Draw(t, "runs")
		var got, want []string
		for _, b := range blocksOf(slices.Clone(runs)) {
			got = append(got, fmt.Sprint(b.criteria, b.from, b.until))
		}
		sortRuns(runs)
		for _, set := range sets {
			mine := func(r *gateRun) bool { return r.failed && fmt.Sprint(r.criteria) == fmt.Sprint(set) }
			for i := 0; i < len(runs); i++ {
				if !mine(&runs[i]) {
					continue
				}
				until, end := time.Time{}, len(runs)
				for j := i + 1; j < len(runs) && until.IsZero(); j++ {
					p := &runs[j]
					asks := true
					for _, x := range set {
						asks = asks && slices.Contains(p.criteria, x)
					}
					held := slices.ContainsFunc(runs[i:j], func(r gateRun) bool { return mine(&r) && r.digest == p.digest })
					old := slices.ContainsFunc(runs, func(r gateRun) bool { return r.digest == p.digest && r.at.Before(runs[i].at) })
					if p.passed && !p.digest.IsZero() && asks && (held || !old) {
						until, end = p.at, j
					}
				}
				want = append(want, fmt.Sprint(set, runs[i].at, until))
				i = end
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("%q, want %q", got, want)
		}
	})
}
