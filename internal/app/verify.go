package app

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/cofferdam-io/cofferdam/fact"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/trustroot"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/provenance/slsa"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/verify"
)

// BundleSuffix is what a bundle's name adds to that of its artifact where none is named.
const BundleSuffix = ".sigstore.json"

// VerifyInputs say what is verified, and by what.
type VerifyInputs struct {
	Artifacts    []string // files or digests
	Bundle       string   // "": each artifact's name with BundleSuffix
	Keys         []string // files of public keys
	TrustedRoots []string // files; none: the public good's, which Roots gets
	DistrustFile string
	BuildersFile string         // of a table of builders; "": nothing is said of SLSA levels
	Options      verify.Options // Identities and thresholds
	Notation     NotationInputs // what signatures of the Notary Project at images are judged by
	// Roots gets the public trusted root, with what a user should know of it. It is
	// called only where a bundle needs it.
	Roots func(ctx context.Context, at time.Time) (raw []byte, notes []string, err error)
	// Mirror gets the trusted root of a TUF repository that a TrustRoot names. nil: none is
	// asked.
	Mirror func(ctx context.Context, m Mirror, at time.Time) (raw []byte, notes []string, err error)
	At     time.Time
}

// named reports whether somebody is named whose signatures count; otherwise those of
// anybody do whom a trusted root vouches for.
func (in *VerifyInputs) named() bool { return len(in.Keys)+len(in.Options.Identities) > 0 }

// VerifyBundles judges bundles. What is refused and what could not be checked are
// results; an error says that the question is wrong, or that a key or trusted root is.
func (l *Loader) VerifyBundles(ctx context.Context, in VerifyInputs) (*report.Verification, error) {
	a := &report.Verification{SchemaVersion: inventory.SchemaVersion, At: in.At.UTC().Format(time.RFC3339), Verdict: report.Verified, Results: []report.Verdict{}}
	l, in, by := l.noting(in)
	defer func() { a.JudgedBy = by.with(nil) }()
	o, err := l.verifyOptions(ctx, in)
	var bad *verify.Refusal
	if errors.As(err, &bad) { // no artifact can be judged by a key or root that is malformed
		for _, name := range in.Artifacts {
			v := report.Verdict{Artifact: name, Bundle: bundleOf(in, name)}
			v.Digest = l.digestOf(ctx, name)
			refused(&v, err)
			a.Add(v)
		}
		return a, nil
	}
	if err != nil {
		return nil, err
	}
	judge, err := verify.New(o)
	if err != nil {
		return nil, err
	}
	table, err := l.builders(ctx, in.BuildersFile)
	if err != nil {
		return nil, err
	}
	for i, name := range in.Artifacts {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		l.progress("verifying", i, len(in.Artifacts))
		v := report.Verdict{Artifact: name, Bundle: bundleOf(in, name), Verdict: report.Verified}
		b, raw, err := l.bundle(ctx, v.Bundle)
		if err == nil && o.Trust == nil && (b.Certified() && len(o.Identities) > 0 || !b.Certified() && len(o.Keys) > 0 && b.Logged()) {
			if o.Trust, a.Notes, err = publicRoot(ctx, in); err == nil {
				judge, err = verify.New(o)
			}
		}
		if err == nil {
			v.Fact, err = l.judge(ctx, judge, b, name)
		}
		if err != nil {
			if k := ident.KindOf(err); k == ident.KindUsage || errors.Is(err, context.Canceled) {
				return nil, err
			}
			refused(&v, err)
			v.Digest = l.digestOf(ctx, name)
		} else if v.Digest = v.Fact.Artifact; table != nil {
			v.SLSA = slsa.Assess(v.Fact.Artifact, []fact.Fact{*v.Fact}, table, nil)
		}
		v.SBOM = sbomVerdict(raw, &v, true)
		a.Add(v)
	}
	return a, nil
}

func (l *Loader) verifyOptions(ctx context.Context, in VerifyInputs) (o verify.Options, err error) {
	o = in.Options
	if o.Keys, err = l.keys(ctx, in.Keys); err != nil {
		return o, err
	}
	if o.Distrust, err = l.distrust(ctx, in.DistrustFile); err != nil {
		return o, err
	}
	o.Trust, err = l.trustedRoots(ctx, in.TrustedRoots)
	return o, err
}

func bundleOf(in VerifyInputs, artifact string) string {
	if in.Bundle != "" {
		return in.Bundle
	}
	return artifact + BundleSuffix
}

// refused puts an error into a verdict: what was refused, or what could not be checked.
func refused(v *report.Verdict, err error) {
	v.Verdict, v.Message = report.Indeterminate, err.Error()
	var known *ident.Error
	if errors.As(err, &known) {
		v.Message, v.Hint = known.Error(), known.Hint
		if known.Err != nil {
			v.Detail = known.Err.Error()
		}
	}
	var r *verify.Refusal
	if errors.As(err, &r) {
		v.Verdict, v.Reason = report.Refused, string(r.Reason)
	}
}

func publicRoot(ctx context.Context, in VerifyInputs) (*verify.Trust, []string, error) {
	raw, notes, err := in.Roots(ctx, in.At)
	if err != nil {
		return nil, nil, err
	}
	t, err := verify.ParseTrustedRoot(raw)
	return t, notes, err
}

