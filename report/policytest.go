package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/cofferdam-io/cofferdam/policy"
)

// PolicyTests is the answer of `policy test`.
type PolicyTests struct {
	SchemaVersion string           `json:"schemaVersion"`
	Cases         []PolicyTestCase `json:"cases"`
	Passed        int              `json:"passed"`
	Failed        int              `json:"failed"`
}

// PolicyTestCase is one image and what policies made of it. It passed where Wrong is empty.
type PolicyTestCase struct {
	File    string         `json:"file"`
	Line    int            `json:"line"`
	Case    string         `json:"case"`
	Wrong   []string       `json:"wrong"`
	Verdict policy.Verdict `json:"verdict"`
}

func policyTestsTable(w io.Writer, a *PolicyTests, o Options) error {
	p := newPrinter(w, o)
	for _, c := range a.Cases {
		if len(c.Wrong) == 0 {
			if len(a.Cases) <= mostRows || o.All {
				p.linef("%s  %s  %s", p.green("passed"), clean(c.Case), p.dim(clean(c.File)))
			}
			continue
		}
		p.linef("%s  %s  %s", p.red("FAILED"), p.bold(clean(c.Case)), p.dim(clean(fmt.Sprintf("%s:%d", c.File, c.Line))))
		for _, x := range c.Wrong {
			p.linef("        %s", clean(x))
		}
	}
	p.blank()
	p.linef("%s", p.bold(fmt.Sprintf("%d passed, %d failed", a.Passed, a.Failed)))
	return p.done()
}

func policyTestsJUnit(w io.Writer, a *PolicyTests, _ Options) error {
	var out junitSuites
	for _, c := range a.Cases {
		if n := len(out.Suites); n == 0 || out.Suites[n-1].Name != clean(c.File) {
			out.Suites = append(out.Suites, junitSuite{Name: clean(c.File)})
		}
		one := junitCase{Name: clean(c.Case)}
		if len(c.Wrong) > 0 {
			one.Failure = &junitFailure{Message: clean(strings.Join(c.Wrong, "; ")), Type: "expectation"}
		}
		out.Suites[len(out.Suites)-1].add(one)
	}
	return out.write(w)
}
