package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/fact"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/kms"
	"github.com/cofferdam-io/cofferdam/internal/registry"
	"github.com/cofferdam-io/cofferdam/internal/signing"
	"github.com/cofferdam-io/cofferdam/internal/trustroot"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/provenance"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/verify"
)

// SignInputs say what is signed, by whom, and where the bundle goes.
type SignInputs struct {
	Subjects []string // images, files, or digests
	Registry RegistryInputs

	Key      string                 // file of a private key; "": keyless
	Password func() ([]byte, error) // of an encrypted key
	Token    string                 // file, "-" or address of an OIDC token; "": the pipeline's
	Audience string                 // "": signing.Audience

	Config       string // file of a signing configuration; "": none, and keyless the public good's
	Fulcio       string
	Logs, LogsV1 []string
	Stampers     []string
	TrustedRoots []string
	Staging      bool   // Sigstore's staging deployment, where the public good would be asked
	Statement    bool   // the files are in-toto statements, which are signed as they are
	ConfigCache  string // folder in which the public good's is kept
	Roots        func(ctx context.Context, at time.Time) ([]byte, []string, error)
	Getenv       func(string) string
	Strict       bool   // what is warned about of a token or key is refused
	Bundle       string // file; "": beside a file, and attached to an image
	KeepOff      bool   // do not attach
	Legacy       bool   // cosign's tags instead of bundles
	At           time.Time
	// Write writes a bundle's file whole, or not at all.
	Write func(name string, raw []byte) error
}

// signer is what signs during one call.
type signer struct {
	*Loader
	in       SignInputs
	client   *signing.Client
	by       signing.By
	services signing.Services
	public   bool // the services are the public good's
	trust    *verify.Trust
	reg      *registry.Client
	out      *report.Signed
}

// Sign signs images, files and digests. An error ends it; what was signed before stands
// in the answer.
func (l *Loader) Sign(ctx context.Context, in SignInputs) (*report.Signed, error) {
	s, done, err := l.signer(ctx, in)
	if err != nil {
		return nil, err
	}
	defer done()
	for i, name := range in.Subjects {
		l.progress("signing", i, len(in.Subjects))
		sub, err := s.subject(ctx, name)
		if err != nil {
			return s.out, err
		}
		content, kind := signing.Content{}, ""
		switch {
		case in.Statement:
			content.Statement, kind, err = stated(sub)
		case in.Legacy:
			content.Message, err = simpleSigning(sub)
		case sub.image != nil:
			content.Statement, err = (&provenance.Statement{PredicateType: provenance.CosignSign, Subjects: []provenance.Subject{provenance.SubjectOf("", sub.digest)}, Predicate: []byte("{}")}).Write()
		case sub.content == nil:
			err = ident.Errorf(ident.KindUsage, "%s is a digest, and the bytes that it names are needed to sign them", sub.digest.Short()).WithHint("name the file or the image; attest takes a digest")
		default:
			content.Message = sub.content
		}
		if err != nil {
			return s.out, err
		}
		if err := s.sign(ctx, sub, content, kind); err != nil {
			return s.out, err
		}
	}
	return s.out, nil
}

// signer gets ready what signs.
func (l *Loader) signer(ctx context.Context, in SignInputs) (*signer, func(), error) {
	if in.Bundle != "" && len(in.Subjects) > 1 {
		return nil, nil, ident.Errorf(ident.KindUsage, "--bundle is of one artifact, and %d are named", len(in.Subjects))
	}
	if in.Legacy && (in.Key == "" || in.Bundle != "" || in.KeepOff) {
		return nil, nil, ident.Errorf(ident.KindUsage, "the legacy format is for images that are signed with --key, in their registry").WithHint("without --legacy any of them is a Sigstore bundle, which cosign 2.4 and later reads")
	}
	s := &signer{Loader: l, in: in, client: signing.New(nil), out: &report.Signed{SchemaVersion: inventory.SchemaVersion, Signatures: []report.Signature{}}}
	if s.in.Audience == "" {
		s.in.Audience = signing.Audience
	}
	if in.Key != "" && in.Token != "" {
		return nil, nil, ident.Errorf(ident.KindUsage, "--key signs with a key, --identity-token without: which of them?")
	}
	if err := s.find(ctx); err != nil {
		return nil, nil, err
	}
	if err := s.who(ctx); err != nil {
		return nil, nil, err
	}
	if w := s.out.Warnings; in.Strict && len(w) > 0 {
		return nil, nil, ident.Errorf(ident.KindRefused, "%s: nothing is signed", strings.Join(w, "; ")).WithHint("without --strict-credentials these are warnings")
	}
	var err error
	if s.trust, err = l.trustedRoots(ctx, in.TrustedRoots); err != nil {
		return nil, nil, err
	}
	if s.trust == nil && s.public && in.Roots != nil {
		if s.trust, s.out.Notes, err = publicRoot(ctx, VerifyInputs{Roots: in.Roots, At: in.At}); err != nil {
			return nil, nil, err
		}
	}
	return s, func() {
		if s.reg != nil {
			s.reg.Close()
		}
	}, nil
}

