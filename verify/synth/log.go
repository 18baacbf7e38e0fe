package synth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"
)

// first makes an entry of a log of the first generation (Rekor v1): kinds hashedrekord
// and dsse, with a signed promise and a proof.
func (d *Deployment) first(s Signing, digest, signature, verifier []byte) (Object, error) {
	body := Object{"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": Object{"data": Object{"hash": Object{"algorithm": "sha256", "value": hexed(digest)}},
		"signature": Object{"content": encode(signature), "publicKey": Object{"content": encode(verifier)}}}}
	if s.Statement != nil && !s.DigestEntry {
		payload, envelope := sha256.Sum256(s.Statement), sha256.Sum256(append(signature, s.Statement...))
		body = Object{"apiVersion": "0.0.1", "kind": "dsse", "spec": Object{"envelopeHash": Object{"algorithm": "sha256", "value": hexed(envelope[:])},
			"payloadHash": Object{"algorithm": "sha256", "value": hexed(payload[:])}, "signatures": []any{Object{"signature": encode(signature), "verifier": encode(verifier)}}}}
	}
	if s.IntotoEntry {
		payload := sha256.Sum256(s.Statement)
		// The log keeps the signature in base64 twice over, as its clients sent it.
		body = Object{"apiVersion": "0.0.2", "kind": "intoto", "spec": Object{"content": Object{
			"envelope":    Object{"payloadType": s.payloadType(), "signatures": []any{Object{"publicKey": encode(verifier), "sig": encode([]byte(encode(signature)))}}},
			"hash":        Object{"algorithm": "sha256", "value": hexed(payload[:])},
			"payloadHash": Object{"algorithm": "sha256", "value": hexed(payload[:])}}}}
	}
	if s.LogBody != nil {
		s.LogBody(body)
	}
	return d.LogV1(body, s)
}

// LogV1 enters a body into the log of the first generation, and returns the entry as a
// bundle has it.
func (d *Deployment) LogV1(body Object, s Signing) (Object, error) {
	kind, _ := body["kind"].(string)
	version, _ := body["apiVersion"].(string)
	raw := Write(body)
	origin := host(LogV1)
	if !s.BareOrigin {
		origin += " - 42"
	}
	entry, err := d.entry(raw, kind, version, d.logV1ID, s, origin, d.logV1)
	if err != nil || s.BareOrigin {
		return entry, err
	}
	at := d.at.Add(s.LoggedAt).Unix()
	index, err := strconv.ParseInt(entry["logIndex"].(string), 10, 64) //nolint:forcetypeassert // entry wrote it
	if err != nil {
		return nil, err
	}
	// json.Marshal sorts names, which is all that canonical JSON (RFC 8785) asks here.
	promise, err := json.Marshal(Object{"body": encode(raw), "integratedTime": at, "logID": hexed(d.logV1ID), "logIndex": index})
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(promise)
	set, err := ecdsa.SignASN1(rand.Reader, d.logV1, sum[:])
	entry["integratedTime"] = strconv.FormatInt(at, 10)
	entry["inclusionPromise"] = Object{"signedEntryTimestamp": encode(set)}
	return entry, err
}

// second makes an entry of a log of the second generation (Rekor v2): only a proof, and
// no time.
func (d *Deployment) second(s Signing, w way, digest, signature []byte, leaf *x509.Certificate, public crypto.PublicKey) (Object, error) {
	verifier := Object{"keyDetails": w.details}
	if leaf != nil {
		verifier["x509Certificate"] = Object{"rawBytes": encode(leaf.Raw)}
	} else {
		der, err := x509.MarshalPKIXPublicKey(public)
		if err != nil {
			return nil, err
		}
		verifier["publicKey"] = Object{"rawBytes": encode(der)}
	}
	body := Object{"apiVersion": "0.0.2", "kind": "hashedrekord", "spec": Object{"hashedRekordV002": Object{
		"data": Object{"algorithm": w.enum, "digest": encode(digest)}, "signature": Object{"content": encode(signature), "verifier": verifier}}}}
	if s.LogBody != nil {
		s.LogBody(body)
	}
	return d.LogV2(body, s)
}

// LogV2 enters a body into the log of the second generation, and returns the entry.
func (d *Deployment) LogV2(body Object, s Signing) (Object, error) {
	return d.entry(Write(body), "hashedrekord", "0.0.2", d.v2, s, host(LogV2), d.logV2)
}

// entry puts a body into a tree and proves it there. The tree is full, its other leaves
// are chance: whatever the siblings are, they have one root (RFC 9162 section 2.1.3).
func (d *Deployment) entry(body []byte, kind, version string, id []byte, s Signing, origin string, key crypto.Signer) (Object, error) {
	depth := s.Depth
	if depth == 0 {
		depth = 20
	}
	var chance [8]byte
	if _, err := rand.Read(chance[:]); err != nil {
		return nil, err
	}
	size := int64(1) << depth
	index := int64(binary.BigEndian.Uint64(chance[:])>>1) % size // #nosec G115 -- 63 bits
	node := sha256.Sum256(append([]byte{0}, body...))
	hashes := []any{}
	for level := range depth {
		var sibling [32]byte
		if _, err := rand.Read(sibling[:]); err != nil {
			return nil, err
		}
		hashes = append(hashes, encode(sibling[:]))
		if index>>level&1 == 0 {
			node = sha256.Sum256(append(append([]byte{1}, node[:]...), sibling[:]...))
		} else {
			node = sha256.Sum256(append(append([]byte{1}, sibling[:]...), node[:]...))
		}
	}
	checkpoint, err := Checkpoint(origin, size, node[:], id, key)
	return Object{"logIndex": strconv.FormatInt(index, 10), "logId": Object{"keyId": encode(id)}, "kindVersion": Object{"kind": kind, "version": version},
		"inclusionProof": Object{"logIndex": strconv.FormatInt(index, 10), "rootHash": encode(node[:]), "treeSize": strconv.FormatInt(size, 10), "hashes": hashes,
			"checkpoint": Object{"envelope": checkpoint}},
		"canonicalizedBody": encode(body)}, err
}

// Checkpoint is a signed checkpoint of a tree (C2SP tlog-checkpoint, signed-note).
func Checkpoint(origin string, size int64, root, id []byte, key crypto.Signer) (string, error) {
	text := fmt.Sprintf("%s\n%d\n%s\n", origin, size, encode(root))
	var sig []byte
	var err error
	name := origin
	if k, ok := key.(ed25519.PrivateKey); ok {
		sig = ed25519.Sign(k, []byte(text))
	} else {
		sum := sha256.Sum256([]byte(text))
		sig, err = key.Sign(rand.Reader, sum[:], crypto.SHA256)
		name = host(LogV1)
	}
	return text + "\n— " + name + " " + encode(append(append([]byte{}, id[:4]...), sig...)) + "\n", err
}
