package app

import (
	"context"
	"runtime"

	"github.com/cofferdam-io/cofferdam/index"
	"github.com/cofferdam-io/cofferdam/index/synth"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// BenchMatch makes components and advisories, with those of c.Known among them, and
// measures comparing them. at is told what is being measured.
func BenchMatch(ctx context.Context, c synth.VulnerableConfig, at func(string)) (*report.BenchMatch, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	at("making components and advisories")
	v, err := synth.MakeVulnerable(c)
	if err != nil {
		return nil, err
	}
	out := &report.BenchMatch{SchemaVersion: inventory.SchemaVersion, Seed: c.Seed, Machine: runtime.GOOS + "/" + runtime.GOARCH + ", " + runtime.Version(),
		Advisories: len(v.Advisories), Known: len(c.Known), Ranges: v.Ranges}
	x, advisories := index.New(), v.Advisories
	if err := x.Apply(v.Batch()); err != nil {
		return nil, err
	}
	s := x.Snapshot()
	out.Components = int(s.Components())
	var db, other *vuln.Database
	var all *index.AdvisoryIndex
	match := func() error {
		all, err = index.NewAdvisoryIndex(ctx, s, db)
		return err
	}
	for _, step := range []struct {
		name string
		into *float64
		run  func() error
	}{
		{"making the advisories ready", &out.Database, func() error {
			db, err = vuln.NewDatabase(advisories, vuln.Options{})
			return err
		}},
		{"comparing all, for the first time", &out.Match, match},
		{"comparing all again", &out.Again, func() error {
			all, err = all.Rematch(ctx, other)
			return err
		}},
	} {
		at(step.name)
		if all != nil && other == nil { // one whose ranges nobody has asked for yet
			if other, err = vuln.NewDatabase(advisories, vuln.Options{}); err != nil {
				return nil, err
			}
			db = nil
		}
		runtime.GC() // the rubbish of what was before is not this one's
		took, err := spent(step.run)
		if err != nil {
			return nil, err
		}
		*step.into = took.Seconds()
	}
	for _, ids := range all.Affecting() {
		out.Pairs += len(ids)
	}
	_, peak, err := usage()
	out.RSS = float64(peak) / (1 << 20)
	return out, err
}
