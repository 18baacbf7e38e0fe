package html

import (
	"cmp"
	_ "embed" // the page's parts
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/cofferdam-io/cofferdam/sbom/quality"
)

//go:embed scores.tmpl
var scoresText string

//go:embed scores.css
var scoresStyle string

// What a page shows of many documents: of each a row, of the first so many everything, and of
// one element so many places. The machine formats have the rest.
const (
	shownDocuments = 100
	shownPlaces    = 5
)

// ScoresGate is what a minimum and a policy made of the scores.
type ScoresGate struct {
	Failed bool
	Text   string
}

type scoresView struct {
	Title, At, Tool, Policy string
	Style                   template.CSS
	Facts                   []fact
	Gate                    *ScoresGate
	Documents               []scoreRow
	Reports                 []scoreReport
	More                    int    // documents that have a row only
	Unread                  string // "" where everything was read
}

type scoreRow struct {
	ID, Grade, Class, File, Name, Format string
	Score                                float64
	Components                           int
	Linked                               bool
}

type scoreReport struct {
	scoreRow
	Digest, Made string
	Profiles     []scoreProfile
	PolicyName   string
	Refused      bool
	Checks       []quality.CheckResult
	Signals      []fact
}

type scoreProfile struct {
	ID, Title, Version, Source, Grade, Class, Conforms, ConformsClass string
	Score                                                             float64
	Missing                                                           []scoreElement
	Met, NotJudged                                                    int
}

type scoreElement struct {
	Title, Section, Outcome, How string
	Level                        quality.Level
	Present, Of                  int
	Score                        float64
	Places                       []quality.Finding
	Unlisted                     int
}

// Scores writes a page about how good documents are: what the profiles ask for and is not
// there, with its places. at is when they were judged, unread how many inputs were not. The same
// reports give the same bytes; it fetches nothing and runs no script.
func Scores(w io.Writer, reports []quality.Report, gate *ScoresGate, at string, unread int, o Options) error {
	t, err := template.New("scores").Parse(scoresText)
	if err != nil {
		return err
	}
	style := styleText + scoresStyle
	v := scoresView{
		Title: "SBOM quality", At: at, Tool: strings.TrimSpace(cmp.Or(o.ToolName, "cofferdam") + " " + o.ToolVersion), Gate: gate,
		Policy: "default-src 'none'; style-src " + hashOf(style) + "; base-uri 'none'; form-action 'none'",
		Style:  template.CSS(style), //nolint:gosec // our own files, not the documents'
		Facts:  scoreFacts(reports),
	}
	if unread > 0 {
		v.Unread = fmt.Sprintf("%d inputs could not be read and were not judged.", unread)
	}
	if len(reports) == 1 {
		v.Title = "SBOM quality of " + cmp.Or(reports[0].Name, reports[0].File)
	}
	for i := range reports {
		r := &reports[i]
		row := scoreRow{ID: fmt.Sprintf("d%d", i+1), Grade: r.Grade, Class: gradeClass(r.Grade), File: r.File, Name: r.Name,
			Format: strings.TrimSpace(r.Format + " " + r.SpecVersion + " " + r.Encoding), Score: r.Score, Components: r.Components, Linked: i < shownDocuments}
		v.Documents = append(v.Documents, row)
		if !row.Linked {
			v.More++
			continue
		}
		v.Reports = append(v.Reports, scoreReportOf(r, row))
	}
	return t.Execute(printable{w}, v)
}

func gradeClass(grade string) string {
	switch grade {
	case "A", "B":
		return "good"
	case "C", "D":
		return "warn"
	}
	return "bad"
}

func scoreFacts(reports []quality.Report) []fact {
	total, components, refused := 0.0, 0, 0
	grades := map[string]int{}
	for i := range reports {
		total += reports[i].Score
		components += reports[i].Components
		grades[reports[i].Grade]++
		if reports[i].Policy.Refused {
			refused++
		}
	}
	var out []fact
	if len(reports) > 0 {
		mean := total / float64(len(reports))
		out = append(out, fact{fmt.Sprintf("%.1f", mean), "of 100, grade " + quality.Grade(mean), gradeClass(quality.Grade(mean))})
	}
	out = append(out, fact{fmt.Sprint(len(reports)), "documents", ""}, fact{fmt.Sprint(components), "components", ""})
	if len(reports) > 1 {
		for _, g := range []string{"A", "B", "C", "D", "F"} {
			if grades[g] > 0 {
				out = append(out, fact{fmt.Sprint(grades[g]), "with grade " + g, gradeClass(g)})
			}
		}
	}
	if refused > 0 {
		out = append(out, fact{fmt.Sprint(refused), "refused by the policy", "bad"})
	}
	return out
}

func scoreReportOf(r *quality.Report, row scoreRow) scoreReport {
	s := &r.Signals
	out := scoreReport{scoreRow: row, Digest: r.Digest.String(), Made: s.Created, PolicyName: r.Policy.Name, Refused: r.Policy.Refused}
	for _, c := range r.Policy.Checks {
		c.Unlisted += max(0, len(c.Findings)-shownPlaces)
		c.Findings = c.Findings[:min(len(c.Findings), shownPlaces)]
		out.Checks = append(out.Checks, c)
	}
	for i := range r.Profiles {
		out.Profiles = append(out.Profiles, scoreProfileOf(&r.Profiles[i]))
	}
	age := "not stated"
	if s.AgeDays != nil {
		age = fmt.Sprintf("%d days", *s.AgeDays)
	}
	out.Signals = []fact{
		{fmt.Sprint(s.OSPackages), "packages of the operating system", ""}, {fmt.Sprint(s.LanguagePackages), "packages of languages", ""},
		{fmt.Sprint(s.Dependencies), "dependencies; transitive: " + s.Transitive, ""}, {fmt.Sprint(s.Unresolved), "licences not asserted", ""}, {age, "old", ""},
	}
	return out
}

func scoreProfileOf(p *quality.ProfileResult) scoreProfile {
	out := scoreProfile{ID: p.ID, Title: p.Title, Version: p.Version, Source: p.Source, Grade: p.Grade, Class: gradeClass(p.Grade), Conforms: p.Conforms, Score: p.Score}
	switch p.Conforms {
	case "yes":
		out.ConformsClass = "good"
	case "no":
		out.ConformsClass = "bad"
	default:
		out.ConformsClass = "warn"
	}
	for i := range p.Elements {
		e := &p.Elements[i]
		switch {
		case e.Level == quality.Practice:
			out.NotJudged++
		case e.Outcome == quality.Present:
			out.Met++
		default:
			shown := e.Findings[:min(len(e.Findings), shownPlaces)]
			out.Missing = append(out.Missing, scoreElement{Title: e.Title, Section: e.Section, Outcome: e.Outcome.String(), How: e.How, Level: e.Level, Present: e.Present,
				Of: e.Present + e.Declared + e.Absent + e.NotExamined, Score: e.Score, Places: shown, Unlisted: e.Unlisted + len(e.Findings) - len(shown)})
		}
	}
	return out
}
