package cli

import (
	"context"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/sbom"
)

func sbomCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use: "sbom", GroupID: "sbom", Short: "Look at, judge, convert and compare SBOM documents",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return ident.Errorf(ident.KindUsage, "unknown command %q for %q", args[0], c.CommandPath()).WithHint("sbom validate, sbom score, sbom licenses, sbom show, sbom convert, sbom merge, sbom redact, sbom check, sbom diff, sbom why")
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(sbomValidateCommand(e), sbomScoreCommand(e), sbomLicensesCommand(e), sbomShowCommand(e), sbomConvertCommand(e), sbomMergeCommand(e), sbomRedactCommand(e), sbomCheckCommand(e), sbomDiffCommand(e), sbomWhyCommand(e))
	return c
}

func someFiles(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return ident.Errorf(ident.KindUsage, "%s takes files", c.CommandPath()).WithHint("%s", anExample(c))
	}
	return nil
}

// anExample is the first of the lines that a command's help shows which are of the command.
func anExample(c *cobra.Command) string {
	for line := range strings.Lines(c.Example) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, c.CommandPath()+" ") {
			return line
		}
	}
	return c.CommandPath() + " --help"
}

// noSBOM is what a command says that found nothing of what it is about, and nothing broken.
func noSBOM(in ...string) error {
	return ident.Errorf(ident.KindFailure, "no SBOM was found in %s", strings.Join(in, ", ")).
		WithHint("CycloneDX, SPDX, syft and Trivy documents and SWID tags are read; cofferdam sbom show FILE says what a file is")
}

func sbomValidateCommand(e *env) *cobra.Command {
	var srv serverFlags
	c := &cobra.Command{
		Use: "validate FILE…", Short: "Judge documents by the official schemas, offline",
		Long:    "Validate judges CycloneDX 1.0–1.7, JSON and XML, by the official schemas, and\nSPDX 2.2, 2.3 and 3.0 in JSON by rules written from the specification. A\ndocument that breaks them is refused: exit 3, with a pointer to every fault. A document of\nanother format is not judged: exit 1.\n\nWith --server, sha256:… is a document that the server has, or the artifact that it is\nabout.",
		Example: "  cofferdam sbom validate ./sbom",
		Args:    someFiles,
		RunE: e.run(func(ctx context.Context, args []string) error {
			l := e.loader()
			end, err := e.remote(ctx, l, &srv, args)
			if err != nil {
				return err
			}
			defer end()
			docs, err := l.Validate(ctx, args)
			if err != nil {
				return err
			}
			a := &report.Validations{SchemaVersion: inventory.SchemaVersion, Documents: docs}
			a.Count()
			e.outcome.refused = a.Invalid > 0
			e.outcome.failed = a.NotJudged > 0
			return e.write(a, report.Options{})
		}),
	}
	srv.add(c)
	return answers(c, (*report.Validations)(nil))
}

func sbomShowCommand(e *env) *cobra.Command {
	var raw bool
	var srv serverFlags
	var reg registryFlags
	c := &cobra.Command{
		Use: "show FILE…|IMAGE…", Short: "What a document says: subject, identities, components",
		Long: `Show says what documents say: those in files, and those that are attached to an
IMAGE in its registry (referrers, cosign's tags, Sigstore bundles, BuildKit's
attestations). Nobody verifies who attached them.

With --server, sha256:… is a document that the server has, or the artifact that it is
about; its bytes are compared with its digest.`,
		Example: "  cofferdam sbom show image.cdx.json\n  cofferdam sbom show registry.example/shop/web:1.4.2",
		Args:    someFiles,
		RunE: e.run(func(ctx context.Context, args []string) error {
			l := e.loader()
			end, err := e.remote(ctx, l, &srv, args)
			if err != nil {
				return err
			}
			defer end()
			if raw {
				if e.format != "" {
					return ident.Errorf(ident.KindUsage, "--raw gives the bytes as they are, and takes no -o").WithHint("leave one of the two out")
				}
				return e.emit(func(w io.Writer) error {
					for _, a := range args {
						if l.IsImage(a) {
							problems, err := l.RawAttached(ctx, a, reg.inputs(), w)
							e.problems(problems)
							if err != nil {
								return err
							}
							continue
						}
						b, err := l.Raw(ctx, a)
						if err != nil {
							return err
						}
						if _, err := w.Write(b); err != nil {
							return err
						}
					}
					return nil
				})
			}
			answer := report.NewDocuments()
			problems, err := e.eachSBOM(ctx, l, args, &reg, func(d *sbom.Document) error {
				answer.Add(d)
				return nil
			})
			if err != nil {
				return err
			}
			e.problems(problems)
			if len(answer.Documents) == 0 {
				if len(problems) == 0 {
					return noSBOM(args...)
				}
				e.outcome.failed = true
			}
			return e.write(answer, report.Options{})
		}),
	}
	srv.add(c)
	c.Flags().BoolVar(&raw, "raw", false, "the bytes of the document, unchanged")
	reg.add(c)
	return answers(c, (*report.Documents)(nil))
}
