package app

import (
	"context"
	"fmt"
	"path"
	"path/filepath"

	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/policy/decode"
	"github.com/cofferdam-io/cofferdam/policy/policytest"
	"github.com/cofferdam-io/cofferdam/policy/strict"
	"github.com/cofferdam-io/cofferdam/report"
)

// TestPolicies runs every PolicyTest below paths. A test, a policy or facts that cannot
// be read are an error: a case that was not judged must not look like one that passed.
func (l *Loader) TestPolicies(ctx context.Context, paths []string) (*report.PolicyTests, error) {
	a := &report.PolicyTests{SchemaVersion: inventory.SchemaVersion, Cases: []report.PolicyTestCase{}}
	err := l.eachResource(ctx, paths, func(f file, root manifest.Value) error {
		if root.Field("kind").Text() != policytest.SuiteKind {
			return nil
		}
		suite, faults := policytest.ReadSuite(root)
		if err := broken(f.name, faults); err != nil {
			return err
		}
		return l.testPolicies(ctx, f.name, suite, a)
	})
	if err != nil {
		return nil, err
	}
	return a, nil
}

// eachResource hands over every document of the files behind paths. The first that
// cannot be read ends it.
func (l *Loader) eachResource(ctx context.Context, paths []string, each func(f file, root manifest.Value) error) error {
	for _, arg := range paths {
		files, err := l.expand(arg, hasExt(".yaml", ".yml", ".json"))
		if err != nil {
			return err
		}
		for _, f := range files {
			docs, err := l.documents(ctx, f.name)
			if err != nil {
				return err
			}
			for _, d := range docs {
				if err := each(f, d.Root); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (l *Loader) documents(ctx context.Context, name string) ([]manifest.Document, error) {
	data, err := l.read(ctx, name)
	if err != nil {
		return nil, err
	}
	docs, err := manifest.Documents(ctx, manifest.Input{Name: name, Data: data}, manifest.Options{MaxBytes: decode.MaxBytes})
	if err != nil {
		return nil, err
	}
	for _, d := range docs {
		if d.Err != nil {
			return nil, d.Err.At(fmt.Sprintf("%s:%d", name, d.At.Line))
		}
	}
	return docs, nil
}

// broken is the first fault that is more than a warning, as an error.
func broken(name string, faults []strict.Fault) error {
	for _, f := range faults {
		if !f.Warning {
			text := f.Message
			if f.Path != "" { // else it is about the whole of the document
				text = f.Path + ": " + text
			}
			err := ident.Errorf(ident.KindFailure, "%s", text).At(fmt.Sprintf("%s:%d:%d", name, f.At.Line, f.At.Column))
			return err.WithHint("%s", f.Hint)
		}
	}
	return nil
}

func (l *Loader) testPolicies(ctx context.Context, name string, suite *policytest.Suite, a *report.PolicyTests) error {
	beside := func(file string) string { return path.Join(path.Dir(filepath.ToSlash(name)), file) }
	var paths []string
	for _, p := range suite.Policies {
		paths = append(paths, beside(p))
	}
	files, err := l.ReadPolicies(ctx, paths)
	if err != nil {
		return err
	}
	known, err := usable(files)
	if err != nil {
		return err
	}
	policies := recordedPolicies(ctx, known)
	for _, c := range suite.Cases {
		docs, err := l.documents(ctx, beside(c.Facts))
		if err != nil {
			return err
		}
		if len(docs) != 1 {
			return ident.Errorf(ident.KindFailure, "holds %d documents, and one image is due", len(docs)).At(beside(c.Facts)).WithHint("kind: %s", policytest.FactsKind)
		}
		in, faults := policytest.ReadFacts(docs[0].Root)
		if err := broken(beside(c.Facts), faults); err != nil {
			return err
		}
		r := c.Run(policies, known.Exceptions, in)
		one := report.PolicyTestCase{File: name, Line: c.At.Line, Case: c.Name, Wrong: r.Wrong, Verdict: r.Verdict}
		if len(r.Wrong) == 0 {
			one.Wrong = []string{}
			a.Passed++
		} else {
			a.Failed++
		}
		a.Cases = append(a.Cases, one)
	}
	return nil
}
