package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/fact"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/registry"
	"github.com/cofferdam-io/cofferdam/policy"
	"github.com/cofferdam-io/cofferdam/policy/clusterimage"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/verify"
)

// judges are the verifiers that what is attached to an image is brought before.
type judges struct {
	*Loader
	in       FactInputs
	courts   []*court
	resolved clusterimage.Resolved
	notes    []string
	unjudged []policy.Unjudged // what was not read to judge by
	away     []error           // trusted roots that could not be had: what they would say nobody knows
	notary   *verify.Notation  // nil: no signature of the Notary Project is accepted
}

// court judges by one trusted root.
type court struct {
	name  string        // of the TrustRoot; "" is the default one
	trust *verify.Trust // nil: not needed until now
	away  error         // why there is none
	// rules are the strictest first: what one accepts, those after it are not asked.
	rules     []verify.Options
	verifiers []*verify.Verifier
}

// judges makes the verifiers that the inputs and policies ask for.
func (l *Loader) judges(ctx context.Context, in FactInputs) (*judges, error) {
	j := &judges{Loader: l, in: in, resolved: in.Policies.foreign(ctx)}
	j.resolved.Keys, j.resolved.Roots = map[string][]ident.Digest{}, map[string]ident.Digest{}
	o, err := l.verifyOptions(ctx, in.Verify)
	if err != nil {
		return nil, err
	}
	if j.notary, err = l.notary(ctx, in.Verify); err != nil {
		return nil, err
	}
	var demands []clusterimage.Demand
	if p := in.Policies; p != nil {
		o.Anybody = len(o.Identities) == 0
		for _, image := range p.Images {
			if err := j.keysOf(ctx, image, &o); err != nil {
				return nil, err
			}
			demands = append(demands, image.Demands()...)
		}
	}
	if j.notary != nil && in.Policies == nil && len(o.Keys) == 0 && len(o.Identities) == 0 {
		return j, nil // only signatures of the Notary Project are asked for
	}
	j.court(o, "", o.Trust, demands)
	if in.Policies != nil && len(in.Policies.Exceptions) > 0 {
		// Who signed under a trusted root that no authority asks for signed all the same, and
		// approves no exception.
		for _, name := range slices.Sorted(maps.Keys(in.Policies.Roots)) {
			demands = append(demands, clusterimage.Demand{Root: name})
		}
	}
	for _, d := range demands {
		if d.Root == "" || slices.ContainsFunc(j.courts, func(c *court) bool { return c.name == d.Root }) {
			continue
		}
		trust, err := l.trustOf(ctx, in.Policies.Roots[d.Root], in.Verify)
		if err != nil {
			j.unread(false, "the TrustRoot %s is not used: %v", d.Root, err)
			if ident.KindOf(err) == ident.KindIndeterminate {
				j.away = append(j.away, err)
			}
			continue
		}
		o.Trust = trust
		j.resolved.Roots[d.Root] = trust.Version()
		j.court(o, d.Root, trust, demands)
	}
	for _, c := range j.courts {
		if err := c.convene(); err != nil {
			return nil, err
		}
	}
	return j, nil
}

// unread notes what signatures cannot be judged by, since it was not read.
func (j *judges) unread(key bool, format string, args ...any) {
	why := fmt.Sprintf(format, args...)
	j.notes = append(j.notes, why)
	j.unjudged = append(j.unjudged, policy.Unjudged{Why: why, KeyOnly: key})
}

// court adds a court, with milder rules where authorities of its trusted root ask for less.
func (j *judges) court(o verify.Options, name string, trust *verify.Trust, demands []clusterimage.Demand) {
	c := &court{name: name, trust: trust, rules: []verify.Options{o}}
	for _, d := range demands {
		if d.Root != name || !d.WithoutLog && !d.WithoutSCT {
			continue
		}
		mild := o
		if d.WithoutLog {
			mild.Logs = -1
		}
		if d.WithoutSCT {
			mild.SCTs = -1
		}
		if !slices.ContainsFunc(c.rules, func(r verify.Options) bool { return r.Logs == mild.Logs && r.SCTs == mild.SCTs }) {
			c.rules = append(c.rules, mild)
		}
	}
	j.courts = append(j.courts, c)
}

