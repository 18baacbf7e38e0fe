package slsa

import (
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/fact"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
)

// Table says who is trusted, and how far.
type Table struct {
	Builders  []Builder
	Verifiers []Verifier
}

// Builder is a build platform that somebody examined.
type Builder struct {
	ID      string   // builder.id of its provenance; * at the end means whatever follows
	Level   int      // the Build level that it is trusted for, 1 to 3
	Signers []Signer // who signs for it; at least one for levels above 1
	// Hermetic and Isolated are what is known of it beside: its builds have no network,
	// and none can touch another.
	Hermetic, Isolated bool
}

// Verifier is one whose verification summaries are believed.
type Verifier struct {
	ID            string // verifier.id of its summaries
	Signers       []Signer
	Build, Source int // up to these levels; 0: of no such track
}

// Signer is an identity or a key: exactly one of the two.
type Signer struct {
	Subject string // of a certificate; * at the end means whatever follows
	Issuer  string
	Key     ident.Digest
}

func like(pattern, s string) bool {
	if prefix, open := strings.CutSuffix(pattern, "*"); open {
		return strings.HasPrefix(s, prefix)
	}
	return pattern == s
}

func (s *Signer) is(f *fact.Signer) bool {
	if !s.Key.IsZero() {
		return f.Key != nil && f.Key.ID == s.Key
	}
	return f.Certificate != nil && f.Certificate.Issuer == s.Issuer && like(s.Subject, f.Certificate.Subject)
}

func signs(list []Signer, f *fact.Signer) bool {
	return slices.ContainsFunc(list, func(s Signer) bool { return s.is(f) })
}

// builder returns the entry of a builder: of several the one with the longest ID, nil
// if there is none.
func (t *Table) builder(id string) *Builder {
	var best *Builder
	if t != nil {
		for i := range t.Builders {
			if b := &t.Builders[i]; like(b.ID, id) && (best == nil || len(b.ID) > len(best.ID)) {
				best = b
			}
		}
	}
	return best
}

func (t *Table) verifier(id string) *Verifier {
	if t != nil {
		for i := range t.Verifiers {
			if t.Verifiers[i].ID == id {
				return &t.Verifiers[i]
			}
		}
	}
	return nil
}

// knows reports whether somebody in the table signs as this.
func (t *Table) knows(f *fact.Signer) bool {
	if t == nil {
		return false
	}
	return slices.ContainsFunc(t.Builders, func(b Builder) bool { return signs(b.Signers, f) }) ||
		slices.ContainsFunc(t.Verifiers, func(v Verifier) bool { return signs(v.Signers, f) })
}

// maxEntries bounds each list of a table.
const maxEntries = 10_000

// ParseTable reads
//
//	{"builders": [{"id", "level", "signers": [{"subject", "issuer"} or {"key"}], "hermetic", "isolated"}],
//	 "verifiers": [{"id", "signers", "build", "source"}]}
//
// Errors are of KindInvalid or KindLimit: what a table does not say clearly is not
// trusted. The same builder twice is one.
func ParseTable(raw []byte) (*Table, error) {
	t := &Table{}
	r := &entries{Reader: jsonscan.New(raw, jsonscan.Options{StrictSkip: true})}
	r.object("builders, verifiers", map[string]func(){
		"builders": func() {
			r.list(func() { t.Builders = append(t.Builders, r.builder()) })
		},
		"verifiers": func() {
			r.list(func() { t.Verifiers = append(t.Verifiers, r.verifier()) })
		},
	})
	if r.err != nil { // what comes after it is of its making
		return nil, r.err
	}
	if err := r.End(); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for i := range t.Builders {
		if id := t.Builders[i].ID; seen[id] {
			return nil, ident.Errorf(ident.KindInvalid, "the builder %.120q is in the table twice", id)
		}
		seen[t.Builders[i].ID] = true
	}
	if len(t.Builders)+len(t.Verifiers) == 0 {
		return nil, ident.Errorf(ident.KindInvalid, "the table of builders is empty").WithHint("builders: [{id, level, signers: [{subject, issuer}]}]")
	}
	return t, nil
}

type entries struct {
	*jsonscan.Reader
	err error
}

