package catalog

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cofferdam-io/cofferdam/ident"
)

// metrics count what is taken in.
type metrics struct {
	documents  *prometheus.CounterVec
	bytes      prometheus.Counter
	components prometheus.Counter
	rejected   prometheus.Counter
	standing   *prometheus.GaugeVec
	findings   *prometheus.GaugeVec
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
		rejected:   counter("cofferdam_documents_rejected_total", "Documents put into quarantine."),
	}
	if r != nil {
		r.MustRegister(m.documents, m.bytes, m.components, m.rejected, m.standing, m.findings)
	}
	return m
}

func (m *metrics) stand(counts map[Standing]int) {
	for _, s := range Standings() {
		m.standing.WithLabelValues(string(s)).Set(float64(counts[s]))
	}
}

func (m *metrics) found(now *foundRunning) {
	type group struct {
		severity ident.Severity
		kev      bool
	}
	counts := map[group]int{}
	for s := ident.SeverityUnknown; s <= ident.SeverityCritical; s++ {
		counts[group{s, false}], counts[group{s, true}] = 0, 0
	}
	for i := range now.findings {
		if s := &now.findings[i].Said; !s.Status.Clears() {
			counts[group{s.Severity, s.KEV}]++
		}
	}
	for g, n := range counts {
		m.findings.WithLabelValues(g.severity.String(), strconv.FormatBool(g.kev)).Set(float64(n))
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
