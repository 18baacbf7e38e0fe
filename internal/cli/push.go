package cli

import (
	"context"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/client"
	"github.com/cofferdam-io/cofferdam/report"
)

// serverFlags say which server is asked, and as whom.
type serverFlags struct {
	server    string
	token     string
	tokenFile string
	tenant    string
}

func (f *serverFlags) add(c *cobra.Command) {
	fl := c.Flags()
	fl.StringVar(&f.server, "server", "", "`URL` of the server (default: COFFERDAM_SERVER)")
	fl.StringVar(&f.token, "token", "", "access `TOKEN`; others on this machine can read it here: COFFERDAM_TOKEN and --token-file are not shown to them")
	fl.StringVar(&f.tokenFile, "token-file", "", "`FILE` that holds the access token")
	fl.StringVar(&f.tenant, "tenant", "", "`NAME` of the tenant whose documents are meant")
}

// client returns a client of the server that is meant.
func (e *env) client(ctx context.Context, f *serverFlags) (*client.Client, error) {
	server := f.server
	if server == "" {
		server = os.Getenv("COFFERDAM_SERVER")
	}
	if server == "" {
		return nil, ident.Errorf(ident.KindUsage, "no server is named").WithHint("--server URL, or COFFERDAM_SERVER=URL; cofferdam serve --data DIR starts one")
	}
	token := f.token
	if f.tokenFile != "" {
		if token != "" {
			return nil, ident.Errorf(ident.KindUsage, "--token and --token-file both give a token").WithHint("leave one of the two out")
		}
		b, err := e.loader().Text(ctx, f.tokenFile)
		if err != nil {
			return nil, err
		}
		token = strings.TrimSpace(string(b))
	}
	if token == "" && f.tokenFile == "" {
		token = os.Getenv("COFFERDAM_TOKEN")
	}
	return client.New(server, client.Options{Token: token})
}

func pushCommand(e *env) *cobra.Command {
	var f serverFlags
	var about client.Document
	c := &cobra.Command{
		Use: "push --server URL FILE…", GroupID: "catalogue", Short: "Hand SBOMs over to a server",
		Long: `Push hands documents over to a server's catalogue: files, folders (read
recursively), globs, or - for standard input. It exits 0 only when every document is
on the server's disk, or was already: a document that the server has costs nothing, so
pushing again after a failure is safe. While the server is busy or away, push comes
again for two minutes.

What the flags say of the artifact is joined to what the document says itself. With
several documents it is said of all of them.`,
		Example: `  cofferdam push --server https://sbom.example --service checkout --release v1.4.2 image.spdx.json
  syft -o spdx-json IMAGE | cofferdam push --server http://127.0.0.1:8080 -`,
		Args: someFiles,
		RunE: e.run(func(ctx context.Context, args []string) error {
			srv, err := e.client(ctx, &f)
			if err != nil {
				return err
			}
			defer srv.Close()
			about.Tenant = f.tenant
			a, err := e.loader().Push(ctx, srv, args, about)
			if err != nil {
				return err
			}
			if len(a.Documents) == 0 {
				return ident.Errorf(ident.KindNotFound, "no document was found to push").WithHint("folders are searched for .json, .xml, .spdx, .gz and .zst files")
			}
			e.outcome.failed = a.Refused > 0
			return e.write(a, report.Options{})
		}),
	}
	f.add(c)
	fl := c.Flags()
	fl.StringVar(&about.Artifact, "artifact", "", "`DIGEST` of the image's manifest, where the document does not say it")
	fl.StringVar(&about.Version, "artifact-version", "", "`VERSION` of the artifact, where the document does not say it")
	fl.StringVar(&about.Build, "build", "", "`ID` of the build that made the artifact")
	fl.StringVar(&about.Release, "release", "", "release `TAG`")
	fl.StringVar(&about.Service, "service", "", "`NAME` of the service that the artifact belongs to")
	fl.StringVar(&about.Owner, "owner", "", "`NAME` of who answers for it")
	fl.StringVar(&about.Cluster, "cluster", "", "`NAME` of the one cluster that the documents are about")
	return answers(c, (*report.Pushed)(nil))
}
