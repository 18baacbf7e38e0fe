package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/index/synth"
	"github.com/cofferdam-io/cofferdam/internal/app"
	"github.com/cofferdam-io/cofferdam/report"
)

func benchIndexCommand(e *env) *cobra.Command {
	var (
		config  synth.Config
		durable app.BenchIndexOptions
		corpus  string
	)
	c := &cobra.Command{
		Use: "index", Short: "Measure the index of components", Args: noArgs, ValidArgsFunction: noFiles,
		Long: `Index makes the documents of an organisation, the same for the same flags, and
measures the index of their components: its bytes, opening it, questions (which
artifacts hold a component in a range of versions, run now and are in a zone),
and dropping a tenth of the documents. Then some of the documents are written out
as a scanner of images would and taken in by a catalogue on SQLite, from the bytes
to the disk; the answer says how many. At last a tenth of these may be deployed no
longer, and the rules of retention archive them and, later, purge them: the catalogue's
clock is put forward for that.

The corpora: spdx300k (documents of 283 components and 0.3 MB, 2,000 of them taken
in durably) and synth (500 components, 200 of them). Both are of one organisation:
services with their releases on families of base images that are rebuilt.

With --scores what is taken in durably is judged, too, as serve does, by every profile,
and its scores are on disk before the clock stops.

With --unrelated no two documents share a base image or a service: the worst
that an index can be given.`,
		Example: "  cofferdam bench index --images 100000 --components 500 -o json\n  cofferdam bench index --corpus spdx300k --images 5000 --originals 5000 --data /srv/scratch --scores",
		RunE: e.run(func(ctx context.Context, _ []string) error {
			var components, originals int
			switch corpus {
			case "synth":
				components, originals = 500, 200
			case "spdx300k":
				components, originals = 283, 2000
			default:
				return ident.Errorf(ident.KindUsage, "there is no corpus %q", corpus).WithHint("synth, spdx300k")
			}
			if config.Components == 0 {
				config.Components = components
			}
			if durable.Originals < 0 {
				durable.Originals = originals
			}
			durable.Originals = min(durable.Originals, config.Documents)
			b, err := app.BenchIndex(ctx, config, durable, func(what string) { e.meter.at(what, 0, 0) })
			if err != nil {
				return err
			}
			b.Corpus = corpus
			return e.write(b, report.Options{})
		}),
	}
	f := c.Flags()
	f.IntVar(&config.Documents, "images", 10_000, "artifacts, each with one document")
	f.IntVar(&config.Components, "components", 0, "components of a document, on average (default 500, of spdx300k 283)")
	f.StringVar(&corpus, "corpus", "synth", "what is made: synth, spdx300k")
	f.IntVar(&durable.Originals, "originals", -1, "documents to take in durably (default 200, of spdx300k 2,000)")
	f.StringVar(&durable.Data, "data", "", "where the catalogue is made, to be removed at the end (default: the place for temporary files)")
	f.BoolVar(&durable.Scores, "scores", false, "also judge the documents that are taken in durably")
	f.Uint64Var(&config.Seed, "seed", 1, "of the documents")
	f.BoolVar(&config.Unrelated, "unrelated", false, "no two documents share a base image or a service")
	return answers(c, &report.BenchIndex{})
}
