package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cofferdam-io/cofferdam/fact"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/policy"
	"github.com/cofferdam-io/cofferdam/provenance/slsa"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/verify"
)

// VerifyImage says who vouches for an image, and what policies make of that; without
// policies it is verified where one signature or attestation is of whom was asked for. An
// error says that the question is wrong, or that a policy, key or trusted root is. The
// image is judged as if it were to run in namespace; "" is none that is known.
func (l *Loader) VerifyImage(ctx context.Context, in FactInputs, namespace string) (*report.ImageVerification, error) {
	a := &report.ImageVerification{SchemaVersion: inventory.SchemaVersion, Image: in.Image, At: in.Verify.At.UTC().Format(time.RFC3339), Platform: in.Platform, Verdict: report.Verified, Digests: []string{}, Candidates: []report.Candidate{}, Unchecked: []string{}}
	l, verify, by := l.noting(in.Verify)
	in.Verify = verify
	defer func() { a.JudgedBy = by.with(in.Policies.files()) }()
	facts, err := l.ImageFacts(ctx, in)
	if err != nil {
		return a, unknownImage(a, err)
	}
	a.Candidates, a.Notes = facts.Candidates, facts.Notes
	for _, d := range facts.Digests {
		a.Digests = append(a.Digests, d.String())
	}
	for _, u := range facts.Unchecked {
		a.Unchecked = append(a.Unchecked, u.Error())
	}
	if in.Verify.BuildersFile != "" {
		a.SLSA = facts.Provenance
	}
	refused := func(v report.VerdictWord, reason, hint, format string, args ...any) {
		a.Verdict, a.Class, a.Reason, a.Message, a.Hint = v, v, reason, fmt.Sprintf(format, args...), hint
		if v == report.Refused && len(facts.Unchecked) > 0 {
			a.Verdict, a.Class, a.Reason = report.Indeterminate, report.Indeterminate, report.NotAnswered
			a.Message += ", and not everything could be checked: " + facts.Unchecked[0].Error()
			a.Hint = hintOf(facts.Unchecked[0])
		}
	}
	if in.Policies == nil {
		switch {
		case len(facts.Facts) > 0:
		case len(facts.Audited) > 0:
			a.Notes = append(a.Notes, audited(&facts.Audited[0]))
		case len(facts.Candidates) == 0:
			refused(report.Refused, report.NothingSigned, "cofferdam sign, cosign sign or cosign attest put a signature there", "nothing is attached to it that could vouch for it")
		default:
			first := facts.Candidates[0]
			refused(report.Refused, report.NotAccepted, first.Hint, "of %s attached, none is accepted: %s", counted(len(facts.Candidates), "signature"), first.Message)
		}
		return a, nil
	}
	v, err := facts.Judge(facts.Input(in.Image), policy.Context{At: in.Verify.At, Namespace: policy.Namespace{Name: namespace}})
	if err != nil {
		return nil, err
	}
	a.Policy = &v
	switch {
	case v.Decision != policy.Deny:
	case v.Ungoverned:
		refused(report.Refused, report.PolicyDenied, "name a policy whose images match it", "no policy governs it")
	case len(facts.Candidates) == 0:
		refused(report.Refused, report.NothingSigned, firstMend(&v), "%s, and nothing is attached to it that could vouch for it", firstBroken(&v))
	default:
		refused(report.Refused, report.PolicyDenied, firstMend(&v), "%s", firstBroken(&v))
	}
	return a, nil
}

// assess says what the provenance of each of an image's digests is worth.
func (f *ImageFacts) assess(t *slsa.Table) []*slsa.Assessment {
	var documents []ident.Digest
	for _, s := range f.SBOMs {
		documents = append(documents, s.Document.Digest)
	}
	var out []*slsa.Assessment
	for _, d := range f.Digests {
		about := slices.DeleteFunc(slices.Clone(f.Facts), func(x fact.Fact) bool { return x.Artifact != d })
		out = append(out, slsa.Assess(d, about, t, documents))
	}
	return out
}

// unknownImage puts into the answer that nothing is known of an image, where the reason is
// its registry; any other error stays one.
func unknownImage(a *report.ImageVerification, err error) error {
	var r *verify.Refusal
	switch k := ident.KindOf(err); {
	case errors.As(err, &r):
		a.Verdict, a.Class, a.Reason = report.Refused, report.Refused, string(r.Reason)
	case k == ident.KindIndeterminate, k == ident.KindNotFound:
		a.Verdict, a.Class, a.Reason = report.Indeterminate, report.Indeterminate, report.NotAnswered
		a.Unchecked = append(a.Unchecked, err.Error())
	default:
		return err
	}
	a.Message, a.Hint = err.Error(), hintOf(err)
	return nil
}

func hintOf(err error) string {
	var e *ident.Error
	if errors.As(err, &e) {
		return e.Hint
	}
	return ""
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// firstBroken says which rule denied first; firstMend how to mend that.
func firstBroken(v *policy.Verdict) string {
	j, r := denied(v)
	if r == nil {
		return "the policies deny it"
	}
	return fmt.Sprintf("policy %s, rule %s: expected %s; found %s", j.Policy, r.Rule, r.Expected, r.Found)
}

func firstMend(v *policy.Verdict) string {
	if _, r := denied(v); r != nil {
		return r.Mend
	}
	return ""
}

func denied(v *policy.Verdict) (*policy.Judgement, *policy.RuleVerdict) {
	for i := range v.Policies {
		j := &v.Policies[i]
		if j.Decision != policy.Deny {
			continue
		}
		at := slices.IndexFunc(j.Rules, func(r policy.RuleVerdict) bool { return r.Result == policy.Broken || r.Result == policy.Undecided })
		if at >= 0 {
			return j, &j.Rules[at]
		}
	}
	return nil, nil
}
