package app

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/verify"
)

// judgedBy collects what a verification is judged by as it is read: keys, trusted roots,
// lists and policies, each with the digest of what stood in it.
type judgedBy struct {
	mu    sync.Mutex
	names map[string]bool // files that are noted when they are read
	store string          // and the folder whose files are
	list  []report.PolicyFile
}

// noting returns a loader and inputs that note what is judged by.
func (l *Loader) noting(in VerifyInputs) (*Loader, VerifyInputs, *judgedBy) {
	j := &judgedBy{names: map[string]bool{}}
	for _, list := range [][]string{in.Keys, in.TrustedRoots, in.Notation.Revoked, in.Notation.Answers, {in.DistrustFile, in.BuildersFile, in.Notation.Policy}} {
		for _, name := range list {
			j.names[name] = name != ""
		}
	}
	for i := range in.Options.Identities {
		text := identityText(&in.Options.Identities[i])
		j.add(text, []byte(text))
	}
	if in.Notation.Store != "" { // the policy says which of its files
		j.store = filepath.Join(in.Notation.Store, "x509") + string(filepath.Separator)
	}
	noted := *l
	noted.judgedBy = j
	in.Roots = noteRoot(j, "the public trusted root", in.Roots)
	if ask := in.Mirror; ask != nil {
		in.Mirror = func(ctx context.Context, m Mirror, at time.Time) ([]byte, []string, error) {
			return noteRoot(j, "the trusted root of "+m.Address, func(ctx context.Context, at time.Time) ([]byte, []string, error) { return ask(ctx, m, at) })(ctx, at)
		}
	}
	return &noted, in, j
}

// identityText says who is accepted, always in the same words.
func identityText(i *verify.Identity) string {
	var s strings.Builder
	s.WriteString("identity")
	for _, p := range [][2]string{{"subject", i.Subject}, {"subject matching", i.SubjectRegexp}, {"issuer", i.Issuer}, {"issuer matching", i.IssuerRegexp}} {
		if p[1] != "" {
			fmt.Fprintf(&s, ", %s %q", p[0], p[1])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(i.Extensions)) {
		fmt.Fprintf(&s, ", %s %q", name, i.Extensions[name])
	}
	return s.String()
}

type askRoot = func(ctx context.Context, at time.Time) ([]byte, []string, error)

func noteRoot(j *judgedBy, name string, ask askRoot) askRoot {
	if ask == nil {
		return nil
	}
	return func(ctx context.Context, at time.Time) ([]byte, []string, error) {
		raw, notes, err := ask(ctx, at)
		if err == nil {
			j.add(name, raw)
		}
		return raw, notes, err
	}
}

// read notes a file that is judged by.
func (j *judgedBy) read(name string, raw []byte) {
	if j == nil {
		return
	}
	if j.names[name] || j.store != "" && strings.HasPrefix(name, j.store) {
		j.add(name, raw)
	}
}

func (j *judgedBy) add(name string, raw []byte) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if f := (report.PolicyFile{File: name, Digest: ident.SHA256(raw)}); !slices.Contains(j.list, f) {
		j.list = append(j.list, f)
	}
}

// with returns what was noted, and the policies.
func (j *judgedBy) with(policies []report.PolicyFile) []report.PolicyFile {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Concat(policies, j.list)
}
