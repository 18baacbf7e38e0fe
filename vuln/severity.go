package vuln

import (
	"math"
	"strings"

	cvss20 "github.com/pandatix/go-cvss/20"
	cvss30 "github.com/pandatix/go-cvss/30"
	cvss31 "github.com/pandatix/go-cvss/31"
	cvss40 "github.com/pandatix/go-cvss/40"

	"github.com/cofferdam-io/cofferdam/ident"
)

// NewScore computes the base score of a vector. The type is OSV's
// severity[].type; a type other than CVSS keeps its word, without a score.
func NewScore(typ, vector string) Score {
	s := Score{Type: typ, Vector: vector, Base: math.NaN()}
	if !strings.HasPrefix(typ, "CVSS_V") {
		return s
	}
	switch {
	case strings.HasPrefix(vector, "CVSS:4.0/"):
		if v, err := cvss40.ParseVector(baseOnly40(vector)); err == nil {
			s.Base = v.Score()
		}
	case strings.HasPrefix(vector, "CVSS:3.1/"):
		if v, err := cvss31.ParseVector(vector); err == nil {
			s.Base = v.BaseScore()
		}
	case strings.HasPrefix(vector, "CVSS:3.0/"):
		if v, err := cvss30.ParseVector(vector); err == nil {
			s.Base = v.BaseScore()
		}
	case typ == "CVSS_V2":
		if v, err := cvss20.ParseVector(strings.Trim(vector, "()")); err == nil {
			s.Base = v.BaseScore()
		}
	}
	return s
}

// baseOnly40 drops threat, environmental and supplemental metrics, which would
// otherwise move the score of a CVSS 4.0 vector (v4.0 section 1.3).
func baseOnly40(vector string) string {
	const baseMetrics = 11
	parts := strings.Split(vector, "/")
	if len(parts) <= 1+baseMetrics {
		return vector
	}
	return strings.Join(parts[:1+baseMetrics], "/")
}

// SeverityOf rates scores: the highest of the CVSS 4.0 vectors decides, else
// the highest of 3.x, else of 2.0; else an ecosystem's own word; else the
// database's word. Newer versions come first because their publishers mean
// them to replace the older ones. Without any it is unknown.
func SeverityOf(scores []Score, databaseWord string) ident.Severity {
	var best [3]float64
	var have [3]bool
	word := ident.SeverityUnknown
	for _, s := range scores {
		if math.IsNaN(s.Base) {
			if w, ok := ident.ParseSeverity(s.Vector); ok {
				word = max(word, w)
			}
			continue
		}
		i := 2
		switch s.Type {
		case "CVSS_V4":
			i = 0
		case "CVSS_V3":
			i = 1
		}
		best[i], have[i] = max(best[i], s.Base), true
	}
	for i, ok := range have {
		if ok {
			return ident.SeverityOfScore(best[i])
		}
	}
	if word != ident.SeverityUnknown {
		return word
	}
	word, _ = ident.ParseSeverity(databaseWord)
	return word
}

// severityOf rates one affected entry: its own severity replaces the record's
// (OSV schema, affected[].severity).
func severityOf(a *Advisory, affected int) (ident.Severity, []Score) {
	scores := a.Severity
	if own := a.Affected[affected].Severity; len(own) > 0 {
		scores = own
	}
	return SeverityOf(scores, a.DatabaseSeverity), scores
}
