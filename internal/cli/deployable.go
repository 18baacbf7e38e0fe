package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/client"
	"github.com/cofferdam-io/cofferdam/report"
)

func deployableCommand(e *env) *cobra.Command {
	var f serverFlags
	c := &cobra.Command{
		Use: "deployable --server URL", GroupID: "catalogue", Short: "Who says what runs and what may be deployed?",
		Long: `Deployable lists who tells a server what runs (clusters) and what may be deployed
(sources, such as a registry's repository or a channel of releases), and when each did so
last. Documents of what runs or may be deployed are never archived by retention.`,
		Example: `  cofferdam deployable --server https://sbom.example
  cofferdam deployable set --server https://sbom.example stable digests.txt
  cofferdam deployable forget --server https://sbom.example stable`,
		Args: noArgs, ValidArgsFunction: noFiles,
		RunE: question(e, &f, func(ctx context.Context, srv *client.Client, _ []string) (*report.Reporters, error) {
			return srv.Reporters(ctx)
		}),
	}
	f.add(c)
	c = answers(c, (*report.Reporters)(nil))
	c.AddCommand(deployableSetCommand(e), deployableForgetCommand(e))
	return c
}

func deployableSetCommand(e *env) *cobra.Command {
	var f serverFlags
	c := &cobra.Command{
		Use: "set --server URL SOURCE FILE|DIGEST…", Short: "Say which images may be deployed from a source: all of them",
		Long: `Set replaces what a source says: digests of images, as arguments or in files (- for
standard input) with one in each line; what follows # is no digest. No digest at all says
that nothing may be deployed from it any longer. It takes the role publisher.`,
		Example: `  cofferdam deployable set --server https://sbom.example stable sha256:0bd41990769d…
  crane ls --full-ref registry.example/shop | xargs -n1 crane digest | cofferdam deployable set --server https://sbom.example shop -`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) < 2 {
				return ident.Errorf(ident.KindUsage, "%s takes a source and where its digests are", c.CommandPath()).WithHint("%s", c.UseLine())
			}
			return nil
		},
		RunE: e.order(&f, func(ctx context.Context, srv *client.Client, args []string) (string, error) {
			images := []ident.Digest{}
			for _, a := range args[1:] {
				if d, err := ident.ParseDigest(a); err == nil {
					images = append(images, d)
					continue
				}
				text, err := e.loader().Text(ctx, a)
				if err != nil {
					return "", err
				}
				list, err := digestLines(a, text)
				if err != nil {
					return "", err
				}
				images = append(images, list...)
			}
			n, err := srv.SetDeployable(ctx, args[0], images)
			return fmt.Sprintf("%s: %d images, %d changed", args[0], len(images), n), err
		}),
	}
	f.add(c)
	return c
}

// digestLines reads one digest a line.
func digestLines(file string, text []byte) ([]ident.Digest, error) {
	var out []ident.Digest
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		d, err := ident.ParseDigest(line)
		if err != nil {
			return nil, ident.Errorf(ident.KindInvalid, "%s:%d: %w", file, n, err).WithHint("one digest a line: sha256: and 64 hexadecimal digits")
		}
		out = append(out, d)
	}
	return out, nil
}

func deployableForgetCommand(e *env) *cobra.Command {
	var f serverFlags
	var cluster bool
	c := &cobra.Command{
		Use: "forget --server URL NAME", Short: "A source, or a cluster, is no more",
		Long: `Forget says that a source of images is no more, or with --cluster a cluster: what it
reported last holds no longer, and retention waits for it no longer. What ran stays for
questions about the past. It takes the role publisher.`,
		Example: "  cofferdam deployable forget --server https://sbom.example --cluster prod-old",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return ident.Errorf(ident.KindUsage, "%s takes one name, found %d", c.CommandPath(), len(args)).WithHint("cofferdam deployable names them")
			}
			return nil
		},
		ValidArgsFunction: noFiles,
		RunE: e.order(&f, func(ctx context.Context, srv *client.Client, args []string) (string, error) {
			return "forgot " + args[0], srv.Forget(ctx, cluster, args[0])
		}),
	}
	f.add(c)
	c.Flags().BoolVar(&cluster, "cluster", false, "NAME is a cluster")
	return c
}
