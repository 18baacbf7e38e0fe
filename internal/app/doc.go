// Package app is the wiring: it turns what a user names (files, folders,
// globs, standard input) into the domain's objects and joins them, and it keeps
// the local advisory cache. Everything that the domain may not do (open files,
// read a clock) ends here.
//
// It does not parse flags (package cli) and renders nothing (package report).
//
//	l := app.Loader{Stdin: os.Stdin}
//	est, err := l.Estate(ctx, app.EstateInputs{Manifests: []string{"./manifests"}})
//	snap, err := l.Join(ctx, est, app.SBOMInputs{Paths: []string{"./sbom"}})
package app
