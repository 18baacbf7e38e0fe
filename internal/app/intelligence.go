package app

import (
	"context"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/provenance"
	"github.com/cofferdam-io/cofferdam/verify"
	"github.com/cofferdam-io/cofferdam/vuln"
	"github.com/cofferdam-io/cofferdam/vuln/epss"
	"github.com/cofferdam-io/cofferdam/vuln/kev"
	"github.com/cofferdam-io/cofferdam/vuln/vex"
)

// IntelligenceInputs are what the user says about vulnerabilities beside advisories.
type IntelligenceInputs struct {
	KEV   string   // file of the catalogue of exploited vulnerabilities; "" for none
	EPSS  string   // file of scores; "" for none
	VEX   []string // files and folders of statements
	Trust string   // file that says whose statements are applied; "" for those of all that VEX names
	// Roots gets the public trusted root, at At, for signed statements where Trust names
	// none. nil: there is none.
	Roots func(ctx context.Context, at time.Time) (raw []byte, notes []string, err error)
	At    time.Time
}

// Intelligence reads what the user names. What is named and cannot be read is an
// error: without it, findings would look better than they are. Where nothing is named it
// is empty. Statements only make findings look better, so that what is wrong with one
// costs it alone, and is a problem.
func (l *Loader) Intelligence(ctx context.Context, in IntelligenceInputs) (*vuln.Intelligence, []Problem, error) {
	out := &vuln.Intelligence{}
	if in.KEV != "" {
		raw, err := l.read(ctx, in.KEV)
		if err == nil {
			out.Exploited, err = kev.Decode(ctx, in.KEV, raw)
		}
		if err != nil {
			return nil, nil, unusable(err)
		}
	}
	if in.EPSS != "" {
		raw, err := l.read(ctx, in.EPSS)
		if err == nil {
			out.Likelihoods, err = epss.Decode(ctx, in.EPSS, raw, epss.Limits{})
		}
		if err != nil {
			return nil, nil, unusable(err)
		}
	}
	trust, judge, err := l.trust(ctx, in)
	if err != nil {
		return out, nil, err
	}
	if len(in.VEX) == 0 {
		if in.Trust != "" {
			out.Statements = vuln.NewStatements(nil, trust) // others may be handed over
		}
		return out, nil, nil
	}
	statements, problems, err := l.statements(ctx, in.VEX, judge)
	if err != nil {
		return nil, nil, err
	}
	out.Statements = vuln.NewStatements(statements, trust)
	return out, problems, nil
}

// statements reads VEX documents. One that the user names and that is none is a
// problem; what stands in a folder and is something else is passed over.
func (l *Loader) statements(ctx context.Context, paths []string, judge *vexJudge) ([]vuln.Statement, []Problem, error) {
	var out []vuln.Statement
	var problems []Problem
	for _, arg := range paths {
		files, err := l.expand(arg, hasExt(".json", ".vex", ".xml"))
		if err != nil {
			return nil, nil, err
		}
		for i, f := range files {
			l.progress("reading VEX", i, len(files))
			raw, err := l.read(ctx, f.name)
			if err != nil && ident.KindOf(err) != ident.KindLimit {
				return nil, nil, err
			}
			var faults []vuln.VEXFault
			var some []vuln.Statement
			if err == nil {
				some, faults, err = l.vexDocument(ctx, judge, f.name, raw)
			}
			if ctx.Err() != nil {
				return nil, nil, ctx.Err()
			}
			switch {
			case err != nil && f.walked && ident.KindOf(err) == ident.KindUnsupported:
			case err != nil:
				problems = append(problems, problemOf(f.name, err))
			}
			out = append(out, some...)
			for _, x := range faults {
				problems = append(problems, Problem{Where: x.Where(), Message: x.Message})
			}
		}
	}
	return out, problems, nil
}

