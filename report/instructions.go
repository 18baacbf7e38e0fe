package report

import (
	"io"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Instructions are how somebody else verifies an image, for release notes: commands that
// succeeded, or that ask for what did.
type Instructions struct {
	SchemaVersion string            `json:"schemaVersion"`
	Image         string            `json:"image"` // by its digest
	At            string            `json:"at"`    // when it was verified, RFC 3339
	Signers       []string          `json:"signers"`
	Files         []InstructionFile `json:"files"`
	Commands      []Instruction     `json:"commands"`
	Notes         []string          `json:"notes,omitempty"`
}

// InstructionFile is a file that commands read, and that has to be published with them.
type InstructionFile struct {
	File   string       `json:"file"`
	What   string       `json:"what"`
	Digest ident.Digest `json:"digest,omitzero"` // of its bytes; zero: of several files
}

// Instruction is one command.
type Instruction struct {
	Shows string   `json:"shows"` // that it does, where it exits 0
	Args  []string `json:"args"`  // program and arguments, unquoted
}

// Line is the command for a shell.
func (c *Instruction) Line() string {
	words := make([]string, len(c.Args))
	for i, a := range c.Args {
		words[i] = shellWord(a)
	}
	return strings.Join(words, " ")
}

func instructionsText(w io.Writer, a *Instructions, o Options) error {
	p := newPrinter(w, o)
	p.linef("Verify %s", clean(a.Image))
	p.linef("  verified at %s; each command exits 0 where it verifies, and compares with this digest and no tag", a.At)
	for _, s := range a.Signers {
		p.linef("  signed %s", clean(s))
	}
	for _, f := range a.Files {
		line := clean(f.What + ": " + f.File)
		if !f.Digest.IsZero() {
			line += ", " + f.Digest.String()
		}
		p.linef("  needs %s", line)
	}
	shown := ""
	for i := range a.Commands {
		if c := &a.Commands[i]; c.Shows != shown {
			shown = c.Shows
			var lines []string
			for k := i; k < len(a.Commands) && a.Commands[k].Shows == shown; k++ {
				lines = append(lines, a.Commands[k].Line())
			}
			p.commands(strings.ToUpper(shown[:1])+clean(shown[1:]), lines)
		}
	}
	if len(a.Notes) > 0 {
		p.blank()
	}
	for _, n := range a.Notes {
		p.linef("%s", p.dim("note: "+clean(n)))
	}
	return p.done()
}
