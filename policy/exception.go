package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/fact"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/policy/glob"
)

// ApprovalPredicate is the type of the statement by which somebody approves an
// exception. Its subject is the exception's digest.
const ApprovalPredicate = "https://cofferdam.dev/attestation/exception-approval/v1"

// Approval says whose approvals make an exception count. Where nobody is named, none
// does under Enforce.
type Approval struct {
	Approvers []Identity
	// People have several identities, each list those of one of them, who counts once:
	// somebody with a certificate and a key, say.
	People   [][]Identity
	Required int // distinct identities; 0 is two
}

const usualApprovals = 2

// Exception lets something pass that a rule refuses, for a reason, in a scope, until a
// time.
type Exception struct {
	Name      string
	Digest    ident.Digest // of what approvers sign
	Ticket    string
	Reason    string
	Requester Identity
	ExpiresAt time.Time

	Policies   []string // names; empty is all
	Rules      []string // names; empty is all
	Images     []string // globs; never empty
	Namespaces []string // globs; empty is all
	// Findings are identifiers of vulnerabilities. Where any is given, the exception marks
	// these findings as excepted and excuses no rule as a whole.
	Findings []string

	// Approvals are verified facts about Digest.
	Approvals []fact.Fact
}

// excepting is a policy's view of the exceptions while it judges one image.
type excepting struct {
	context *Context
	active  []judged
	// doubtful says that one of them may count once all could be checked.
	doubtful bool
}

// judged is an exception in scope; void says why it does not count.
type judged struct {
	*Exception
	void string
}

// excepting finds the exceptions that are about an image, and marks the findings that
// those which count name.
func (p *Policy) excepting(in *Prepared, c *Context) excepting {
	own := *c
	own.made, own.spent = contextValues(c), new(uint64)
	out := excepting{context: &own}
	var findings []*Exception
	for i := range c.Exceptions {
		e := &c.Exceptions[i]
		if len(e.Policies) > 0 && !slices.Contains(e.Policies, p.Name) || len(e.Images) == 0 || !anyMatches(e.Images, in.reference, in.name) || !anyMatches(e.Namespaces, c.Namespace.Name) {
			continue
		}
		void, doubtful := e.void(p, in, c.At)
		out.doubtful = out.doubtful || doubtful
		if void == "" && len(e.Findings) > 0 {
			findings = append(findings, e)
		}
		out.active = append(out.active, judged{e, void})
	}
	if len(findings) > 0 && in.Scanned {
		own.excepted = func(f Finding) bool {
			return slices.ContainsFunc(findings, func(e *Exception) bool {
				return slices.Contains(e.Findings, f.ID) || slices.ContainsFunc(f.Aliases, func(a string) bool { return slices.Contains(e.Findings, a) })
			})
		}
		own.made["findings"] = in.findingList(own.excepted)
	}
	return out
}

// void says why an exception does not count; "" is that it does. Outside of Enforce an
// approval may be missing: nothing is refused there. Whether it is doubtful: once all can
// be checked it may count.
func (e *Exception) void(p *Policy, in *Prepared, at time.Time) (why string, doubtful bool) {
	switch {
	case e.ExpiresAt.IsZero():
		return "it has no end", false
	case !at.Before(e.ExpiresAt):
		return "it ended at " + e.ExpiresAt.UTC().Format(time.RFC3339), false
	case p.Mode != Enforce:
		return "", false
	case len(p.Exceptions.Approvers) == 0:
		return "the policy names nobody who may approve it", false
	}
	need := p.Exceptions.Required
	if need == 0 {
		need = usualApprovals
	}
	var by []fact.Signer
	for _, a := range e.Approvals {
		same := func(s fact.Signer) bool { return p.Exceptions.samePerson(s, a.Signer) }
		// An approval of a day to come is none yet; one that nobody vouches a time for is
		// bound to the exception by its digest all the same.
		signed, timed := signedAt(a)
		switch {
		case a.Claim != fact.Attestation || a.PredicateType != ApprovalPredicate || a.Artifact != e.Digest || e.Digest.IsZero():
		case timed && signed.After(at):
		case !slices.ContainsFunc(p.Exceptions.Approvers, func(i Identity) bool { return i.Matches(a.Signer) }):
		case p.Exceptions.asked(e.Requester, a.Signer):
		case slices.ContainsFunc(in.Facts, func(f fact.Fact) bool { return same(f.Signer) }), slices.ContainsFunc(in.Signers, same):
		case !slices.ContainsFunc(by, same):
			by = append(by, a.Signer)
		}
	}
	if len(by) < need {
		return fmt.Sprintf("it is unapproved: %d of %d approvals by those whom the policy names, and who neither asked for it nor signed the image", len(by), need), false
	}
	keyed := slices.ContainsFunc(by, p.Exceptions.hasKey)
	if why := in.doubt(keyed); why != "" {
		return "its approvals are in doubt, for whoever gave them may have signed the image: " + why, true
	}
	return "", false
}

