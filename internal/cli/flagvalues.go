package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cofferdam-io/cofferdam/ident"
)

// onceOnly makes every flag of a command and of those below it that holds one value refuse
// a second, other one. The library takes the last: of --kev a --kev b, or of two files of
// rules, the first would be dropped without a word, and a gate would pass by the half of
// what it was asked for. What every command has (how to print, when), and how to serve, may
// be said again behind what a wrapper says: there the last one holds.
func onceOnly(c *cobra.Command) {
	if c.Name() == "serve" {
		return
	}
	wrap := func(f *pflag.Flag) {
		switch f.Value.Type() {
		case "string", "int", "int64", "uint64", "float64":
			if _, done := f.Value.(*once); !done {
				f.Value = &once{Value: f.Value}
			}
		}
	}
	if c.HasParent() {
		c.Flags().VisitAll(wrap)
		c.PersistentFlags().VisitAll(wrap)
	}
	for _, sub := range c.Commands() {
		onceOnly(sub)
	}
}

// once is the value of a flag that is given once. The same value again changes nothing.
type once struct {
	pflag.Value
	text string
	set  bool
}

// Set takes a value, or refuses it where another was given.
func (o *once) Set(text string) error {
	if o.set && text != o.text {
		return fmt.Errorf("it was %q already, and has one value", o.text)
	}
	o.text, o.set = text, true
	return o.Value.Set(text)
}

// checkValues refuses flags that are given with nothing behind them. That is a variable
// of a script that has no value, and never what was meant: --fail-on "" would be no gate,
// and --at "" would be now.
func checkValues(c *cobra.Command) error {
	var empty []string
	c.Flags().Visit(func(f *pflag.Flag) {
		if hasEmpty(f) {
			empty = append(empty, "--"+f.Name)
		}
	})
	if len(empty) == 0 {
		return nil
	}
	return ident.Errorf(ident.KindUsage, "%s is given without a value", strings.Join(empty, ", ")).
		WithHint("leave the flag out; if a variable stands behind it, the variable is empty")
}

func hasEmpty(f *pflag.Flag) bool {
	switch v := f.Value.(type) {
	case pflag.SliceValue: // what was given replaces its default
		given := v.GetSlice()
		return len(given) == 0 || slices.Contains(given, "")
	}
	return f.Value.Type() == "string" && f.Value.String() == ""
}
