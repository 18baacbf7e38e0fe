package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/index/synth"
	"github.com/cofferdam-io/cofferdam/internal/app"
	"github.com/cofferdam-io/cofferdam/report"
)

func benchDocumentCommand(e *env) *cobra.Command {
	var o app.BenchDocumentOptions
	var shapes []string
	for _, s := range synth.LargeShapes() {
		shapes = append(shapes, s.Name)
	}
	c := &cobra.Command{
		Use: "document", Short: "Measure taking in one long document", Args: noArgs, ValidArgsFunction: noFiles,
		Long: `Document makes one long SBOM, the same for the same flags, and takes it in by a
catalogue on SQLite, as a server does: from the bytes in a file until they are on
disk and the document is found by a component of it. It says the CPU seconds of the
whole process on one processor, and the most memory that it held.

The shapes: files (SPDX 2.3, a sixteenth of it packages and the rest files), packages
(SPDX 2.3, nothing but packages that nobody had before) and cyclonedx (CycloneDX 1.6,
the same of components, and what they depend on).`,
		Example: "  cofferdam bench document --shape packages\n  cofferdam bench document --shape cyclonedx --size 64 --data /srv/scratch -o json",
		RunE: e.run(func(ctx context.Context, _ []string) error {
			b, err := app.BenchDocument(ctx, o, func(what string) { e.meter.at(what, 0, 0) })
			if err != nil {
				return err
			}
			return e.write(b, report.Options{})
		}),
	}
	f := c.Flags()
	f.StringVar(&o.Shape, "shape", shapes[0], "what is in the document: files, packages, cyclonedx")
	f.IntVar(&o.Size, "size", 256, "how long it is, in `MiB`")
	f.StringVar(&o.Data, "data", "", "where it and the catalogue are made, to be removed at the end (default: the place for temporary files)")
	complete(c, "shape", fixed(shapes...))
	return answers(c, &report.BenchDocument{})
}
