package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/app"
	"github.com/cofferdam-io/cofferdam/report"
)

func tokenCommand(e *env) *cobra.Command {
	var data, dir string
	c := &cobra.Command{
		Use: "token", GroupID: "catalogue", Short: "Make, list and revoke access tokens of a server",
		Long: `Token works on the files in a server's data folder, or in the folder that its
configuration names for tokens; no server needs to run. A token is shown once, when
it is made: only a digest of its secret is kept. A revoked token is refused at once.`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return ident.Errorf(ident.KindUsage, "unknown command %q for %q", args[0], c.CommandPath()).WithHint("token create, token list, token revoke")
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	pf := c.PersistentFlags()
	pf.StringVar(&data, "data", "", "the server's data `DIR`")
	pf.StringVar(&dir, "tokens", "", "the folder of tokens, where the server's configuration names one: `DIR`")
	folder := func() (app.Tokens, error) {
		if (data == "") == (dir == "") {
			return app.Tokens{}, ident.Errorf(ident.KindUsage, "one of --data and --tokens says whose tokens are meant").WithHint("--data DIR, as of serve")
		}
		return app.TokensIn(data, dir), nil
	}
	c.AddCommand(tokenCreateCommand(e, folder), tokenListCommand(e, folder), tokenRevokeCommand(e, folder))
	return c
}

func tokenCreateCommand(e *env, folder func() (app.Tokens, error)) *cobra.Command {
	var name, roles, tenant string
	var expires time.Duration
	c := &cobra.Command{
		Use: "create --name NAME --roles ROLE,…", Short: "Make a token and show it, once",
		Example: "  cofferdam token create --data ./catalogue --name ci-shop --roles publisher --tenant shop --expires 2160h",
		Args:    noArgs, ValidArgsFunction: noFiles,
		RunE: e.run(func(_ context.Context, _ []string) error {
			f, err := folder()
			if err != nil {
				return err
			}
			list, err := authz.ParseRoles(roles)
			if err != nil {
				return err
			}
			now, err := e.now()
			if err != nil {
				return err
			}
			a, err := f.Create(name, list, tenant, now, expires)
			if err != nil {
				return err
			}
			return e.write(a, report.Options{})
		}),
	}
	fl := c.Flags()
	fl.StringVar(&name, "name", "", "`NAME` of who uses it, as records will say it")
	fl.StringVar(&roles, "roles", "reader", "`ROLES`, separated by commas: reader, publisher, sbom-approver, triager, admin")
	fl.StringVar(&tenant, "tenant", "", "confine it to a tenant's documents: `NAME`")
	fl.DurationVar(&expires, "expires", 90*24*time.Hour, "how long it is good for: `TIME` such as 720h; 0 is for ever")
	var all []string
	for _, r := range authz.Roles() {
		all = append(all, string(r))
	}
	complete(c, "roles", fixed(all...))
	return answers(c, (*report.NewToken)(nil))
}

func tokenListCommand(e *env, folder func() (app.Tokens, error)) *cobra.Command {
	c := &cobra.Command{
		Use: "list", Short: "The tokens that there are", Args: noArgs, ValidArgsFunction: noFiles,
		Example: "  cofferdam token list --data ./catalogue",
		RunE: e.run(func(ctx context.Context, _ []string) error {
			f, err := folder()
			if err != nil {
				return err
			}
			now, err := e.now()
			if err != nil {
				return err
			}
			a, err := f.List(ctx, now)
			if err != nil {
				return err
			}
			return e.write(a, report.Options{})
		}),
	}
	return answers(c, (*report.Tokens)(nil))
}

func tokenRevokeCommand(e *env, folder func() (app.Tokens, error)) *cobra.Command {
	return &cobra.Command{
		Use: "revoke ID", Short: "Revoke a token", Example: "  cofferdam token revoke --data ./catalogue 3f1c0a9b8d7e6f50",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return ident.Errorf(ident.KindUsage, "%s takes one ID, found %d", c.CommandPath(), len(args)).WithHint("cofferdam token list names them")
			}
			return nil
		},
		ValidArgsFunction: noFiles,
		RunE: e.run(func(ctx context.Context, args []string) error {
			f, err := folder()
			if err != nil {
				return err
			}
			if err := f.Revoke(ctx, args[0]); err != nil {
				return err
			}
			e.notef("revoked %s", args[0])
			return nil
		}),
	}
}
