package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/evidence"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/registry"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/policy"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/decode"
	"github.com/cofferdam-io/cofferdam/sbom/quality"
	"github.com/cofferdam-io/cofferdam/sbom/schema"
	"github.com/cofferdam-io/cofferdam/verify"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// GateInputs say what an image has to pass.
type GateInputs struct {
	FactInputs
	Namespace string
	Profiles  []*quality.Profile
	MinScore  float64
	Quality   *quality.Policy // what of a document's faults is refused; nil: nothing
	// Scan finds vulnerabilities in documents of the image, whose digests it is told, and says
	// which of them are above the line; nil where no advisories are loaded.
	Scan     func(ctx context.Context, docs []*sbom.Document, digests []ident.Digest) (*report.Scan, error)
	NoScan   bool // the gate has no line for findings
	WarnOnly bool
	// Lines are what else it is judged by, such as what is severe, in words or files.
	Lines []report.PolicyFile
}

// gate is one run.
type gate struct {
	*Loader
	in    GateInputs
	facts *ImageFacts
	docs  []*sbom.Document
	scan  *report.Scan
	input policy.Input
	out   *report.ImageGate
}

// Gate holds an image against its policies and what every image needs: an SBOM that is
// valid, good enough and about it, and nothing new and severe. An error says that the
// question is wrong, or that a policy, key or trusted root cannot be read.
func (l *Loader) Gate(ctx context.Context, in GateInputs) (*report.ImageGate, error) {
	l, asked, by := l.noting(in.Verify)
	in.Verify = asked
	g := &gate{Loader: l, in: in, out: &report.ImageGate{SchemaVersion: inventory.SchemaVersion, Image: in.Image, At: in.Verify.At.UTC().Format(time.RFC3339), WarnOnly: in.WarnOnly, Policies: []report.PolicyFile{}, Checks: []report.GateCheck{}, Findings: []vuln.Finding{}}}
	g.out.Policies = append(g.out.Policies, in.Policies.files()...)
	defer func() { g.out.JudgedBy = by.with(slices.Concat(in.Policies.files(), in.Lines)) }()
	var err error
	if g.facts, err = l.ImageFacts(ctx, in.FactInputs); err != nil {
		if ident.KindOf(err) != ident.KindIndeterminate {
			return nil, err
		}
		g.open("image", "the image and what is attached to it can be read", err)
		g.out.Judge()
		return g.out, nil
	}
	g.out.Digest, g.out.Notes = g.facts.Reference.Digest, g.facts.Notes
	g.input = g.facts.Input(in.Image)
	g.input.SBOMs = nil
	for _, step := range []func(context.Context) error{g.documents, g.vulnerabilities, g.policies} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	g.out.Judge()
	return g.out, g.change()
}

func (g *gate) passed(name, found string) {
	g.out.Checks = append(g.out.Checks, report.GateCheck{Name: name, Result: report.GatePassed, Found: found})
}

func (g *gate) failed(name, expected, found, mend string) {
	g.out.Checks = append(g.out.Checks, report.GateCheck{Name: name, Result: report.GateFailed, Expected: expected, Found: found, Mend: mend})
}

// open notes what could not be checked.
func (g *gate) open(name, expected string, err error) {
	g.out.Checks = append(g.out.Checks, report.GateCheck{Name: name, Result: report.GateNotChecked, Expected: expected, Found: err.Error(), Mend: hintOf(err)})
}

