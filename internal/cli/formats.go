package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/app"
	"github.com/cofferdam-io/cofferdam/report"
)

// formatsOf is the annotation that holds the output formats of a command.
const formatsOf = "cofferdam.formats"

// answers declares what a command answers with, by a value of that type. Its
// help, the completion of -o and the check before anything is read follow from it.
func answers(c *cobra.Command, answer any) *cobra.Command {
	formats := report.Formats(answer)
	if i := slices.Index(formats, "table"); i > 0 { // the default stands first
		formats = slices.Insert(slices.Delete(formats, i, i+1), 0, "table")
	}
	c.Annotations = map[string]string{formatsOf: strings.Join(formats, ",")}
	if c.Long == "" {
		c.Long = c.Short + "."
	}
	c.Long += "\n\nOutput (-o): " + strings.Join(formats, ", ") + "."
	return c
}

// checkFormat refuses a format that the command does not have before anything is
// read: a typing error must not cost a minute of reading.
func (e *env) checkFormat(c *cobra.Command) error {
	formats := strings.Split(c.Annotations[formatsOf], ",")
	if e.format == "" || slices.Contains(formats, e.format) {
		return nil
	}
	err := ident.Errorf(ident.KindUsage, "-o %s is not an output of %s", e.format, c.CommandPath())
	if c.Annotations[formatsOf] == "" {
		return err.WithHint("%s has one output, and takes no -o", c.CommandPath())
	}
	return err.WithHint("one of: %s", strings.Join(formats, ", "))
}

// completions are offered to the shell for the flags that every command has.
func completions(root *cobra.Command) {
	complete(root, "output", func(c *cobra.Command) []string {
		if f := c.Annotations[formatsOf]; f != "" {
			return strings.Split(f, ",")
		}
		return nil
	})
	complete(root, "color", fixed("auto", "always", "never"))
	complete(root, "at", fixed())
}

func fixed(words ...string) func(*cobra.Command) []string {
	return func(*cobra.Command) []string { return words }
}

// complete offers words for the value of a flag, and no files.
func complete(c *cobra.Command, flag string, words func(*cobra.Command) []string) {
	err := c.RegisterFlagCompletionFunc(flag, func(c *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		return words(c), cobra.ShellCompDirectiveNoFileComp
	})
	if err != nil {
		panic(err) // the flag was declared by the same function that asks for this
	}
}

// completeWorkloads offers the workloads of the manifests that the line already
// names, for up to most arguments. Standard input is left to the command.
func (e *env) completeWorkloads(in *inputs, most int, others ...string) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return append(e.workloadNames(c.Context(), in), others...), cobra.ShellCompDirectiveNoFileComp
	}
}

func (e *env) workloadNames(ctx context.Context, in *inputs) []string {
	paths := slices.DeleteFunc(slices.Clone(in.estate.Manifests), func(p string) bool { return p == "-" || strings.HasSuffix(p, "=-") })
	if len(paths) == 0 {
		return nil
	}
	if ctx == nil {
		ctx = context.Background()
	}
	est, err := e.loader().Estate(ctx, app.EstateInputs{Manifests: paths, Namespace: in.estate.Namespace, EstateFile: in.estate.EstateFile})
	if err != nil {
		return nil // the command itself will say what is wrong
	}
	var out []string
	for _, r := range est.Graph.Workloads() {
		name := r.Namespace + "/" + r.Name
		if r.Cluster != "" {
			name = r.Cluster + ":" + name
		}
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

func noFiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveNoFileComp
}
