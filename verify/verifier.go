package verify

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/tlog"
	sigverify "github.com/sigstore/sigstore-go/pkg/verify"

	"github.com/cofferdam-io/cofferdam/fact"
	"github.com/cofferdam-io/cofferdam/ident"
)

// Options say what a Verifier accepts. Either Keys or Identities are needed; where both
// are given, a bundle is judged by what it was signed with.
type Options struct {
	// Trust is needed for certificates, and for the log entries and timestamps of keys.
	Trust      *Trust
	Keys       []*Key
	Identities []Identity
	// Anybody accepts certificates of whomever the trusted root's authorities certified:
	// for facts that a policy judges, which asks who it was. Identities are not looked at.
	Anybody  bool
	Distrust []Distrust
	// Thresholds of what is asked for. For certificates zero is one of each; for keys
	// zero is none, but log entries that are there must verify all the same.
	// Negative asks for none: only for a deployment that has no such service; entries of
	// keys are then left out of account. Without a time no certificate verifies, so that
	// Times has no such value.
	Logs, Times, SCTs int
}

// Verifier judges bundles. It does not change, and is safe for concurrent use: one is
// made for many bundles.
type Verifier struct {
	o        Options
	matchers []matcher
}

// New returns a Verifier; an error is of KindUsage.
func New(o Options) (*Verifier, error) {
	v := &Verifier{o: o}
	if len(o.Keys) == 0 && len(o.Identities) == 0 && !o.Anybody {
		return nil, ident.Errorf(ident.KindUsage, "whose signature is accepted?").WithHint("--key FILE, or --certificate-identity and --certificate-oidc-issuer")
	}
	if o.Times < 0 {
		return nil, ident.Errorf(ident.KindUsage, "a certificate is judged at the time of signing: at least one is needed")
	}
	for _, i := range o.Identities {
		m, err := compile(i)
		if err != nil {
			return nil, err
		}
		v.matchers = append(v.matchers, m)
	}
	return v, nil
}

// certificates reports whether any certificate may do.
func (v *Verifier) certificates() bool { return len(v.matchers) > 0 || v.o.Anybody }

func threshold(n int) int {
	switch {
	case n < 0:
		return 0
	case n == 0:
		return 1
	}
	return n
}

// demands are the options of sigstore-go for thresholds; zero asks for none.
func demands(logs, times, scts int) []sigverify.VerifierOption {
	o := []sigverify.VerifierOption{sigverify.WithoutStatementPredicate()}
	if logs > 0 {
		o = append(o, sigverify.WithTransparencyLog(logs))
	}
	if times > 0 {
		o = append(o, sigverify.WithObserverTimestamps(times))
	} else {
		o = append(o, sigverify.WithNoObserverTimestamps())
	}
	if scts > 0 {
		o = append(o, sigverify.WithSignedCertificateTimestamps(scts))
	}
	return o
}

// Bundle verifies a bundle about an artifact. What does not verify is a *Refusal; an
// error of KindUsage says that the Verifier lacks what it needs to judge.
func (v *Verifier) Bundle(b *Bundle, a Artifact) (*fact.Fact, error) {
	var f *fact.Fact
	var err error
	if b.Certified() {
		f, err = v.certified(b, a)
	} else {
		f, err = v.keyed(b, a)
	}
	if err != nil {
		return nil, err
	}
	f.Source = b.digest
	if b.statement != nil {
		f.Claim, f.PredicateType, f.Predicate = fact.Attestation, b.statement.PredicateType, b.statement.Predicate
		f.Statement = b.signed
		if f.PredicateType == signPredicate {
			f.Claim = fact.Signature
		}
	} else {
		f.Claim = fact.Signature
	}
	if err := Distrusts(v.o.Distrust, f); err != nil {
		return nil, err
	}
	return f, nil
}

