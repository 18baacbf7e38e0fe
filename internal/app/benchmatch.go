package app

import (
	"context"
	"runtime"
	"time"

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
	out := &report.BenchMatch{SchemaVersion: inventory.SchemaVersion, Seed: c.Seed, Machine: machine(),
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
	at("one advisory after another changes")
	if out.Change, err = benchChanges(ctx, other, all, advisories); err != nil {
		return nil, err
	}
	for _, ids := range all.Affecting() {
		out.Pairs += len(ids)
	}
	_, peak, err := usage()
	out.RSS = float64(peak) / (1 << 20)
	return out, err
}

// mostChanges is how many advisories change, one after another: enough for a p99.
const mostChanges = 1000

// benchChanges measures how long it takes until everything that one changed advisory is
// about is found by it as it is now.
func benchChanges(ctx context.Context, db *vuln.Database, all *index.AdvisoryIndex, advisories []*vuln.Advisory) (report.Quantiles, error) {
	runtime.GC() // see above
	step := max(1, len(advisories)/mostChanges)
	var took []time.Duration
	for n := 0; n < len(advisories) && len(took) < mostChanges; n += step {
		a := *advisories[n]
		switch a.Modified = a.Modified.Add(time.Hour); len(took) % 3 {
		case 0: // a new one
			a.ID, a.Aliases = "NEW-"+a.ID, nil
		case 1:
			a.Withdrawn = a.Modified
		}
		one := func() (err error) {
			var change *vuln.Change
			if db, change, err = db.With([]*vuln.Advisory{&a}); err != nil {
				return err
			}
			if all, err = all.With(ctx, db, change); err != nil {
				return err
			}
			g, _ := db.Lookup(a.ID)
			all.AffectedBy(g)
			return nil
		}
		begun := time.Now()
		if err := one(); err != nil {
			return report.Quantiles{}, err
		}
		took = append(took, time.Since(begun))
	}
	return quantiles(took), nil
}
