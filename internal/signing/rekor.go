package signing

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"strconv"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/provenance"
)

// log enters a signature into a transparency log, and returns the entry as a bundle has
// it (TransparencyLogEntry, in JSON).
func (c *Client) log(ctx context.Context, l Log, s *signed) (json.RawMessage, error) {
	var path string
	var ask any
	switch l.Generation {
	case 1:
		path, ask = "/api/v1/log/entries", s.firstEntry()
	case 2:
		path, ask = "/api/v2/log/entries", s.secondEntry()
	default:
		return nil, ident.Errorf(ident.KindUsage, "logs of generation %d are not known", l.Generation)
	}
	body, err := json.Marshal(ask)
	if err != nil {
		return nil, err
	}
	raw, err := c.ask(ctx, request{service: "the transparency log", address: strings.TrimRight(l.Address, "/") + path, method: http.MethodPost, body: body, wants: []int{http.StatusCreated},
		header: http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}}})
	if err != nil {
		return nil, err
	}
	if l.Generation == 2 { // its answer is the entry
		var entry map[string]json.RawMessage
		if json.Unmarshal(raw, &entry) != nil || entry["canonicalizedBody"] == nil {
			return nil, noEntry(l)
		}
		return raw, nil
	}
	return convert(l, raw)
}

func noEntry(l Log) error {
	return ident.Errorf(ident.KindFailure, "the transparency log at %s answers with no entry", l.Address)
}

// verifier is what logs of the first generation keep beside a signature, in PEM.
func (s *signed) verifier() []byte {
	if s.certificate == nil {
		return s.key.Public()
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.certificate})
}

// firstEntry proposes an entry of the kinds hashedrekord and dsse (Rekor, types 0.0.1).
func (s *signed) firstEntry() any {
	if s.content.Statement == nil {
		n := s.key.named(s.message)
		return map[string]any{"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": map[string]any{
			"data":      map[string]any{"hash": map[string]any{"algorithm": strings.Replace(strings.ToLower(n.Algorithm), "sha2_", "sha", 1), "value": hex.EncodeToString(n.Digest)}},
			"signature": map[string]any{"content": s.signature, "publicKey": map[string]any{"content": s.verifier()}}}}
	}
	text, _ := json.Marshal(envelope{s.content.Statement, provenance.InTotoPayload, []envelopeSignature{{s.signature}}}) // bytes and texts
	return map[string]any{"apiVersion": "0.0.1", "kind": "dsse", "spec": map[string]any{"proposedContent": map[string]any{"envelope": string(text), "verifiers": [][]byte{s.verifier()}}}}
}

// secondEntry asks for an entry of the kind hashedrekord (rekor-tiles, 0.0.2), which logs
// of the second generation take for envelopes, too: its digest is of what is signed.
func (s *signed) secondEntry() any {
	verifier := map[string]any{"keyDetails": s.key.details}
	if s.certificate != nil {
		verifier["x509Certificate"] = rawBytes{s.certificate}
	} else {
		verifier["publicKey"] = rawBytes{s.key.der}
	}
	return map[string]any{"hashedRekordRequestV002": map[string]any{"digest": s.key.digest(s.message), "signature": map[string]any{"content": s.signature, "verifier": verifier}}}
}

// convert turns the answer of a log of the first generation into a bundle's entry.
func convert(l Log, raw []byte) (json.RawMessage, error) {
	var answer map[string]struct {
		Body     string `json:"body"` // base64
		Time     int64  `json:"integratedTime"`
		LogID    string `json:"logID"` // hexadecimal
		LogIndex int64  `json:"logIndex"`
		Proofs   struct {
			Promise string `json:"signedEntryTimestamp"` // base64
			Proof   *struct {
				Checkpoint string   `json:"checkpoint"`
				Hashes     []string `json:"hashes"` // hexadecimal
				LogIndex   int64    `json:"logIndex"`
				RootHash   string   `json:"rootHash"` // hexadecimal
				TreeSize   int64    `json:"treeSize"`
			} `json:"inclusionProof"`
		} `json:"verification"`
	}
	if json.Unmarshal(raw, &answer) != nil || len(answer) != 1 {
		return nil, noEntry(l)
	}
	for _, e := range answer {
		body, err := base64.StdEncoding.DecodeString(e.Body)
		var kind struct {
			Kind    string `json:"kind"`
			Version string `json:"apiVersion"`
		}
		if err != nil || json.Unmarshal(body, &kind) != nil {
			return nil, noEntry(l)
		}
		id, err := hex.DecodeString(e.LogID)
		if err != nil {
			return nil, noEntry(l)
		}
		out := map[string]any{"logIndex": strconv.FormatInt(e.LogIndex, 10), "logId": map[string]any{"keyId": id}, "kindVersion": map[string]any{"kind": kind.Kind, "version": kind.Version},
			"integratedTime": strconv.FormatInt(e.Time, 10), "inclusionPromise": map[string]any{"signedEntryTimestamp": e.Proofs.Promise}, "canonicalizedBody": body}
		if p := e.Proofs.Proof; p != nil {
			hashes := make([][]byte, len(p.Hashes))
			for i, h := range p.Hashes {
				if hashes[i], err = hex.DecodeString(h); err != nil {
					return nil, noEntry(l)
				}
			}
			top, err := hex.DecodeString(p.RootHash)
			if err != nil {
				return nil, noEntry(l)
			}
			out["inclusionProof"] = map[string]any{"logIndex": strconv.FormatInt(p.LogIndex, 10), "rootHash": top, "treeSize": strconv.FormatInt(p.TreeSize, 10), "hashes": hashes,
				"checkpoint": map[string]any{"envelope": p.Checkpoint}}
		}
		return json.Marshal(out)
	}
	return nil, noEntry(l)
}