// documents finds the image's SBOMs: those that somebody signed whom the flags name, else
// all that are attached: where nobody is named, anybody with an account somewhere may have
// signed one that says nothing. Each is valid, good enough and about the image, or fails.
func (g *gate) documents(ctx context.Context) error {
	type one struct {
		doc    *sbom.Document
		raw    []byte
		signed bool
	}
	var all []one
	for _, s := range g.facts.SBOMs {
		all = append(all, one{s.Document, s.Raw, true})
	}
	const expected = "an SBOM of the image in its registry"
	if signed := len(all); signed == 0 || !g.in.Verify.named() {
		docs, raws, err := g.unsigned(ctx)
		switch {
		case ident.KindOf(err) == ident.KindIndeterminate && err != nil:
			g.open("sbom", expected, err)
			if signed == 0 {
				return nil
			}
		case err != nil && ident.KindOf(err) != ident.KindNotFound:
			return err
		case len(docs)+signed == 0:
			g.failed("sbom", expected, "none is attached that can be read", "cofferdam attest IMAGE --type cyclonedx --predicate sbom.json")
			return nil
		}
		for i, d := range docs {
			if !slices.ContainsFunc(all[:signed], func(x one) bool { return x.doc.Digest == d.Digest }) {
				all = append(all, one{d, raws[i], false})
			}
		}
		switch more := len(all) - signed; {
		case more == 0:
		case signed == 0:
			g.out.Notes = append(g.out.Notes, "nobody signed the SBOM: whoever may push could have changed it; cofferdam attest signs one")
		default:
			g.out.Notes = append(g.out.Notes, counted(more, "SBOM")+" that nobody signed judged beside "+counted(signed, "signed one")+", since nobody is named whose signature counts: --key, or --certificate-identity and --certificate-oidc-issuer")
		}
	}
	g.passed("sbom", counted(len(all), "document"))
	validator := schema.New(schema.Limits{})
	for _, x := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		g.docs = append(g.docs, x.doc)
		name := "sbom " + x.doc.Digest.Short()
		v, err := judge(ctx, validator, name, x.raw)
		if err != nil {
			return err
		}
		switch {
		case v.NotJudged != "":
			g.out.Notes = append(g.out.Notes, name+" "+v.NotJudged)
		case v.Valid:
			g.passed("sbom-valid", v.Rules)
		default:
			g.failed("sbom-valid", "the SBOM is valid by the "+v.Rules, fmt.Sprintf("%s: %s", v.Violations[0].Pointer, v.Violations[0].Message), "cofferdam sbom validate names every fault")
		}
		judged := quality.Score(x.doc, quality.Options{Profiles: g.in.Profiles, Policy: g.in.Quality, At: g.in.Verify.At, Signed: x.signed})
		score := judged.Score
		known := policySBOM(x.doc, x.signed)
		known.Score = int(score)
		g.input.SBOMs = append(g.input.SBOMs, known)
		if score < g.in.MinScore {
			g.failed("sbom-quality", fmt.Sprintf("a score of at least %g", g.in.MinScore), fmt.Sprintf("%g", score), "cofferdam sbom score lists what is missing, and where")
		} else {
			g.passed("sbom-quality", fmt.Sprintf("%g of 100", score))
		}
		g.acceptable(&judged)
		g.matches(x.doc)
	}
	return nil
}

// acceptable fails a document that the quality policy refuses, by each check that does.
func (g *gate) acceptable(r *quality.Report) {
	if g.in.Quality == nil {
		return
	}
	if !r.Policy.Refused {
		g.passed("sbom-policy", "the policy "+r.Policy.Name+" refuses nothing of it")
		return
	}
	for _, c := range r.Policy.Checks {
		if c.Level == quality.Refuse {
			first := c.Findings[0]
			where := first.Pointer
			if where == "" {
				where = "the document"
			}
			g.failed("sbom-policy/"+c.ID, "no "+strings.TrimPrefix(strings.TrimPrefix(c.Title, "a "), "an "), fmt.Sprintf("%s; the first: %s: %s", counted(c.Places, "place"), where, first.Message), "cofferdam sbom score --policy lists every place")
		}
	}
}

// unsigned reads the SBOMs that are attached, whoever made them.
func (g *gate) unsigned(ctx context.Context) ([]*sbom.Document, [][]byte, error) {
	var docs []*sbom.Document
	var raws [][]byte
	problems, err := g.attached(ctx, []string{g.facts.Reference.String()}, g.in.Registry, func(d *registry.Document, name string) (fault, fatal error) {
		got, err := decode.Bytes(ctx, name, d.Bytes, decode.Limits{Digest: ident.SHA256(d.Bytes), Details: g.Details})
		if err != nil {
			return err, nil
		}
		for _, doc := range got {
			docs, raws = append(docs, doc), append(raws, d.Bytes)
		}
		return nil, nil
	})
	for _, p := range problems {
		g.out.Notes = append(g.out.Notes, p.Where+": "+p.Message)
	}
	return docs, raws, err
}

// matches fails a document that names manifests, and none of them the image's. One that
// names none says nothing: that it is about this image is said by whoever attached it.
func (g *gate) matches(d *sbom.Document) {
	named := 0
	for _, x := range d.Subject.Digests {
		if x.Role != ident.RoleManifest && x.Role != ident.RoleIndex {
			continue
		}
		if named++; slices.Contains(g.facts.Digests, x.Digest) {
			g.passed("sbom-matches", x.Digest.Short())
			return
		}
	}
	if named > 0 {
		g.failed("sbom-matches", "the SBOM names the image's digest", "it names "+d.Subject.Digests[0].Digest.String(), "generate the SBOM from the image that is attested, after it was built")
	}
}

