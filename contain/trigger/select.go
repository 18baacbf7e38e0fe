package trigger

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/segment"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// Match is a finding in a workload that runs what was scanned.
type Match struct {
	ID       string         `json:"id"`
	Severity ident.Severity `json:"severity"`
	PURL     string         `json:"purl"`
	Workload ident.Ref      `json:"workload"`
	// Tool is the scanner that alone has it; "" for findings of the scan.
	Tool string `json:"tool,omitempty"`
	// Unknown says what is not known about it; none of a match that satisfies every
	// condition.
	Unknown []string `json:"unknown,omitempty"`
}

// Selection is what conditions select of a scan.
type Selection struct {
	When []string `json:"when"` // the conditions, in their fixed order
	// Matched satisfy every condition, sorted by workload, identifier, package URL.
	Matched []Match `json:"matched"`
	// Unknown may satisfy them all: no condition fails, and not every one is known to hold.
	Unknown []Match `json:"unknown"`
	// NotSearched are workloads whose containers no SBOM describes, and of which no
	// condition is known to fail.
	NotSearched []inventory.NotCovered `json:"notSearched"`
	// NotRunning counts findings in what no workload runs.
	NotRunning int `json:"notRunning"`
}

// Affected returns the workloads that Matched speaks of, sorted.
func (s *Selection) Affected() []ident.Ref {
	var out []ident.Ref
	for i := range s.Matched {
		out = append(out, s.Matched[i].Workload)
	}
	slices.SortFunc(out, ident.Ref.Compare)
	return slices.Compact(out)
}

// answer is what is known of a condition.
type answer uint8

const (
	no answer = iota
	perhaps
	yes
)

// Select holds every finding against the conditions, in every workload that runs
// what was scanned. A finding in a document that the snapshot does not have, or
// in a package that its document does not list, is an error of kind failure: the
// scan is of other SBOMs, and where it runs nobody knows. A condition on reach
// that names no workload is one of kind usage.
func (c *Conditions) Select(ctx context.Context, scan *Scan, snap *inventory.Snapshot) (*Selection, error) {
	j := &judge{c: c, scan: scan, snap: snap, places: make(map[ident.Digest]*inventory.Place), where: make(map[ident.Ref]workloadAnswer)}
	if err := j.reaches(ctx); err != nil {
		return nil, err
	}
	out := &Selection{When: c.Words(), Matched: []Match{}, Unknown: []Match{}, NotSearched: []inventory.NotCovered{}}
	for i := range scan.Findings {
		if i%1024 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		f := &scan.Findings[i]
		if f.Status == vuln.StatusNotAffected || f.Status == vuln.StatusFixed {
			continue
		}
		is, why := c.ofFinding(f, scan)
		if is == no {
			continue
		}
		if err := j.match(out, f, "", is, why); err != nil {
			return nil, err
		}
	}
	if err := j.reported(ctx, out); err != nil {
		return nil, err
	}
	groups := scan.groups()
	for i := range scan.Undecided {
		u := &scan.Undecided[i]
		if g := groups[u.Advisory]; g != nil && len(c.ids) > 0 && !c.names(g.ID, g.Aliases) {
			continue // it is about another vulnerability than those that are asked for
		}
		f := &vuln.Finding{ID: u.Advisory, PURL: u.PURL, Document: u.Document}
		if err := j.match(out, f, "", perhaps, []string{"whether the advisory applies: " + u.Reason}); err != nil {
			return nil, err
		}
	}
	for _, n := range snap.NotCovered() {
		if j.of(n.Workload).is != no {
			out.NotSearched = append(out.NotSearched, n)
		}
	}
	for _, list := range []*[]Match{&out.Matched, &out.Unknown} {
		slices.SortFunc(*list, compare)
		*list = slices.CompactFunc(*list, func(a, b Match) bool { return compare(a, b) == 0 })
	}
	return out, nil
}

func compare(a, b Match) int {
	return cmp.Or(a.Workload.Compare(b.Workload), strings.Compare(a.ID, b.ID), strings.Compare(a.PURL, b.PURL), cmp.Compare(b.Severity, a.Severity), strings.Compare(a.Tool, b.Tool),
		slices.Compare(a.Unknown, b.Unknown))
}

// names reports whether an identifier is among those asked for.
func (c *Conditions) names(id string, aliases []string) bool {
	return slices.ContainsFunc(c.ids, func(want string) bool {
		return strings.EqualFold(want, id) || slices.ContainsFunc(aliases, func(a string) bool { return strings.EqualFold(want, a) })
	})
}

// groups maps each advisory to a finding that it led to, which says under what
// other identifiers its vulnerability goes.
func (s *Scan) groups() map[string]*vuln.Finding {
	out := make(map[string]*vuln.Finding)
	for i := range s.Findings {
		for _, a := range s.Findings[i].Advisories {
			out[a] = &s.Findings[i]
		}
	}
	return out
}

