package app

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/client"
	"github.com/cofferdam-io/cofferdam/internal/registry"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/decode"
)

// RegistryInputs are what the user says about OCI registries.
type RegistryInputs struct {
	Auth      string   // file of credentials; "" for the user's own
	PlainHTTP bool     // speak to every registry that is named without TLS
	Mirrors   []string // REGISTRY=HOST[:PORT][/PATH]
	Getenv    func(string) string
}

// options are those of a client, without credentials.
func (in *RegistryInputs) options() (registry.Options, error) {
	o := registry.Options{Mirrors: map[string][]string{}}
	if in.PlainHTTP {
		o.PlainHTTP = func(string) bool { return true }
	}
	for _, m := range in.Mirrors {
		from, to, ok := strings.Cut(m, "=")
		if !ok {
			return o, ident.Errorf(ident.KindUsage, "the mirror %q is not REGISTRY=HOST[:PORT][/PATH]", m)
		}
		o.Mirrors[from] = append(o.Mirrors[from], to)
	}
	return o, nil
}

// client returns a client of registries.
func (in *RegistryInputs) client() (*registry.Client, error) {
	o, err := in.options()
	if err != nil {
		return nil, err
	}
	if in.Auth != "" {
		o.Credentials, err = config(registry.ReadConfig(in.Auth))
	} else if in.Getenv != nil {
		o.Credentials, err = config(registry.UserConfig(in.Getenv))
	}
	if err != nil {
		return nil, err
	}
	return registry.New(o)
}

// config is a configuration as the interface that it is: none is no credentials.
func config(c *registry.Config, err error) (registry.Credentials, error) {
	if c == nil {
		return nil, err
	}
	return c, err
}

// IsImage tells an image reference from a path: nothing of that name is there, and it
// has a tag or a digest.
func (l *Loader) IsImage(arg string) bool {
	if _, ok := l.remote(arg); ok {
		return false
	}
	if arg == stdinName || isDigest(arg) || l.Exists(arg) || strings.HasPrefix(arg, ".") || strings.HasPrefix(arg, "/") {
		return false
	}
	r, err := ident.ParseImageRef(arg)
	return err == nil && (r.Tag != "" || !r.Digest.IsZero())
}

// Attached reads the SBOMs that are attached to images, in the order of the images. A
// document that is not to be believed, and a question that a registry did not answer,
// are problems. An image without any is an error, of KindNotFound where that is
// certain and of KindIndeterminate where it could not be checked.
func (l *Loader) Attached(ctx context.Context, images []string, in RegistryInputs) ([]*sbom.Document, []Problem, error) {
	var docs []*sbom.Document
	seen := map[ident.Digest]*sbom.Document{} // one that is attached to several platforms is one
	problems, err := l.attached(ctx, images, in, func(d *registry.Document, name string) (fault, fatal error) {
		digest := ident.SHA256(d.Bytes)
		if doc := seen[digest]; doc != nil {
			identify(doc, d)
			return nil, nil
		}
		got, err := decode.Bytes(ctx, name, d.Bytes, decode.Limits{Digest: digest, Details: l.Details})
		if err != nil {
			return err, nil
		}
		for _, doc := range got {
			identify(doc, d)
			docs = append(docs, doc)
		}
		if len(got) == 1 {
			seen[digest] = got[0]
		}
		return nil, nil
	})
	return docs, problems, err
}

// RawAttached writes the bytes of the SBOMs that are attached to an image, as they are.
func (l *Loader) RawAttached(ctx context.Context, image string, in RegistryInputs, w io.Writer) ([]Problem, error) {
	return l.attached(ctx, []string{image}, in, func(d *registry.Document, _ string) (fault, fatal error) {
		_, err := w.Write(d.Bytes)
		return nil, err
	})
}

// identify gives a document the identities of the image that it is attached to. One
// that names another image by digests of its own stays that one's.
func identify(doc *sbom.Document, d *registry.Document) {
	s := &doc.Subject
	joins := func(x ident.RoledDigest) bool { return x.Role != ident.RoleIndex && x.Role != ident.RoleDocument }
	own := func(x ident.RoledDigest) bool {
		return slices.ContainsFunc(d.Identity, func(i ident.RoledDigest) bool { return i.Digest == x.Digest })
	}
	if slices.ContainsFunc(s.Digests, joins) && !slices.ContainsFunc(s.Digests, own) {
		doc.Warnings = append(doc.Warnings, sbom.Warning{Message: "it is attached to " + d.Origin.Image.String() + ", and says that it is about another image"})
		return
	}
	for _, x := range d.Identity {
		i := slices.IndexFunc(s.Digests, func(y ident.RoledDigest) bool { return y.Digest == x.Digest })
		switch {
		case i < 0:
			s.Digests = append(s.Digests, x)
		case s.Digests[i].Role == ident.RoleUnknown:
			s.Digests[i].Role = x.Role
		}
	}
	for _, r := range d.References {
		if !slices.Contains(s.References, r) {
			s.References = append(s.References, r)
		}
	}
	if s.Name == "" || s.Kind == "directory" || s.Kind == "file" {
		s.Kind, s.Name, s.Version = "container", d.Origin.Image.Name(), d.References[len(d.References)-1].Tag
	}
}