// find finds the services: those of flags before those of a configuration.
func (s *signer) find(ctx context.Context) error {
	in := &s.in
	named := in.Fulcio != "" || len(in.Logs)+len(in.LogsV1)+len(in.Stampers) > 0
	var raw []byte
	var err error
	switch {
	case in.Config != "":
		raw, err = s.read(ctx, in.Config)
	case in.Key == "" && !named:
		s.public = true
		repository := trustroot.Repository{Dir: in.ConfigCache}
		if in.Staging {
			repository = trustroot.Staging(in.ConfigCache)
		}
		repository.File = signing.ConfigFile
		raw, _, err = repository.TrustedRoot(ctx, in.At)
	}
	if err == nil && raw != nil {
		s.services, err = signing.ParseConfig(raw, in.At)
	}
	if err != nil {
		return err
	}
	if in.Fulcio != "" {
		s.services.Fulcio = in.Fulcio
	}
	if len(in.Logs)+len(in.LogsV1) > 0 {
		s.services.Logs = nil
	}
	for _, a := range in.Logs {
		s.services.Logs = append(s.services.Logs, signing.Log{Address: a, Generation: 2})
	}
	for _, a := range in.LogsV1 {
		s.services.Logs = append(s.services.Logs, signing.Log{Address: a, Generation: 1})
	}
	if len(in.Stampers) > 0 {
		s.services.Stampers = in.Stampers
	}
	if in.Key == "" && len(s.services.Stampers) == 0 && len(in.LogsV1) == 0 {
		for _, l := range s.services.Logs {
			if l.Generation == 1 {
				return nil
			}
		}
		return ident.Errorf(ident.KindUsage, "nobody would vouch for when it was signed, and a certificate lives for ten minutes").WithHint("--timestamp URL names a timestamp authority")
	}
	return nil
}

// who reads the key or the token, and warns of what more than the signer could sign with.
func (s *signer) who(ctx context.Context) error {
	in := &s.in
	if kms.Is(in.Key) {
		return s.kept(ctx)
	}
	if in.Key != "" {
		raw, err := s.read(ctx, in.Key)
		if err != nil {
			return err
		}
		if s.by.Key, err = signing.ParseKey(in.Key, raw, in.Password); err != nil {
			return err
		}
		if in.Getenv("CI") != "" || in.Getenv("JENKINS_URL") != "" {
			s.warn("a key in a pipeline outlives the build: whoever reads it signs as the pipeline until it is taken back; an OIDC token is good for minutes")
		}
		return nil
	}
	var err error
	switch {
	case strings.Contains(in.Token, "://"):
		s.by.Token, err = s.client.Fetch(ctx, in.Token, "")
	case in.Token != "":
		var raw []byte
		if raw, err = s.read(ctx, in.Token); err == nil {
			s.by.Token, err = signing.ParseToken(in.Token, string(raw))
		}
	default:
		s.by.Token, err = s.client.Environment(ctx, in.Getenv, in.Audience)
	}
	if err != nil {
		return err
	}
	if s.by.Token == nil {
		return ident.Errorf(ident.KindUsage, "who signs? There is no key, and no token of a pipeline").
			WithHint("--key FILE, --identity-token FILE, or in a pipeline: permissions: id-token: write (GitHub), id_tokens: SIGSTORE_ID_TOKEN (GitLab)")
	}
	warnings, err := s.by.Token.Check(in.At, in.Audience)
	for _, w := range warnings {
		s.warn(w)
	}
	return err
}

