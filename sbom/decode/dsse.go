package decode

import (
	"bytes"
	"encoding/base64"
	"encoding/json"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// envelopes unwraps DSSE envelopes, bare or within Sigstore bundles: one, or one on
// each line, as cosign and gh write all attestations of an image. Of several, those
// about something else are left aside if there is an SBOM among them. Signatures
// are not looked at here.
func (d *decoder) envelopes(raw []byte, wrappers int) ([]*sbom.Document, error) {
	each := lines(raw)
	if len(each) < 2 {
		return d.envelope(raw, wrappers)
	}
	var (
		out   []*sbom.Document
		other error
	)
	for _, line := range each {
		if err := d.ctx.Err(); err != nil {
			return nil, err
		}
		one := decoder{ctx: d.ctx, lim: d.lim, digest: ident.SHA256(line)}
		docs, err := one.decode(line, wrappers) // a line has no lines, so this goes no deeper
		switch {
		case err == nil:
			out = append(out, docs...)
		case ident.KindOf(err) == ident.KindUnsupported:
			other = err
		default:
			return nil, err
		}
	}
	if len(out) == 0 {
		return nil, other
	}
	return out, nil
}

// lines splits text of which every line is an object; nil for any other.
func lines(raw []byte) [][]byte {
	var out [][]byte
	for line := range bytes.Lines(raw) {
		line = bytes.TrimSpace(line)
		switch {
		case len(line) == 0:
			continue
		case line[0] != '{' || line[len(line)-1] != '}':
			return nil
		}
		out = append(out, line)
	}
	return out
}

// envelope unwraps one DSSE envelope, or the one within a Sigstore bundle.
func (d *decoder) envelope(raw []byte, wrappers int) ([]*sbom.Document, error) {
	var (
		within, payload []byte
		typed           bool
	)
	r := jsonscan.New(raw, jsonscan.Options{})
	if r.RequireObject() {
		for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
			switch string(key) {
			case "dsseEnvelope":
				within = r.Raw()
			case "payload":
				payload = r.Raw()
			case "payloadType":
				typed = true
			}
		}
	}
	if err := r.End(); err != nil {
		return nil, err
	}
	switch {
	case within != nil:
		return d.decode(within, wrappers+1)
	case payload == nil || !typed:
		return nil, ident.Errorf(ident.KindUnsupported, "is no DSSE envelope")
	}
	var text string
	if err := json.Unmarshal(payload, &text); err != nil {
		return nil, ident.Errorf(ident.KindInvalid, "the payload of the DSSE envelope is malformed: %w", err)
	}
	inner, err := base64.StdEncoding.DecodeString(text)
	if err != nil { // DSSE leaves the choice of alphabet to the writer
		inner, err = base64.URLEncoding.DecodeString(text)
	}
	if err != nil {
		return nil, ident.Errorf(ident.KindInvalid, "the payload of the DSSE envelope is no base64: %w", err)
	}
	return d.decode(inner, wrappers+1)
}
