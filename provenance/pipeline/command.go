package pipeline

import (
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Run is a command that was run as a build.
type Run struct {
	Args              []string
	BuilderID         string // who ran it, as a URI
	Started, Finished time.Time
	// Repository, Ref and Commit are those of the working tree; empty where it has none.
	Repository, Ref, Commit string
	Changed                 bool // the tree has changes that are in no commit
}

// Wrap writes down a build that no CI system describes: the command as it was given,
// when it ran and from which commit. A word of the command that holds the value of a
// secret variable is an error of KindUsage: what is signed is public.
func Wrap(r Run, env map[string]string) (*Build, error) {
	if r.BuilderID == "" {
		return nil, ident.Errorf(ident.KindUsage, "who ran the build?").WithHint("--builder-id URI names the machine or the team, as policies are to expect it")
	}
	args := make([]string, len(r.Args))
	for i, a := range r.Args {
		if name := leaks(a, env); name != "" {
			return nil, ident.Errorf(ident.KindUsage, "word %d of the command holds the value of %s: it would be signed and published", i+1, name).WithHint("let the command read %s itself", name)
		}
		args[i] = withoutPassword(strings.ToValidUTF8(a, "?"))
	}
	b := &Build{System: Command, Type: commandType, BuilderID: r.BuilderID, External: map[string]any{"command": args}, Started: r.Started, Finished: r.Finished,
		Unproven: []string{"that the files were made by this command: whoever ran it says so"}}
	switch {
	case r.Commit == "":
		b.Unproven = append(b.Unproven, "what was built: the working folder is of no Git repository")
	case r.Changed:
		b.Unproven = append(b.Unproven, "what was built: the working folder has changes that are in no commit")
		b.External["changed"] = true
		fallthrough
	default:
		b.Dependencies = []Dependency{source(withoutPassword(r.Repository), r.Ref, r.Commit)}
	}
	return b, nil
}

// leaks names the variable whose name speaks of a secret and whose value stands in a
// word. Values of few characters stand in many words by chance.
func leaks(word string, env map[string]string) string {
	const shortest = 6
	found := ""
	for name, value := range env {
		if len(value) >= shortest && secretive(name) && strings.Contains(word, value) && (found == "" || name < found) {
			found = name
		}
	}
	return found
}

func secretive(name string) bool {
	name = strings.ToUpper(name)
	for _, w := range []string{"TOKEN", "SECRET", "PASS", "KEY", "CREDENTIAL", "AUTH", "PAT"} {
		if w == "PAT" && name != "PAT" && !strings.HasSuffix(name, "_PAT") {
			continue // PATH
		}
		if strings.Contains(name, w) {
			return true
		}
	}
	return false
}
