package vuln

import (
	"strings"
	"time"
)

// FirstKnown bounds when a finding was first known of an artifact: not before After, and
// at By at the latest. A zero time is no bound.
type FirstKnown struct {
	After time.Time `json:"after,omitzero"`
	By    time.Time `json:"by,omitzero"`
}

// Since is when the finding was first known, where that is known.
func (k FirstKnown) Since() (time.Time, bool) {
	return k.By, !k.By.IsZero() && k.After.Equal(k.By)
}

// Lateness says whether a deadline has passed.
type Lateness int

// What is known of a deadline. Where the bounds lie on both sides of it, nothing is.
const (
	LateUnknown Lateness = iota
	InTime
	Late
)

// Late says whether a deadline from when a finding was first known has passed at a time.
func (k FirstKnown) Late(deadline time.Duration, at time.Time) Lateness {
	switch {
	case !k.By.IsZero() && at.After(k.By.Add(deadline)):
		return Late
	case !k.After.IsZero() && !at.After(k.After.Add(deadline)):
		return InTime
	}
	return LateUnknown
}

// Sighting is what somebody says of one finding: since when they know it.
type Sighting struct {
	IDs []string // of the vulnerability
	// Package is the package URL without version; "" is any: the vulnerability was known of
	// the artifact, in whatever component.
	Package string
	Subject string // the artifact without tag and digest; "" is any
	Known   FirstKnown
	// PURL is the component that the finding was accepted in, or was not; "" where whoever
	// says this accepts nothing.
	PURL     string
	Accepted bool
}

// Sightings are what several say of since when findings are known. The zero value knows
// nothing.
type Sightings struct {
	of     map[string][]Sighting // by identifier in upper case
	looked []look
}

// look says that of an artifact, "" being any, everything was listed that was known at a
// time.
type look struct {
	subject string
	at      time.Time
}

// Add takes in what somebody says of a finding.
func (s *Sightings) Add(x Sighting) {
	if s.of == nil {
		s.of = map[string][]Sighting{}
	}
	for _, id := range x.IDs {
		id = strings.ToUpper(id)
		s.of[id] = append(s.of[id], x)
	}
}

// Looked takes in that of an artifact everything was listed that was known at a time: what
// was not became known later. "" is the artifact that is asked about, whatever it is called.
func (s *Sightings) Looked(subject string, at time.Time) {
	s.looked = append(s.looked, look{subject, at})
}

// AddBaseline takes in a baseline. An entry that does not say since when was known when the
// baseline was made, and nobody says how long before. Artifacts without a name were looked
// at, too, but cannot be told from others.
func (s *Sightings) AddBaseline(b *Baseline) {
	for _, list := range [][]Known{b.Findings, b.Exploited} {
		for i := range list {
			k := &list[i]
			known := FirstKnown{By: b.Created}
			if k.FirstKnown != nil {
				known = *k.FirstKnown
			}
			s.Add(Sighting{IDs: append([]string{k.ID}, k.Aliases...), Package: packageOf(k.Package), Subject: k.Subject, Known: known})
		}
	}
	for _, subject := range b.Subjects {
		if subject != "" {
			s.Looked(subject, b.Created)
		}
	}
}

// Known says since when a finding of an artifact is known at a time, and whether it was
// accepted by whoever says so. Of several the earliest counts: what was mended and is back
// is known since it was known first. What somebody says of a day to come is left out.
func (s *Sightings) Known(f *Finding, subject string, at time.Time) (known FirstKnown, accepted bool) {
	pkg, seen, refused := packageOf(f.PURL), false, false
	f.vulnerability(func(id string) bool {
		for i := range s.of[strings.ToUpper(id)] {
			x := &s.of[strings.ToUpper(id)][i]
			if x.Subject != "" && x.Subject != subject || x.Package != "" && x.Package != pkg || x.Known.By.IsZero() || x.Known.By.After(at) {
				continue
			}
			if x.PURL != "" && x.PURL == f.PURL {
				accepted, refused = accepted || x.Accepted, refused || !x.Accepted
			}
			if !seen || x.Known.By.Before(known.By) {
				seen, known = true, x.Known
			}
		}
		return true
	})
	accepted = accepted && !refused
	if seen {
		return known, accepted
	}
	for _, l := range s.looked {
		if (l.subject == "" || l.subject == subject) && !l.at.After(at) && l.at.After(known.After) {
			known.After = l.at
		}
	}
	return known, accepted
}

// Apply gives every finding since when it is known. subject names the artifact of a finding.
func (s *Sightings) Apply(fs []Finding, subject func(*Finding) string, at time.Time) {
	for i := range fs {
		f := &fs[i]
		known, accepted := s.Known(f, subject(f), at)
		f.FirstKnown, f.AcceptedRunning = nil, accepted
		if known != (FirstKnown{}) {
			f.FirstKnown = &known
		}
	}
}