// attached hands the SBOMs of images to take, with the name that messages use. A fault
// is a problem of that document alone; a fatal error ends everything.
func (l *Loader) attached(ctx context.Context, images []string, in RegistryInputs, take func(d *registry.Document, name string) (fault, fatal error)) ([]Problem, error) {
	c, err := in.client()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	var problems []Problem
	for i, image := range images {
		l.progress("reading what is attached to images", i, len(images))
		ref, err := ident.ParseImageRef(image)
		if err != nil {
			return nil, ident.Errorf(ident.KindUsage, "%w", err).WithHint("registry.example/shop/web:1.4, or with @sha256:…")
		}
		found, err := c.SBOMs(ctx, ref, registry.Search{}, func(d *registry.Document) error {
			name := nameOf(image, d)
			fault := d.Fault
			if fault == nil {
				var fatal error
				if fault, fatal = take(d, name); fatal != nil {
					return fatal
				}
			}
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if fault != nil {
				problems = append(problems, problemOf(name, fault))
			}
			return nil
		})
		if err == nil {
			err = found.None()
		}
		if err != nil {
			return problems, err
		}
		for _, u := range found.Unchecked {
			p := problemOf(image, u)
			p.Message = "there may be more SBOMs: " + p.Message
			problems = append(problems, p)
		}
	}
	return problems, nil
}

// nameOf is what messages call a document that is attached to an image.
func nameOf(image string, d *registry.Document) string {
	name := image
	if d.Platform != "" {
		name += " (" + d.Platform + ")"
	}
	return name + " " + string(d.Origin.How) + " " + d.Origin.Blob.Short()
}

// PushImages hands the SBOMs that are attached to images over to a server: the client
// reads the registry, and the server is told where each document was found.
func (l *Loader) PushImages(ctx context.Context, c *client.Client, images []string, in RegistryInputs, about client.Document) (*report.Pushed, []Problem, error) {
	out := report.NewPushed(0)
	problems, err := l.attached(ctx, images, in, func(d *registry.Document, name string) (fault, fatal error) {
		doc := about
		doc.Name, doc.Size = name, int64(len(d.Bytes))
		doc.Open = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(d.Bytes)), nil }
		for _, x := range d.Identity {
			switch x.Role {
			case ident.RoleManifest:
				doc.Artifact = x.Digest.String()
			case ident.RoleIndex:
				doc.Index = x.Digest.String()
			}
		}
		for _, r := range d.References {
			doc.References = append(doc.References, r.String())
		}
		doc.Origin = client.Origin{Image: d.Origin.Image.String(), How: string(d.Origin.How), Manifest: d.Origin.Manifest.String(), Blob: d.Origin.Blob.String(), Predicate: d.Origin.Predicate}
		row, err := l.pushDocument(ctx, c, doc)
		if err == nil {
			out.Documents = append(out.Documents, row)
		}
		return nil, err
	})
	out.Count()
	if err != nil {
		return out, problems, err
	}
	said, err := l.pushBases(ctx, c, images, in, about.Tenant)
	return out, append(problems, said...), err
}

// pushBases tells a server what images say they were built on.
func (l *Loader) pushBases(ctx context.Context, srv *client.Client, images []string, in RegistryInputs, tenant string) ([]Problem, error) {
	c, err := in.client()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	var problems []Problem
	for _, image := range images {
		ref, err := ident.ParseImageRef(image)
		if err != nil {
			return nil, ident.Errorf(ident.KindUsage, "%w", err)
		}
		of, layers, problem, err := builtOn(ctx, c, ref)
		if err != nil {
			return problems, err
		}
		if problem != nil {
			p := problemOf(of.Base.String(), problem)
			p.Message = "which findings came with the base image is not known: " + p.Message
			problems = append(problems, p)
		}
		if of.Base.Digest.IsZero() {
			continue
		}
		for _, d := range of.Manifests {
			if err := srv.SayBuilt(ctx, tenant, d, of.Base.String(), layers); err != nil {
				return problems, err
			}
		}
	}
	return problems, nil
}
