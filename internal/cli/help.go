package cli

import (
	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
)

// ownHelp makes help and completion refuse what they do not know: the library's own
// print what there is and succeed, so that a script takes that for what it asked for.
func ownHelp(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		switch c.Name() {
		case "help":
			c.Args = func(c *cobra.Command, args []string) error {
				found, rest, err := c.Root().Find(args)
				if err == nil && found != nil && len(rest) > 0 {
					err = ident.Errorf(ident.KindUsage, "unknown command %q for %q", rest[0], found.CommandPath()).WithHint("%s --help lists what there is", found.CommandPath())
				}
				return err
			}
		case "completion":
			c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
		}
	}
}