func (v *Verifier) certified(b *Bundle, a Artifact) (*fact.Fact, error) {
	if !v.certificates() {
		return nil, refuse(WrongMaterial, "the bundle was signed under a certificate, not with a key").
			hint("--certificate-identity and --certificate-oidc-issuer say whose certificate is accepted; cofferdam verify bundle --explain shows whose it is")
	}
	if v.o.Trust == nil {
		return nil, ident.Errorf(ident.KindUsage, "a certificate is judged by a trusted root, and none is given")
	}
	leaf := b.material.Certificate()
	_, pure := leaf.PublicKey.(ed25519.PublicKey)
	digest, about, err := b.about(a, pure)
	if err != nil {
		return nil, err
	}
	who, err := describe(leaf)
	if err != nil {
		return nil, refuse(BadBundle, "the bundle's certificate names nobody: %s", plain(err)).because(err)
	}
	trusted := b.trusting(&v.o.Trust.m)
	entity, held, err := b.bareEntries(trusted)
	if err != nil {
		return nil, err
	}
	logs, times, scts := threshold(v.o.Logs)-held, threshold(v.o.Times), threshold(v.o.SCTs)
	// Promises of certificate logs are judged here. Where they do not suffice, sigstore-go
	// judges all of it again: it has the last word, and the reasons.
	noted := &noting{TrustedMaterial: trusted}
	result, verifier, err := judge(noted, entity, about, logs, times, 0)
	if err != nil && verifier == nil {
		return nil, err
	}
	promised := len(noted.chain) >= 2 && promisedBy(leaf, noted.chain[1], trusted.CTLogs()) >= scts
	if scts > 0 && !promised && (err == nil || len(noted.chain) > 0) {
		if _, about, err = b.about(a, pure); err != nil { // the content was read to its end
			return nil, err
		}
		if result, verifier, err = judge(trusted, entity, about, logs, times, scts); err != nil && verifier == nil {
			return nil, err
		}
	}
	if err != nil {
		r := diagnose(b, entity, verifier, trusted, err)
		if r.Reason == NoTime && held > 0 && b.promised() {
			r = r.hint("the log's own time of an entry that is about an envelope by its digest alone does not count: sign with a timestamp authority, too")
		}
		return nil, r
	}
	if r := b.otherTimes(trusted); r != nil {
		return nil, r
	}
	who.SCTs = threshold(v.o.SCTs)
	if err := v.identify(who); err != nil {
		return nil, err
	}
	f := &fact.Fact{Artifact: digest, Signer: fact.Signer{Certificate: who}, Trust: v.o.Trust.version, Times: timesOf(result), Log: v.logged(b, threshold(v.o.Logs), held)}
	f.Notes = b.leftOut(f)
	return f, nil
}

// judge has sigstore-go verify a bundle under a certificate. Without a verifier, the error
// is of KindUsage.
func judge(m root.TrustedMaterial, entity sigverify.SignedEntity, about sigverify.ArtifactPolicyOption, logs, times, scts int) (*sigverify.VerificationResult, *sigverify.Verifier, error) {
	verifier, err := sigverify.NewVerifier(m, demands(logs, times, scts)...)
	if err != nil {
		return nil, nil, ident.Errorf(ident.KindUsage, "the thresholds do not go together: %w", err)
	}
	result, err := verifier.Verify(entity, sigverify.NewPolicy(about, sigverify.WithoutIdentitiesUnsafe()))
	return result, verifier, err
}

// noting is a trusted root that notes the chain by which the last leaf was verified. It is
// of one verification.
type noting struct {
	root.TrustedMaterial
	chain []*x509.Certificate
}

func (n *noting) FulcioCertificateAuthorities() []root.CertificateAuthority {
	all := n.TrustedMaterial.FulcioCertificateAuthorities()
	out := make([]root.CertificateAuthority, len(all))
	for i, ca := range all {
		out[i] = noted{ca, n}
	}
	return out
}

type noted struct {
	root.CertificateAuthority
	by *noting
}

func (n noted) Verify(leaf *x509.Certificate, at time.Time) ([][]*x509.Certificate, error) {
	chains, err := n.CertificateAuthority.Verify(leaf, at)
	if err == nil && len(chains) > 0 {
		n.by.chain = chains[0]
	}
	return chains, err
}

