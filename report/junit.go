package report

import (
	"encoding/xml"
	"fmt"
	"io"
)

// JUnit as test reporters read it: a suite for each document, a case for each
// finding or breach. What could not be judged is an error, never a pass.
type (
	junitSuites struct {
		XMLName xml.Name     `xml:"testsuites"`
		Suites  []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name      string        `xml:"name,attr"`
		Classname string        `xml:"classname,attr"`
		Failure   *junitFailure `xml:"failure,omitempty"`
		Error     *junitFailure `xml:"error,omitempty"`
		SystemOut string        `xml:"system-out,omitempty"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
	}
)

func (s *junitSuite) add(c junitCase) {
	c.Classname = s.Name
	s.Cases = append(s.Cases, c)
	s.Tests++
	if c.Failure != nil {
		s.Failures++
	}
	if c.Error != nil {
		s.Errors++
	}
}

func (o junitSuites) write(w io.Writer) error {
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(o); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func scanJUnit(w io.Writer, a *Scan, _ Options) error {
	var out junitSuites
	index := map[string]int{}
	for _, f := range a.Findings {
		name := f.File
		if name == "" {
			name = f.Document.String()
		}
		i, ok := index[name]
		if !ok {
			i = len(out.Suites)
			index[name] = i
			out.Suites = append(out.Suites, junitSuite{Name: clean(name)})
		}
		if f.Status.Clears() {
			out.Suites[i].add(junitCase{Name: clean(f.ID + " " + f.PURL), SystemOut: clean(string(f.Status) + " by " + f.VEXSource)})
			continue
		}
		out.Suites[i].add(junitCase{Name: clean(f.ID + " " + f.PURL), Failure: &junitFailure{Message: clean(findingText(f)), Type: f.Severity.String()}})
	}
	s := junitSuite{Name: "scan"}
	if len(out.Suites) == 0 {
		s.add(junitCase{Name: fmt.Sprintf("no findings in %s", plural(a.Documents, "document"))})
	}
	if n := a.Coverage.Quarantined; n > 0 {
		s.add(junitCase{Name: "everything was read", Error: &junitFailure{Message: plural(n, "input") + " could not be read and was not searched", Type: "quarantined"}})
	}
	if s.Tests > 0 {
		out.Suites = append(out.Suites, s)
	}
	return out.write(w)
}

func validationsJUnit(w io.Writer, a *Validations, _ Options) error {
	var out junitSuites
	for _, d := range a.Documents {
		s := junitSuite{Name: clean(d.File)}
		switch {
		case d.NotJudged != "":
			s.add(junitCase{Name: "judged", Error: &junitFailure{Message: clean(d.NotJudged), Type: "not judged"}})
		case d.Valid:
			s.add(junitCase{Name: "valid by " + clean(by(d))})
		}
		for _, v := range d.Violations {
			if v.Warning {
				s.add(junitCase{Name: clean(pointer(v.Pointer)), SystemOut: clean("warning: " + v.Message)})
				continue
			}
			s.add(junitCase{Name: clean(pointer(v.Pointer)), Failure: &junitFailure{Message: clean(v.Message), Type: clean(clause(v))}})
		}
		out.Suites = append(out.Suites, s)
	}
	return out.write(w)
}