func (l *Loader) bundle(ctx context.Context, name string) (*verify.Bundle, []byte, error) {
	raw, err := l.read(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	b, err := verify.ParseBundle(raw)
	return b, raw, err
}

// judge opens the artifact and verifies its bundle. A name that no file has and that
// reads as a digest is a digest.
func (l *Loader) judge(ctx context.Context, judge *verify.Verifier, b *verify.Bundle, name string) (*fact.Fact, error) {
	if name != stdinName {
		if _, err := l.stat(name); err != nil {
			if d, derr := ident.ParseDigest(name); derr == nil {
				return judge.Bundle(b, verify.Artifact{Digest: d})
			}
			return nil, ident.Unreadable(name, err)
		}
		f, err := l.open(name)
		if err != nil {
			return nil, ident.Unreadable(name, err)
		}
		defer f.Close() //nolint:errcheck // it was only read
		if file, ok := f.(*os.File); ok {
			if st, err := file.Stat(); err == nil && st.Mode().IsRegular() {
				return judge.Bundle(b, verify.Artifact{Content: seeker{ctx, file}})
			}
		}
	}
	content, err := l.read(ctx, name)
	if err != nil {
		return nil, err
	}
	return judge.Bundle(b, verify.Artifact{Content: bytes.NewReader(content)})
}

// seeker stops reading a long file once nobody waits for it.
type seeker struct {
	ctx context.Context
	io.ReadSeeker
}

func (s seeker) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.ReadSeeker.Read(p)
}

// digestOf is an artifact's digest, of which no verifier told one; zero where it cannot be
// read. Standard input is gone by then.
func (l *Loader) digestOf(ctx context.Context, name string) ident.Digest {
	if name == stdinName {
		return ident.Digest{}
	}
	f, err := l.open(name)
	if err != nil {
		if d, derr := ident.ParseDigest(name); derr == nil {
			return d
		}
		return ident.Digest{}
	}
	defer f.Close() //nolint:errcheck // it was only read
	h := sha256.New()
	if _, err := io.Copy(h, ctxReader{ctx, f}); err != nil {
		return ident.Digest{}
	}
	d, _ := ident.ParseDigest("sha256:" + hex.EncodeToString(h.Sum(nil))) // it is one
	return d
}

func (l *Loader) keys(ctx context.Context, names []string) ([]*verify.Key, error) {
	var out []*verify.Key
	for _, name := range names {
		raw, err := l.publicKey(ctx, name)
		if err != nil {
			return nil, err
		}
		k, err := verify.ParseKey(name, raw)
		if err != nil {
			return nil, located(name, err)
		}
		out = append(out, k)
	}
	return out, nil
}

func (l *Loader) trustedRoots(ctx context.Context, names []string) (*verify.Trust, error) {
	var all []*verify.Trust
	for _, name := range names {
		raw, err := l.read(ctx, name)
		if err != nil {
			return nil, err
		}
		t, err := verify.ParseTrustedRoot(raw)
		if err != nil {
			return nil, located(name, err)
		}
		all = append(all, t)
	}
	if len(all) == 0 {
		return nil, nil
	}
	return verify.JoinTrust(all...), nil
}

// located says in which file a fault lies.
func located(name string, err error) error {
	var r *verify.Refusal
	if errors.As(err, &r) {
		return r.At(name)
	}
	var e *ident.Error
	if errors.As(err, &e) {
		return e.At(name)
	}
	return err
}

func (l *Loader) distrust(ctx context.Context, name string) ([]verify.Distrust, error) {
	return listOf(ctx, l, name, verify.ParseDistrust)
}

func (l *Loader) builders(ctx context.Context, name string) (*slsa.Table, error) {
	return listOf(ctx, l, name, slsa.ParseTable)
}

// listOf reads a file that somebody wrote, in YAML or JSON, as what parse makes of it;
// nothing without a name.
func listOf[T any](ctx context.Context, l *Loader, name string, parse func(raw []byte) (T, error)) (out T, err error) {
	if name == "" {
		return out, nil
	}
	raw, err := l.read(ctx, name)
	if err != nil {
		return out, err
	}
	if raw, err = yaml.YAMLToJSONStrict(raw); err != nil {
		return out, ident.Errorf(ident.KindInvalid, "is neither YAML nor JSON: %w", err).At(name)
	}
	if out, err = parse(raw); err != nil {
		return out, located(name, err)
	}
	return out, nil
}

// PublicRoot returns the public good's trusted root, kept in a folder.
func PublicRoot(ctx context.Context, dir string, at time.Time) ([]byte, []string, error) {
	return trustroot.Repository{Dir: dir}.TrustedRoot(ctx, at)
}

// Mirror is a TUF repository that has a trusted root.
type Mirror struct {
	Address       string
	Root          []byte // the first root.json that is trusted
	Targets, File string // its folder of targets, and the trusted root's name; "": as Sigstore's
}

// MirrorRoot returns the trusted root of a TUF repository, kept in a folder.
func MirrorRoot(ctx context.Context, dir string, m Mirror, at time.Time) ([]byte, []string, error) {
	return trustroot.Repository{Dir: dir, Mirror: m.Address, Root: m.Root, Targets: m.Targets, File: m.File}.TrustedRoot(ctx, at)
}

// MirroredRoot is MirrorRoot with the first root in a file.
func (l *Loader) MirroredRoot(ctx context.Context, dir, address, file string, at time.Time) ([]byte, []string, error) {
	first, err := l.read(ctx, file)
	if err != nil {
		return nil, nil, err
	}
	return MirrorRoot(ctx, dir, Mirror{Address: address, Root: first}, at)
}

// StagingRoot returns the trusted root of Sigstore's staging deployment, kept in a folder.
func StagingRoot(ctx context.Context, dir string, at time.Time) ([]byte, []string, error) {
	return trustroot.Staging(dir).TrustedRoot(ctx, at)
}
