package app

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/contain"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// maxPlanFiles bounds a plan's folder.
const maxPlanFiles = 20_000

// ReadPlan reads the files of a plan's folder.
func (l *Loader) ReadPlan(ctx context.Context, dir string) ([]contain.File, error) {
	var out []contain.File
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return ident.Unreadable(path, err)
		case ctx.Err() != nil:
			return ctx.Err()
		case d.IsDir():
			return nil
		case !d.Type().IsRegular():
			return ident.Errorf(ident.KindRefused, "is no regular file, and a plan has no other").At(path)
		case len(out) == maxPlanFiles:
			return ident.Errorf(ident.KindLimit, "holds more than %d files", maxPlanFiles).At(dir)
		}
		data, err := l.read(ctx, path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		out = append(out, contain.File{Name: filepath.ToSlash(name), Data: data})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// WritePlan writes a plan's folder. A folder that is there already must be empty,
// or hold a plan: its files are replaced, and those of another plan go. Nothing
// else is ever overwritten.
func WritePlan(dir string, files []contain.File) error {
	old, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	ours := slices.ContainsFunc(old, func(e fs.DirEntry) bool { return e.Name() == "plan.json" })
	if len(old) > 0 && !ours {
		return ident.Errorf(ident.KindUsage, "is not empty and holds no plan").At(dir).WithHint("--out with a folder that is new, or holds an older plan")
	}
	if ours {
		for _, part := range []string{"apply", "labels"} {
			stale, err := os.ReadDir(filepath.Join(dir, part))
			if err != nil && !os.IsNotExist(err) {
				return err
			}
			for _, e := range stale {
				if !e.Type().IsRegular() || !strings.HasSuffix(e.Name(), ".yaml") {
					return ident.Errorf(ident.KindUsage, "is no file of a plan").At(filepath.Join(dir, part, e.Name())).WithHint("move it away, or name another folder")
				}
				if err := os.Remove(filepath.Join(dir, part, e.Name())); err != nil {
					return err
				}
			}
		}
	}
	if last := "remove-last.txt"; ours && !slices.ContainsFunc(files, func(f contain.File) bool { return f.Name == last }) {
		if err := os.Remove(filepath.Join(dir, last)); err != nil && !os.IsNotExist(err) { // it tells what to delete, and is of another plan
			return err
		}
	}
	for _, f := range files {
		name := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil { //nolint:gosec // manifests for a repository
			return err
		}
		if err := os.WriteFile(name, f.Data, 0o644); err != nil { //nolint:gosec // the same
			return err
		}
	}
	return nil
}

// Planned returns the estate with a plan's folder applied over the manifests that
// it was read from.
func (l *Loader) Planned(ctx context.Context, in EstateInputs, dir string, removed []segment.PolicyRef) (*Estate, error) {
	apply := filepath.Join(dir, "apply")
	in.Manifests = append(slices.Clone(in.Manifests), apply)
	if in.EstateFile == "" {
		if _, err := l.stat(filepath.Join(apply, configName)); err == nil {
			return nil, ident.Errorf(ident.KindRefused, "is no file of a plan").At(filepath.Join(apply, configName))
		}
	}
	est, err := l.Estate(ctx, in)
	if err != nil {
		return nil, err
	}
	if len(removed) > 0 {
		if est.Graph, err = est.Graph.Apply(ctx, &segment.Delta{DropPolicies: removed}); err != nil {
			return nil, err
		}
	}
	return est, nil
}

// Manifest reads a file that an estate was decoded from again, as it stands now.
// Standard input cannot be read again.
func (l *Loader) Manifest(ctx context.Context, name string) ([]byte, error) {
	if name == stdinName {
		return nil, ident.Errorf(ident.KindUnsupported, "standard input cannot be read again")
	}
	return l.read(ctx, name)
}