// vexDocument reads one document: signed, beside its signature, or neither. A signature
// that is there and does not verify by who is named costs the document.
func (l *Loader) vexDocument(ctx context.Context, judge *vexJudge, name string, raw []byte) ([]vuln.Statement, []vuln.VEXFault, error) {
	form := signedFormOf(raw)
	if form == detached {
		if l.isSidecar(name) {
			return nil, nil, nil // it is read with its document
		}
		return nil, nil, ident.Errorf(ident.KindUnsupported, "is the signature of a document, and no VEX document").WithHint("--vex names the document; its bundle lies beside it as NAME%s", BundleSuffix)
	}
	var who *vexSigner
	var err error
	signed := raw
	if form == paired {
		form = notSigned // what is handed over to servers; its codec refuses it
	}
	if form == notSigned {
		who, err = l.besideVEX(ctx, judge, name, raw)
	} else {
		var claim *provenance.Attestation
		if claim, err = provenance.Open(raw, provenance.Limits{Bytes: verify.MaxBundleBytes}); err != nil {
			return nil, nil, err
		}
		if _, _, err = vex.Decode(ctx, name, claim.Statement.Predicate); err != nil {
			return nil, nil, err // it attests something else
		}
		signed, who, err = judge.attested(ctx, raw, form)
	}
	if err != nil {
		return nil, nil, notApplied(ident.KindInvalid, err).At(name)
	}
	some, faults, err := vex.Decode(ctx, name, signed)
	if who != nil {
		for i := range some {
			some[i].Signer = who.who()
			some[i].Author = who.who()
		}
	}
	return some, faults, err
}

// notApplied says that a signed document is not read, and never as unsigned.
func notApplied(kind ident.Kind, err error) *ident.Error {
	e := ident.Errorf(kind, "its statements are not applied: %w", err)
	if x, ok := asIdent(err); ok {
		e = e.WithHint("%s", x.Hint)
	}
	return e
}

// trustHint shows what a file of trusted authors looks like.
const trustHint = "authors: [{name: Example PSIRT, products: [\"pkg:oci/\"]}], or signers: [{key: psirt.pub}, {identity: psirt@example.com, issuer: https://issuer.example}]"

// trust reads whose statements are applied. Without a file it is everybody whose
// documents the user hands over.
func (l *Loader) trust(ctx context.Context, in IntelligenceInputs) (vuln.Trust, *vexJudge, error) {
	if in.Trust == "" {
		return vuln.Trust{Everybody: true}, &vexJudge{}, nil
	}
	raw, err := l.read(ctx, in.Trust)
	if err != nil {
		return vuln.Trust{}, nil, unusable(err)
	}
	var file struct {
		Authors      []trustedAuthor `json:"authors"`
		Signers      []vexSigner     `json:"signers"`
		TrustedRoots []string        `json:"trustedRoots"`
	}
	if err := yaml.UnmarshalStrict(raw, &file); err != nil {
		return vuln.Trust{}, nil, ident.Errorf(ident.KindUsage, "is no list of trusted authors: %w", err).At(in.Trust).WithHint(trustHint)
	}
	authors, err := trusted(file.Authors)
	if err != nil {
		return vuln.Trust{}, nil, ident.Errorf(ident.KindUsage, "%w", err).At(in.Trust).WithHint(trustHint)
	}
	judge, signers, err := l.vexJudge(ctx, in, file.Signers, file.TrustedRoots)
	return vuln.Trust{Authors: authors, Signers: signers}, judge, err
}

// trustedAuthor is somebody whose statements are applied, as configurations have it.
type trustedAuthor struct {
	Name     string   `json:"name"`
	Products []string `json:"products"`
}

func trusted(list []trustedAuthor) ([]vuln.TrustedAuthor, error) {
	var out []vuln.TrustedAuthor
	for _, a := range list {
		if strings.TrimSpace(a.Name) == "" || slices.Contains(a.Products, "") {
			return nil, ident.Errorf(ident.KindUsage, "an author has no name, or a product is empty")
		}
		out = append(out, vuln.TrustedAuthor{Name: a.Name, Products: a.Products})
	}
	return out, nil
}

// unusable makes the fault of a document that an answer needs a failure to answer.
func unusable(err error) error {
	e, ok := asIdent(err)
	if !ok || e.Kind == ident.KindUsage {
		return err
	}
	c := *e
	c.Kind = ident.KindFailure
	return &c
}
