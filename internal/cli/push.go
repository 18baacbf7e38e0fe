package cli

import (
	"context"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/app"
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

// words repeat the flags as they would be typed again, without a secret; none where f is nil.
func (f *serverFlags) words() []word {
	if f == nil || f.server == "" {
		return nil
	}
	return []word{{"--server", []string{f.server}}, {"--token-file", []string{f.tokenFile}}, {"--tenant", []string{f.tenant}}}
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
	var in inputs
	var reg registryFlags
	var images []string
	var failBlocked bool
	c := &cobra.Command{
		Use: "push --server URL [FILE…] [--image REF…] [-f CLUSTER=PATH…]", GroupID: "catalogue", Short: "Hand SBOMs, and what runs, over to a server",
		Long: `Push hands documents over to a server's catalogue: files, folders (read
recursively), globs, or - for standard input. It exits 0 only when every document is
on the server's disk, or was already: a document that the server has costs nothing, so
pushing again after a failure is safe. While the server is busy or away, push comes
again for two minutes.

What the flags say of the artifact is joined to what the document says itself. With
several documents it is said of all of them.

--image hands over the SBOMs that are attached to an image in its registry: referrers,
cosign's tags, Sigstore bundles and BuildKit's attestations, for all its platforms.
They are read from here, with the credentials of docker login; nobody verifies who
attached them.

-f CLUSTER=PATH tells the server what runs in a cluster, by the manifests of all of
it (kubectl get all,cm,ns -A -o yaml): a container that is not in them has ended.
Where an object cannot be read, nothing is reported.

The server says which components of an artifact must not be used (its blocklists);
--fail-on-blocked makes that exit 3.`,
		Example: `  cofferdam push --server https://sbom.example --service checkout --release v1.4.2 image.spdx.json
  syft -o spdx-json IMAGE | cofferdam push --server http://127.0.0.1:8080 -
  cofferdam push --server https://sbom.example --image registry.example/shop/web:1.4.2
  kubectl get pods,deploy,rs,sts,ds,cronjob,job,ns -A -o yaml | cofferdam push --server http://127.0.0.1:8080 -f prod=-`,
		Args: cobra.ArbitraryArgs,
		RunE: e.run(func(ctx context.Context, args []string) error {
			if len(args)+len(images)+len(in.estate.Manifests) == 0 {
				return ident.Errorf(ident.KindUsage, "nothing to push was named").WithHint("FILE… of SBOMs, --image REF, or -f CLUSTER=PATH of what runs")
			}
			if len(images) > 0 && about.Artifact != "" {
				return ident.Errorf(ident.KindUsage, "--artifact and --image both say which image a document is about").WithHint("leave --artifact out: the registry says it")
			}
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
			if len(images) > 0 {
				attached, problems, err := e.loader().PushImages(ctx, srv, images, reg.inputs(), about)
				e.problems(problems)
				if err != nil {
					return err
				}
				e.outcome.failed = len(problems) > 0 // not every document of the images is stored
				a.Documents = append(a.Documents, attached.Documents...)
				a.Count()
			}
			if len(in.estate.Manifests) > 0 {
				at, err := e.now()
				if err != nil {
					return err
				}
				var problems []app.Problem
				a.Clusters, problems, err = e.loader().ReportRunning(ctx, srv, in.estate, at)
				e.problems(problems)
				if err != nil {
					return err
				}
			}
			if len(args) > 0 && len(a.Documents) == 0 {
				return ident.Errorf(ident.KindNotFound, "no document was found to push").WithHint("folders are searched for .json, .jsonl, .xml, .spdx, .swidtag, .coswid, .gz and .zst files")
			}
			e.outcome.failed = e.outcome.failed || a.Refused > 0
			e.outcome.refused = failBlocked && a.HasBlocked()
			return e.write(a, report.Options{})
		}),
	}
	f.add(c)
	reg.add(c)
	fl := c.Flags()
	fl.StringSliceVar(&images, "image", nil, "`REF` of an image whose attached SBOMs are handed over; repeatable")
	fl.StringArrayVarP(&in.estate.Manifests, "filename", "f", nil, "what runs: `CLUSTER=PATH` of the manifests of a whole cluster, or CLUSTER=- for standard input; repeatable")
	fl.StringVar(&in.estate.EstateFile, "estate", "", "zones, owners, protected workloads: `FILE` (default cofferdam.yaml beside the manifests)")
	fl.BoolVar(&failBlocked, "fail-on-blocked", false, "exit 3 where an artifact has a component that must not be used")
	fl.StringVar(&about.Artifact, "artifact", "", "`DIGEST` of the image's manifest, where the document does not say it")
	fl.StringVar(&about.Version, "artifact-version", "", "`VERSION` of the artifact, where the document does not say it")
	fl.StringVar(&about.Build, "build", "", "`ID` of the build that made the artifact")
	fl.StringVar(&about.Release, "release", "", "release `TAG`")
	fl.StringVar(&about.Service, "service", "", "`NAME` of the service that the artifact belongs to")
	fl.StringVar(&about.Owner, "owner", "", "`NAME` of who answers for it")
	fl.StringVar(&about.Cluster, "cluster", "", "`NAME` of the one cluster that the documents are about")
	return answers(c, (*report.Pushed)(nil))
}
