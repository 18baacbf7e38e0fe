package app

import (
	"bytes"
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/fact"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/jsonscan"
	"github.com/cofferdam-io/cofferdam/provenance"
	"github.com/cofferdam-io/cofferdam/verify"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// vexSigner is somebody whose signed statements are applied, as a file of trust has it.
type vexSigner struct {
	Name           string   `json:"name"` // what to call them; "" for the key's file or the identity
	Key            string   `json:"key"`  // file of a public key, from the file of trust
	Identity       string   `json:"identity"`
	IdentityRegexp string   `json:"identityRegexp"`
	Issuer         string   `json:"issuer"`
	IssuerRegexp   string   `json:"issuerRegexp"`
	Products       []string `json:"products"`
}

// vexJudge verifies who signed statements. Nobody's signature is accepted by the zero value.
type vexJudge struct {
	signers []vexSigner
	options []verify.Options // of each signer
	trust   *verify.Trust
	roots   func(ctx context.Context, at time.Time) ([]byte, []string, error)
	at      time.Time
}

// who is what a signer is called: nobody can call himself so without the signature.
func (s *vexSigner) who() string {
	out := s.Name
	for _, part := range []string{s.Key, s.Identity, s.IdentityRegexp} {
		if out == "" {
			out = part
		}
	}
	return out
}

// vexJudge prepares the signers of a file of trust.
func (l *Loader) vexJudge(ctx context.Context, in IntelligenceInputs, signers []vexSigner, roots []string) (*vexJudge, []vuln.TrustedAuthor, error) {
	j := &vexJudge{signers: signers, roots: in.Roots, at: in.At}
	dir := filepath.Dir(in.Trust)
	beside := func(name string) string {
		if filepath.IsAbs(name) {
			return name
		}
		return filepath.Join(dir, name)
	}
	for i := range roots {
		roots[i] = beside(roots[i])
	}
	var err error
	if j.trust, err = l.trustedRoots(ctx, roots); err != nil {
		return nil, nil, unusable(err)
	}
	var trusted []vuln.TrustedAuthor
	for i := range signers {
		s := &signers[i]
		var o verify.Options
		named := s.Identity != "" || s.IdentityRegexp != "" || s.Issuer != "" || s.IssuerRegexp != ""
		switch {
		case s.Key != "" && named || s.Key == "" && !named:
			return nil, nil, ident.Errorf(ident.KindUsage, "signer %d has to be a key or an identity with its issuer, one of the two", i+1).At(in.Trust).WithHint(trustHint)
		case s.Key != "":
			if o.Keys, err = l.keys(ctx, []string{beside(s.Key)}); err != nil {
				return nil, nil, unusable(err)
			}
		default:
			o.Identities = []verify.Identity{{Subject: s.Identity, SubjectRegexp: s.IdentityRegexp, Issuer: s.Issuer, IssuerRegexp: s.IssuerRegexp}}
		}
		if _, err := verify.New(o); err != nil {
			return nil, nil, ident.Errorf(ident.KindUsage, "signer %d: %w", i+1, err).At(in.Trust).WithHint(trustHint)
		}
		for _, p := range s.Products {
			if p == "" {
				return nil, nil, ident.Errorf(ident.KindUsage, "a product of signer %d is empty", i+1).At(in.Trust).WithHint(trustHint)
			}
		}
		j.options = append(j.options, o)
		trusted = append(trusted, vuln.TrustedAuthor{Name: s.who(), Products: s.Products})
	}
	return j, trusted, nil
}

// verifies finds the signer of a bundle about an artifact. Of several refusals it is the
// last one that did not say only that the material is of another kind.
func (j *vexJudge) verifies(ctx context.Context, b *verify.Bundle, a verify.Artifact) (*fact.Fact, *vexSigner, error) {
	if len(j.signers) == 0 {
		return nil, nil, ident.Errorf(ident.KindUnsupported, "is signed, and nobody is named whose signature counts").WithHint("--vex-trust FILE (vexTrust of a server) with signers: [{key: psirt.pub}], or identity and issuer")
	}
	var why error
	for i := range j.signers {
		o := j.options[i]
		if b.Certified() != (len(o.Identities) > 0) {
			continue
		}
		if b.Certified() || b.Logged() {
			if err := j.root(ctx); err != nil {
				return nil, nil, err
			}
		}
		o.Trust = j.trust
		v, err := verify.New(o)
		if err != nil {
			return nil, nil, err
		}
		if a.Content != nil {
			if _, err := a.Content.Seek(0, 0); err != nil {
				return nil, nil, err
			}
		}
		f, err := v.Bundle(b, a)
		if err == nil {
			return f, &j.signers[i], nil
		}
		why = err
	}
	if why == nil {
		why = ident.Errorf(ident.KindUnsupported, "is signed under a certificate, and only keys are accepted")
		if !b.Certified() {
			why = ident.Errorf(ident.KindUnsupported, "is signed with a key, and only identities are accepted")
		}
	}
	return nil, nil, why
}

// root gets the public trusted root where none was named.
func (j *vexJudge) root(ctx context.Context) error {
	if j.trust != nil {
		return nil
	}
	if j.roots == nil {
		return ident.Errorf(ident.KindUsage, "a certificate or log entry is judged by a trusted root, and none is given").WithHint("trustedRoots: [root.json] beside signers")
	}
	raw, _, err := j.roots(ctx, j.at)
	if err != nil {
		return err
	}
	j.trust, err = verify.ParseTrustedRoot(raw)
	return err
}

// signedForm says whether bytes are a Sigstore bundle or a bare DSSE envelope.
type signedForm uint8

const (
	notSigned signedForm = iota
	bundled              // with an envelope
	enveloped
	detached // a bundle that signs something that lies elsewhere
	paired   // a document and a bundle (SignedPair)
)

func signedFormOf(raw []byte) signedForm {
	r := jsonscan.New(raw, jsonscan.Options{})
	if r.Kind() != jsonscan.Object {
		return notSigned
	}
	seen := map[string]bool{}
	for r.Object(); ; {
		key, ok := r.NextKey()
		if !ok {
			break
		}
		seen[string(key)] = true
		r.Skip()
	}
	switch {
	case seen["dsseEnvelope"]:
		return bundled
	case seen["verificationMaterial"] && seen["messageSignature"]:
		return detached
	case seen["payloadType"] && seen["payload"]:
		return enveloped
	case seen["document"] && seen["bundle"]:
		return paired
	}
	return notSigned
}

// attested verifies a bundle or envelope around an in-toto statement whose predicate is a
// VEX document, and returns that.
func (j *vexJudge) attested(ctx context.Context, raw []byte, form signedForm) ([]byte, *vexSigner, error) {
	claim, err := provenance.Open(raw, provenance.Limits{Bytes: verify.MaxBundleBytes})
	if err != nil {
		return nil, nil, err
	}
	about := claim.Statement.Digests()
	if len(about) == 0 {
		return nil, nil, ident.Errorf(ident.KindInvalid, "the signed statement is about nothing that has a digest")
	}
	if form == enveloped {
		var b bytes.Buffer
		b.WriteString(`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"publicKey":{"hint":""}},"dsseEnvelope":`)
		b.Write(raw)
		b.WriteByte('}')
		raw = b.Bytes()
	}
	b, err := verify.ParseBundle(raw)
	if err != nil {
		return nil, nil, err
	}
	f, who, err := j.verifies(ctx, b, verify.Artifact{Digest: about[0]})
	if err != nil {
		return nil, nil, err
	}
	return f.Predicate, who, nil
}

// besideVEX verifies the bundle that lies beside a document, as NAME.sigstore.json; no
// signer where there is no bundle, or nobody's signature counts.
func (l *Loader) besideVEX(ctx context.Context, j *vexJudge, name string, raw []byte) (*vexSigner, error) {
	if len(j.signers) == 0 || name == stdinName || !l.Exists(name+BundleSuffix) {
		return nil, nil
	}
	b, _, err := l.bundle(ctx, name+BundleSuffix)
	if err != nil {
		return nil, err
	}
	_, who, err := j.verifies(ctx, b, verify.Artifact{Content: bytes.NewReader(raw)})
	return who, err
}

// WithSignature returns what a server is to be handed of a document of statements: with
// the bundle that lies beside it, where one does. of is that it is such a bundle itself,
// and goes with its document.
func (l *Loader) WithSignature(ctx context.Context, name string, raw []byte) (out []byte, of bool, err error) {
	switch {
	case name == stdinName:
		return raw, false, nil
	case l.isSidecar(name):
		return nil, true, nil
	case !l.Exists(name + BundleSuffix):
		return raw, false, nil
	}
	bundle, err := l.read(ctx, name+BundleSuffix)
	if err != nil {
		return nil, false, err
	}
	if !json.Valid(bundle) {
		return nil, false, ident.Errorf(ident.KindInvalid, "the bundle beside it is no JSON").At(name + BundleSuffix)
	}
	out, err = json.Marshal(SignedPair{Document: raw, Bundle: bundle})
	return out, false, err
}

// isSidecar reports whether a file is the bundle of a document beside it.
func (l *Loader) isSidecar(name string) bool {
	of, ok := strings.CutSuffix(name, BundleSuffix)
	return ok && l.Exists(of)
}

// SignedPair is a document with the bundle that signs it, as `vex push` hands both over.
type SignedPair struct {
	Document []byte          `json:"document"` // its bytes, in base64
	Bundle   json.RawMessage `json:"bundle"`
}

// signedVEX opens signed documents that are handed over to a server: by the file of trust
// as it is then.
func (l *Loader) signedVEX(in IntelligenceInputs, now func() time.Time) func(context.Context, []byte) (*catalog.SignedVEX, error) {
	quiet := *l
	quiet.Progress = nil
	return func(ctx context.Context, raw []byte) (*catalog.SignedVEX, error) {
		form := signedFormOf(raw)
		switch form {
		case notSigned:
			return nil, nil //nolint:nilnil // as catalog.Options.SignedVEX says
		case detached:
			return nil, ident.Errorf(ident.KindUnsupported, "is the signature of a document, without the document").WithHint(`cofferdam vex push NAME hands both over where NAME%s lies beside it; the API takes {"document": base64, "bundle": {…}}`, BundleSuffix)
		}
		in := in
		in.At = now()
		_, judge, err := quiet.trust(ctx, in)
		if err != nil { // the file of trust, or what it names, cannot be used now
			return nil, notApplied(ident.KindFailure, err)
		}
		document, who, err := judge.opens(ctx, raw, form)
		switch kind := ident.KindOf(err); {
		case err == nil:
			return &catalog.SignedVEX{Document: document, Signer: who.who()}, nil
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case kind == ident.KindIndeterminate, kind == ident.KindUsage: // a trusted root is away, or missing
			return nil, notApplied(ident.KindIndeterminate, err)
		case kind == ident.KindUnsupported, kind == ident.KindLimit:
			return nil, notApplied(kind, err)
		}
		return nil, notApplied(ident.KindInvalid, err)
	}
}

// opens verifies a signed document in one of the forms that are whole, and returns it.
func (j *vexJudge) opens(ctx context.Context, raw []byte, form signedForm) ([]byte, *vexSigner, error) {
	if form != paired {
		return j.attested(ctx, raw, form)
	}
	var p SignedPair
	if err := json.Unmarshal(raw, &p); err != nil {
		return nil, nil, ident.Errorf(ident.KindInvalid, "is no document in base64 with its bundle: %w", err)
	}
	b, err := verify.ParseBundle(p.Bundle)
	if err != nil {
		return nil, nil, err
	}
	_, who, err := j.verifies(ctx, b, verify.Artifact{Content: bytes.NewReader(p.Document)})
	return p.Document, who, err
}
