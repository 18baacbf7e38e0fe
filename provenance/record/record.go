package record

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/fact"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/provenance/predicate"
)

// Record is what logs hold of an artifact.
type Record struct {
	Artifact ident.Digest `json:"artifact"`
	Entries  []Entry      `json:"entries"` // the earliest first; those without a time last
	Builds   []Build      `json:"builds"`  // those that provenance in a log describes
	// Conflicts are where two that were logged contradict each other.
	Conflicts []string `json:"conflicts"`
	Missing   int      `json:"notLogged"` // facts about the artifact that no log holds
}

// Entry is one thing that was signed and logged.
type Entry struct {
	At     time.Time       `json:"at,omitzero"` // the earliest that somebody vouches for
	By     fact.TimeSource `json:"by,omitempty"`
	What   string          `json:"what"` // signature, or the predicate's type
	Signer string          `json:"signer"`
	Issuer string          `json:"issuer,omitempty"`
	Run    *Run            `json:"run,omitempty"` // as the certificate says
	Logs   []fact.LogEntry `json:"logs"`
	Source ident.Digest    `json:"source"` // of the bundle
}

// Run is the run that signed, as its certificate has it from the pipeline's issuer.
type Run struct {
	Repository  string `json:"repository,omitempty"`
	Commit      string `json:"commit,omitempty"`
	Ref         string `json:"ref,omitempty"`
	Workflow    string `json:"workflow,omitempty"`
	Invocation  string `json:"invocation,omitempty"`
	Trigger     string `json:"trigger,omitempty"`
	Environment string `json:"environment,omitempty"` // github-hosted, self-hosted
}

// Build is what one provenance says.
type Build struct {
	Builder    string    `json:"builder"`
	Type       string    `json:"type"`
	Invocation string    `json:"invocation,omitempty"`
	Started    time.Time `json:"started,omitzero"`
	Finished   time.Time `json:"finished,omitzero"`
	Inputs     []Input   `json:"inputs"`
	Signer     string    `json:"signer"`
}

// Input is something that a build read, with its first digest.
type Input struct {
	Name   string `json:"name"`
	Digest string `json:"digest,omitempty"` // ALGORITHM:VALUE; "": by no digest
}

// maxInputs bounds the inputs that are kept of one build.
const maxInputs = 10_000

// Of makes the record of an artifact; facts about others are left out.
func Of(artifact ident.Digest, facts []fact.Fact) *Record {
	r := &Record{Artifact: artifact, Entries: []Entry{}, Builds: []Build{}, Conflicts: []string{}}
	for i := range facts {
		f := &facts[i]
		switch {
		case f.Artifact != artifact:
		case len(f.Log) == 0:
			r.Missing++
		default:
			r.add(f)
		}
	}
	slices.SortStableFunc(r.Entries, func(a, b Entry) int {
		if a.At.IsZero() != b.At.IsZero() {
			if a.At.IsZero() {
				return 1
			}
			return -1
		}
		return cmp.Or(a.At.Compare(b.At), strings.Compare(a.What, b.What), strings.Compare(a.Source.String(), b.Source.String()))
	})
	r.compare()
	return r
}

func (r *Record) add(f *fact.Fact) {
	e := Entry{What: cmp.Or(f.PredicateType, string(f.Claim)), Logs: f.Log, Source: f.Source}
	for _, t := range f.Times {
		if e.At.IsZero() || t.At.Before(e.At) {
			e.At, e.By = t.At, t.Source
		}
	}
	switch s := &f.Signer; {
	case s.Certificate != nil:
		e.Signer, e.Issuer = s.Certificate.Subject, s.Certificate.Issuer
		e.Run = runOf(s.Certificate.Extensions)
	case s.X509 != nil:
		e.Signer, e.Issuer = s.X509.Subject, s.X509.Issuer()
	case s.Key != nil:
		e.Signer = "key " + s.Key.ID.String()
	}
	r.Entries = append(r.Entries, e)
	p, err := predicate.Read(f.PredicateType, f.Predicate, predicate.Limits{})
	made, ok := p.(*predicate.Provenance)
	if err != nil || !ok {
		if err != nil {
			r.Conflicts = append(r.Conflicts, fmt.Sprintf("the statement %s of %s cannot be read: %v", e.What, e.Signer, err))
		}
		return
	}
	b := Build{Builder: made.Builder.ID, Type: made.BuildType, Invocation: made.Invocation.ID, Started: made.Invocation.Started, Finished: made.Invocation.Finished, Inputs: []Input{}, Signer: e.Signer}
	for k := range made.Dependencies[:min(len(made.Dependencies), maxInputs)] {
		d := &made.Dependencies[k]
		in := Input{Name: d.Label()}
		if len(d.Digests) > 0 {
			in.Digest = d.Digests[0].Algorithm + ":" + d.Digests[0].Value
		}
		b.Inputs = append(b.Inputs, in)
	}
	r.Builds = append(r.Builds, b)
	r.against(&e, &b, made)
}

// runOf reads Fulcio's extensions; nil where they name no run.
func runOf(x map[string]string) *Run {
	out := Run{Repository: x["sourceRepositoryURI"], Commit: x["sourceRepositoryDigest"], Ref: x["sourceRepositoryRef"], Workflow: x["buildConfigURI"],
		Invocation: x["runInvocationURI"], Trigger: x["buildTrigger"], Environment: x["runnerEnvironment"]}
	if out == (Run{}) {
		return nil
	}
	return &out
}

// against holds a provenance against the certificate and the log that it came with.
func (r *Record) against(e *Entry, b *Build, p *predicate.Provenance) {
	if !b.Finished.IsZero() && !e.At.IsZero() && b.Finished.After(e.At) {
		r.Conflicts = append(r.Conflicts, fmt.Sprintf("the build finished at %s, says its provenance, and that was signed by %s", b.Finished.UTC().Format(time.RFC3339), e.At.UTC().Format(time.RFC3339)))
	}
	if e.Run == nil || e.Run.Commit == "" {
		return
	}
	named := false
	for i := range p.Dependencies {
		commit := cmp.Or(p.Dependencies[i].Digest("gitCommit"), p.Dependencies[i].Digest("sha1"))
		if commit == e.Run.Commit {
			return
		}
		named = named || commit != ""
	}
	if named {
		r.Conflicts = append(r.Conflicts, fmt.Sprintf("the certificate of %s says that the commit %s ran, which is not among the inputs of its provenance", e.Signer, e.Run.Commit))
	}
}

// compare names runs of different commits that signed the same artifact.
func (r *Record) compare() {
	var first *Entry
	for i := range r.Entries {
		e := &r.Entries[i]
		if e.Run == nil || e.Run.Commit == "" {
			continue
		}
		if first == nil {
			first = e
		} else if e.Run.Repository == first.Run.Repository && e.Run.Commit != first.Run.Commit && e.What == first.What {
			r.Conflicts = append(r.Conflicts, fmt.Sprintf("two runs say %s of it: of commit %s, and of commit %s", e.What, first.Run.Commit, e.Run.Commit))
		}
	}
}