// convene makes the verifiers, anew once there is a trusted root.
func (c *court) convene() error {
	c.verifiers = nil
	for _, o := range c.rules {
		o.Trust = c.trust
		v, err := verify.New(o)
		if err != nil {
			return err
		}
		c.verifiers = append(c.verifiers, v)
	}
	return nil
}

// referred is what authorities refer to, as far as it was read. Facts name the trusted
// root that they were verified under: what no TrustRoot is named for is for the default.
func (j *judges) referred() clusterimage.Resolved {
	j.resolved.Roots[""] = ident.Digest{}
	if len(j.courts) > 0 && j.courts[0].trust != nil {
		j.resolved.Roots[""] = j.courts[0].trust.Version()
	}
	return j.resolved
}

// keysOf adds the keys of a policy's authorities.
func (j *judges) keysOf(ctx context.Context, p *clusterimage.Policy, o *verify.Options) error {
	for _, a := range p.Authorities {
		if a.Key == nil {
			continue
		}
		raw, name := []byte(a.Key.Data), p.Name+"/"+a.Name
		if ref := a.Key.Reference(); ref != "" {
			name = ref
			secret, ok := j.in.Policies.Secrets[ref]
			if a.Key.KMS != "" {
				var err error
				if secret, err = j.publicKey(ctx, ref); ctx.Err() != nil {
					return context.Cause(ctx)
				} else if err != nil {
					j.unread(true, "the key %s was not read: %v", ref, err)
					continue
				}
			} else if !ok {
				j.unread(true, "the key %s was not read: a Secret is read from -f FILE", ref)
				continue
			}
			raw = secret
		}
		k, err := verify.ParseKey(name, raw)
		if err == nil && a.Key.Hash != "sha256" { // which is what signers use unless they are told
			k, err = k.WithHash(a.Key.Hash)
		}
		if err != nil {
			return located(name, err)
		}
		if ref := a.Key.Reference(); ref != "" {
			j.resolved.Keys[ref] = append(j.resolved.Keys[ref], k.ID)
		}
		o.Keys = append(o.Keys, k)
	}
	return nil
}

// hear judges one candidate, and enters what verified into the facts.
func (j *judges) hear(ctx context.Context, s *registry.Signature, out *ImageFacts) (*report.Candidate, error) {
	c := &report.Candidate{How: string(s.Origin.How), Manifest: s.Origin.Manifest.String(), Place: s.Origin.Image.Name(),
		Verdict: report.Verdict{Artifact: s.Origin.Image.Digest.String(), Bundle: s.Origin.Blob.String(), Verdict: report.Verified}}
	var err error
	if s.Fault != nil {
		c.Verdict = refusedFor(c.Verdict, report.TooLarge, s.Fault)
		out.unjudged = append(out.unjudged, policy.Unjudged{Why: s.Fault.Error()})
		return c, nil //nolint:nilerr // the refusal is in the candidate
	}
	if isNotation(s) {
		return c, j.hearNotation(ctx, s, c, out)
	}
	if len(j.courts) == 0 {
		c.Verdict = refusedFor(c.Verdict, string(verify.WrongMaterial),
			ident.Errorf(ident.KindRefused, "it is no signature of the Notary Project, and only a trust policy for those is given").WithHint("--key FILE, or --certificate-identity and --certificate-oidc-issuer"))
		return c, nil
	}
	var b *verify.Bundle
	if b, c.Format, err = parseSignature(s); err == nil {
		c.Fact, err = j.try(ctx, b, s.Origin.Image.Digest, out)
	}
	switch {
	case err == nil:
		c.SBOM = sbomVerdict(s.Bytes, &c.Verdict, j.named())
		return c, nil
	case errors.Is(err, context.Canceled) || ctx.Err() != nil:
		return nil, err
	}
	refused(&c.Verdict, err)
	c.Class = c.Verdict.Verdict
	c.SBOM = sbomVerdict(s.Bytes, &c.Verdict, true)
	return c, nil
}

