package schema

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// Detect says whether a document is CycloneDX, in which encoding and of which specification version, by looking at its
// members or root element and never at a file name. The version is what the document claims: "1.9" and "" are possible,
// and then the validator says which it knows. A document that is broken behind its version is detected all the same.
func Detect(doc []byte) (encoding, specVersion string, ok bool) {
	trimmed := bytes.TrimLeft(bytes.TrimPrefix(doc, []byte("\ufeff")), " \t\r\n")
	switch {
	case bytes.HasPrefix(trimmed, []byte("{")):
		specVersion, ok = detectJSON(trimmed)
		return EncodingJSON, specVersion, ok
	case bytes.HasPrefix(trimmed, []byte("<")):
		specVersion, ok = detectXML(trimmed)
		return EncodingXML, specVersion, ok
	}
	return "", "", false
}

// detectJSON reads top-level members until it has seen both that decide. CycloneDX has required bomFormat and
// specVersion since its first JSON schema; a document with a specVersion beside a broken bomFormat is still meant as one.
func detectJSON(doc []byte) (string, bool) {
	dec := json.NewDecoder(bytes.NewReader(doc))
	if _, err := dec.Token(); err != nil {
		return "", false
	}
	version, format, versioned := "", false, false
	for dec.More() && !(format && versioned) {
		name, err := dec.Token()
		if err != nil {
			break
		}
		switch name {
		case "specVersion":
			value, err := dec.Token()
			if err != nil {
				return version, format
			}
			if s, isText := value.(string); isText {
				version, versioned = s, true
			} else if delim, open := value.(json.Delim); open && !skipJSON(dec, delim) {
				return version, format
			}
		case "bomFormat":
			value, err := dec.Token()
			if err != nil {
				return version, versioned
			}
			if value == "CycloneDX" {
				format = true
			} else if delim, open := value.(json.Delim); open && !skipJSON(dec, delim) {
				return version, versioned
			}
		default:
			value, err := dec.Token()
			if err != nil {
				return version, format || versioned
			}
			if delim, open := value.(json.Delim); open && !skipJSON(dec, delim) {
				return version, format || versioned
			}
		}
	}
	return version, format || versioned
}

// skipJSON reads to the end of the container that delim opened.
func skipJSON(dec *json.Decoder, delim json.Delim) bool {
	for depth := 1; depth > 0; {
		tok, err := dec.Token()
		if err != nil {
			return false
		}
		switch tok {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
	}
	return delim == '{' || delim == '['
}

// detectXML reads the root element's start tag.
func detectXML(doc []byte) (string, bool) {
	dec := xml.NewDecoder(bytes.NewReader(doc))
	dec.Strict = false
	dec.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) || err != nil {
			return "", false
		}
		if t, isStart := tok.(xml.StartElement); isStart {
			version, ours := strings.CutPrefix(t.Name.Space, bomNamespace)
			return version, ours && t.Name.Local == "bom"
		}
	}
}
