package catalog_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// saidOf is everything that is told of findings but since when.
func saidOf(f *catalog.RunningFindings) []string {
	var out []string
	for i := range f.Items {
		x := f.Items[i].Finding
		out = append(out, fmt.Sprintf("%s %s %s %+v", x.Cluster, x.Container, x.ID, x.Said))
	}
	return append(out, fmt.Sprint(f.Counts, f.KEV, f.Cleared, f.Total))
}

// TestChangedAdvisoriesAreThoseLoadedAnew: findings after each change of the advisories
// are those of a server that compares everything with all of them.
func TestChangedAdvisoriesAreThoseLoadedAnew(t *testing.T) {
	t.Run("each looked at", func(t *testing.T) { changedOrAnew(t, 1) })
	t.Run("several before a look", func(t *testing.T) { changedOrAnew(t, 3) })
}

// changedOrAnew makes up to so many changes before a look. With more than one the
// catalogue may look in between by itself, and what no advisory speaks of any more is then
// what some look saw: that is compared only where each change is looked at.
func changedOrAnew(t *testing.T, changes int) {
	ctx, clock := context.Background(), clockAt(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
	r := rand.New(rand.NewPCG(4, 2))
	var both [2]*catalog.Catalog
	for i := range both {
		c, end := open(t, embedded(t, t.TempDir()), catalog.Options{Now: clock.Now})
		defer end()
		both[i] = c
		for n := 1; n <= 4; n++ {
			take(t, c, catalog.Upload{Artifact: digest(n)}, text(fmt.Sprint("image", n), fmt.Sprintf("pkg:npm/a@1.%d.0", n), "pkg:npm/b@2.0.0", fmt.Sprintf("pkg:npm/c@%d.0.0", n)))
		}
		if _, err := c.Report(ctx, ci, "prod", []catalog.Workload{container("one", 1), container("two", 2), container("three", 3), container("again", 1)}); err != nil {
			t.Fatal(err)
		}
	}
	record := func() *vuln.Advisory {
		a := advisory(fmt.Sprint("GHSA-", r.IntN(6)), string("abc"[r.IntN(3)]), fmt.Sprintf("%d.%d.0", 1+r.IntN(3), r.IntN(5)))
		if r.IntN(2) == 0 {
			a.Aliases = []string{fmt.Sprint("CVE-2026-", r.IntN(4))}
		}
		if r.IntN(5) == 0 {
			a.Withdrawn = clock.Now()
		}
		return a
	}
	db := advise(t, both[0], clock.Now(), record(), record())
	advise(t, both[1], clock.Now(), db.Advisories()...)
	look := func() {
		audit(t, both[0])
		audit(t, both[1])
	}
	largest := 0
	for step := range 60 {
		look()
		got, want := findings(t, both[0], catalog.FindingQuery{}), findings(t, both[1], catalog.FindingQuery{})
		if changes > 1 {
			got, want = heard(got), heard(want)
		}
		if !slices.Equal(saidOf(got), saidOf(want)) {
			t.Fatalf("step %d: %q\nloaded anew: %q", step, saidOf(got), saidOf(want))
		}
		largest = max(largest, got.Total)
		clock.forward(time.Hour)
		if r.IntN(10) == 0 { // something else changes as well
			for _, c := range both {
				if _, err := c.Report(ctx, ci, "prod", []catalog.Workload{container("one", 1+step%4), container("two", 2), container("three", 3)}); err != nil {
					t.Fatal(err)
				}
			}
			if changes == 1 {
				look()
			}
		}
		for range 1 + r.IntN(changes) {
			clock.forward(time.Second)
			var drop []string
			if have := both[0].Database().Advisories(); r.IntN(4) == 0 && len(have) > 0 {
				drop = append(drop, have[r.IntN(len(have))].ID)
			}
			if err := both[0].ChangeAdvisories(ctx, catalog.Advisories{Loaded: clock.Now()}, []*vuln.Advisory{record()}, drop...); err != nil {
				t.Fatal(err)
			}
		}
		advise(t, both[1], clock.Now(), both[0].Database().Advisories()...)
	}
	if largest < 4 {
		t.Errorf("at most %d findings", largest)
	}
}

// heard leaves out what no loaded advisory speaks of any more.
func heard(f *catalog.RunningFindings) *catalog.RunningFindings {
	out := &catalog.RunningFindings{Counts: map[ident.Severity]int{}}
	for i := range f.Items {
		if x := &f.Items[i]; !x.Said.Unheard {
			out.Items = append(out.Items, *x)
			out.Counts[x.Said.Severity]++
			out.Total++
		}
	}
	return out
}

// TestChangeNeedsAdvisories: nothing can be changed where nothing is loaded.
func TestChangeNeedsAdvisories(t *testing.T) {
	c, end := open(t, embedded(t, t.TempDir()), catalog.Options{Now: time.Now})
	defer end()
	if err := c.ChangeAdvisories(context.Background(), catalog.Advisories{Loaded: time.Now()}, nil); err == nil {
		t.Error("changed")
	}
}

// TestFeedsAreMeasured: of when the feeds are can be watched, and that nothing is loaded too.
func TestFeedsAreMeasured(t *testing.T) {
	r := prometheus.NewRegistry()
	c, end := open(t, embedded(t, t.TempDir()), catalog.Options{Now: time.Now, Metrics: r})
	defer end()
	gathered := func() map[string]float64 {
		t.Helper()
		all, err := r.Gather()
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]float64{}
		for _, f := range all {
			for _, m := range f.GetMetric() {
				name := f.GetName()
				for _, l := range m.GetLabel() {
					name += " " + l.GetValue()
				}
				out[name] = m.GetGauge().GetValue()
			}
		}
		return out
	}
	if got := gathered(); !math.IsNaN(got["cofferdam_feed_newest_timestamp_seconds advisories"]) || !math.IsNaN(got["cofferdam_feed_loaded_timestamp_seconds all"]) || got["cofferdam_advisories"] != 0 {
		t.Errorf("nothing is loaded: %v", got)
	}
	at := time.Date(2026, 11, 3, 0, 0, 0, 0, time.UTC)
	advise(t, c, at, advisory("GHSA-1", "a", "2.0.0"))
	got := gathered()
	if got["cofferdam_feed_loaded_timestamp_seconds all"] != float64(at.Unix()) || got["cofferdam_feed_newest_timestamp_seconds advisories"] != float64(at.AddDate(0, 0, -2).Unix()) || got["cofferdam_advisories"] != 1 || !math.IsNaN(got["cofferdam_feed_newest_timestamp_seconds kev"]) {
		t.Errorf("%v", got)
	}
}
