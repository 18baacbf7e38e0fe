package app

import (
	"cmp"
	"context"
	"strings"

	"github.com/cofferdam-io/cofferdam/fact"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/registry"
	"github.com/cofferdam-io/cofferdam/internal/signing"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/provenance"
	"github.com/cofferdam-io/cofferdam/provenance/predicate"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/sbom/decode"
	"github.com/cofferdam-io/cofferdam/verify"
	"github.com/cofferdam-io/cofferdam/vuln"
	"github.com/cofferdam-io/cofferdam/vuln/vex"
)

// AttachInputs say which bundles are taken in, for which image, and from whom.
type AttachInputs struct {
	Image    string
	Bundles  []string // files
	Registry RegistryInputs
	Verify   VerifyInputs
}

// Attach takes in what somebody else signed about an image: each bundle is verified, about
// this digest and by whom the inputs name, what it says is read where its type is known,
// and only when all of them hold they are attached, byte for byte as they came. What is
// attached already stays one.
func (l *Loader) Attach(ctx context.Context, in AttachInputs) (*report.Attached, error) {
	o, err := l.verifyOptions(ctx, in.Verify)
	if err != nil {
		return nil, err
	}
	ref, err := ident.ParseImageRef(in.Image)
	if err != nil {
		return nil, ident.Errorf(ident.KindUsage, "%w", err).WithHint("registry.example/shop/web:1.4, or with @sha256:…")
	}
	c, err := in.Registry.client()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if ref.Digest, err = c.Digest(ctx, ref); err != nil {
		return nil, err
	}
	a := &report.Attached{SchemaVersion: inventory.SchemaVersion, Signatures: []report.Signature{}}
	raws := make([][]byte, 0, len(in.Bundles))
	for _, name := range in.Bundles {
		b, raw, err := l.bundle(ctx, name)
		if err != nil {
			return nil, located(name, err)
		}
		if o.Trust == nil && (b.Certified() || b.Logged()) {
			if o.Trust, a.Notes, err = publicRoot(ctx, in.Verify); err != nil {
				return nil, err
			}
		}
		v, err := verify.New(o)
		if err != nil {
			return nil, err
		}
		f, err := v.Bundle(b, verify.Artifact{Digest: ref.Digest})
		if err == nil {
			err = readable(ctx, name, f)
		}
		if err != nil {
			return nil, located(name, err)
		}
		raws = append(raws, raw)
		a.Signatures = append(a.Signatures, report.Signature{Artifact: in.Image, Digest: ref.Digest, PredicateType: f.PredicateType, Bundle: name, Image: ref.String(), Fact: f})
	}
	for i, raw := range raws {
		s := &a.Signatures[i]
		kind, content := cmp.Or(s.PredicateType, provenance.CosignSign), "dsse-envelope"
		if s.Fact.Claim == fact.Signature && s.Fact.Statement == nil {
			content = "message-signature"
		}
		// Without the time of today the same bundle is the same manifest.
		s.Attached, err = c.Attach(ctx, ref, registry.Artifact{Type: signing.BundleType, Layers: []registry.Content{{MediaType: signing.BundleType, Bytes: raw}},
			Annotations: map[string]string{"dev.sigstore.bundle.content": content, "dev.sigstore.bundle.predicateType": kind}})
		if err != nil {
			return nil, err
		}
	}
	return a, nil
}

// readable refuses a statement of a type that is known and that nobody could read later.
func readable(ctx context.Context, name string, f *fact.Fact) error {
	raw, is, err := provenance.SBOM(&provenance.Statement{PredicateType: f.PredicateType, Predicate: f.Predicate})
	switch {
	case err != nil:
	case is:
		_, err = decode.Bytes(ctx, name, raw, decode.Limits{})
	case f.PredicateType == provenance.MicroSegmentation:
		_, err = decode.Bytes(ctx, name, f.Predicate, decode.Limits{})
	case isVEX(f.PredicateType):
		var faults []vuln.VEXFault
		if _, faults, err = vex.Decode(ctx, name, f.Predicate); err == nil && len(faults) > 0 {
			err = ident.Errorf(ident.KindInvalid, "%s: %s", faults[0].Pointer, faults[0].Message)
		}
	case f.Claim == fact.Attestation:
		_, err = predicate.Read(f.PredicateType, f.Predicate, predicate.Limits{})
	}
	if err != nil && ctx.Err() == nil {
		return ident.Errorf(ident.KindRefused, "is signed as it should be, and what it says cannot be read: %w", err)
	}
	return err
}

// isVEX reports whether predicates of a type are OpenVEX or CSAF documents, whose types
// have versions behind them.
func isVEX(predicateType string) bool {
	return strings.HasPrefix(predicateType, provenance.OpenVEX) || strings.HasPrefix(predicateType, "https://docs.oasis-open.org/csaf/")
}
