package index_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/cofferdam-io/cofferdam/index"
	"github.com/cofferdam-io/cofferdam/index/synth"
	"github.com/cofferdam-io/cofferdam/vuln"
	"github.com/cofferdam-io/cofferdam/vuln/osv"
)

// vulnerable is a snapshot of 300,000 components, and advisories of 85,000 ranges: the
// real ones of Go and PyPI where there are any.
func vulnerable(b *testing.B) (*index.Snapshot, []*vuln.Advisory) {
	b.Helper()
	ctx := context.Background()
	c := synth.VulnerableConfig{Components: 300_000, Ranges: 85_000, Seed: 1}
	if dir := os.Getenv("COFFERDAM_DATA"); dir != "" {
		for _, pattern := range []string{"osv-go/data/osv/*.json", "osv-pypa/vulns/*/*.yaml"} {
			names, err := filepath.Glob(filepath.Join(dir, "vuln", pattern))
			if err != nil {
				b.Fatal(err)
			}
			for _, name := range names {
				raw, err := os.ReadFile(name)
				if err != nil {
					b.Fatal(err)
				}
				if as, _, err := osv.Decode(ctx, name, raw, osv.Limits{}); err == nil {
					c.Known = append(c.Known, as...)
				}
			}
		}
	}
	v, err := synth.MakeVulnerable(c)
	if err != nil {
		b.Fatal(err)
	}
	x := index.New()
	batch := v.Batch()
	if err := x.Apply(batch); err != nil {
		b.Fatal(err)
	}
	b.Logf("%d components, %d advisories (%d real) of %d ranges", x.Snapshot().Components(), len(v.Advisories), len(c.Known), v.Ranges)
	return x.Snapshot(), v.Advisories
}

// BenchmarkMatch compares every component with every advisory. Database makes the
// advisories ready; Cold is the first match, which puts ranges in order; Warm another.
func BenchmarkMatch(b *testing.B) {
	ctx := context.Background()
	s, all := vulnerable(b)
	ready := func() *vuln.Database {
		db, err := vuln.NewDatabase(all, vuln.Options{})
		if err != nil {
			b.Fatal(err)
		}
		return db
	}
	match := func(db *vuln.Database) {
		if _, err := index.NewAdvisoryIndex(ctx, s, db); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("Database", func(b *testing.B) {
		for b.Loop() {
			ready()
		}
	})
	b.Run("Cold", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			db := ready()
			b.StartTimer()
			match(db)
		}
	})
	b.Run("Warm", func(b *testing.B) {
		db := ready()
		for b.Loop() {
			match(db)
		}
	})
}
