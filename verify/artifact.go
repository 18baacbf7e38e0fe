package verify

import (
	"bytes"
	"crypto"
	"encoding/hex"
	"io"

	sigverify "github.com/sigstore/sigstore-go/pkg/verify"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Artifact is what a signature must be about: a digest, the content, or both. Without
// content, what was signed under another algorithm than the digest's is refused, and so
// is pure Ed25519, which signs no digests.
type Artifact struct {
	Digest  ident.Digest
	Content io.ReadSeeker
}

// hashes are the algorithms of subjects and messages, the strongest first.
var hashes = []struct {
	name string
	hash crypto.Hash
	enum string // of the protobuf specification
}{
	{"sha512", crypto.SHA512, "SHA2_512"},
	{"sha384", crypto.SHA384, "SHA2_384"},
	{"sha256", crypto.SHA256, "SHA2_256"},
}

// digests remembers what was computed of one artifact.
type digests struct {
	of    Artifact
	known map[string]ident.Digest
}

// under returns the artifact's digest under an algorithm; zero where neither the digest
// nor the content tells it. The error is that of reading the content.
func (d *digests) under(algorithm string) (ident.Digest, error) {
	if d.of.Digest.Algorithm() == algorithm && d.of.Content == nil {
		return d.of.Digest, nil
	}
	if got, ok := d.known[algorithm]; ok || d.of.Content == nil {
		return got, nil
	}
	for _, h := range hashes {
		if h.name != algorithm {
			continue
		}
		if _, err := d.of.Content.Seek(0, io.SeekStart); err != nil {
			return ident.Digest{}, err
		}
		sum := h.hash.New()
		if _, err := io.Copy(sum, d.of.Content); err != nil {
			return ident.Digest{}, err
		}
		got, err := ident.ParseDigest(algorithm + ":" + hex.EncodeToString(sum.Sum(nil)))
		if err != nil {
			return ident.Digest{}, err
		}
		if d.known == nil {
			d.known = map[string]ident.Digest{}
		}
		d.known[algorithm] = got
		if d.of.Digest.Algorithm() == algorithm && d.of.Digest != got {
			return ident.Digest{}, refuse(WrongArtifact, "the content has the digest %s, not %s", got, d.of.Digest)
		}
		return got, nil
	}
	return ident.Digest{}, nil
}

// about returns the digest that a bundle names the artifact by, and what sigstore-go has
// to check again.
func (b *Bundle) about(a Artifact, pure bool) (ident.Digest, sigverify.ArtifactPolicyOption, error) {
	known := digests{of: a}
	if a.Digest.IsZero() && a.Content == nil {
		return ident.Digest{}, nil, ident.Errorf(ident.KindUsage, "there is no artifact that the signature must be about")
	}
	if b.payload != nil {
		return b.signedImage(&known)
	}
	if b.statement != nil {
		d, err := b.subject(&known)
		if err != nil {
			return d, nil, err
		}
		raw, err := hex.DecodeString(d.Hex())
		return d, sigverify.WithArtifactDigest(d.Algorithm(), raw), err
	}
	msg := b.content.MessageSignatureContent()
	for _, h := range hashes {
		if msg.DigestAlgorithm() != h.enum {
			continue
		}
		d, err := known.under(h.name)
		switch {
		case err != nil:
			return d, nil, err
		case d.IsZero():
			return d, nil, refuse(NeedsArtifact, "the signature names a %s digest, and only a %s digest of the artifact is given", h.name, a.Digest.Algorithm()).hint("give the file itself")
		case hex.EncodeToString(msg.Digest()) != d.Hex():
			return d, nil, refuse(WrongArtifact, "the signature is about %s:%x, and the artifact is %s", h.name, msg.Digest(), d).
				hint("is it the bundle of this very file? a file that was changed after it was signed looks like this")
		}
		if pure && a.Content != nil {
			_, err := a.Content.Seek(0, io.SeekStart)
			return d, sigverify.WithArtifact(a.Content), err
		}
		return d, sigverify.WithArtifactDigest(h.name, msg.Digest()), nil
	}
	return ident.Digest{}, nil, refuse(BadBundle, "the bundle names a digest of algorithm %.40q", msg.DigestAlgorithm()).hint("sha256, sha384 and sha512 are read")
}

// signedImage compares the image that a simple signing payload names with the artifact;
// what sigstore-go has to check is the payload.
func (b *Bundle) signedImage(known *digests) (ident.Digest, sigverify.ArtifactPolicyOption, error) {
	d, err := known.under(b.named.Algorithm())
	switch {
	case err != nil:
		return d, nil, err
	case d.IsZero():
		return d, nil, refuse(NeedsArtifact, "the signature names a %s digest, and only a %s digest of the artifact is given", b.named.Algorithm(), known.of.Digest.Algorithm())
	case d != b.named:
		return d, nil, refuse(WrongArtifact, "the signature is about %s, and the artifact is %s", b.named, d).
			hint("a signature that was copied from another image looks like this")
	}
	return d, sigverify.WithArtifact(bytes.NewReader(b.payload)), nil
}

// subject returns the digest of the subject that the artifact is: one of whose digests
// all that can be computed agree.
func (b *Bundle) subject(known *digests) (ident.Digest, error) {
	for i := range b.statement.Subjects {
		s := &b.statement.Subjects[i]
		var match ident.Digest
		agree := true
		for _, h := range hashes {
			for _, stated := range s.Digests {
				if stated.Algorithm != h.name {
					continue
				}
				d, err := known.under(h.name)
				if err != nil {
					return d, err
				}
				if d.IsZero() {
					continue
				}
				if agree = agree && d.Hex() == stated.Value; agree && match.IsZero() {
					match = d
				}
			}
		}
		if agree && !match.IsZero() {
			return match, nil
		}
	}
	first := ""
	if d := b.statement.Digests(); len(d) > 0 {
		first = d[0].String()
	}
	r := refuse(WrongArtifact, "the statement is about something else: %s", first)
	if n := len(b.statement.Subjects); n > 1 {
		r = refuse(WrongArtifact, "none of the %d subjects of the statement is the artifact", n)
	}
	return ident.Digest{}, r.hint("is it the bundle of this very artifact? an attestation that was copied from another looks like this")
}
