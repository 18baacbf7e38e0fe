package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/sbom/quality"
)

// DocumentScores is the answer of `sbom score --server`: how good the documents of a
// server are.
type DocumentScores struct {
	SchemaVersion string `json:"schemaVersion"`
	// Sequence is what the server had taken in at the look that the answer is of; absent
	// for the past, as the counts are.
	Sequence uint64          `json:"sequence,omitempty"`
	Profile  string          `json:"profile,omitempty" doc:"Whose scores grades and mean are of; absent: the mean of all"`
	Grades   map[string]int  `json:"grades,omitempty" doc:"Documents by grade, of all pages; absent for the past"`
	Mean     float64         `json:"mean" doc:"Of all pages"`
	Total    int             `json:"total" doc:"On all pages"`
	Below    int             `json:"below,omitempty" doc:"The server's floor, of all pages"`
	Refused  int             `json:"refused,omitempty" doc:"By the server's policy, of all pages"`
	Unjudged int             `json:"unjudged,omitempty" doc:"That cannot be judged, of all pages; they have no score"`
	Pending  int             `json:"pending,omitempty" doc:"Documents that wait to be judged, of all there are: they are not among the items"`
	Items    []DocumentScore `json:"items"`
	Next     string          `json:"next,omitempty" doc:"The cursor of the next page; absent on the last"`
	Gate     *ScoreGate      `json:"gate,omitempty"`
}

// DocumentScore is a document of a server and how good it is, for a time.
type DocumentScore struct {
	Document string `json:"document" doc:"SHA-256 of its bytes"`
	Number   uint32 `json:"number"`
	Artifact uint32 `json:"artifact"`
	Tenant   string `json:"tenant,omitempty"`
	Name     string `json:"name,omitempty"`
	Version  string `json:"version,omitempty"`
	Service  string `json:"service,omitempty"`
	Owner    string `json:"owner,omitempty"`
	Format   string `json:"format"`
	Running  int    `json:"running" doc:"Containers that run what it is about, of those that the question selects"`
	quality.Summary
	Below bool      `json:"below,omitempty" doc:"The server's floor"`
	Fault string    `json:"fault,omitempty" doc:"Why it cannot be judged; it has no score then"`
	From  time.Time `json:"from" doc:"So since"`
	Until time.Time `json:"until,omitzero" doc:"Absent while it is so"`
}

// Judge holds the scores against a minimum. What cannot be judged is below it.
func (a *DocumentScores) Judge(least float64) {
	g := &ScoreGate{Min: least}
	for i := range a.Items {
		x := &a.Items[i]
		score := x.Score
		if p := x.Profile(a.Profile); p != nil {
			score = p.Score
		}
		if x.Fault != "" || score < least {
			g.Below++
		}
	}
	g.Failed = g.Below > 0
	a.Gate = g
}

func documentScoresTable(w io.Writer, a *DocumentScores, o Options) error {
	p := newPrinter(w, o)
	by := "all profiles"
	if a.Profile != "" {
		by = a.Profile
	}
	switch {
	case len(a.Items) == 0:
		p.linef("%s of what is asked for", p.bold("NO DOCUMENTS"))
	case a.Grades == nil:
		p.linef("%s, by %s", p.bold(plural(len(a.Items), "score")), by)
	default:
		var grades []string
		for _, g := range []string{"A", "B", "C", "D", "F"} {
			grades = append(grades, g+" "+strconv.Itoa(a.Grades[g]))
		}
		p.linef("%s: mean %.1f by %s; %s", p.bold(plural(a.Total, "document")), a.Mean, by, strings.Join(grades, ", "))
	}
	for _, x := range []struct {
		n    int
		what string
	}{{a.Below, "below the server's floor"}, {a.Refused, "refused by the server's policy"}, {a.Unjudged, "that cannot be judged"}, {a.Pending, "that wait to be judged, of all there are"}} {
		if x.n > 0 {
			p.linef("%s %s", p.yellow(plural(x.n, "document")), x.what)
		}
	}
	if len(a.Items) > 0 {
		rows := make([][]string, 0, len(a.Items))
		for i := range a.Items {
			x := &a.Items[i]
			score, grade, unmet := x.Score, x.Grade, 0
			profile := x.Profile(a.Profile)
			for _, q := range x.Profiles {
				unmet += len(q.Unmet)
			}
			if profile != nil {
				score, grade, unmet = profile.Score, profile.Grade, len(profile.Unmet)
			}
			said := fmt.Sprintf("%.1f", score)
			if x.Fault != "" {
				said, grade = "none", clean(x.Fault)
			}
			var marks []string
			if x.Below {
				marks = append(marks, "below")
			}
			if x.Refused {
				marks = append(marks, "refused")
			}
			if !x.Until.IsZero() {
				marks = append(marks, "until "+x.Until.UTC().Format(time.DateOnly))
			}
			running := ""
			if x.Running > 0 {
				running = strconv.Itoa(x.Running)
			}
			rows = append(rows, []string{grade, said, strconv.Itoa(unmet), p.bold(clean(strings.TrimSpace(x.Name + " " + x.Version))), clean(x.Document), running, clean(x.Owner), x.From.UTC().Format(time.DateOnly), strings.Join(marks, ", ")})
		}
		p.heading("SCORES", len(rows), "the worst first")
		p.table([]column{{"GRADE", 0}, {"SCORE", 0}, {"UNMET", 0}, {"NAME", 20}, {"DOCUMENT", 16}, {"RUNNING", 0}, {"OWNER", 8}, {"SINCE", 0}, {"MARKS", 0}}, rows)
	}
	if g := a.Gate; g != nil {
		p.blank()
		word := p.green("PASSED")
		if g.Failed {
			word = p.red("FAILED")
		}
		p.linef("%s  %d below %g", word, g.Below, g.Min)
	}
	return p.done()
}
