package app

import (
	"context"
	"crypto/x509"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/fact"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/notation"
	"github.com/cofferdam-io/cofferdam/internal/registry"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/verify"
)

// NotationInputs say by what signatures of the Notary Project are judged.
type NotationInputs struct {
	Policy  string   // file of a trust policy document; "": none are
	Store   string   // folder with x509/KIND/NAME below
	Revoked []string // files of revocation lists
	Answers []string // files of OCSP responses
	Plugins string   // folder with NAME/notation-NAME; "": no plugin is run
	// PluginConfig is what every plugin is told, NAME=VALUE.
	PluginConfig map[string]string
}

// notary makes the judge of signatures of the Notary Project; nil where none is asked for.
func (l *Loader) notary(ctx context.Context, in VerifyInputs) (*verify.Notation, error) {
	if in.Notation.Policy == "" {
		return nil, nil
	}
	raw, err := l.read(ctx, in.Notation.Policy)
	if err != nil {
		return nil, err
	}
	o := verify.NotationOptions{At: in.At, Stores: map[string][]*x509.Certificate{}, PluginConfig: in.Notation.PluginConfig}
	if in.Notation.Plugins != "" {
		o.Plugins = &notation.Plugins{Dir: in.Notation.Plugins, Environ: os.Environ()}
	}
	if o.Policy, err = verify.ParseNotationPolicy(raw); err != nil {
		return nil, located(in.Notation.Policy, err)
	}
	if o.Distrust, err = l.distrust(ctx, in.DistrustFile); err != nil {
		return nil, err
	}
	for _, name := range in.Notation.Revoked {
		raw, err := l.read(ctx, name)
		if err != nil {
			return nil, err
		}
		list, err := verify.ParseRevocationList(raw)
		if err != nil {
			return nil, located(name, err)
		}
		o.Revoked = append(o.Revoked, list)
	}
	for _, name := range in.Notation.Answers {
		raw, err := l.read(ctx, name)
		if err != nil {
			return nil, err
		}
		r, err := verify.ParseOCSPResponse(raw)
		if err != nil {
			return nil, located(name, err)
		}
		o.Answers = append(o.Answers, r)
	}
	for _, store := range o.Policy.Stores() {
		if in.Notation.Store == "" {
			return nil, ident.Errorf(ident.KindUsage, "the trust policy names the store %s, and no folder of stores is given", store).WithHint("--notation-store DIR, such as ~/.config/notation/trust-store")
		}
		if o.Stores[store], err = l.trustStore(ctx, in.Notation.Store, store); err != nil {
			return nil, err
		}
	}
	return verify.NewNotation(o)
}

// trustStore reads the certificates of one store. Links are refused, as the specification
// says; what is no file of certificates by its name is passed over, and so are folders.
func (l *Loader) trustStore(ctx context.Context, dir, store string) ([]*x509.Certificate, error) {
	kind, name, _ := strings.Cut(store, ":")
	at := filepath.Join(dir, "x509", kind, name)
	if st, err := os.Lstat(at); errors.Is(err, fs.ErrNotExist) {
		return nil, nil // which the judge tells with what to do
	} else if err != nil {
		return nil, ident.Unreadable(at, err)
	} else if !st.IsDir() {
		return nil, ident.Errorf(ident.KindInvalid, "is no folder: links to trust stores are not followed").At(at)
	}
	entries, err := os.ReadDir(at)
	if err != nil {
		return nil, ident.Unreadable(at, err)
	}
	var out []*x509.Certificate
	for _, e := range entries {
		file := filepath.Join(at, e.Name())
		switch {
		case e.Type()&fs.ModeSymlink != 0:
			return nil, ident.Errorf(ident.KindInvalid, "is a link: the files of trust stores are none").At(file)
		case !e.Type().IsRegular() || !slices.Contains([]string{".pem", ".crt", ".cer"}, strings.ToLower(filepath.Ext(e.Name()))):
			continue
		}
		raw, err := l.read(ctx, file)
		if err != nil {
			return nil, err
		}
		certs, err := verify.ParseStoreCertificates(kind, raw)
		if err != nil {
			return nil, located(file, err)
		}
		out = append(out, certs...)
	}
	return out, nil
}

// isNotation reports whether a candidate is a signature of the Notary Project by its own
// manifest: its envelopes have no other mark.
func isNotation(s *registry.Signature) bool {
	return slices.Contains(verify.NotationEnvelopes(), s.MediaType)
}

// hearNotation judges a signature of the Notary Project. What its trust policy lets pass
// without a trusted authority is no fact: nobody knows who says it.
func (j *judges) hearNotation(ctx context.Context, s *registry.Signature, c *report.Candidate, out *ImageFacts) error {
	c.Format = formatNotation
	if j.notary == nil {
		c.Verdict = refusedFor(c.Verdict, string(verify.WrongMaterial),
			ident.Errorf(ident.KindRefused, "it is a signature of the Notary Project, and no trust policy is given that judges it").WithHint("--notation-policy FILE --notation-store DIR"))
		return nil
	}
	f, err := j.notary.Signature(ctx, s.Bytes, s.MediaType, out.Reference.Name(), s.Origin.Image.Digest)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		refused(&c.Verdict, err)
		if c.Class = c.Verdict.Verdict; c.Class == report.Indeterminate {
			out.Unchecked = append(out.Unchecked, err)
		}
		return nil
	case slices.Contains(f.Signer.X509.Logged, verify.CheckAuthenticity):
		out.Audited = append(out.Audited, *f)
	default:
		out.Facts = append(out.Facts, *f)
	}
	c.Fact = f
	return nil
}

// audited says what passes only because a trust policy logs what it does not enforce.
func audited(f *fact.Fact) string {
	return "the trust policy " + f.Signer.X509.Policy + " only logs what it finds, and it is not known who signed: " + strings.Join(f.Notes, "; ")
}
