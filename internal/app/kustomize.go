package app

import (
	"context"
	"errors"
	"path"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/cofferdam-io/cofferdam/ident"
)

// kustomization reads a kustomization file. One that only lists local resource
// files means those files; anything else is for kustomize to render.
func (l *Loader) kustomization(ctx context.Context, name, dir string) ([]file, error) {
	render := func(why string) error {
		return ident.Errorf(ident.KindUsage, "%s", why).At(name).
			WithHint("kubectl kustomize %s | cofferdam … -f -", dir)
	}
	data, err := l.read(ctx, name)
	if err != nil {
		return nil, err
	}
	var k map[string]yaml.Node
	if err := yaml.Unmarshal(data, &k); err != nil {
		return nil, render("is a kustomization that cannot be read: " + firstLine(err))
	}
	var listed []file
	for field, node := range k {
		switch field {
		case "apiVersion", "kind", "metadata":
		case "resources":
			var rs []string
			if err := node.Decode(&rs); err != nil {
				return nil, render("is a kustomization whose resources are not a list of names")
			}
			for _, r := range rs {
				p := path.Join(dir, r)
				if strings.Contains(r, "://") || !l.isFile(p) {
					return nil, render("is a kustomization that builds on " + r + ", which is no file beside it")
				}
				listed = append(listed, file{name: p})
			}
		default:
			return nil, render("is a kustomization that does more than list files (" + field + ")")
		}
	}
	return listed, nil
}

func firstLine(err error) string {
	s, _, _ := strings.Cut(err.Error(), "\n")
	return s
}

func asIdent(err error) (*ident.Error, bool) {
	var e *ident.Error
	ok := errors.As(err, &e)
	return e, ok
}
