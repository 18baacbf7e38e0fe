package cli

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/encode"
	"github.com/cofferdam-io/cofferdam/sbom/merge"
	"github.com/cofferdam-io/cofferdam/sbom/redact"
	"github.com/cofferdam-io/cofferdam/sbom/trace"
)

// writtenFormats are those that documents are written in.
func writtenFormats() []string {
	var out []string
	for _, f := range encode.Formats() {
		out = append(out, string(f))
	}
	return out
}

// writes declares a command whose answer is a document.
func writes(c *cobra.Command) *cobra.Command {
	formats := strings.Join(writtenFormats(), ", ")
	c.Long += "\n\nOutput (-o): " + formats + "."
	c.Annotations = map[string]string{formatsOf: strings.ReplaceAll(formats, " ", "")}
	return c
}

func (e *env) wantsFormat(c string) error {
	if e.format == "" {
		return ident.Errorf(ident.KindUsage, "%s needs the format to write", c).WithHint("-o %s", strings.Join(writtenFormats(), ", -o "))
	}
	return nil
}

// encoded is a document in the format that was asked for.
func (e *env) encoded(ctx context.Context, d *sbom.Document) ([]byte, []sbom.Loss, error) {
	at, err := e.now()
	if err != nil {
		return nil, nil, err
	}
	var buf bytes.Buffer
	losses, err := encode.Document(ctx, &buf, d, encode.Format(e.format), encode.Options{Tool: sbom.Tool{Name: "cofferdam", Version: version()}, At: at})
	return buf.Bytes(), losses, err
}

func sbomMergeCommand(e *env) *cobra.Command {
	var o merge.Options
	var srv serverFlags
	c := &cobra.Command{
		Use: "merge FILE… --name NAME -o FORMAT", Short: "Make one document of several",
		Long: `Merge makes one document of the SBOMs of a product's parts. Each document's subject
becomes a component that contains what its document lists. With --flat, components with
one identity become one as well: the same package URL and no hash that says otherwise, or
the same name, version and hash. What differs is kept, never chosen between.

With --server, sha256:… is a document that the server has, or the artifact that it is
about; what is written stays here until cofferdam push hands it over.`,
		Example: "  cofferdam sbom merge web.cdx.json api.spdx.json --name shop --version 1.4 -o cyclonedx",
		Args:    someFiles,
		RunE: e.run(func(ctx context.Context, args []string) error {
			if err := e.wantsFormat("sbom merge"); err != nil {
				return err
			}
			if o.Name == "" {
				return ident.Errorf(ident.KindUsage, "sbom merge needs the name of what the documents are parts of").WithHint("--name shop --version 1.4")
			}
			at, err := e.now()
			if err != nil {
				return err
			}
			o.At = at
			l := e.loader()
			end, err := e.remote(ctx, l, &srv, args)
			if err != nil {
				return err
			}
			defer end()
			docs, problems, err := l.SBOMs(ctx, args)
			if err != nil {
				return err
			}
			e.problems(problems)
			if len(problems) > 0 || len(docs) == 0 {
				return ident.Errorf(ident.KindFailure, "%d documents were read and %d could not be: a document without a part would say that the part is not there", len(docs), len(problems)).
					WithHint("leave out what is no SBOM")
			}
			out, r := merge.Documents(docs, o)
			raw, losses, err := e.encoded(ctx, out)
			if err != nil {
				return err
			}
			err = e.emit(func(w io.Writer) error { _, err := w.Write(raw); return err })
			if err != nil {
				return err
			}
			e.notef("%d documents, %d components; %d united, %d of one package URL kept apart because their hashes differ, %d licences renamed", r.Documents, len(out.Components), r.United, r.KeptApart, r.Renamed)
			e.losses(encode.Format(e.format), losses, nil)
			return nil
		}),
	}
	srv.add(c)
	c.Flags().StringVar(&o.Name, "name", "", "`NAME` of what the documents are parts of")
	c.Flags().StringVar(&o.Version, "version", "", "its `VERSION`")
	c.Flags().StringVar(&o.Kind, "type", "application", "its CycloneDX `TYPE`")
	c.Flags().BoolVar(&o.Flat, "flat", false, "unite components with one identity")
	return writes(c)
}