// named reports whether the inputs say whose signature is accepted: a policy alone asks
// that of a fact as a whole, and of no document.
func (j *judges) named() bool {
	return len(j.in.Verify.Keys)+len(j.in.Verify.Options.Identities) > 0
}

func refusedFor(v report.Verdict, reason string, err error) report.Verdict {
	refused(&v, err)
	v.Verdict, v.Class, v.Reason = report.Refused, report.Refused, reason
	return v
}

// The formats of what is attached.
const (
	formatBundle = "bundle"
	formatSimple = "simple-signing"
	formatDSSE   = "dsse"
	// formatNotation is that of the Notary Project, JWS or COSE.
	formatNotation = "notation"
)

// parseSignature reads a candidate by its content: what its media type says counts for
// nothing.
func parseSignature(s *registry.Signature) (*verify.Bundle, string, error) {
	b, err := verify.ParseBundle(s.Bytes)
	if err == nil || strings.Contains(strings.ToLower(s.MediaType), "bundle") {
		return b, formatBundle, err
	}
	b, other := verify.ParseCosign(s.Bytes, s.Annotations)
	if other != nil {
		return nil, "", other
	}
	if b.SignsImage() {
		return b, formatSimple, nil
	}
	return b, formatDSSE, nil
}

// try brings a signature before every court. What verified in any is a fact; the error
// is that of the default court, or of the one that could not judge.
func (j *judges) try(ctx context.Context, b *verify.Bundle, about ident.Digest, out *ImageFacts) (*fact.Fact, error) {
	var first *fact.Fact
	var refusal, away error
	for n, c := range j.courts {
		f, rule, err := j.before(ctx, c, b, about, out)
		var r *verify.Refusal
		switch {
		case err == nil && n == 0 && rule == 0:
			out.Facts = append(out.Facts, *f)
		case err == nil && first != nil && f.Signer.Key != nil && len(f.Log)+len(f.Times) == 0:
			// By a key alone: the trusted root has no part in it, and it is a fact already.
		case err == nil:
			out.Others = append(out.Others, *f)
		case errors.As(err, &r):
			if refusal == nil {
				refusal = err
			}
		default:
			if away == nil {
				away = err
				out.unjudged = append(out.unjudged, policy.Unjudged{Why: err.Error()})
			}
		}
		if first == nil {
			first = f
		}
	}
	switch {
	case first != nil:
		return first, nil
	case away != nil:
		return nil, away
	}
	return nil, refusal
}

// before judges a signature by one trusted root, by its strictest rule first. Which rule
// accepted it is told.
func (j *judges) before(ctx context.Context, c *court, b *verify.Bundle, about ident.Digest, out *ImageFacts) (*fact.Fact, int, error) {
	if c.name == "" && c.trust == nil && (b.Certified() || b.Logged()) {
		if c.away == nil {
			var notes []string
			c.trust, notes, c.away = publicRoot(ctx, j.in.Verify)
			if j.notes = append(j.notes, notes...); c.away == nil {
				if err := c.convene(); err != nil {
					return nil, 0, err
				}
			} else {
				out.Unchecked = append(out.Unchecked, c.away)
			}
		}
		if c.away != nil {
			return nil, 0, c.away
		}
	}
	var refusal error
	for rule, v := range c.verifiers {
		f, err := judgeAbout(v, b, about, out.Digests)
		if err == nil {
			return f, rule, nil
		}
		if refusal == nil {
			refusal = err
		}
	}
	return nil, 0, refusal
}

// judgeAbout verifies a signature about what it is attached to, or about another digest
// of the image: what is attached to an index may be about a platform of it.
func judgeAbout(v *verify.Verifier, b *verify.Bundle, about ident.Digest, digests []ident.Digest) (*fact.Fact, error) {
	f, err := v.Bundle(b, verify.Artifact{Digest: about})
	for _, d := range digests {
		var r *verify.Refusal
		if d == about || !errors.As(err, &r) || r.Reason != verify.WrongArtifact {
			continue
		}
		if other, otherErr := v.Bundle(b, verify.Artifact{Digest: d}); otherErr == nil {
			return other, nil
		}
	}
	return f, err
}
