package cli

import (
	"context"
	"errors"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/app"
)

func serveCommand(e *env) *cobra.Command {
	var o app.ServeOptions
	var format, level string
	c := &cobra.Command{
		Use: "serve --data DIR", GroupID: "catalogue", Short: "Run the catalogue: durable intake, search and API",
		Long: `Serve runs the catalogue of what an organisation runs. Nothing else has to be
installed: it keeps everything in --data. With --db the documents are in a PostgreSQL
database that several servers share; a password in the URL is seen by others on this
machine, and is better given in COFFERDAM_DB or PGPASSFILE.

A document is acknowledged once it is on disk. On a loopback address, without
--config, requests without a token may read and publish; everything else takes a
token, and the first start writes the administrator's into DIR/admin.token. On any
other address the configuration has to say who may ask.

The API is described at /openapi.json; /healthz, /readyz and /metrics say how the
server is. SIGTERM and an interrupt end it after the requests under way, for which it
waits 20 seconds: exit 0 after SIGTERM, 130 after an interrupt.`,
		Example: `  cofferdam serve --data ./catalogue
  cofferdam push --server http://127.0.0.1:8080 ./sbom
  curl 'http://127.0.0.1:8080/api/v1/search?component=openssl'`,
		Args: noArgs, ValidArgsFunction: noFiles,
		RunE: e.run(func(ctx context.Context, _ []string) error {
			if o.Data == "" {
				return ident.Errorf(ident.KindUsage, "the server needs a folder to keep its data in").WithHint("--data DIR")
			}
			if o.DB == "" {
				o.DB = os.Getenv("COFFERDAM_DB")
			}
			var lv slog.Level
			if err := lv.UnmarshalText([]byte(level)); err != nil {
				return ident.Errorf(ident.KindUsage, "--log-level %q is no level", level).WithHint("debug, info, warn or error")
			}
			h := &slog.HandlerOptions{Level: lv}
			switch format {
			case "text":
				o.Log = slog.New(slog.NewTextHandler(e.stderr, h))
			case "json":
				o.Log = slog.New(slog.NewJSONHandler(e.stderr, h))
			default:
				return ident.Errorf(ident.KindUsage, "--log-format %q is not written", format).WithHint("text or json")
			}
			o.Version = version()
			o.Ready = func(url string) { e.notef("serving %s (data in %s)", url, o.Data) }
			err := e.loader().Serve(ctx, o)
			e.outcome.ended = err == nil && errors.Is(context.Cause(ctx), errTerminated)
			return err
		}),
	}
	fl := c.Flags()
	fl.StringVar(&o.Data, "data", "", "`DIR` that holds the catalogue, its tokens and keys; made where it is missing")
	fl.StringVar(&o.DB, "db", "", "`URL` of a PostgreSQL database that several servers share (default: COFFERDAM_DB, else SQLite in --data)")
	fl.StringVar(&o.Addr, "addr", "127.0.0.1:8080", "`HOST:PORT` to listen on; port 0 takes a free one")
	fl.StringVar(&o.Config, "config", "", "`FILE` with TLS, sign-in, folders to watch and limits (docs/server.md)")
	fl.StringArrayVar(&o.Advisories, "advisories", nil, "OSV records to compare components with: `PATH` of a file, folder or zip archive, looked at again as it changes (default: the local cache); repeatable")
	fl.StringVar(&format, "log-format", "text", "`FORMAT` of the log on standard error: text or json")
	fl.StringVar(&level, "log-level", "info", "least `LEVEL` that is logged: debug, info, warn or error")
	complete(c, "log-format", fixed("text", "json"))
	complete(c, "log-level", fixed("debug", "info", "warn", "error"))
	return c
}
