package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/encode"
	"github.com/cofferdam-io/cofferdam/sbom/survey"
)

func sbomConvertCommand(e *env) *cobra.Command {
	formats := make([]string, 0, 3)
	for _, f := range encode.Formats() {
		formats = append(formats, string(f))
	}
	var srv serverFlags
	c := &cobra.Command{
		Use: "convert FILE -o FORMAT", Short: "Write a document in another format",
		Long: `Convert writes an SBOM of any format that is read as CycloneDX 1.7 or 1.6, or as
SPDX 2.3, in JSON. What the format has no words for is kept in properties or
annotations of our own namespace, which converting back reads; what is not
carried over is listed on standard error with how often it occurs. The new
document names the old one by its digest. With --server, FILE may be sha256:… of a
document that the server has, or of the artifact that it is about.

Output (-o): ` + strings.Join(formats, ", ") + ".",
		Example:     "  cofferdam sbom convert image.spdx.json -o cyclonedx --output-file image.cdx.json",
		Annotations: map[string]string{formatsOf: strings.Join(formats, ",")},
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return ident.Errorf(ident.KindUsage, "%s takes one file", c.CommandPath()).WithHint("%s image.spdx.json -o cyclonedx", c.CommandPath())
			}
			return nil
		},
		RunE: e.run(func(ctx context.Context, args []string) error {
			if e.format == "" {
				return ident.Errorf(ident.KindUsage, "sbom convert needs the format to write").WithHint("-o %s", strings.Join(formats, ", -o "))
			}
			at, err := e.now()
			if err != nil {
				return err
			}
			l := e.loader()
			end, err := e.remote(ctx, l, &srv, args)
			if err != nil {
				return err
			}
			defer end()
			d, raw, err := l.SBOM(ctx, args[0])
			if err != nil {
				return err
			}
			left, err := survey.Document(ctx, raw, d)
			if err != nil {
				return err
			}
			e.meter.at("converting", 0, 0)
			var losses []sbom.Loss
			err = e.emit(func(w io.Writer) error {
				var err error
				losses, err = encode.Document(ctx, w, d, encode.Format(e.format), encode.Options{Tool: sbom.Tool{Name: "cofferdam", Version: version()}, At: at})
				return err
			})
			if err != nil {
				return err
			}
			e.losses(encode.Format(e.format), losses, left)
			return nil
		}),
	}
	srv.add(c)
	return c
}

// losses says on standard error what the format has no words for, and what was not
// carried over.
func (e *env) losses(f encode.Format, encoded, left []sbom.Loss) {
	const most = 12
	list := func(title string, ls []sbom.Loss) {
		if len(ls) == 0 {
			return
		}
		e.notef("%s", title)
		for i, l := range ls {
			if i == most && !e.verbose {
				e.notef("  … and %d more sorts (-v names them)", len(ls)-most)
				return
			}
			line := fmt.Sprintf("  %6d × %s", l.Count, l.What)
			if l.Pointer != "" {
				line += ", first at " + l.Pointer
			}
			e.notef("%s", line)
		}
	}
	var kept, lost []sbom.Loss
	for _, l := range encoded {
		if l.Kept == "" {
			lost = append(lost, l)
		} else {
			l.What += " → " + l.Kept
			kept = append(kept, l)
		}
	}
	list(fmt.Sprintf("%s has no words for these; they are kept as our own:", f), kept)
	list("not carried over:", append(lost, left...))
}
