package vuln

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/sbom"
)

// Intelligence is what is known of vulnerabilities beside their advisories. A nil
// field was not read, which is not the same as knowing nothing bad.
type Intelligence struct {
	Exploited   *Exploited
	Likelihoods *Likelihoods
	Statements  *Statements
}

// Assess adds to a finding what is known of its vulnerability: whether it is known to
// be exploited, and how likely that is. All identifiers of the finding count, those
// of the vulnerabilities that one update of a distribution mends together included:
// the worst of them is the finding's.
func (in *Intelligence) Assess(f *Finding) {
	if in == nil {
		return
	}
	_, f.KEV = in.Exploited.Of(f)
	if l, ok := in.Likelihoods.Of(f); ok {
		f.EPSS = &l.Probability
	}
}

// Judge is Assess, and moves the finding to the status that statements give it. Those
// that are about it and did not decide are told, too.
func (in *Intelligence) Judge(f *Finding, a *Artifact, c *sbom.Component) {
	if in == nil {
		return
	}
	in.Assess(f)
	j := in.Statements.judge(f, a, c)
	f.VEX = j.claims
	if j.status != "" {
		f.Status, f.VEXSource = j.status, j.claims[0].Source
	}
}

// identifiers calls f with every identifier that a finding goes by, until it returns false.
func (f *Finding) identifiers(each func(string) bool) {
	for _, ids := range [...][]string{{f.ID}, f.Aliases, f.Upstream} {
		for _, id := range ids {
			if !each(id) {
				return
			}
		}
	}
}

// Exploited is a catalogue of vulnerabilities that are known to be exploited, as CISA
// publishes one (KEV). It is immutable; nil is one that was not read.
type Exploited struct {
	Version  string
	Released time.Time
	byID     map[string]*Exploitation
}

// Exploitation is one entry of such a catalogue.
type Exploitation struct {
	ID         string // a CVE identifier
	Vendor     string
	Product    string
	Name       string
	Action     string    // what the catalogue asks for
	Added      time.Time // day
	Due        time.Time // day until which Action is due; zero where the catalogue sets none
	Ransomware bool      // known to be used in ransomware campaigns
}

// NewExploited makes a catalogue. Of entries with one identifier the last counts.
func NewExploited(version string, released time.Time, entries []Exploitation) *Exploited {
	e := &Exploited{Version: version, Released: released, byID: make(map[string]*Exploitation, len(entries))}
	for i := range entries {
		e.byID[strings.ToUpper(entries[i].ID)] = &entries[i]
	}
	return e
}

// Len returns how many vulnerabilities the catalogue has.
func (e *Exploited) Len() int {
	if e == nil {
		return 0
	}
	return len(e.byID)
}

// Find returns the entry of a vulnerability that goes by any of some identifiers, the
// earliest added one where several do. Case does not matter.
func (e *Exploited) Find(ids ...string) (Exploitation, bool) {
	var best *Exploitation
	if e == nil {
		return Exploitation{}, false
	}
	for _, id := range ids {
		if x := e.byID[strings.ToUpper(id)]; x != nil && (best == nil || x.Added.Before(best.Added)) {
			best = x
		}
	}
	if best == nil {
		return Exploitation{}, false
	}
	return *best, true
}

// Of is Find for the identifiers of a finding.
func (e *Exploited) Of(f *Finding) (out Exploitation, ok bool) {
	f.identifiers(func(id string) bool {
		x, is := e.Find(id)
		if is && (!ok || x.Added.Before(out.Added)) {
			out, ok = x, true
		}
		return true
	})
	return out, ok
}

// Likelihoods say how likely vulnerabilities are to be exploited in the thirty days
// after they were computed: the scores of EPSS. They are immutable; nil are none.
type Likelihoods struct {
	Model string // version of the model
	AsOf  time.Time
	rows  []likelihoodRow // by key
}

// Likelihood is the score of one vulnerability.
type Likelihood struct {
	Probability float64 // of exploitation within thirty days, 0 to 1
	Percentile  float64 // part of all scored vulnerabilities with a lower or the same one, 0 to 1
}

