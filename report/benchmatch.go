package report

import (
	"fmt"
	"io"
)

// BenchMatch is the answer of bench match. Times are CPU time of the whole process,
// garbage collection included, on one processor; making what is compared is not in them.
type BenchMatch struct {
	SchemaVersion string `json:"schemaVersion"`
	Seed          uint64 `json:"seed"`
	Machine       string `json:"machine"`

	Components int `json:"components"`
	Advisories int `json:"advisories"`
	Known      int `json:"known"` // of them, those that were given
	Ranges     int `json:"ranges"`
	Pairs      int `json:"pairs"` // vulnerabilities and components that they affect

	Database float64 `json:"database_s"` // identifiers closed, packages indexed
	Match    float64 `json:"match_s"`    // every component with every advisory, whose ranges are put in order on the way
	Again    float64 `json:"again_s"`    // the same components with advisories that are all read anew
	// Change is until everything is found that one new, withdrawn or changed advisory is
	// about, by the clock.
	Change Quantiles `json:"change_ms"`
	RSS    float64   `json:"rss_mb"` // the most memory held, what was made included
}

func benchMatchTable(w io.Writer, b *BenchMatch, o Options) error {
	p := newPrinter(w, o)
	p.text(fmt.Sprintf(`%d components, %d advisories (%d of them given) of %d ranges (seed %d): %d pairs
%s; times are CPU time on one processor

  make the advisories ready    %10.3f s
  compare all                  %10.3f s
  compare all again            %10.3f s
  one advisory changes         %10.3f ms (p99 %.3f), by the clock
  peak memory                  %10.0f MB`,
		b.Components, b.Advisories, b.Known, b.Ranges, b.Seed, b.Pairs, b.Machine, b.Database, b.Match, b.Again, b.Change.P50, b.Change.P99, b.RSS))
	return p.done()
}
