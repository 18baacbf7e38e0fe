package cli

import (
	"bytes"
	"context"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/examples"
	"github.com/cofferdam-io/cofferdam/internal/app"
	"github.com/cofferdam-io/cofferdam/internal/web"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
)

// demoQuery is the vulnerability that the example estate tells its story about:
// HTTP/2 rapid reset, exploited in the wild since August 2023.
const demoQuery = "CVE-2023-44487"

func demoCommand(e *env) *cobra.Command {
	var addr string
	var noServe bool
	c := &cobra.Command{
		Use: "demo", GroupID: "estate", Short: "The story of an example estate, then its map in the browser",
		Long: `Demo loads an estate that is part of the program (46 workloads, their policies,
26 real SBOMs and the advisories that concern them), tells what a vulnerability
means for it, and serves its map on a loopback address.`,
		Args: noArgs,
		RunE: e.run(func(ctx context.Context, _ []string) error {
			at, err := e.now()
			if err != nil {
				return err
			}
			snap, err := demoSnapshot(ctx, e)
			if err != nil {
				return err
			}
			q, err := inventory.ParseQuery(demoQuery)
			if err != nil {
				return err
			}
			b, err := snap.Blast(ctx, q, inventory.BlastOptions{})
			if err != nil {
				return err
			}
			m, err := snap.Map(ctx)
			if err != nil {
				return err
			}
			m.At = at.Format("2006-01-02T15:04:05Z")
			if err := e.write(&report.Story{Map: m, Blast: b}, report.Options{Inputs: "-f examples/estate/manifests --sbom examples/estate/sbom --advisories examples/estate/advisories --image-map examples/estate/indexes"}); err != nil {
				return err
			}
			if noServe {
				return nil
			}
			var page bytes.Buffer
			o := e.options(report.Options{})
			o.Format = "html"
			if err := report.Write(&page, m, o); err != nil {
				return err
			}
			return web.Serve(ctx, web.Options{Addr: addr, Page: page.Bytes(), Map: m, Blast: b, Ready: func(url string) { e.notef("\nthe map is at %s  (Ctrl-C ends)", url) }})
		}),
	}
	c.Flags().StringVar(&addr, "addr", "127.0.0.1:8080", "loopback `ADDRESS` to serve the map on; port 0 takes a free one")
	c.Flags().BoolVar(&noServe, "no-serve", false, "end after the story")
	complete(c, "addr", fixed("127.0.0.1:8080", "127.0.0.1:0"))
	c.ValidArgsFunction = noFiles
	return answers(c, (*report.Story)(nil))
}

// demoSnapshot joins the estate that is embedded in the program.
func demoSnapshot(ctx context.Context, e *env) (*inventory.Snapshot, error) {
	l := &app.Loader{Files: app.Files{FS: examples.Estate}, Progress: e.meter.at}
	est, err := l.Estate(ctx, app.EstateInputs{Manifests: []string{"estate/manifests"}, EstateFile: "estate/cofferdam.yaml"})
	if err != nil {
		return nil, err
	}
	docs, sbomProblems, err := l.SBOMs(ctx, []string{"estate/sbom"})
	if err != nil {
		return nil, err
	}
	db, advProblems, err := l.Advisories(ctx, []string{"estate/advisories"})
	if err != nil {
		return nil, err
	}
	all := append(append(est.Problems, sbomProblems...), advProblems...)
	e.problems(all)
	at, err := e.now()
	if err != nil {
		return nil, err
	}
	return l.Join(ctx, est, docs, app.Knowledge{Database: db}, app.SBOMInputs{Maps: []string{"estate/indexes"}}, len(all), at)
}