// ScoredCVE is a CVE identifier with its score.
type ScoredCVE struct {
	ID string
	Likelihood
}

// likelihoodRow keeps an identifier as a number: some 300,000 of them are loaded to
// answer for a few hundred findings. Scores have five decimals.
type likelihoodRow struct {
	key                     uint64
	probability, percentile float32
}

// scoreDecimals are the decimals in which EPSS publishes scores.
const scoreDecimals = 1e5

// NewLikelihoods makes a table of scores. An identifier that is no CVE, or stands
// twice with different scores, is returned in refused; of the latter the higher
// score counts.
func NewLikelihoods(model string, asOf time.Time, scores []ScoredCVE) (l *Likelihoods, refused []string) {
	l = &Likelihoods{Model: model, AsOf: asOf, rows: make([]likelihoodRow, 0, len(scores))}
	for _, s := range scores {
		key, ok := cveKey(s.ID)
		if !ok {
			refused = append(refused, s.ID)
			continue
		}
		l.rows = append(l.rows, likelihoodRow{key, float32(s.Probability), float32(s.Percentile)})
	}
	slices.SortFunc(l.rows, func(a, b likelihoodRow) int {
		return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(b.probability, a.probability))
	})
	kept := l.rows[:0]
	for _, r := range l.rows {
		if n := len(kept); n > 0 && kept[n-1].key == r.key {
			if kept[n-1].probability != r.probability {
				refused = append(refused, cveOf(r.key))
			}
			continue
		}
		kept = append(kept, r)
	}
	l.rows = kept
	return l, refused
}

// Len returns how many vulnerabilities have a score.
func (l *Likelihoods) Len() int {
	if l == nil {
		return 0
	}
	return len(l.rows)
}

// Find returns the highest score of a vulnerability's identifiers.
func (l *Likelihoods) Find(ids ...string) (out Likelihood, ok bool) {
	if l == nil {
		return out, false
	}
	for _, id := range ids {
		key, is := cveKey(id)
		if !is {
			continue
		}
		i, has := slices.BinarySearchFunc(l.rows, key, func(r likelihoodRow, k uint64) int { return cmp.Compare(r.key, k) })
		if !has {
			continue
		}
		if p := published(l.rows[i].probability); !ok || p > out.Probability {
			out, ok = Likelihood{p, published(l.rows[i].percentile)}, true
		}
	}
	return out, ok
}

// Of is Find for the identifiers of a finding.
func (l *Likelihoods) Of(f *Finding) (out Likelihood, ok bool) {
	f.identifiers(func(id string) bool {
		if x, is := l.Find(id); is && (!ok || x.Probability > out.Probability) {
			out, ok = x, true
		}
		return true
	})
	return out, ok
}

// published is a score with the decimals that it was published in.
func published(f float32) float64 { return math.Round(float64(f)*scoreDecimals) / scoreDecimals }

// cveKey reads CVE-YEAR-NUMBER as one number. Numbers have four digits or more, and
// leading zeros up to four (CVE ID syntax since 2014).
func cveKey(id string) (uint64, bool) {
	const prefix, yearDigits, mostDigits = len("CVE-"), 4, 12
	if len(id) < prefix+yearDigits+2 || !strings.EqualFold(id[:prefix], "CVE-") || id[prefix+yearDigits] != '-' {
		return 0, false
	}
	number := id[prefix+yearDigits+1:]
	if len(number) < 4 || len(number) > mostDigits || len(number) > 4 && number[0] == '0' {
		return 0, false
	}
	var year, n uint64
	for _, c := range []byte(id[prefix : prefix+yearDigits]) {
		if !isDigit(c) {
			return 0, false
		}
		year = year*10 + uint64(c-'0')
	}
	for _, c := range []byte(number) {
		if !isDigit(c) {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return year<<yearShift | n, true
}

// yearShift leaves room for numbers of twelve digits.
const yearShift = 40

// cveOf undoes cveKey.
func cveOf(key uint64) string {
	return fmt.Sprintf("CVE-%04d-%04d", key>>yearShift, key&(1<<yearShift-1))
}