// identify returns why a certificate is of none of the identities; of several refusals
// the one that came farthest.
func (v *Verifier) identify(who *fact.Certificate) error {
	if v.o.Anybody {
		return nil
	}
	rank := []Reason{WrongIssuer, WrongSubject, WrongExtension}
	var nearest *Refusal
	for i := range v.matchers {
		r := v.matchers[i].refusal(who)
		if r == nil {
			return nil
		}
		if nearest == nil || slices.Index(rank, r.Reason) > slices.Index(rank, nearest.Reason) {
			nearest = r
		}
	}
	return nearest
}

func (v *Verifier) keyed(b *Bundle, a Artifact) (*fact.Fact, error) {
	if len(v.o.Keys) == 0 {
		return nil, refuse(WrongMaterial, "the bundle was signed with a key, not under a certificate").hint("--key FILE gives the public key")
	}
	if v.o.Trust == nil && b.Logged() {
		return nil, ident.Errorf(ident.KindUsage, "the bundle has log entries or timestamps, and no trusted root is given that judges them")
	}
	logs, asked := max(v.o.Logs, 0), v.o.Times
	if len(b.entries) > 0 && v.o.Logs >= 0 {
		logs = max(logs, 1)
	}
	var last error
	for _, k := range v.o.Keys {
		_, pure := k.public.(ed25519.PublicKey)
		digest, about, err := b.about(a, pure)
		if err != nil {
			return nil, err
		}
		// Where somebody says when it was signed, that is verified, too.
		wanted := asked
		if wanted == 0 && (len(b.stamps) > 0 || b.promised()) {
			wanted = 1
		}
		f, err := v.withKey(b, k, about, logs, wanted)
		var r *Refusal
		if errors.As(err, &r) && (r.Reason == NoTime || r.Reason == BadTimestamp) && asked == 0 && !k.bounded() {
			if pure || b.payload != nil { // it was read to its end
				if digest, about, err = b.about(a, pure); err != nil {
					return nil, err
				}
			}
			f, err = v.withKey(b, k, about, logs, 0)
		}
		if err == nil {
			f.Artifact = digest
			f.Notes = b.leftOut(f)
			return f, nil
		}
		if last == nil || !errors.As(err, &r) || r.Reason != BadSignature {
			last = err
		}
	}
	if len(v.o.Keys) > 1 {
		var r *Refusal
		if errors.As(last, &r) && r.Reason == BadSignature {
			return nil, refuse(BadSignature, "the signature is of none of the %d keys", len(v.o.Keys)).because(last)
		}
	}
	return nil, last
}

// withKey judges a bundle by one key.
func (v *Verifier) withKey(b *Bundle, k *Key, about sigverify.ArtifactPolicyOption, logs, wanted int) (*fact.Fact, error) {
	// The bundle's hint which key it was proves nothing, and is not looked at.
	known := root.TrustedMaterialCollection{root.NewTrustedPublicKeyMaterial(func(string) (root.TimeConstrainedVerifier, error) { return k, nil })}
	f := &fact.Fact{Signer: fact.Signer{Key: &k.Key}}
	if v.o.Trust != nil {
		known = append(known, &v.o.Trust.m)
		f.Trust = v.o.Trust.version
	}
	trusted := b.trusting(known)
	entity, held := sigverify.SignedEntity(&remainder{Bundle: b.read, of: b, entries: b.entries}), 0
	if v.o.Logs >= 0 {
		var err error
		if entity, held, err = b.bareEntries(trusted); err != nil {
			return nil, err
		}
	}
	verifier, err := sigverify.NewVerifier(trusted, demands(logs-held, wanted, 0)...)
	if err != nil {
		return nil, ident.Errorf(ident.KindUsage, "the thresholds do not go together: %w", err)
	}
	result, err := verifier.Verify(entity, sigverify.NewPolicy(about, sigverify.WithoutIdentitiesUnsafe(), sigverify.WithKey()))
	if err != nil {
		return nil, diagnose(b, entity, verifier, trusted, err)
	}
	if wanted > 0 {
		if r := b.otherTimes(trusted); r != nil {
			return nil, r
		}
	}
	f.Times, f.Log = timesOf(result), v.logged(b, logs, held)
	if k.bounded() && len(f.Times) == 0 {
		return nil, refuse(KeyTime, "the key is good for some time only, and nobody vouches for when this was signed")
	}
	return f, nil
}