func (r *entries) object(known string, members map[string]func()) {
	if !r.RequireObject() {
		return
	}
	for name, ok := r.NextKey(); ok && r.err == nil; name, ok = r.NextKey() {
		read := members[string(name)]
		if read == nil {
			r.err = ident.Errorf(ident.KindInvalid, "the table of builders has an unknown member %.60q at %s", name, r.Pointer()).WithHint("%s", known)
			return
		}
		read()
	}
}

func (r *entries) list(each func()) {
	if !r.RequireArray() {
		return
	}
	for n := 0; r.err == nil && r.NextItem(); n++ {
		if n == maxEntries {
			r.err = ident.Errorf(ident.KindLimit, "the table of builders has more than %d entries", maxEntries)
			return
		}
		each()
	}
}

// refuse keeps the first fault.
func (r *entries) refuse(hint, format string, args ...any) {
	if r.err == nil {
		r.err = ident.Errorf(ident.KindInvalid, format, args...).WithHint("%s", hint)
	}
}

// level reads a level of a track, which ends at a number.
func (r *entries) level(track string, most int64) int {
	n := r.Int()
	if r.Err() == nil && (n < 1 || n > most) {
		hint := ""
		if track == "Build" {
			hint = "SLSA's Build track ends at 3: levels up to 4 were version 0.1's, and that a build can be repeated is no level but a comparison of two builds"
		}
		r.refuse(hint, "%d is no level of the %s track, which has 1 to %d", n, track, most)
	}
	return int(n)
}

func (r *entries) builder() (b Builder) {
	r.object("id, level, signers, hermetic, isolated", map[string]func(){
		"id":       func() { b.ID = r.RequireString() },
		"level":    func() { b.Level = r.level("Build", 3) },
		"signers":  func() { b.Signers = r.signers() },
		"hermetic": func() { b.Hermetic = r.Bool() },
		"isolated": func() { b.Isolated = r.Bool() },
	})
	switch {
	case r.err != nil || r.Err() != nil:
	case b.ID == "" || b.ID == "*":
		r.refuse("the builder.id of its provenance; * at its end means whatever follows", "a builder of the table has no id")
	case b.Level == 0:
		r.refuse("1 to 3: what its platform was found to do", "the builder %.120q has no level", b.ID)
	case b.Level > 1 && len(b.Signers) == 0:
		r.refuse("from level 2 on provenance is the platform's own word: signers: [{subject, issuer}] or [{key}] says whose signature that is", "the builder %.120q has no signers", b.ID)
	}
	return b
}

func (r *entries) verifier() (v Verifier) {
	r.object("id, signers, build, source", map[string]func(){
		"id":      func() { v.ID = r.RequireString() },
		"signers": func() { v.Signers = r.signers() },
		"build":   func() { v.Build = r.level("Build", 3) },
		"source":  func() { v.Source = r.level("Source", 4) },
	})
	if r.err == nil && r.Err() == nil && (v.ID == "" || len(v.Signers) == 0 || v.Build+v.Source == 0) {
		r.refuse("{id, signers: [{subject, issuer}], build: 1 to 3, source: 1 to 4}", "a verifier of the table lacks its id, its signers or the levels that it is believed for")
	}
	return v
}

func (r *entries) signers() (out []Signer) {
	r.list(func() {
		var s Signer
		r.object("subject and issuer, or key", map[string]func(){
			"subject": func() { s.Subject = r.RequireString() },
			"issuer":  func() { s.Issuer = r.RequireString() },
			"key": func() {
				if err := s.Key.UnmarshalText([]byte(r.RequireString())); err != nil {
					r.refuse("sha256: and 64 hexadecimal digits, as verify bundle --explain shows it", "the key of a signer is no digest: %w", err)
				}
			},
		})
		if named := s.Subject != "" && s.Subject != "*" && s.Issuer != ""; r.err == nil && r.Err() == nil && named == !s.Key.IsZero() {
			r.refuse("subject and issuer both, or key, the SHA-256 digest that verify bundle --explain shows", "a signer of the table is one identity or one key")
		}
		out = append(out, s)
	})
	return out
}