// findingsCheck is the check that no upgrade clears by its words alone.
const findingsCheck = "findings"

// vulnerabilities scans the documents.
func (g *gate) vulnerabilities(ctx context.Context) error {
	if len(g.docs) == 0 || g.in.Scan == nil && g.in.NoScan {
		return nil
	}
	const expected = "nothing new and severe"
	if g.in.Scan == nil {
		g.failed(findingsCheck, expected, "no advisories are loaded: nothing can be said about vulnerabilities", "--advisories PATH, once cofferdam advisories update; or --fail-on none")
		return nil
	}
	built, open := builtBy(g.facts.Facts, g.docs)
	for _, d := range built {
		for i := range d.Components {
			if c := &d.Components[i]; i == 0 || c.Pointer != d.Components[i-1].Pointer {
				g.out.Notes = append(g.out.Notes, "built with "+d.Components[i].PURL+" by verified provenance: its vulnerabilities count")
			}
		}
	}
	for _, o := range open {
		g.out.Notes = append(g.out.Notes, "toolchain: "+o)
	}
	var err error
	if g.scan, err = g.in.Scan(ctx, append(slices.Clip(g.docs), built...), g.facts.Digests); err != nil {
		return err
	}
	g.input.Scanned, g.input.NoKEV = g.scan.Uncompared == 0, g.scan.Coverage.KEVAsOf == "" // nothing that could be compared: nothing is known
	for i := range g.scan.Findings {
		g.input.Findings = append(g.input.Findings, policyFinding(&g.scan.Findings[i]))
	}
	g.out.Origins = g.scan.Origins
	if g.scan.Gate == nil {
		return nil
	}
	g.out.Findings = append(g.out.Findings, g.scan.Gate.Above...)
	if n := g.scan.Gate.Count; n > 0 {
		mend := "see the findings"
		if len(g.scan.Upgrades) > 0 {
			mend = upgradeWords(g.scan.Upgrades[0])
		}
		g.failed(findingsCheck, expected+" ("+strings.Join(g.scan.Gate.FailOn, ", ")+")", counted(n, "finding"), mend)
	} else if g.scan.Uncompared > 0 {
		found := "nothing that the SBOM lists could be compared with advisories"
		if us := g.scan.Unmatched; len(us) > 0 {
			found += ", such as " + strings.TrimSpace(us[0].Name+" "+us[0].Version) + ": " + us[0].Reason
		}
		g.failed(findingsCheck, expected+" ("+strings.Join(g.scan.Gate.FailOn, ", ")+")", found, "--advisories PATH of records about what the image is made of; cofferdam advisories update --ecosystem ECOSYSTEM")
	} else {
		g.passed(findingsCheck, fmt.Sprintf("%d, of which none is new and at the line; %s", len(g.scan.Findings), g.scan.Coverage.Advisories()))
	}
	return nil
}

// policyFinding is what policies see of a finding.
func policyFinding(f *vuln.Finding) policy.Finding {
	out := policy.Finding{ID: f.ID, Aliases: f.Aliases, Component: f.PURL, Severity: f.Severity, KEV: f.KEV, Fixable: len(f.Fixed) > 0, Accepted: f.AcceptedRunning}
	if f.VEXSource != "" {
		out.VEX = string(f.Status)
	}
	if f.FirstKnown != nil {
		out.Known = *f.FirstKnown
	}
	if f.EPSS != nil {
		likely := *f.EPSS
		out.EPSS = &likely
	}
	for _, s := range f.CVSS {
		if s.Base > out.Score { // not where it is NaN
			out.Score = s.Base
		}
	}
	return out
}

func upgradeWords(u vuln.Upgrade) string {
	return fmt.Sprintf("upgrade %s from %s to %s", u.Component, u.From, u.To)
}

// policies has the image judged, and enters each rule as a check.
func (g *gate) policies(context.Context) error {
	v, err := g.verdict(g.input)
	if err != nil {
		return err
	}
	g.out.Policy = &v
	if v.Ungoverned {
		g.failed("policy", "a policy that governs the image", "none of those given does", "name one whose images match it")
	}
	open := ""
	if len(g.facts.Unchecked) > 0 {
		open = "; and " + g.facts.Unchecked[0].Error()
	}
	for _, j := range v.Policies {
		for _, r := range j.Rules {
			c := report.GateCheck{Name: j.Policy + "/" + r.Rule, Expected: r.Expected, Found: r.Found, Mend: r.Mend, Told: j.Mode != policy.Enforce, Warnings: r.Warnings}
			switch {
			case r.Result == policy.Held:
				c.Result, c.Expected = report.GatePassed, ""
			case r.Result == policy.Excused:
				c.Result, c.Found = report.GatePassed, evidence.Excepted(r.Exception)
			case open != "": // what is missing may be there
				c.Result, c.Found = report.GateNotChecked, r.Found+open
			default:
				if c.Result = report.GateFailed; r.Exception != "" {
					c.Found += "; the exception " + r.Exception
				}
			}
			g.out.Checks = append(g.out.Checks, c)
		}
	}
	return nil
}

