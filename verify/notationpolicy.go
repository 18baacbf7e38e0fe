package verify

import (
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
)

// The checks of a signature of the Notary Project, by the names under which a trust
// policy overrides them. Integrity is always enforced, and has none.
const (
	CheckAuthenticity = "authenticity"
	CheckTimestamp    = "authenticTimestamp"
	CheckExpiry       = "expiry"
	CheckRevocation   = "revocation"

	// checkPlugin is what only the plugin that a signature names can do. No trust policy
	// overrides it: who does not understand a signature does not know what it says.
	checkPlugin = "plugin"
)

// action is what becomes of a check that fails.
type action string

const (
	enforce action = "enforce"
	logOnly action = "log"
	leave   action = "skip"
)

// levels are the verification levels, by what each makes of the checks.
var levels = map[string]map[string]action{
	"strict":     {CheckAuthenticity: enforce, CheckTimestamp: enforce, CheckExpiry: enforce, CheckRevocation: enforce},
	"permissive": {CheckAuthenticity: enforce, CheckTimestamp: logOnly, CheckExpiry: logOnly, CheckRevocation: logOnly},
	"audit":      {CheckAuthenticity: logOnly, CheckTimestamp: logOnly, CheckExpiry: logOnly, CheckRevocation: logOnly},
	"skip":       nil,
}

// NotationPolicy is a trust policy document of the Notary Project, version 1.0.
type NotationPolicy struct {
	raw        []byte
	statements []*trustStatement
}

// trustStatement is one of its policies.
type trustStatement struct {
	name       string
	scopes     []string // repositories; "*" alone is all
	level      string
	actions    map[string]action
	stamped    string // verifyTimestamp: "" and always, or afterCertExpiry
	stores     []string
	trusted    []string            // all trustedIdentities, as they are written
	identities []distinguishedName // those by x509.subject
	foreign    []string            // those of kinds that only plugins judge: arn:aws:signer:…
	anybody    bool                // whom the stores' authorities certified
}

const (
	maxTrustPolicies = 1000
	maxTrustList     = 1000
)

// ParseNotationPolicy reads a trust policy document (trustpolicy.json) of the Notary
// Project, version 1.0. What it does not know is an error, of KindInvalid: a document that
// is read in part would trust too much.
func ParseNotationPolicy(raw []byte) (*NotationPolicy, error) {
	d := &policyReader{Reader: jsonscan.New(raw, jsonscan.Options{MaxDepth: maxDepth, StrictSkip: true})}
	p := &NotationPolicy{raw: slices.Clone(raw)}
	version := ""
	d.RequireObject()
	for name, ok := d.NextKey(); ok && d.fault == nil; name, ok = d.NextKey() {
		switch string(name) {
		case "version":
			version = d.RequireString()
		case "trustPolicies":
			d.RequireArray()
			for d.NextItem() && d.fault == nil {
				if len(p.statements) == maxTrustPolicies {
					return nil, ident.Errorf(ident.KindLimit, "more than %d trust policies", maxTrustPolicies)
				}
				p.statements = append(p.statements, d.statement())
			}
		default:
			d.wrong("the trust policy document has an unknown member %.60q", name)
		}
	}
	if d.fault != nil {
		return nil, d.fault
	}
	if err := d.End(); err != nil {
		return nil, ident.Errorf(ident.KindInvalid, "the trust policy document is malformed: %w", err).WithHint("notation policy init writes one")
	}
	if version != "1.0" {
		return nil, ident.Errorf(ident.KindUnsupported, "the trust policy document has the version %.20q", version).WithHint("1.0 is read")
	}
	return p, p.check()
}

// policyReader keeps the first fault of a document that is JSON up to there.
type policyReader struct {
	*jsonscan.Reader
	fault error
}

func (d *policyReader) wrong(format string, args ...any) {
	if d.fault == nil && d.Err() == nil {
		d.fault = ident.Errorf(ident.KindInvalid, format, args...)
	}
}

func (d *policyReader) texts() []string {
	var out []string
	d.RequireArray()
	for d.NextItem() {
		if len(out) == maxTrustList {
			d.wrong("a trust policy lists more than %d of one kind", maxTrustList)
			break
		}
		out = append(out, d.RequireString())
	}
	return out
}

func (d *policyReader) statement() *trustStatement {
	s := &trustStatement{}
	override := map[string]string{}
	d.RequireObject()
	for name, ok := d.NextKey(); ok && d.fault == nil; name, ok = d.NextKey() {
		switch string(name) {
		case "name":
			s.name = d.RequireString()
		case "registryScopes":
			s.scopes = d.texts()
		case "trustStores":
			for _, text := range d.texts() {
				// "ca:acme,tsa:acme" is one text of two stores.
				for one := range strings.SplitSeq(text, ",") {
					s.stores = append(s.stores, strings.TrimSpace(one))
				}
			}
		case "trustedIdentities":
			d.identities(s)
		case "signatureVerification":
			d.RequireObject()
			for name, ok := d.NextKey(); ok && d.fault == nil; name, ok = d.NextKey() {
				switch string(name) {
				case "level":
					s.level = d.RequireString()
				case "verifyTimestamp":
					s.stamped = d.RequireString()
				case "override":
					d.RequireObject()
					for name, ok := d.NextKey(); ok; name, ok = d.NextKey() {
						override[string(name)] = d.RequireString()
					}
				default:
					d.wrong("signatureVerification of the trust policy %.80q has an unknown member %.60q", s.name, name)
				}
			}
		default:
			d.wrong("a trust policy has an unknown member %.60q", name)
		}
	}
	d.level(s, override)
	return s
}

