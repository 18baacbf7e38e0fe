package catalog

import (
	"cmp"
	"context"
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cofferdam-io/cofferdam/ident"
)

// indicatorMetrics are those of documents that belong to no tenant of their own; the API has
// each tenant's.
type indicatorMetrics struct {
	aligned, fresh                 prometheus.Gauge
	age, took                      *prometheus.GaugeVec
	thirdParty, licenses           *prometheus.GaugeVec
	exposures, overdue, remediated *prometheus.GaugeVec
	gates                          *prometheus.GaugeVec
	blocked, blockBegan, unblocked *prometheus.GaugeVec
}

// indicatorsEvery is how often indicators are measured for /metrics.
const indicatorsEvery = time.Minute

// indicatorsMonth is how far back they look at what ended.
const indicatorsMonth = 30 * 24 * time.Hour

func newIndicatorMetrics(r prometheus.Registerer) *indicatorMetrics {
	vec := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	}
	m := &indicatorMetrics{
		aligned:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "cofferdam_containers_aligned_ratio", Help: "Containers that run with a document that describes just their image, of all. NaN where none runs."}),
		fresh:      prometheus.NewGauge(prometheus.GaugeOpts{Name: "cofferdam_sbom_fresh_ratio", Help: "Of these, those whose document is not older than the goal (goals.sbomAgeDays)."}),
		age:        vec("cofferdam_sbom_age_seconds", "How old the documents of what runs are, since they were made. NaN where there is none.", "quantile"),
		thirdParty: vec("cofferdam_third_party_images", "Images of others that run (goals.ownImages), by whether the signature of a document verified.", "verified"),
		licenses:   vec("cofferdam_licenses_unresolved", "Products that run and in which the licence of a package is declared as unknown, and how often that was beyond the goal (goals.licenseDays).", "state"),
		took:       vec("cofferdam_licenses_resolved_seconds", "How long licences were unknown where that ended within thirty days.", "quantile"),
		exposures:  vec("cofferdam_exposures_open", "Containers' exposures to vulnerabilities.", "severity"),
		overdue:    vec("cofferdam_exposures_overdue", "Of these, those beyond their deadline (findings.deadlineDays).", "severity"),
		remediated: vec("cofferdam_remediation_seconds", "How long exposures lasted that were mended within thirty days.", "severity", "quantile"),
	}
	m.gates = vec("cofferdam_gate_decisions", "Decisions of gates that were recorded within thirty days.", "verdict")
	m.blockBegan = vec("cofferdam_gate_blocks", "Products that a gate began to block within thirty days.", "cause")
	m.blocked = vec("cofferdam_gate_blocks_open", "Products that a gate failed for and none passed since, and that were tried within ninety days.", "cause")
	m.unblocked = vec("cofferdam_gate_block_seconds", "How long blocks lasted that ended within thirty days.", "cause", "quantile")
	r.MustRegister(m.gates, m.blocked, m.blockBegan, m.unblocked)
	r.MustRegister(m.aligned, m.fresh, m.age, m.thirdParty, m.licenses, m.took, m.exposures, m.overdue, m.remediated)
	return m
}

// indicatorsLook measures what /metrics tells.
func (c *Catalog) indicatorsLook(m *indicatorMetrics) looking {
	return looking{every: indicatorsEvery, failed: "indicators were not measured", look: func(ctx context.Context) (bool, error) {
		x, err := c.Indicators(ctx, IndicatorQuery{Since: c.now().Add(-indicatorsMonth)})
		switch {
		case err == nil:
			m.set(x)
		case ident.KindOf(err) == ident.KindIndeterminate: // documents are not judged yet
			err = nil
		}
		return true, err
	}}
}

func (m *indicatorMetrics) set(x *Indicators) {
	g := &x.Groups[0]
	ratio := func(part, whole int) float64 {
		if whole == 0 {
			return math.NaN()
		}
		return float64(part) / float64(whole)
	}
	spans := func(v *prometheus.GaugeVec, s Spread, labels ...string) {
		for quantile, d := range map[string]time.Duration{"0.5": s.Median, "0.9": s.P90} {
			value := math.NaN()
			if s.N > 0 {
				value = d.Seconds()
			}
			v.WithLabelValues(append(labels, quantile)...).Set(value)
		}
	}
	m.aligned.Set(ratio(g.Covered, g.Containers))
	m.fresh.Set(ratio(g.Fresh, g.Covered))
	spans(m.age, g.SBOMAge)
	if len(x.Goals.Own) > 0 {
		m.thirdParty.WithLabelValues("true").Set(float64(g.Verified))
		m.thirdParty.WithLabelValues("false").Set(float64(g.ThirdParty - g.Verified))
	}
	if x.Licensed {
		m.licenses.WithLabelValues("open").Set(float64(g.LicensesOpen))
		m.licenses.WithLabelValues("late").Set(float64(g.LicensesLate))
		spans(m.took, g.LicenseTook)
	}
	if b := g.Gates; b != nil {
		for verdict, n := range map[string]int{"passed": b.Passed, "failed": b.Failed, "not-checked": b.NotChecked, "let-pass": b.LetPass} {
			m.gates.WithLabelValues(verdict).Set(float64(n))
		}
		for i := range b.Classes {
			c := &b.Classes[i]
			cause := cmp.Or(c.By, "any")
			m.blockBegan.WithLabelValues(cause).Set(float64(c.Began))
			m.blocked.WithLabelValues(cause).Set(float64(c.Open))
			spans(m.unblocked, c.Took, cause)
		}
	}
	for i := range g.Remediation {
		r := &g.Remediation[i]
		s := r.Severity.String()
		m.exposures.WithLabelValues(s).Set(float64(r.Open))
		m.overdue.WithLabelValues(s).Set(float64(r.Overdue))
		spans(m.remediated, Spread{N: r.Remediated, Median: r.Median, P90: r.P90}, s)
	}
}