// kept takes a key that a key management service keeps.
func (s *signer) kept(ctx context.Context) error {
	k, err := kms.Find(s.in.Key, os.Getenv, os.Environ())
	if err != nil {
		return err
	}
	public, err := k.PublicKey(ctx)
	if err != nil {
		return err
	}
	s.by.Key, err = signing.Kept(s.in.Key, public, k.Sign)
	return err
}

func (s *signer) warn(text string) { s.out.Warnings = append(s.out.Warnings, text) }

// subject is one thing to be signed.
type subject struct {
	name    string
	digest  ident.Digest
	image   *ident.ImageRef // with the digest; nil: no image
	content []byte          // of a file that is signed itself
}

// subject resolves a name: once, so that what is signed is what was looked at.
func (s *signer) subject(ctx context.Context, name string) (*subject, error) {
	out := &subject{name: name}
	if d, err := ident.ParseDigest(name); err == nil && !s.Exists(name) {
		out.digest = d
		return out, nil
	}
	if s.IsImage(name) {
		ref, err := ident.ParseImageRef(name)
		if err != nil {
			return nil, ident.Errorf(ident.KindUsage, "%w", err)
		}
		if s.reg == nil {
			if s.reg, err = s.in.Registry.client(); err != nil {
				return nil, err
			}
		}
		if ref.Digest, err = s.reg.Digest(ctx, ref); err != nil {
			return nil, err
		}
		out.digest, out.image = ref.Digest, &ref
		return out, nil
	}
	var err error
	if out.content, err = s.read(ctx, name); err != nil {
		return nil, err
	}
	out.digest = ident.SHA256(out.content)
	return out, nil
}

// sign signs content about a subject, checks what came of it as anybody would, and hands
// it on.
func (s *signer) sign(ctx context.Context, sub *subject, content signing.Content, predicateType string) error {
	raw, err := s.client.Bundle(ctx, content, s.by, s.services)
	if err != nil {
		return err
	}
	one := report.Signature{Artifact: sub.name, Digest: sub.digest, PredicateType: predicateType}
	artifact := verify.Artifact{Digest: sub.digest}
	if content.Message != nil {
		artifact = verify.Artifact{Content: bytes.NewReader(content.Message)}
	}
	if one.Fact, err = s.check(raw, artifact); err != nil {
		return err
	}
	file := s.in.Bundle
	if file == "" && sub.image == nil {
		if file = sub.name + BundleSuffix; sub.content == nil {
			return ident.Errorf(ident.KindUsage, "where does the bundle of %s go?", sub.digest.Short()).WithHint("--bundle FILE")
		}
		if s.Exists(file) {
			return ident.Errorf(ident.KindFailure, "a bundle is there already, and is not overwritten").At(file).WithHint("--bundle FILE names another, or this one to replace it")
		}
	}
	if file != "" {
		one.Bundle = file
		if err := s.in.Write(file, append(raw, '\n')); err != nil {
			return err
		}
	}
	if sub.image != nil && !s.in.KeepOff {
		one.Image = sub.image.String()
		if one.Attached, err = s.attach(ctx, sub, raw, content, predicateType); err != nil {
			return err
		}
	}
	s.out.Signatures = append(s.out.Signatures, one)
	return nil
}