func (g *gate) verdict(in policy.Input) (policy.Verdict, error) {
	return g.facts.Judge(in, policy.Context{At: g.in.Verify.At, Namespace: policy.Namespace{Name: g.in.Namespace}})
}

// change finds the one change that clears most checks: an upgrade, by judging the image
// once more without what it mends, or what several checks ask for in the same words.
func (g *gate) change() error {
	for _, c := range g.out.Checks {
		if c.Result != report.GateFailed || c.Told || c.Mend == "" || c.Name == findingsCheck {
			continue // what clears findings is tried below
		}
		n := 0
		for _, other := range g.out.Checks {
			if other.Result == report.GateFailed && !other.Told && other.Mend == c.Mend {
				n++
			}
		}
		if n > g.out.Clears {
			g.out.Change, g.out.Clears = c.Mend, n
		}
	}
	if g.scan == nil || len(g.scan.Upgrades) == 0 {
		return nil
	}
	u := g.scan.Upgrades[0]
	mended := func(f *vuln.Finding) bool {
		return f.Component.Name == u.Component && f.Component.Version == u.From && len(f.Fixed) > 0
	}
	in := g.input
	in.Findings = nil
	above := 0
	for i := range g.scan.Findings {
		if !mended(&g.scan.Findings[i]) {
			in.Findings = append(in.Findings, g.input.Findings[i])
		}
	}
	for i := range g.out.Findings {
		if !mended(&g.out.Findings[i]) {
			above++
		}
	}
	v, err := g.verdict(in)
	if err != nil {
		return err
	}
	clears := g.broken(*g.out.Policy) - g.broken(v)
	if len(g.out.Findings) > 0 && above == 0 {
		clears++
	}
	if clears > 0 && clears >= g.out.Clears || g.out.Change == "" && len(g.out.Findings) > 0 {
		g.out.Change, g.out.Clears = upgradeWords(u), max(clears, 0)
	}
	return nil
}

// broken counts the rules that deny.
func (g *gate) broken(v policy.Verdict) int {
	n := 0
	for _, j := range v.Policies {
		for _, r := range j.Rules {
			if j.Mode == policy.Enforce && (r.Result == policy.Broken || r.Result == policy.Undecided) {
				n++
			}
		}
	}
	return n
}

// Approve reads bundles of approvals into the exceptions that they are about, each judged
// by keys and trusted roots like any other statement. One that is about none is an error:
// somebody meant it to count.
func (l *Loader) Approve(ctx context.Context, bundles []string, exceptions []policy.Exception, in VerifyInputs) error {
	if len(bundles) == 0 {
		return nil
	}
	o, err := l.verifyOptions(ctx, in)
	if err != nil {
		return err
	}
	o.Anybody = len(o.Identities) == 0
	for _, name := range bundles {
		b, _, err := l.bundle(ctx, name)
		if err != nil {
			return located(name, err)
		}
		if o.Trust == nil && (b.Certified() || b.Logged()) {
			if o.Trust, _, err = publicRoot(ctx, in); err != nil {
				return err
			}
		}
		v, err := verify.New(o)
		if err != nil {
			return err
		}
		about := false
		var refusal error
		for i := range exceptions {
			f, err := v.Bundle(b, verify.Artifact{Digest: exceptions[i].Digest})
			var r *verify.Refusal
			switch {
			case err == nil:
				about = true
				exceptions[i].Approvals = append(exceptions[i].Approvals, *f)
			case errors.As(err, &r) && r.Reason != verify.WrongArtifact:
				refusal = err
			case !errors.As(err, &r):
				return err
			}
		}
		if !about {
			if refusal != nil {
				return located(name, refusal)
			}
			return ident.Errorf(ident.KindFailure, "approves none of the exceptions that are given").At(name).WithHint("an exception that was changed since has another digest: it has to be approved again")
		}
	}
	return nil
}
