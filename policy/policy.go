package policy

import (
	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/fact"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/policy/glob"
)

// Mode is what a policy's refusal does.
type Mode string

// The modes.
const (
	Audit   Mode = "Audit"   // it is written down
	Warn    Mode = "Warn"    // somebody is told
	Enforce Mode = "Enforce" // it denies
)

// Policy is compiled: it is immutable and may be evaluated from many goroutines.
type Policy struct {
	Name    string
	Mode    Mode
	Governs func(in *Prepared, c *Context) bool
	Checks  []Check
	// Exceptions says whose approval an exception needs to count.
	Exceptions Approval
}

// Check is one rule in compiled form.
type Check struct {
	Name     string
	Expected string // what the rule asks for
	Hint     string // how to mend it
	// Judge looks at an image. It may be called from many goroutines.
	Judge func(in *Prepared, c *Context) Outcome
}

// Outcome is what a check found. Where Err is set it could not be judged.
type Outcome struct {
	Passed bool
	Found  string
	Err    error
	// Warnings are what somebody should know all the same.
	Warnings []string
	// Overdue are findings that are beyond their deadline, or may be.
	Overdue []Overdue
}

// Spec is a policy as it is written.
type Spec struct {
	Name      string
	Mode      Mode
	Match     Match
	Variables []Variable
	Rules     []Rule
	Freshness []Freshness
	// Remediation says until when findings are to be gone; nil: nobody asks.
	Remediation *Remediation
	Exceptions  Approval
}

// Match says what a policy governs. Empty lists govern all.
type Match struct {
	Images     []string // globs over the reference
	Namespaces []string // globs
	Namespace  *estate.LabelSelector
	Workload   *estate.LabelSelector
}

// Variable is a named expression that rules and other variables use.
type Variable struct{ Name, Expression string }

// Rule is an expression that must be true.
type Rule struct {
	Name       string
	Expression string
	Message    string // what is expected, in a user's words
	Found      string // an expression for a text that says what is there instead; may be empty
	Hint       string // how to mend it
}

// Identity is whom a fact may come from: a certificate's issuer and subject, which are
// globs, or a key.
type Identity struct {
	Issuer, Subject string
	Key             ident.Digest
}

// Matches reports whether a signer is the identity.
func (i Identity) Matches(s fact.Signer) bool {
	switch {
	case s.Key != nil:
		return !i.Key.IsZero() && s.Key.ID == i.Key
	case s.Certificate != nil:
		return i.Key.IsZero() && matchesIdentity(i.Issuer, i.Subject, s.Certificate.Issuer, s.Certificate.Subject)
	}
	return false
}

// governs compiles a Match. Where a namespace or labels are not known it takes them for
// some that match: a policy must not fall away because less was said.
func (m Match) governs() func(*Prepared, *Context) bool {
	return func(in *Prepared, c *Context) bool {
		return anyMatches(m.Images, in.reference, in.name) && (c.Namespace.Name == "" || anyMatches(m.Namespaces, c.Namespace.Name)) &&
			mayMatch(m.Namespace, c.Namespace.Labels) && mayMatch(m.Workload, c.Workload.Labels)
	}
}

func mayMatch(s *estate.LabelSelector, labels map[string]string) bool {
	return s == nil || labels == nil || s.Matches(labels)
}

func anyMatches(patterns []string, names ...string) bool {
	for _, p := range patterns {
		for _, n := range names {
			if glob.Match(p, n) {
				return true
			}
		}
	}
	return len(patterns) == 0
}
