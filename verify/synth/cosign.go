package synth

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strconv"
)

// Payload is what cosign signs of an image (simple signing).
func Payload(digest string) []byte {
	return fmt.Appendf(nil, `{"critical":{"identity":{"docker-reference":"registry.example/shop/web"},"image":{"docker-manifest-digest":%q},"type":"cosign container image signature"},"optional":null}`, digest)
}

// Cosign signs as cosign did before there were bundles: it returns the content of a layer
// and its annotations. Without a statement content is a payload. It logs in a log of the
// first generation, or not at all.
func (d *Deployment) Cosign(content []byte, s Signing) (layer []byte, notes map[string]string, err error) {
	s.Version, s.FirstLog = "0.1", true
	stamped := !s.NoStamp
	s.NoStamp = true
	b, err := d.Sign(content, s)
	if err != nil {
		return nil, nil, err
	}
	notes = map[string]string{}
	var stampedBytes []byte
	if s.Statement != nil {
		layer = Write(b["dsseEnvelope"].(Object)) //nolint:forcetypeassert // Sign wrote it
		notes["dev.cosignproject.cosign/signature"], stampedBytes = "", layer
	} else {
		layer = content
		text, _ := b["messageSignature"].(Object)["signature"].(string) //nolint:forcetypeassert // Sign wrote it
		notes["dev.cosignproject.cosign/signature"] = text
		if stampedBytes, err = base64.StdEncoding.DecodeString(text); err != nil {
			return nil, nil, err
		}
	}
	material := b["verificationMaterial"].(Object) //nolint:forcetypeassert // Sign wrote it
	if chain, ok := material["x509CertificateChain"].(Object); ok {
		leaf, err := base64.StdEncoding.DecodeString(chain["certificates"].([]any)[0].(Object)["rawBytes"].(string)) //nolint:forcetypeassert // Sign wrote it
		if err != nil {
			return nil, nil, err
		}
		notes["dev.sigstore.cosign/certificate"] = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf}))
	}
	for _, e := range material["tlogEntries"].([]any) { //nolint:forcetypeassert // Sign wrote it
		e := e.(Object)                                                            //nolint:forcetypeassert // Sign wrote it
		at, _ := strconv.ParseInt(e["integratedTime"].(string), 10, 64)            //nolint:forcetypeassert // Sign wrote it
		index, _ := strconv.ParseInt(e["logIndex"].(string), 10, 64)               //nolint:forcetypeassert // Sign wrote it
		promise := e["inclusionPromise"].(Object)["signedEntryTimestamp"].(string) //nolint:forcetypeassert // Sign wrote it
		raw, err := json.Marshal(Object{"SignedEntryTimestamp": promise, "Payload": Object{"body": e["canonicalizedBody"], "integratedTime": at, "logIndex": index, "logID": hexed(d.logV1ID)}})
		if err != nil {
			return nil, nil, err
		}
		notes["dev.sigstore.cosign/bundle"] = string(raw)
	}
	if stamped {
		stamp, err := d.Stamp(stampedBytes, d.at.Add(s.StampAt))
		if err != nil {
			return nil, nil, err
		}
		notes["dev.sigstore.cosign/rfc3161timestamp"] = string(Write(Object{"SignedRFC3161Timestamp": encode(stamp)}))
	}
	return layer, notes, nil
}
