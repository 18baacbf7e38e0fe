package synth

import (
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

// Gitsign signs content as gitsign does offline: CMS (RFC 5652) in PEM, with the log
// entry beside the signature, unless there is none.
func (d *Deployment) Gitsign(content []byte, s Signing) ([]byte, error) {
	sum := sha256.Sum256(content)
	attributes, err := asn1.MarshalWithParams([]gitAttribute{
		{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}, []any{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}}},
		{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}, []any{sum[:]}},
	}, "set")
	if err != nil {
		return nil, err
	}
	s.FirstLog, s.Version, s.NoStamp = true, "0.1", true
	b, err := d.Sign(attributes, s)
	if err != nil {
		return nil, err
	}
	signature, err := bytesAt(b, "messageSignature", "signature")
	if err != nil {
		return nil, err
	}
	material := b["verificationMaterial"].(Object)                             //nolint:forcetypeassert // Sign wrote it
	chain := material["x509CertificateChain"].(Object)["certificates"].([]any) //nolint:forcetypeassert // Sign wrote it
	leaf, err := bytesAt(chain[0].(Object), "rawBytes")                        //nolint:forcetypeassert // Sign wrote it
	if err != nil {
		return nil, err
	}
	unsigned := []gitAttribute{}
	for _, e := range material["tlogEntries"].([]any) { //nolint:forcetypeassert // Sign wrote it
		raw, err := gitEntry(e.(Object)) //nolint:forcetypeassert // Sign wrote it
		if err != nil {
			return nil, err
		}
		unsigned = append(unsigned, gitAttribute{asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 3, 1}, []any{raw}})
	}
	beside, err := asn1.MarshalWithParams(unsigned, "set")
	if err != nil {
		return nil, err
	}
	algorithm := func(oid ...int) gitAlgorithm { return gitAlgorithm{asn1.ObjectIdentifier(oid)} }
	sha := algorithm(2, 16, 840, 1, 101, 3, 4, 2, 1)
	tagged := func(tag int, der []byte) asn1.RawValue {
		var set asn1.RawValue
		if _, err := asn1.Unmarshal(der, &set); err != nil {
			panic(err) // this package marshalled it
		}
		return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, IsCompound: true, Bytes: set.Bytes}
	}
	signed, err := asn1.Marshal(struct {
		Version      int
		Digests      []gitAlgorithm `asn1:"set"`
		Encapsulated struct{ Type asn1.ObjectIdentifier }
		Certificates asn1.RawValue
		Signers      []any `asn1:"set"`
	}{1, []gitAlgorithm{sha}, struct{ Type asn1.ObjectIdentifier }{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}},
		asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: leaf}, []any{struct {
			Version   int
			Of        struct{ Serial int }
			Digest    gitAlgorithm
			Signed    asn1.RawValue
			Algorithm gitAlgorithm
			Signature []byte
			Unsigned  asn1.RawValue
		}{1, struct{ Serial int }{1}, sha, tagged(0, attributes), algorithm(1, 2, 840, 10045, 4, 3, 2), signature, tagged(1, beside)}}})
	if err != nil {
		return nil, err
	}
	der, err := asn1.Marshal(struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue
	}{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: signed}})
	return pem.EncodeToMemory(&pem.Block{Type: "SIGNED MESSAGE", Bytes: der}), err
}

type gitAlgorithm struct{ Algorithm asn1.ObjectIdentifier }

type gitAttribute struct {
	Type   asn1.ObjectIdentifier
	Values []any `asn1:"set"`
}

// gitEntry is a log entry as gitsign keeps it: without its body.
func gitEntry(e Object) ([]byte, error) {
	number := func(o Object, name string) int64 {
		n, err := strconv.ParseInt(fmt.Sprint(o[name]), 10, 64)
		if err != nil {
			panic(err) // Sign wrote it
		}
		return n
	}
	proof := e["inclusionProof"].(Object) //nolint:forcetypeassert // Sign wrote it
	id, err := bytesAt(e, "logId", "keyId")
	if err != nil {
		return nil, err
	}
	promise, err := bytesAt(e, "inclusionPromise", "signedEntryTimestamp")
	if err != nil {
		return nil, err
	}
	root, err := bytesAt(proof, "rootHash")
	if err != nil {
		return nil, err
	}
	checkpoint, _ := proof["checkpoint"].(Object)["envelope"].(string) //nolint:forcetypeassert // Sign wrote it
	// The numbers are those of dev.sigstore.rekor.v1.TransparencyLogEntry.
	number64 := func(b []byte, field protowire.Number, n int64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), uint64(n)) // #nosec G115 -- none is negative
	}
	part := func(b []byte, field protowire.Number, v []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), v)
	}
	proven := number64(nil, 1, number(proof, "logIndex"))
	proven = number64(part(proven, 2, root), 3, number(proof, "treeSize"))
	for _, h := range proof["hashes"].([]any) { //nolint:forcetypeassert // Sign wrote it
		raw, err := base64.StdEncoding.DecodeString(h.(string)) //nolint:forcetypeassert // Sign wrote it
		if err != nil {
			return nil, err
		}
		proven = part(proven, 4, raw)
	}
	proven = part(proven, 5, part(nil, 1, []byte(checkpoint)))
	out := part(number64(nil, 1, number(e, "logIndex")), 2, part(nil, 1, id))
	out = part(out, 3, part(part(nil, 1, []byte("hashedrekord")), 2, []byte("0.0.1")))
	out = part(number64(out, 4, number(e, "integratedTime")), 5, part(nil, 1, promise))
	return part(out, 6, proven), nil
}

// bytesAt decodes what stands in base64 at a place.
func bytesAt(o Object, path ...string) ([]byte, error) {
	for _, p := range path[:len(path)-1] {
		o = o[p].(Object) //nolint:forcetypeassert // Sign wrote it
	}
	text, _ := o[path[len(path)-1]].(string)
	return base64.StdEncoding.DecodeString(text)
}