// doubt says why it is not known whether any of those who approve, of whom some may have
// signed with a key, signed the image; "" is that it is known.
func (p *Prepared) doubt(keyed bool) string {
	if len(p.Unchecked) > 0 {
		return p.Unchecked[0]
	}
	for _, u := range p.Unjudged {
		// What a key signed is signed by nobody else.
		if !u.KeyOnly || keyed {
			return u.Why
		}
	}
	return ""
}

// asked reports whether a signer asked for an exception, by whatever identity.
func (a *Approval) asked(requester Identity, s fact.Signer) bool {
	return requester.means(s) || slices.ContainsFunc(a.People, func(all []Identity) bool {
		return slices.ContainsFunc(all, requester.meets) && meanAny(all, s)
	})
}

// samePerson reports whether two signers have to be taken for one: the same key, the
// same name in whatever spelling and at whatever issuer, or two identities of whom the
// policy says that they are one person's. Two people who cannot be told apart count as
// one, for one who counts as two approves alone.
func (a *Approval) samePerson(s, t fact.Signer) bool {
	return sameName(s, t) || slices.ContainsFunc(a.People, func(all []Identity) bool { return meanAny(all, s) && meanAny(all, t) })
}

// hasKey reports whether a signer may have signed something else with a key.
func (a *Approval) hasKey(s fact.Signer) bool {
	return s.Key != nil || slices.ContainsFunc(a.People, func(all []Identity) bool {
		return meanAny(all, s) && slices.ContainsFunc(all, func(i Identity) bool { return !i.Key.IsZero() })
	})
}

func meanAny(all []Identity, s fact.Signer) bool {
	return slices.ContainsFunc(all, func(i Identity) bool { return i.means(s) })
}

// means reports whether a signer is the identity, in whatever spelling and at whatever
// issuer.
func (i Identity) means(s fact.Signer) bool {
	return i.Matches(s) || s.Certificate != nil && i.Subject != "" && glob.Match(person(i.Subject), person(s.Certificate.Subject))
}

// meets reports whether somebody may be both identities.
func (i Identity) meets(j Identity) bool {
	if !i.Key.IsZero() || !j.Key.IsZero() {
		return i.Key == j.Key
	}
	a, b := person(i.Subject), person(j.Subject)
	return glob.Match(a, b) || glob.Match(b, a)
}

func sameName(a, b fact.Signer) bool {
	switch {
	case a.Certificate != nil && b.Certificate != nil:
		return person(a.Certificate.Subject) == person(b.Certificate.Subject)
	case a.Key != nil && b.Key != nil:
		return a.Key.ID == b.Key.ID || a.Key.Name != "" && a.Key.Name == b.Key.Name
	}
	return false
}

// person is the name in a certificate without what tells spellings of it apart: case, the
// tag of an address (ann+ci@…), and the branch of a workflow (…/build.yml@refs/heads/main).
func person(subject string) string {
	s := strings.ToLower(strings.TrimSpace(subject))
	if workflow, _, ok := strings.Cut(s, "@refs/"); ok {
		return workflow
	}
	if local, domain, ok := strings.Cut(s, "@"); ok && !strings.Contains(local, "/") {
		local, _, _ = strings.Cut(local, "+")
		return local + "@" + domain
	}
	return strings.TrimSuffix(s, "/")
}

// excuse turns a broken rule into an excused one where an exception covers it, and
// otherwise says which exception does not.
func (x excepting) excuse(r *RuleVerdict) {
	var notes []string
	for _, e := range x.active {
		if len(e.Rules) > 0 && !slices.Contains(e.Rules, r.Rule) {
			continue
		}
		switch {
		case e.void != "":
			notes = append(notes, e.Name+" does not count: "+e.void)
		case len(e.Findings) == 0:
			r.Result = Excused
			r.Exception = fmt.Sprintf("%s (%s) until %s", e.Name, e.Ticket, e.ExpiresAt.UTC().Format(time.RFC3339))
			return
		}
	}
	r.Exception = strings.Join(notes, "; ")
}

// matchesIdentity is Identity.Matches for what expressions see of a signer.
func matchesIdentity(issuer, subject, gotIssuer, gotSubject string) bool {
	return issuer != "" && subject != "" && gotIssuer != "" && glob.Match(issuer, gotIssuer) && glob.Match(subject, gotSubject)
}