func sbomRedactCommand(e *env) *cobra.Command {
	var keyFile string
	var components, suppliers []string
	var srv serverFlags
	c := &cobra.Command{
		Use: "redact FILE --component PACKAGE… --key-file FILE -o FORMAT", Short: "Take names out of a document, and leave digests, licences and structure",
		Long: `Redact gives chosen components opaque names, and withholds their versions, suppliers,
package URLs, CPEs and locations; digests, licences and what depends on what stay. The
document says that it was redacted. The key makes the names: the same key gives the same
names in every document, and without it they cannot be found by trying.

PACKAGE is a package URL, with a version or without, or a name. What is written is
searched for every redacted text before it is handed out; a document in which
one is left, in the text of a licence for example, is refused: exit 3.

With --server, FILE is sha256:… of a document that the server has, or of the artifact
that it is about. The key is read here and never sent.`,
		Example: "  openssl rand -out redact.key 32\n  cofferdam sbom redact app.cdx.json --supplier 'Acme Defence' --key-file redact.key -o cyclonedx",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return ident.Errorf(ident.KindUsage, "%s takes one file", c.CommandPath()).WithHint("%s app.cdx.json --component lodash --key-file redact.key -o cyclonedx", c.CommandPath())
			}
			return nil
		},
		RunE: e.run(func(ctx context.Context, args []string) error {
			if err := e.wantsFormat("sbom redact"); err != nil {
				return err
			}
			if len(components)+len(suppliers) == 0 {
				return ident.Errorf(ident.KindUsage, "sbom redact needs to know what to redact").WithHint("--component pkg:npm/left-pad, or --supplier 'Acme Defence'")
			}
			if keyFile == "" {
				return ident.Errorf(ident.KindUsage, "sbom redact needs a key").WithHint("openssl rand -out redact.key %d, and --key-file redact.key", redact.MinKey)
			}
			l := e.loader()
			l.Details = true // what else tells a component has to be known to be looked for
			key, err := l.Raw(ctx, keyFile)
			if err != nil {
				return err
			}
			end, err := e.remote(ctx, l, &srv, args)
			if err != nil {
				return err
			}
			defer end()
			d, _, err := l.SBOM(ctx, args[0])
			if err != nil {
				return err
			}
			out, r, err := redact.Document(d, redact.Options{Key: key, Chosen: chosenBy(components, suppliers)})
			if err != nil {
				return asFailure(err, args[0])
			}
			raw, losses, err := e.encoded(ctx, out)
			if err != nil {
				return err
			}
			if leaks := r.Leaks(raw); len(leaks) > 0 {
				return ident.Errorf(ident.KindRefused, "the redacted document still says %q: it is not written", leaks).
					WithHint("it stands in something that is not redacted, such as the text of a licence, an author or another component: choose that, too")
			}
			err = e.emit(func(w io.Writer) error { _, err := w.Write(raw); return err })
			if err != nil {
				return err
			}
			e.notef("%d components redacted; %d locations of others left out, and whatever is not of the model", r.Components, r.Locations)
			e.losses(encode.Format(e.format), losses, nil)
			return nil
		}),
	}
	srv.add(c)
	c.Flags().StringArrayVar(&components, "component", nil, "redact `PACKAGE`: a package URL or a name (repeatable)")
	c.Flags().StringArrayVar(&suppliers, "supplier", nil, "redact what this `SUPPLIER` supplies or made (repeatable)")
	c.Flags().StringVar(&keyFile, "key-file", "", "`FILE` with at least 32 secret bytes")
	return writes(c)
}

// chosenBy chooses components as sbom why finds them, and by who supplies them.
func chosenBy(components, suppliers []string) func(*sbom.Component) bool {
	return func(c *sbom.Component) bool {
		if slices.Contains(suppliers, c.Supplier) && c.Supplier != "" || slices.Contains(suppliers, c.Origin) && c.Origin != "" {
			return true
		}
		one := &sbom.Document{Components: []sbom.Component{*c}}
		return slices.ContainsFunc(components, func(p string) bool { return len(trace.Find(one, p)) > 0 })
	}
}
