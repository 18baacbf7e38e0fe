package cli

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/internal/app"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// registryFlags say how OCI registries are asked.
type registryFlags struct {
	auth    string
	plain   bool
	mirrors []string
}

func (f *registryFlags) add(c *cobra.Command) {
	fl := c.Flags()
	fl.StringVar(&f.auth, "registry-auth", "", "`FILE` of registry credentials: Docker's config.json, or a pull secret (default: docker login's)")
	fl.BoolVar(&f.plain, "plain-http", false, "speak to registries without TLS; those on this machine are anyway")
	fl.StringSliceVar(&f.mirrors, "registry-mirror", nil, "`REGISTRY=HOST[/PATH]` that has copies of what a registry holds; repeatable")
}

func (f *registryFlags) inputs() app.RegistryInputs {
	return app.RegistryInputs{Auth: f.auth, PlainHTTP: f.plain, Mirrors: f.mirrors, Getenv: os.Getenv}
}

// sboms reads documents from files, and those that are attached to images. Problems of
// documents that an error ended the reading of are told before it.
func (e *env) sboms(ctx context.Context, l *app.Loader, args []string, reg *registryFlags) ([]*sbom.Document, []app.Problem, error) {
	var docs []*sbom.Document
	problems, err := e.eachSBOM(ctx, l, args, reg, func(d *sbom.Document) error {
		docs = append(docs, d)
		return nil
	})
	return docs, problems, err
}

// eachSBOM hands over what sboms reads, document by document. An error of take ends it.
func (e *env) eachSBOM(ctx context.Context, l *app.Loader, args []string, reg *registryFlags, take func(*sbom.Document) error) ([]app.Problem, error) {
	var files, images []string
	for _, a := range args {
		if l.IsImage(a) {
			images = append(images, a)
		} else {
			files = append(files, a)
		}
	}
	problems, err := l.EachSBOM(ctx, files, take)
	if err != nil || len(images) == 0 {
		return problems, err
	}
	attached, more, err := l.Attached(ctx, images, reg.inputs())
	if err != nil {
		e.problems(append(problems, more...))
		return nil, err
	}
	for _, d := range attached {
		if err := take(d); err != nil {
			return nil, err
		}
	}
	return append(problems, more...), nil
}