// check verifies a bundle that was made just now. Without a trusted root of the services
// that were asked, only what a key proves can be checked, and a note says so.
func (s *signer) check(raw []byte, a verify.Artifact) (*fact.Fact, error) {
	b, err := verify.ParseBundle(raw)
	if err != nil {
		return nil, err
	}
	o := verify.Options{Trust: s.trust}
	if s.by.Key != nil {
		k, err := verify.ParseKey(s.in.Key, s.by.Key.Public())
		if err != nil {
			return nil, err
		}
		o.Keys = []*verify.Key{k}
	} else {
		o.Identities = []verify.Identity{{Issuer: s.by.Token.Issuer(), SubjectRegexp: "."}}
		if len(s.services.Logs) == 0 {
			o.Logs = -1
		}
	}
	if o.Trust == nil && (s.by.Key == nil || b.Logged()) {
		s.note("the bundle was not verified: --trusted-root FILE names the root of these services")
		return nil, nil //nolint:nilnil // nothing is known of it
	}
	v, err := verify.New(o)
	if err != nil {
		return nil, err
	}
	f, err := v.Bundle(b, a)
	var r *verify.Refusal
	if errors.As(err, &r) {
		return nil, ident.Errorf(ident.KindFailure, "what was signed does not verify, and is not handed on: %w", err).WithHint("do the trusted root and the signing services belong together?")
	}
	return f, err
}

func (s *signer) note(text string) {
	for _, n := range s.out.Notes {
		if n == text {
			return
		}
	}
	s.out.Notes = append(s.out.Notes, text)
}

// The media types of what cosign kept under its tags before there were bundles.
const (
	simpleType   = "application/vnd.dev.cosign.simplesigning.v1+json"
	envelopeType = "application/vnd.dsse.envelope.v1+json"
)

// attach puts a bundle beside its image: as a referrer with what cosign annotates it by,
// or under the tags of the format before it.
func (s *signer) attach(ctx context.Context, sub *subject, raw []byte, content signing.Content, predicateType string) (ident.Digest, error) {
	if s.in.Legacy {
		var made struct {
			Envelope json.RawMessage `json:"dsseEnvelope"`
			Message  struct {
				Signature string `json:"signature"`
			} `json:"messageSignature"`
		}
		if err := json.Unmarshal(raw, &made); err != nil {
			return ident.Digest{}, err
		}
		if content.Statement != nil {
			return s.reg.AddToTag(ctx, *sub.image, registry.ByCosignAttestation, []registry.Content{{MediaType: envelopeType, Bytes: made.Envelope,
				Annotations: map[string]string{"dev.cosignproject.cosign/signature": "", "predicateType": predicateType}}})
		}
		return s.reg.AddToTag(ctx, *sub.image, registry.ByCosignSignature, []registry.Content{{MediaType: simpleType, Bytes: content.Message,
			Annotations: map[string]string{"dev.cosignproject.cosign/signature": made.Message.Signature}}})
	}
	if predicateType == "" {
		predicateType = provenance.CosignSign
	}
	return s.reg.Attach(ctx, *sub.image, registry.Artifact{Type: signing.BundleType, Layers: []registry.Content{{MediaType: signing.BundleType, Bytes: raw}},
		Annotations: map[string]string{"org.opencontainers.image.created": s.in.At.UTC().Format(time.RFC3339), "dev.sigstore.bundle.content": "dsse-envelope", "dev.sigstore.bundle.predicateType": predicateType}})
}

// simpleSigning is what cosign signed of an image before there were bundles (cosign,
// SIGNATURE_SPEC, "Payloads").
func simpleSigning(sub *subject) ([]byte, error) {
	if sub.image == nil {
		return nil, ident.Errorf(ident.KindUsage, "%s is no image, and only images have the legacy format", sub.name)
	}
	return json.Marshal(map[string]any{"critical": map[string]any{"identity": map[string]any{"docker-reference": sub.image.Name()}, "image": map[string]any{"docker-manifest-digest": sub.digest},
		"type": "cosign container image signature"}, "optional": nil})
}

// stated is a file that is a statement. What it is about is its first subject.
func stated(sub *subject) ([]byte, string, error) {
	if sub.content == nil {
		return nil, "", ident.Errorf(ident.KindUsage, "%s is no file, and the statement that is signed must be one", sub.name)
	}
	st, err := provenance.ParseStatement(sub.content, provenance.Limits{})
	if err != nil {
		return nil, "", located(sub.name, err)
	}
	digests := st.Digests()
	if len(digests) == 0 {
		return nil, "", ident.Errorf(ident.KindRefused, "the statement is about nothing whose digest can be computed").At(sub.name).WithHint("a subject with a digest of sha256, sha384 or sha512")
	}
	sub.digest = digests[0]
	return sub.content, st.PredicateType, nil
}