// otherTimes refuses a bundle of several timestamps one of which is of a trusted authority
// and outside of the time that the certificate or key is good for. sigstore-go counts one
// of each authority, and looks at no others.
func (b *Bundle) otherTimes(m root.TrustedMaterial) *Refusal {
	if len(b.stamps) < 2 {
		return nil
	}
	for _, stamp := range b.stamps {
		for _, a := range m.TimestampingAuthorities() {
			if t, err := a.Verify(stamp, b.content.Signature()); err == nil && !b.material.ValidAtTime(t.Time, m) {
				return refuse(OutsideTime, "one of %d timestamps says that it was signed at %s, when the certificate or key is not valid", len(b.stamps), clock(t.Time))
			}
		}
	}
	return nil
}

// promised reports whether a log says when it took an entry in.
func (b *Bundle) promised() bool {
	return slices.ContainsFunc(b.entries, (*tlog.Entry).HasInclusionPromise)
}

func timesOf(r *sigverify.VerificationResult) []fact.Time {
	out := []fact.Time{}
	for _, t := range r.VerifiedTimestamps {
		source := fact.FromAuthority
		if t.Type == "Tlog" {
			source = fact.FromLog
		}
		out = append(out, fact.Time{Source: source, Authority: t.URI, At: t.Timestamp.UTC()})
	}
	return out
}

// logged lists the entries that verified, which where none was asked for is none.
// sigstore-go passes over entries of logs that are not known, and over those whose
// promise does not verify; all others it verified or refused. Where the entries that
// were verified here, of held logs, are as many as were asked for, it looked at none.
func (v *Verifier) logged(b *Bundle, asked, held int) []fact.LogEntry {
	out := []fact.LogEntry{}
	if asked == 0 {
		return out
	}
	logs := v.o.Trust.m.logs
	for _, e := range b.entries {
		id := hex.EncodeToString([]byte(e.LogKeyID()))
		log, ok := logs[id]
		if held > 0 && held >= asked && !b.ours(e) {
			continue
		}
		if !ok || e.HasInclusionPromise() && len(b.entries) > 1 && tlog.VerifySET(e, logs) != nil {
			continue
		}
		t := e.TransparencyLogEntry()
		at := fact.LogEntry{Log: log.BaseURL, ID: id, Index: e.LogIndex(), Kind: strings.TrimSpace(t.GetKindVersion().GetKind() + " " + t.GetKindVersion().GetVersion()),
			Proof: e.HasInclusionProof(), Promise: e.HasInclusionPromise(), TreeSize: signedSize(t.GetInclusionProof().GetCheckpoint().GetEnvelope())}
		if !at.Promise { // without one, the index in the tree is what was proved
			at.Index = t.GetInclusionProof().GetLogIndex()
		}
		out = append(out, at)
	}
	return out
}

// signedSize is the size of the tree that a checkpoint is of: its second line (C2SP
// tlog-checkpoint). The size beside the proof is signed by nobody.
func signedSize(checkpoint string) int64 {
	_, rest, _ := strings.Cut(checkpoint, "\n")
	line, _, _ := strings.Cut(rest, "\n")
	n, err := strconv.ParseInt(line, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// leftOut names what a bundle brings and no trusted party vouches for.
func (b *Bundle) leftOut(f *fact.Fact) []string {
	var notes []string
	if n := len(b.entries) - len(f.Log); n > 0 {
		notes = append(notes, plural(n, "log entry", "log entries")+" of the bundle left out of account: no trusted log vouches for it")
	}
	stamped := 0
	for _, t := range f.Times {
		if t.Source == fact.FromAuthority {
			stamped++
		}
	}
	if n := len(b.stamps) - stamped; n > 0 {
		notes = append(notes, plural(n, "timestamp", "timestamps")+" of the bundle left out of account: no trusted authority vouches for it, or one that is counted already")
	}
	return notes
}
