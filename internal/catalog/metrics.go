package catalog

import (
	"math"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom/quality"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// metrics count what is taken in.
type metrics struct {
	documents  *prometheus.CounterVec
	bytes      prometheus.Counter
	components prometheus.Counter
	rejected   prometheus.Counter
	standing   *prometheus.GaugeVec
	findings   *prometheus.GaugeVec
	scores     *prometheus.GaugeVec
	marked     *prometheus.GaugeVec
	listening  prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	m := &metrics{
		documents:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "cofferdam_documents_taken_total", Help: "Documents acknowledged."}, []string{"known"}),
		bytes:      counter("cofferdam_document_bytes_taken_total", "Bytes of new documents."),
		components: counter("cofferdam_document_components_taken_total", "Distinct components of new documents, summed."),
		standing:   prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "cofferdam_running_containers", Help: "Containers that run, by how their image and the catalogue agree."}, []string{"standing"}),
		findings:   prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "cofferdam_running_findings", Help: "Vulnerabilities in components of running containers, by severity and whether they are known to be exploited."}, []string{"severity", "kev"}),
		scores:     prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "cofferdam_documents", Help: "Documents by the grade of their quality; none: they cannot be judged, pending: they were not yet."}, []string{"grade"}),
		marked:     prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "cofferdam_documents_marked", Help: "Documents below the quality that is asked for: below the floor, or refused by the policy."}, []string{"by"}),
		listening:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "cofferdam_store_listening", Help: "1 while this server hears of what other servers commit at once; 0 while it looks four times a second, and where no other server shares the store."}),
		rejected:   counter("cofferdam_documents_rejected_total", "Documents put into quarantine."),
	}
	if r != nil {
		r.MustRegister(m.documents, m.bytes, m.components, m.rejected, m.standing, m.findings, m.scores, m.marked, m.listening)
	}
	return m
}

// registerFeeds tells of when what findings are judged by is: who watches a server sees a feed
// that fell silent. A feed that is not loaded has no time.
func (c *Catalog) registerFeeds(r prometheus.Registerer) {
	at := func(name, help, feed string, of func(*AdvisoryState) time.Time) {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: prometheus.Labels{"feed": feed}}, func() float64 {
			s := c.AdvisoryState()
			if t := of(&s); !t.IsZero() {
				return float64(t.Unix())
			}
			return math.NaN()
		}))
	}
	const newest, newestHelp = "cofferdam_feed_newest_timestamp_seconds", "The newest that a feed has: the last modification of an advisory, the day of a list, the last statement in documents of a form. NaN where it is not loaded."
	at(newest, newestHelp, "advisories", func(s *AdvisoryState) time.Time { return s.AsOf })
	at(newest, newestHelp, "kev", func(s *AdvisoryState) time.Time { return s.KEV })
	at(newest, newestHelp, "epss", func(s *AdvisoryState) time.Time { return s.EPSS })
	for _, form := range []string{vuln.FormOpenVEX, vuln.FormCSAF, vuln.FormCycloneDX} {
		at(newest, newestHelp, form, func(s *AdvisoryState) time.Time { return s.Stated[form].Newest })
	}
	at("cofferdam_feed_loaded_timestamp_seconds", "When the server read its feeds last. NaN where it has not.", "all", func(s *AdvisoryState) time.Time { return s.Loaded })
	count := func(name, help string, of func(*AdvisoryState) int) {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
			s := c.AdvisoryState()
			return float64(of(&s))
		}))
	}
	count("cofferdam_advisories", "Advisories that are loaded.", func(s *AdvisoryState) int { return s.Records })
	count("cofferdam_statements", "Statements (VEX) that are loaded or were handed over.", func(s *AdvisoryState) int { return s.Statements })
	count("cofferdam_feed_records_quarantined", "Advisories and statements that could not be read.", func(s *AdvisoryState) int { return s.Quarantined })
}

func (m *metrics) stand(counts map[Standing]int) {
	for _, s := range Standings() {
		m.standing.WithLabelValues(string(s)).Set(float64(counts[s]))
	}
}

func (m *metrics) found(now *foundRunning) {
	for severity := ident.SeverityUnknown; severity <= ident.SeverityCritical; severity++ {
		for _, kev := range []bool{false, true} {
			m.findings.WithLabelValues(severity.String(), strconv.FormatBool(kev)).Set(float64(now.counts[foundKind{severity, kev}]))
		}
	}
}

func (m *metrics) taken(size int64, components int, known bool) {
	if known {
		m.documents.WithLabelValues("true").Inc()
		return
	}
	m.documents.WithLabelValues("false").Inc()
	m.bytes.Add(float64(size))
	m.components.Add(float64(components))
}

func (m *metrics) scored(s *scored, v *view) {
	grades := map[string]int{"A": 0, "B": 0, "C": 0, "D": 0, "F": 0, "none": 0, "pending": 0}
	below, refused := 0, 0
	for id := range v.index.Documents() {
		if _, live := v.index.Artifact(id); !live {
			continue
		}
		r := s.row(id)
		switch {
		case r == nil:
			grades["pending"]++
			continue
		case r.fault:
			grades["none"]++
		default:
			grades[quality.Grade(rounded(float64(r.score)))]++
		}
		if r.below {
			below++
		}
		if r.refused {
			refused++
		}
	}
	for g, n := range grades {
		m.scores.WithLabelValues(g).Set(float64(n))
	}
	m.marked.WithLabelValues("floor").Set(float64(below))
	m.marked.WithLabelValues("policy").Set(float64(refused))
}
