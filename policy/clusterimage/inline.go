package clusterimage

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/fact"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/policy"
	"github.com/cofferdam-io/cofferdam/policy/strict"
)

// Reference names where the text of a policy lies: the address of a remote one with its
// digest, so that what was fetched for another is never taken, or
// configmap://namespace/name/key. It is empty for one that the resource holds.
func (p *Inline) Reference() string {
	switch {
	case p.Remote != nil:
		return p.Remote.URL + "#" + p.Remote.SHA256.String()
	case p.ConfigMap != nil:
		return "configmap://" + orElse(p.ConfigMap.Namespace, controllerNamespace) + "/" + p.ConfigMap.Name + "/" + p.ConfigMap.Key
	}
	return ""
}

// Inlines are the policies in other languages that a policy holds or names.
func (p *Policy) Inlines() []*Inline {
	var out []*Inline
	if p.Policy != nil {
		out = append(out, p.Policy)
	}
	for _, a := range p.Authorities {
		for _, t := range a.Attestations {
			if t.Policy != nil {
				out = append(out, t.Policy)
			}
		}
	}
	return out
}

// Fault is a fault of the policy's text, which whoever knows its language found.
func (p *Inline) Fault(message, hint string) strict.Fault {
	return strict.Fault{At: p.text.At, Path: p.text.Path, Rule: RuleLanguage, Message: message, Hint: hint}
}

// ask asks the policy about a document. An error is no pass.
func (p *Inline) ask(r Resolved, document any) (string, []string, error) {
	source := p.Data
	if ref := p.Reference(); ref != "" {
		text, ok := r.Texts[ref]
		if !ok {
			return "", nil, ident.Errorf(ident.KindNotFound, "the policy in %s at %s was not read", p.Type, strings.TrimSuffix(ref, "#"))
		}
		source = text
	}
	if r.Ask == nil {
		return "", nil, ident.Errorf(ident.KindUnsupported, "policies in %s are not evaluated here", p.Type)
	}
	raw, ok := document.([]byte)
	if !ok {
		var err error
		if raw, err = json.Marshal(document); err != nil {
			return "", nil, ident.Errorf(ident.KindInvalid, "what a policy in %s is asked about: %w", p.Type, err)
		}
	}
	return r.Ask(p.Type, source, raw)
}

// statement is what a policy of an attestation sees: the signed statement as it stands, and
// one made of the fact where only that is known.
func statement(f fact.Fact) any {
	if len(f.Statement) > 0 {
		return f.Statement
	}
	algorithm, hex, _ := strings.Cut(f.Artifact.String(), ":")
	return map[string]any{"_type": "https://in-toto.io/Statement/v1", "predicateType": f.PredicateType, "predicate": json.RawMessage(f.Predicate),
		"subject": []any{map[string]any{"digest": map[string]string{algorithm: hex}}}}
}

// policyResult is what the policy over all authorities sees, in the words of the policy
// controller: each authority that is satisfied, and by whom.
type policyResult struct {
	AuthorityMatches map[string]authorityMatch `json:"authorityMatches,omitempty"`
	TypeMeta         *typeMeta                 `json:"typemeta,omitempty"`
}

type typeMeta struct {
	Kind       string `json:"kind"`
	APIVersion string `json:"apiVersion"`
}

type authorityMatch struct {
	Signatures   []signatureMatch            `json:"signatures,omitempty"`
	Attestations map[string][]signatureMatch `json:"attestations,omitempty"`
	Static       bool                        `json:"static,omitempty"`
}

type signatureMatch struct {
	ID            string `json:"id,omitempty"` // of the document that the signature came in
	Subject       string `json:"subject,omitempty"`
	Issuer        string `json:"issuer,omitempty"`
	Trigger       string `json:"githubWorkflowTrigger,omitempty"`
	SHA           string `json:"githubWorkflowSha,omitempty"`
	Name          string `json:"githubWorkflowName,omitempty"`
	Repository    string `json:"githubWorkflowRepo,omitempty"`
	Ref           string `json:"githubWorkflowRef,omitempty"`
	PredicateType string `json:"predicateType,omitempty"`
}

func matchesOf(fs []fact.Fact) []signatureMatch {
	var out []signatureMatch
	for _, f := range fs {
		m := signatureMatch{PredicateType: f.PredicateType}
		if f.Claim == fact.Signature {
			m.PredicateType = ""
		}
		if !f.Source.IsZero() {
			m.ID = f.Source.String()
		}
		if c := f.Signer.Certificate; c != nil {
			m.Subject, m.Issuer = c.Subject, c.Issuer
			x := c.Extensions
			m.Trigger, m.SHA, m.Name, m.Repository, m.Ref = x["githubWorkflowTrigger"], x["githubWorkflowSHA"], x["githubWorkflowName"], x["githubWorkflowRepository"], x["githubWorkflowRef"]
		}
		out = append(out, m)
	}
	return out
}

// overAll is the check of the policy over the results of all authorities.
func (p *Policy) overAll(judges []judge, r Resolved) policy.Check {
	var wants []string
	for name, is := range map[string]bool{"fetchConfigFile": p.Policy.FetchConfigFile, "includeSpec": p.Policy.IncludeSpec, "includeObjectMeta": p.Policy.IncludeObjectMeta} {
		if is {
			wants = append(wants, name)
		}
	}
	slices.Sort(wants)
	return policy.Check{Name: "policy", Expected: "the policy in " + p.Policy.Type + " over all authorities holds", Hint: "see what the policy asks of authorityMatches; a VerificationPolicy says it in CEL",
		Judge: func(in *policy.Prepared, c *policy.Context) policy.Outcome {
			asked := policyResult{AuthorityMatches: map[string]authorityMatch{}}
			wants := wants
			switch w := c.Workload; {
			case !p.Policy.IncludeTypeMeta:
			case w.Kind == "" || w.Version == "":
				wants = append(slices.Clone(wants), "includeTypeMeta")
			case w.Group == "":
				asked.TypeMeta = &typeMeta{w.Kind, w.Version}
			default:
				asked.TypeMeta = &typeMeta{w.Kind, w.Group + "/" + w.Version}
			}
			if len(wants) > 0 {
				return policy.Outcome{Err: ident.Errorf(ident.KindUnsupported, "the policy asks for %s, and an image is judged here without its configuration and without the resource that runs it", strings.Join(wants, ", "))}
			}
			for i, j := range judges {
				f := j(in)
				if f.err != nil {
					// It may ask that something is not there.
					return policy.Outcome{Err: ident.Errorf(ident.KindIndeterminate, "the authority %s could not be judged: %w", p.Authorities[i].Name, f.err)}
				}
				if f.ok {
					asked.AuthorityMatches[p.Authorities[i].Name] = f.match
				}
			}
			if len(asked.AuthorityMatches) == 0 {
				return policy.Outcome{Found: "no authority is satisfied"}
			}
			refusal, warnings, err := p.Policy.ask(r, asked)
			if err == nil && refusal == "" && len(in.Unchecked) > 0 {
				// It may ask that something is not there.
				err = ident.Errorf(ident.KindIndeterminate, "it holds of what could be looked at, and may not of all there is; not checked: %s", in.Unchecked[0])
			}
			return policy.Outcome{Passed: err == nil && refusal == "", Found: refusal, Warnings: warnings, Err: err}
		}}
}
