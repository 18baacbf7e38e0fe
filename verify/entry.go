package verify

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/url"
	"regexp"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/tlog"
	sigverify "github.com/sigstore/sigstore-go/pkg/verify"
	"github.com/sigstore/sigstore/pkg/signature"
)

// shardOrigin is the origin of checkpoints as logs of the first generation write it:
// a name and the number of the tree.
var shardOrigin = regexp.MustCompile(`^.* - [0-9]+\n`)

// bare reports whether an entry is of a kind of the first generation and proved by a
// checkpoint whose origin is a bare name (C2SP tlog-checkpoint), without a promise.
// sigstore-go takes whatever has such a checkpoint for an entry of the second generation,
// and so refuses these.
func bare(e *tlog.Entry) bool {
	return !e.IsRekorV2() && e.HasInclusionProof() && !e.HasInclusionPromise() &&
		!shardOrigin.MatchString(e.TransparencyLogEntry().GetInclusionProof().GetCheckpoint().GetEnvelope())
}

// digested reports whether an entry of the first generation holds the digest of what an
// envelope's signature is over, and not the envelope (client specification, "hashedrekord").
// sigstore-go compares envelopes with entries of the kinds dsse and intoto alone, and
// refuses these.
func (b *Bundle) digested(e *tlog.Entry) bool {
	return !e.IsRekorV2() && b.content.EnvelopeContent() != nil && e.TransparencyLogEntry().GetKindVersion().GetKind() == "hashedrekord"
}

// ours reports whether an entry is verified here.
func (b *Bundle) ours(e *tlog.Entry) bool { return bare(e) || b.digested(e) }

// remainder is a bundle without the entries that were verified here, and as it was read:
// sigstore-go would read each part again whenever it asks for it, certificates,
// envelopes and the signatures in entries included.
type remainder struct {
	*bundle.Bundle
	of      *Bundle
	entries []*tlog.Entry
}

func (r *remainder) TlogEntries() ([]*tlog.Entry, error) { return r.entries, nil }

func (r *remainder) SignatureContent() (sigverify.SignatureContent, error) { return r.of.content, nil }

func (r *remainder) Timestamps() ([][]byte, error) { return r.of.stamps, nil }

// VerificationContent is read anew where sigstore-go strikes out of the certificate what
// it judges by itself: others may be reading this bundle.
func (r *remainder) VerificationContent() (sigverify.VerificationContent, error) {
	if leaf := r.of.material.Certificate(); leaf != nil && len(leaf.UnhandledCriticalExtensions) > 0 {
		return r.Bundle.VerificationContent()
	}
	return r.of.material, nil
}

// bareEntries verifies the entries that sigstore-go would take for others, and returns
// the bundle without them and how many logs hold one. An entry of a log that is not known
// is left to sigstore-go, which passes over it.
func (b *Bundle) bareEntries(m root.TrustedMaterial) (sigverify.SignedEntity, int, error) {
	rest := &remainder{Bundle: b.read, of: b}
	logs := map[string]bool{}
	for _, e := range b.entries {
		log := m.RekorLogs()[hex.EncodeToString([]byte(e.LogKeyID()))]
		if log == nil || !b.ours(e) {
			rest.entries = append(rest.entries, e)
			continue
		}
		if logs[e.LogKeyID()] {
			return nil, 0, refuse(LogDuplicate, "the bundle brings two entries of one log")
		}
		if r := b.bareEntry(e, log, m); r != nil {
			return nil, 0, r
		}
		logs[e.LogKeyID()] = true
	}
	return rest, len(logs), nil
}

// bareEntry is nil where a log holds an entry, and the entry is about this signature, by
// this key, over this artifact.
func (b *Bundle) bareEntry(e *tlog.Entry, log *root.TransparencyLog, m root.TrustedMaterial) *Refusal {
	proof := func(err error) *Refusal {
		return refuse(LogProof, "the proof that the log holds the entry does not verify: %s", plain(err)).because(err)
	}
	if err := tlog.ValidateEntry(e); err != nil {
		return refuse(BadBundle, "a log entry of the bundle is malformed: %s", plain(err)).because(err)
	}
	u, err := url.Parse(log.BaseURL)
	if err != nil {
		return proof(err)
	}
	if e.HasInclusionPromise() {
		if err := tlog.VerifySET(e, m.RekorLogs()); err != nil {
			return refuse(LogPromise, "the log's signed promise of the entry does not verify").hint("the entry or its time was changed").because(err)
		}
		if !b.material.ValidAtTime(e.IntegratedTime(), m) {
			return refuse(OutsideTime, "the log took the signature in outside of the time that the certificate or key is valid for")
		}
	}
	if e.HasInclusionProof() {
		verifier, err := signature.LoadVerifier(log.PublicKey, log.SignatureHashFunc)
		switch {
		case err != nil:
		case shardOrigin.MatchString(e.TransparencyLogEntry().GetInclusionProof().GetCheckpoint().GetEnvelope()):
			err = tlog.VerifyInclusion(e, verifier)
		default:
			err = tlog.VerifyCheckpointAndInclusion(e, verifier, u.Hostname())
		}
		if err != nil {
			return proof(err)
		}
	} else if !e.HasInclusionPromise() {
		return proof(errors.New("there is neither a promise nor a proof"))
	}
	mismatch := refuse(LogMismatch, "the log entry is about something else").hint("an entry that was copied from another bundle looks like this")
	if !bytes.Equal(e.Signature(), b.content.Signature()) || !b.material.CompareKey(e.PublicKey(), m) {
		return mismatch
	}
	if msg := b.content.MessageSignatureContent(); msg != nil {
		digest, algorithm, ok := e.GetHashedRekordDigest()
		for _, h := range hashes {
			if ok && h.enum == msg.DigestAlgorithm() && h.name == algorithm && bytes.Equal(digest, msg.Digest()) {
				return nil
			}
		}
		return mismatch
	}
	payload, err := base64.StdEncoding.DecodeString(b.content.EnvelopeContent().RawEnvelope().Payload)
	if err != nil {
		return mismatch
	}
	if b.digested(e) {
		signed := dsse.PAE(b.content.EnvelopeContent().RawEnvelope().PayloadType, payload)
		digest, algorithm, ok := e.GetHashedRekordDigest()
		for _, h := range hashes {
			if !ok || h.name != algorithm {
				continue
			}
			sum := h.hash.New()
			sum.Write(signed)
			if bytes.Equal(digest, sum.Sum(nil)) {
				return nil
			}
		}
		return mismatch
	}
	sum := sha256.Sum256(payload)
	if held, ok := e.GetDssePayloadHash(); !ok || !bytes.Equal(held, sum[:]) {
		return mismatch
	}
	return nil
}
