package report

import (
	"fmt"
	"io"

	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/segment/reachtest"
)

// ReachTest is the answer of `reach test`.
type ReachTest struct {
	SchemaVersion string              `json:"schemaVersion"`
	Files         []*reachtest.Result `json:"files"`
}

// Failures counts them.
func (a *ReachTest) Failures() int {
	n := 0
	for _, f := range a.Files {
		n += len(f.Failures)
	}
	return n
}

// NewReachTest starts an answer.
func NewReachTest() *ReachTest {
	return &ReachTest{SchemaVersion: inventory.SchemaVersion, Files: []*reachtest.Result{}}
}

func reachTestTable(w io.Writer, a *ReachTest, o Options) error {
	p := newPrinter(w, o)
	statements := 0
	for _, f := range a.Files {
		statements += f.Statements
		for _, x := range f.Faults {
			p.linef("%s  %s", p.yellow("NOT READ"), clean(x))
		}
		for i := range f.Failures {
			x := &f.Failures[i]
			p.linef("%s  %s", p.red("FAILED"), p.bold(clean(fmt.Sprintf("%s:%d: %s", x.File, x.Line, x.Text))))
			p.linef("  expected  %s", clean(x.Expected))
			p.linef("  found     %s", clean(x.Found))
			for _, l := range x.Why {
				p.linef("     %s", clean(l))
			}
			p.blank()
		}
	}
	word := p.green("PASSED")
	if a.Failures() > 0 {
		word = p.red("FAILED")
	}
	p.linef("%s  %s, %s, %s", word, plural(len(a.Files), "file"), plural(statements, "statement"), plural(a.Failures(), "failure"))
	return p.done()
}

func reachTestJUnit(w io.Writer, a *ReachTest, _ Options) error {
	out := junitSuites{}
	for _, f := range a.Files {
		s := junitSuite{Name: f.File}
		for i := range f.Failures {
			x := &f.Failures[i]
			s.add(junitCase{Name: fmt.Sprintf("line %d: %s", x.Line, x.Text), Failure: &junitFailure{Message: "expected " + x.Expected + ", found " + x.Found, Type: "expectation"}})
		}
		if len(f.Failures) == 0 {
			s.add(junitCase{Name: plural(f.Statements, "statement")})
		}
		out.Suites = append(out.Suites, s)
	}
	return out.write(w)
}
