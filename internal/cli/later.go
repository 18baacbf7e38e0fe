package cli

import (
	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
)

// later declares commands of the contract that this version does not have. They
// are refused by name, with what to do instead where there is something: a user
// must not take them for a typing error.
func later(parent *cobra.Command, hints map[string]string) {
	for name, hint := range hints {
		parent.AddCommand(&cobra.Command{
			Use: name, Hidden: true, DisableFlagParsing: true, Short: "Not in this version",
			RunE: func(c *cobra.Command, _ []string) error {
				err := ident.Errorf(ident.KindUsage, "%s is not in this version", c.CommandPath())
				if hint == "" {
					return err
				}
				return err.WithHint("%s", hint)
			},
		})
	}
}

func laterCommands(root *cobra.Command) {
	later(root, map[string]string{
		"collect": "kubectl get all,ns,netpol,ingress,sa,endpointslices -A -o yaml > cluster.yaml reads what the engine uses",
	})
}
