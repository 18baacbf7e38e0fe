package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/flow"
	"github.com/cofferdam-io/cofferdam/ident"
)

// addressesName is a file beside flows that says who had which address when; it
// is no flow log, and Addresses reads it.
const addressesName = "addresses.csv"

// Flows reads records of observed connections from files, folders, globs and
// standard input, compressed with gzip or not, each in a format that is told by its content.
// What cannot be read is a problem and makes Observed.Incomplete say so; a path
// that cannot be opened is an error, and so are inputs without any record:
// compared with no flows, every cut looks harmless.
func (l *Loader) Flows(ctx context.Context, paths []string, book *flow.Book) (*flow.Observed, []Problem, error) {
	a := flow.NewAggregator(flow.Options{Book: book})
	var problems []Problem
	seen := map[string]bool{}
	for _, arg := range paths {
		files, err := l.expand(arg, flowFile)
		if err != nil {
			return nil, nil, err
		}
		for i, f := range files {
			l.progress("reading flows", i, len(files))
			key := path.Clean(filepath.ToSlash(f.name))
			switch {
			case path.Base(key) == addressesName: // a glob finds it too
				continue
			case seen[key] && f.name == stdinName:
				return nil, nil, ident.Errorf(ident.KindUsage, "- is given twice: standard input can be read once")
			case seen[key]:
				continue // read twice it would count twice
			}
			seen[key] = true
			if err := l.flows(ctx, a, f.name); err != nil {
				if ctx.Err() != nil {
					return nil, nil, ctx.Err()
				}
				var open *openFailure
				if errors.As(err, &open) {
					return nil, nil, open.err
				}
				problems = append(problems, problemOf(f.name, err))
			}
		}
	}
	o := a.Observed()
	for i := range o.Sources {
		problems = append(problems, flowProblems(&o.Sources[i])...)
	}
	if o.Records == 0 {
		where := strings.Join(paths, ", ")
		if len(problems) > 0 {
			return nil, nil, ident.Errorf(ident.KindFailure, "no flow record could be read from %s: %s", where, problems[0])
		}
		return nil, nil, ident.Errorf(ident.KindFailure, "no flow record was found in %s", where).
			WithHint("docs/flows.md shows the formats that are read")
	}
	return o, problems, nil
}

// openFailure is an error of a path and not of what is in it.
type openFailure struct{ err error }

func (e *openFailure) Error() string { return e.err.Error() }
func (e *openFailure) Unwrap() error { return e.err }

// flows hands one file to a, as a stream: flow logs are larger than memory.
func (l *Loader) flows(ctx context.Context, a *flow.Aggregator, name string) error {
	if name == stdinName {
		in, err := l.stdin()
		if err != nil {
			return &openFailure{err}
		}
		return a.Read(ctx, name, ctxReader{ctx, in}, flow.Auto)
	}
	rc, err := l.open(name)
	if err != nil {
		return &openFailure{ident.Unreadable(name, err)}
	}
	defer rc.Close() //nolint:errcheck // it was only read
	if st, err := l.stat(name); err == nil && !st.Mode().IsRegular() && st.Mode()&(fs.ModeNamedPipe|fs.ModeCharDevice) == 0 {
		return &openFailure{ident.Errorf(ident.KindFailure, "is not a regular file").At(name)}
	}
	return a.Read(ctx, name, ctxReader{ctx, rc}, flow.Auto)
}

// flowProblems names the faults of one source: the first of them, and how many there are.
func flowProblems(s *flow.SourceInfo) []Problem {
	var out []Problem
	for _, f := range s.Faults {
		out = append(out, Problem{Where: fmt.Sprintf("%s:%d", s.Name, f.Line), Message: f.Reason})
	}
	if more := s.Faulty - uint64(len(s.Faults)); more > 0 {
		out = append(out, Problem{Where: s.Name, Message: fmt.Sprintf("%d more records could not be read", more)})
	}
	return out
}

// flowFile leaves out of a folder what is certainly no flow log by its name;
// rotated logs have any ending.
func flowFile(name string) bool {
	return !hasExt(".md", ".yaml", ".yml", ".sh", ".go", ".png", ".svg", ".html", ".zip", ".pem", ".key")(name)
}

// Addresses reads who had which address when (flow.ReadAddresses), for the
// History of a flow.Book.
func (l *Loader) Addresses(ctx context.Context, paths []string) ([]flow.Tenure, []Problem, error) {
	var out []flow.Tenure
	var problems []Problem
	for _, arg := range paths {
		files, err := l.expand(arg, hasExt(".csv"))
		if err != nil {
			return nil, nil, err
		}
		for _, f := range files {
			ts, faults, err := l.addresses(ctx, f.name)
			if err != nil {
				return nil, nil, err
			}
			out = append(out, ts...)
			for _, ft := range faults {
				problems = append(problems, Problem{Where: fmt.Sprintf("%s:%d", f.name, ft.Line), Message: ft.Reason})
			}
		}
	}
	return out, problems, nil
}

func (l *Loader) addresses(ctx context.Context, name string) ([]flow.Tenure, []flow.Fault, error) {
	if name == stdinName {
		in, err := l.stdin()
		if err != nil {
			return nil, nil, err
		}
		return flow.ReadAddresses(name, ctxReader{ctx, in})
	}
	rc, err := l.open(name)
	if err != nil {
		return nil, nil, ident.Unreadable(name, err)
	}
	defer rc.Close() //nolint:errcheck // it was only read
	return flow.ReadAddresses(name, ctxReader{ctx, rc})
}

// Book tells which workload an address meant when: what the estate shows, and the
// addresses.csv of the folders that flows are read from.
func (l *Loader) Book(ctx context.Context, e *estate.Estate, flows []string) (*flow.Book, []Problem, error) {
	var files []string
	for _, p := range flows {
		if name := path.Join(filepath.ToSlash(p), addressesName); p != stdinName && l.isFile(name) {
			files = append(files, name)
		}
	}
	history, problems, err := l.Addresses(ctx, files)
	if err != nil {
		return nil, nil, err
	}
	return flow.NewBook(e, flow.BookOptions{History: history}), problems, nil
}
