package cli

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/app"
	"github.com/cofferdam-io/cofferdam/inventory"
)

// sbomTrust are the flags that say who vouches for SBOMs.
type sbomTrust struct {
	said     []string // answers of verify
	verify   bool
	signers  signers
	registry registryFlags
	flags    []*pflag.Flag // all of them
}

const trustHelp = `Of each SBOM the answer says who vouches for it: verified, unsigned (every place
where an attestation could be has answered, and nobody does), invalid (a signature
around this very document was refused) or unchecked. --sbom-trust takes what
"verify image -o json" said before, offline; --verify asks the registries of the
images now, for attestations of whom --key or --certificate-identity name. A document
is recognised by what it says, however its JSON is written.`

func (t *sbomTrust) add(c *cobra.Command) {
	f := c.Flags()
	others := map[string]bool{}
	f.VisitAll(func(x *pflag.Flag) { others[x.Name] = true })
	f.StringArrayVar(&t.said, "sbom-trust", nil, "who vouches for SBOMs: `PATH` of a file or folder of what verify image or verify bundle -o json said; repeatable")
	f.BoolVar(&t.verify, "verify", false, "ask the registries of the images who vouches for their SBOMs, accepting whom --key or --certificate-identity name")
	t.signers.who(c)
	t.registry.add(c)
	f.VisitAll(func(x *pflag.Flag) {
		if !others[x.Name] {
			t.flags = append(t.flags, x)
		}
	})
	c.Long += "\n\n" + trustHelp
}

// words are the flags as they were given; none where t is nil.
func (t *sbomTrust) words() []word {
	if t == nil {
		return nil
	}
	var out []word
	for _, f := range t.flags {
		switch list, is := f.Value.(pflag.SliceValue); {
		case !f.Changed:
		case is:
			out = append(out, word{"--" + f.Name, list.GetSlice()})
		case f.Value.Type() == "bool":
			out = append(out, word{"", []string{"--" + f.Name + "=" + f.Value.String()}})
		default:
			out = append(out, word{"--" + f.Name, []string{f.Value.String()}})
		}
	}
	return out
}

// check judges the flags before anything is read.
func (t *sbomTrust) check(e *env) error {
	switch {
	case t.verify && len(t.said) > 0:
		return ident.Errorf(ident.KindUsage, "--verify asks now, and --sbom-trust is what was said before").WithHint("leave one of them out")
	case t.verify:
		return t.signers.check(e, false)
	case e.verifies(&t.signers):
		return ident.Errorf(ident.KindUsage, "somebody is named whose signature is accepted, and no signature is asked for").WithHint("--verify asks the registries of the images")
	}
	return nil
}

// trust finds out who vouches for the SBOMs of a snapshot; nil where nobody is asked.
func (t *sbomTrust) trust(ctx context.Context, e *env, l *app.Loader, snap *inventory.Snapshot) (*inventory.Trust, error) {
	var out *inventory.Trust
	var err error
	switch {
	case len(t.said) > 0:
		out, err = l.SBOMTrust(ctx, t.said)
	case t.verify:
		in := app.FactInputs{Registry: t.registry.inputs(), Verify: t.signers.in}
		if in.Verify.At, err = e.now(); err != nil {
			return nil, err
		}
		out, err = l.VerifySBOMs(ctx, snap.Vouchable(), in)
	}
	if out != nil {
		out.Contents = l.Contents
	}
	return out, err
}
