package html_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/report/html"
	"github.com/cofferdam-io/cofferdam/sbom/quality"
)

// judged is a report in which every text is one that somebody else wrote.
func judged(text string) quality.Report {
	find := []quality.Finding{}
	for range 9 {
		find = append(find, quality.Finding{Pointer: text, Component: text, Outcome: quality.Absent, Says: text})
	}
	return quality.Report{File: text, Name: text, Format: text, SpecVersion: text, Encoding: text, Components: 9, Score: 42.5, Grade: "F",
		Profiles: []quality.ProfileResult{{ID: "cisa-2026", Title: "Minimum Elements", Score: 42.5, Grade: "F", Conforms: "no", Elements: []quality.ElementResult{
			{Title: "Component Version", Level: quality.Required, Outcome: quality.Absent, Present: 1, Absent: 30, Findings: find, Unlisted: 21},
			{Title: "There", Level: quality.Required, Outcome: quality.Present, Present: 31}, {Title: "Over time", Level: quality.Practice},
		}}},
		Policy: quality.PolicyResult{Name: text, Refused: true, Checks: []quality.CheckResult{{ID: "missing-hash", Title: "a component without a hash", Level: quality.Refuse, Places: 30,
			Findings: []quality.Violation{{Pointer: text, Component: text, Message: text}}, Unlisted: 29}}},
		Signals: quality.Signals{Created: text, Transitive: text}}
}

func scores(t testing.TB, reports []quality.Report, unread int) string {
	t.Helper()
	var b bytes.Buffer
	if err := html.Scores(&b, reports, &html.ScoresGate{Failed: true, Text: "1 refused by the policy"}, "2026-01-02T03:04:05Z", unread, html.Options{ToolName: "cofferdam"}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestScores(t *testing.T) {
	p := scores(t, []quality.Report{judged("web"), judged("api")}, 2)
	for _, want := range []string{"default-src &#39;none&#39;; style-src &#39;sha256-", "FAILED · 1 refused", "2 inputs could not be read", `<a href="#d2">api</a>`, "1 of 31", "and 25 more", "not everywhere, 1 practices not judged",
		`<svg class="bar bad"`, `<rect width="42.5"`, "missing-hash", "and 29 more", ">2</b> with grade F", ">2</b> refused by the policy"} {
		if !strings.Contains(p, want) {
			t.Errorf("the page does not hold %q", want)
		}
	}
	if strings.Contains(p, "<script") || strings.Contains(p, " style=") {
		t.Error("the page holds what its policy forbids")
	}
	if m := regexp.MustCompile(`(?i)(src|href|url|action)\s*[=(]\s*["']?(https?:)?//`).FindString(p); m != "" {
		t.Errorf("the page fetches: %s", m)
	}
	if scores(t, []quality.Report{judged("web"), judged("api")}, 2) != p {
		t.Error("the same reports give two pages")
	}
	scores(t, nil, 0)
}

// Of many documents all have a row, and the first a section.
func TestScoresOfMany(t *testing.T) {
	var many []quality.Report
	for range 130 {
		many = append(many, judged("web"))
	}
	p := scores(t, many, 0)
	if rows, sections := strings.Count(p, "<td>web web web</td>"), strings.Count(p, `<section class="doc"`); rows != 130 || sections != 100 || !strings.Contains(p, "The first 100 are looked into below") {
		t.Errorf("%d rows, %d sections", rows, sections)
	}
}

func FuzzScores(f *testing.F) {
	f.Add(`</title><script>alert(1)</script>`)
	f.Add("\" onmouseover=\"alert(1)\u2028\x00]]>'`{{.}}")
	plain := scores(f, []quality.Report{judged("plain"), judged("plain")}, 0)
	tags := regexp.MustCompile(`<[a-zA-Z!/]`)
	count := len(tags.FindAllString(plain, -1))
	f.Fuzz(func(t *testing.T, text string) {
		if text == "" {
			return // fewer elements: what is not there is not shown
		}
		p := scores(t, []quality.Report{judged(text), judged(text)}, 0)
		if n := len(tags.FindAllString(p, -1)); n != count {
			t.Errorf("%d tags, not %d: a name has made some", n, count)
		}
	})
}
