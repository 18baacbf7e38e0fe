package app

import (
	"context"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
)

// images reads --image-map and --image-alias. Each file, or each file of a
// folder, is what a registry served for a reference: an index or a manifest.
func (l *Loader) images(ctx context.Context, in SBOMInputs) (inventory.ImageIndex, error) {
	var x inventory.ImageIndex
	for _, arg := range in.Maps {
		reference, name := l.splitReference(arg)
		files, err := l.expand(name, hasExt(".json"))
		if err != nil {
			return x, err
		}
		for _, f := range files {
			data, err := l.read(ctx, f.name)
			if err != nil {
				return x, err
			}
			if err := x.AddManifest(reference, data); err != nil {
				if e, ok := asIdent(err); ok {
					err = e.At(f.name)
				}
				return x, err
			}
		}
	}
	for _, a := range in.Aliases {
		from, to, ok := strings.Cut(a, "=")
		if !ok || from == "" || to == "" {
			return x, ident.Errorf(ident.KindUsage, "--image-alias %q is not A=B", a).
				WithHint("for example: --image-alias mirror.example/web=registry.example/web")
		}
		if err := x.AddAlias(from, to); err != nil {
			return x, err
		}
	}
	return x, nil
}

// splitReference reads [REFERENCE=]FILE. A path that exists is a path.
func (l *Loader) splitReference(arg string) (reference, name string) {
	if _, err := l.stat(arg); err == nil {
		return "", arg
	}
	if before, after, ok := strings.Cut(arg, "="); ok {
		return before, after
	}
	return "", arg
}
