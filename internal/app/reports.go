package app

import (
	"context"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/vuln"
	"github.com/cofferdam-io/cofferdam/vuln/scanner"
)

// ScannerReports reads what other scanners found. A file that the user names and that is
// no report is a problem; what stands in a folder and is something else is passed over.
func (l *Loader) ScannerReports(ctx context.Context, paths []string) ([]vuln.Reported, []Problem, error) {
	var out []vuln.Reported
	var problems []Problem
	for _, arg := range paths {
		files, err := l.expand(arg, hasExt(".json", ".sarif"))
		if err != nil {
			return nil, nil, err
		}
		for i, f := range files {
			l.progress("reading reports", i, len(files))
			raw, err := l.read(ctx, f.name)
			if err != nil && ident.KindOf(err) != ident.KindLimit {
				return nil, nil, err
			}
			var some []vuln.Reported
			if err == nil {
				some, err = scanner.Decode(ctx, f.name, raw)
			}
			switch {
			case ctx.Err() != nil:
				return nil, nil, ctx.Err()
			case err != nil && f.walked && ident.KindOf(err) == ident.KindUnsupported:
			case err != nil:
				problems = append(problems, problemOf(f.name, err))
			}
			out = append(out, some...)
		}
	}
	return out, problems, nil
}