func (d *policyReader) identities(s *trustStatement) {
	for _, text := range d.texts() {
		s.trusted = append(s.trusted, text)
		if text == "*" {
			s.anybody = true
			continue
		}
		kind, dn, _ := strings.Cut(text, ":")
		if !storeName(kind) || strings.TrimSpace(dn) == "" {
			d.wrong("trustedIdentities has %.120q: x509.subject: and a distinguished name, KIND: and what a plugin judges, or * alone, are read", text)
			return
		}
		if kind != "x509.subject" {
			s.foreign = append(s.foreign, text)
			continue
		}
		name, err := parseDistinguishedName(dn)
		if err != nil {
			d.wrong("trustedIdentities has %.120q: %w", text, err)
			return
		}
		for _, needed := range []string{"C", "ST", "O"} {
			if name[needed] == "" {
				d.wrong("trustedIdentities has %.120q, which names no %s: country, state and organization are needed", text, needed)
			}
		}
		s.identities = append(s.identities, name)
	}
}

// level joins the level with what overrides it.
func (d *policyReader) level(s *trustStatement, override map[string]string) {
	of, ok := levels[s.level]
	if !ok {
		d.wrong("the trust policy %.80q has the level %.40q: strict, permissive, audit and skip are there", s.name, s.level)
		return
	}
	s.actions = map[string]action{}
	for check, a := range of {
		s.actions[check] = a
	}
	for check, text := range override {
		a := action(text)
		switch {
		case of == nil:
			d.wrong("the trust policy %.80q overrides %.40q of the level skip, which checks nothing", s.name, check)
		case of[check] == "":
			d.wrong("the trust policy %.80q overrides %.40q: authenticity, authenticTimestamp, expiry and revocation can be", s.name, check)
		case a != enforce && a != logOnly && (a != leave || check != CheckRevocation):
			d.wrong("the trust policy %.80q has %s %.40q: enforce or log, and for revocation skip", s.name, check, text)
		}
		s.actions[check] = a
	}
}

// check holds the document against the rules of the specification.
func (p *NotationPolicy) check() error {
	wrong := func(s *trustStatement, format string, args ...any) *ident.Error {
		return ident.Errorf(ident.KindInvalid, "the trust policy %.80q "+format, append([]any{s.name}, args...)...)
	}
	names, scopes := map[string]bool{}, map[string]bool{}
	if len(p.statements) == 0 {
		return ident.Errorf(ident.KindInvalid, "the trust policy document has no trust policy")
	}
	for _, s := range p.statements {
		switch {
		case s.name == "" || names[s.name]:
			return wrong(s, "has no name of its own")
		case len(s.scopes) == 0:
			return wrong(s, "has no registryScopes").WithHint(`"*" is every repository`)
		case s.stamped != "" && s.stamped != "always" && s.stamped != "afterCertExpiry":
			return wrong(s, "has verifyTimestamp %.40q: always or afterCertExpiry", s.stamped)
		case s.level == "skip" && (len(s.stores) > 0 || len(s.trusted) > 0):
			return wrong(s, "has the level skip, and names stores or identities, which nobody asks for then")
		case s.level != "skip" && len(s.stores) == 0:
			return wrong(s, "names no trustStores")
		case s.level != "skip" && len(s.trusted) == 0:
			return wrong(s, "names no trustedIdentities")
		case s.anybody && len(s.trusted) > 1:
			return wrong(s, "trusts * and others: * is named alone")
		}
		names[s.name] = true
		for _, scope := range s.scopes {
			switch {
			case scopes[scope]:
				return wrong(s, "has the scope %.120q, which another one has, too", scope)
			case scope == "*" && (len(s.scopes) > 1 || s.level == "skip"):
				return wrong(s, "has the scope * beside others, or with the level skip")
			case scope != "*" && (strings.Contains(scope, "*") || !strings.Contains(scope, "/")):
				return wrong(s, "has the scope %.120q, which is no whole repository such as registry.example/shop/web", scope)
			}
			scopes[scope] = true
		}
		for _, store := range s.stores {
			if kind, name, ok := strings.Cut(store, ":"); !ok || !storeName(name) || !slices.Contains(storeKinds, kind) {
				return wrong(s, "names the trust store %.80q: ca:NAME, signingAuthority:NAME or tsa:NAME", store)
			}
		}
		for i, a := range s.identities {
			for _, b := range s.identities[i+1:] {
				if a.within(b) || b.within(a) {
					return wrong(s, "names identities one of which is a part of the other")
				}
			}
		}
	}
	return nil
}

// storeName reports whether a store may be called so: its name is that of a folder.
func storeName(s string) bool {
	return s != "" && s[0] != '.' && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == ""
}

// statement is the policy whose scope the repository is, else the one for all, else nil.
func (p *NotationPolicy) statement(repository string) *trustStatement {
	var all *trustStatement
	for _, s := range p.statements {
		switch {
		case slices.Contains(s.scopes, repository):
			return s
		case s.scopes[0] == "*":
			all = s
		}
	}
	return all
}

// Stores returns the trust stores that the document names, as "ca:acme", each once.
func (p *NotationPolicy) Stores() []string {
	var out []string
	for _, s := range p.statements {
		out = append(out, s.stores...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
