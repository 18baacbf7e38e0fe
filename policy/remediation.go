package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// Remediation asks that findings are gone within a time from when they were first known,
// whatever releases came between: what is beyond its deadline goes nowhere. A finding that
// a statement clears or an exception names has no deadline.
type Remediation struct {
	Name      string
	Deadlines *vuln.Deadlines
	// ServerAcceptances says that what a server's triagers accepted has no deadline either.
	ServerAcceptances bool
	Hint              string
}

// Overdue is a finding that is beyond its deadline, or may be.
type Overdue struct {
	ID        string         `json:"id"`
	Component string         `json:"component,omitempty"` // package URL
	Severity  ident.Severity `json:"severity"`
	KEV       bool           `json:"kev"`
	// Known is since when it is known, as far as anybody says, and Due until when it was to
	// be gone, counted from Known.By; zero where nobody says that.
	Known vuln.FirstKnown `json:"known,omitzero"`
	Due   time.Time       `json:"due,omitzero"`
	// Unknown says that nobody knows whether the deadline has passed.
	Unknown bool `json:"unknown,omitempty"`
}

func (r *Remediation) check() Check {
	hint := r.Hint
	if hint == "" {
		hint = "mend what is overdue, or have an exception approved that names it; cofferdam gate --known-since says since when findings are known"
	}
	return Check{Name: r.Name, Expected: "no finding beyond its deadline (" + r.words() + ")", Hint: hint, Judge: func(in *Prepared, c *Context) Outcome {
		if !in.Scanned {
			return Outcome{Err: ident.Errorf(ident.KindIndeterminate, "findings are not known: the image was not scanned")}
		}
		var late, unknown []Overdue
		for i := range in.Findings {
			f := &in.Findings[i]
			if vuln.Status(f.VEX).Clears() || c.excepted != nil && c.excepted(*f) || r.ServerAcceptances && f.Accepted {
				continue
			}
			switch o, is := r.judge(f, in.NoKEV, c.At); is {
			case vuln.Late:
				late = append(late, o)
			case vuln.LateUnknown:
				unknown = append(unknown, o)
			case vuln.InTime:
			}
		}
		sortOverdue(late)
		sortOverdue(unknown)
		out := Outcome{Passed: len(late)+len(unknown) == 0, Overdue: append(late, unknown...)}
		open := ""
		if len(unknown) > 0 {
			open = fmt.Sprintf("of %d of %d findings it is not known whether their deadline has passed: %s", len(unknown), len(in.Findings), listed(unknown))
		}
		switch {
		case len(late) > 0:
			out.Found = fmt.Sprintf("%d of %d findings are beyond their deadline: %s", len(late), len(in.Findings), listed(late))
			if open != "" {
				out.Found += "; " + open
			}
		case open != "":
			out.Err = ident.Errorf(ident.KindIndeterminate, "%s", open)
		}
		return out
	}}
}

// judge holds a finding against its deadline.
func (r *Remediation) judge(f *Finding, noKEV bool, at time.Time) (Overdue, vuln.Lateness) {
	o := Overdue{ID: f.ID, Component: f.Component, Severity: f.Severity, KEV: f.KEV, Known: f.Known}
	deadline := r.Deadlines.Of(f.Severity, f.KEV)
	is := vuln.InTime
	if deadline > 0 {
		is = f.Known.Late(deadline, at)
	}
	// Where nobody knows what is exploited, the shorter deadline may hold.
	if shorter := r.Deadlines.Of(f.Severity, true); is == vuln.InTime && noKEV && shorter != deadline && f.Known.Late(shorter, at) != vuln.InTime {
		deadline, is = shorter, vuln.LateUnknown
	}
	if !f.Known.By.IsZero() {
		o.Due = f.Known.By.Add(deadline)
	}
	o.Unknown = is == vuln.LateUnknown
	return o, is
}

// words are the deadlines, the shortest ones first.
func (r *Remediation) words() string {
	type one struct {
		word string
		d    time.Duration
	}
	var all []one
	if d := r.Deadlines.Exploited; d > 0 {
		all = append(all, one{"exploited", d})
	}
	for s, d := range r.Deadlines.Severity {
		all = append(all, one{s.String(), d})
	}
	slices.SortFunc(all, func(a, b one) int { return cmp.Or(cmp.Compare(a.d, b.d), strings.Compare(a.word, b.word)) })
	out := make([]string, len(all))
	for i, x := range all {
		out[i] = fmt.Sprintf("%s %g days", x.word, x.d.Hours()/24)
	}
	return strings.Join(out, ", ")
}

func sortOverdue(list []Overdue) {
	slices.SortFunc(list, func(a, b Overdue) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), a.Due.Compare(b.Due), strings.Compare(a.ID, b.ID), strings.Compare(a.Component, b.Component))
	})
}

// listed names the first few.
func listed(list []Overdue) string {
	const most = 5
	var parts []string
	for i, o := range list {
		if i == most {
			parts = append(parts, fmt.Sprintf("%d more", len(list)-i))
			break
		}
		exploited := ""
		if o.KEV {
			exploited = ", exploited"
		}
		parts = append(parts, fmt.Sprintf("%s (%s%s) in %s, %s", o.ID, o.Severity, exploited, o.Component, o.since()))
	}
	return strings.Join(parts, "; ")
}

func (o *Overdue) since() string {
	const day = time.DateOnly
	due := ""
	if !o.Due.IsZero() {
		due = ", due " + o.Due.UTC().Format(day)
	}
	since, exact := o.Known.Since()
	switch {
	case exact && o.Unknown: // the deadline itself is not known
		return "known since " + since.UTC().Format(day) + due + " if it is exploited, which is not known (--kev)"
	case exact:
		return "known since " + since.UTC().Format(day) + due
	case !o.Known.By.IsZero():
		return "known by " + o.Known.By.UTC().Format(day) + ", perhaps earlier" + due
	case !o.Known.After.IsZero():
		return "not known yet on " + o.Known.After.UTC().Format(day) + ", and nobody says of later"
	}
	return "since when is not known"
}