// ofFinding judges the conditions that hang on the finding alone.
func (c *Conditions) ofFinding(f *vuln.Finding, scan *Scan) (is answer, why []string) {
	is = yes
	if len(c.ids) > 0 && !c.names(f.ID, f.Aliases) || c.fixable && len(f.Fixed) == 0 {
		return no, nil
	}
	if c.kev && !f.KEV {
		if scan.KEVKnown {
			return no, nil
		}
		is, why = perhaps, append(why, "whether it is known to be exploited: the scan read no catalogue of such (KEV)")
	}
	switch {
	case c.likely == 0:
	case f.EPSS == nil:
		why = append(why, "how likely its exploitation is: the scan has no score of it (EPSS)")
		is = perhaps
	case *f.EPSS < c.likely:
		return no, nil
	}
	if c.least == ident.SeverityUnknown && c.exactly == ident.SeverityUnknown {
		return is, why
	}
	switch {
	case f.Severity == ident.SeverityUnknown:
		is, why = perhaps, append(why, "its severity: no advisory rates it")
	case f.Severity < c.least || c.exactly != ident.SeverityUnknown && f.Severity != c.exactly:
		return no, nil
	}
	return is, why
}

// judge holds findings against conditions in one estate.
type judge struct {
	c      *Conditions
	scan   *Scan
	snap   *inventory.Snapshot
	to     []map[ident.Ref]answer // of each condition on reach: the workloads that lead there
	places map[ident.Digest]*inventory.Place
	where  map[ident.Ref]workloadAnswer
}

type workloadAnswer struct {
	is  answer
	why []string
}

// reaches finds, for each condition on reach, which workloads lead to what it
// names. One that is named itself is there.
func (j *judge) reaches(ctx context.Context) error {
	members := j.snap.Members()
	for _, r := range j.c.reach {
		lead := make(map[ident.Ref]answer)
		var targets []ident.Ref
		for i := range members {
			if r.selector.Matches(&members[i]) {
				targets = append(targets, members[i].Ref)
				lead[members[i].Ref] = yes
			}
		}
		if len(targets) == 0 {
			return ident.Errorf(ident.KindUsage, "--when %s names no workload", r.text).
				WithHint("a condition that nothing can satisfy would always find nothing to do: cofferdam map shows zones and names")
		}
		got, err := j.snap.Graph().Reach(ctx, targets, segment.Backward, 0)
		if err != nil {
			return err
		}
		for _, x := range got {
			if x.Verdict == segment.Allowed {
				lead[x.Workload] = yes
			} else {
				lead[x.Workload] = max(lead[x.Workload], perhaps)
			}
		}
		j.to = append(j.to, lead)
	}
	return nil
}

// of judges the conditions that hang on the workload alone.
func (j *judge) of(r ident.Ref) workloadAnswer {
	if a, done := j.where[r]; done {
		return a
	}
	a := workloadAnswer{is: yes}
	if j.c.exposed {
		switch j.snap.Graph().Exposure(r).Level {
		case segment.ExposedInternet:
		case segment.ExposedUnknown:
			a.is, a.why = perhaps, append(a.why, "whether the internet reaches "+r.Short())
		default:
			a.is = no
		}
	}
	for i, x := range j.c.reach {
		switch j.to[i][r] {
		case no:
			a.is = no
		case perhaps:
			a.is, a.why = min(a.is, perhaps), append(a.why, "whether "+r.Short()+" reaches "+x.selector.String())
		case yes:
		}
	}
	j.where[r] = a
	return a
}

// match adds what a finding is in the workloads that run its document.
func (j *judge) match(out *Selection, f *vuln.Finding, tool string, is answer, why []string) error {
	place := j.places[f.Document]
	if place == nil {
		var known bool
		if place, known = j.snap.Placed(f.Document); !known {
			return ident.Errorf(ident.KindFailure, "%s was found in %s, which is not among the SBOMs that are given", f.ID, named(f)).
				WithHint("--sbom with the SBOMs that were scanned; if they have changed since, scan them again")
		}
		j.places[f.Document] = place
	}
	if tool == "" && !place.PURLs[f.PURL] { // what a scanner reports was placed by the documents themselves
		return ident.Errorf(ident.KindFailure, "%s was found in %q, which %s does not list", f.ID, f.PURL, named(f)).
			WithHint("the scan was changed since it was written: scan again")
	}
	if len(place.Workloads) == 0 {
		out.NotRunning++
	}
	for _, r := range place.Workloads {
		w := j.of(r)
		m := Match{ID: f.ID, Severity: f.Severity, PURL: f.PURL, Workload: r, Tool: tool}
		switch min(is, w.is) {
		case yes:
			out.Matched = append(out.Matched, m)
		case perhaps:
			m.Unknown = slices.Concat(why, w.why)
			out.Unknown = append(out.Unknown, m)
		case no:
		}
	}
	return nil
}

// reported adds what only other scanners report, and nothing that is loaded contradicts.
func (j *judge) reported(ctx context.Context, out *Selection) error {
	reports, err := j.snap.Reports(ctx, nil)
	if err != nil {
		return err
	}
	known := j.snap.Exploited()
	for _, x := range reports.Standing() {
		type at struct {
			document ident.Digest
			purl     string
		}
		seen := map[at]bool{}
		f := x.AsFinding()
		if known != nil {
			_, f.KEV = known.Of(&f)
		}
		is, why := j.c.ofFinding(&f, &Scan{KEVKnown: known != nil})
		if is == no {
			continue
		}
		for _, site := range x.Sites {
			if k := (at{site.SBOM.Digest, site.PURL}); !seen[k] {
				seen[k] = true
				f.Document, f.PURL = k.document, k.purl
				if err := j.match(out, &f, x.Tool, is, why); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// named is a finding's document as a person knows it.
func named(f *vuln.Finding) string {
	if f.File != "" {
		return f.File + " (" + f.Document.Short() + ")"
	}
	return f.Document.String()
}
