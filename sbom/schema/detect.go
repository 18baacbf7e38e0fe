package schema

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"strings"
)

// Detect says whether a document is CycloneDX, in which encoding and of which specification version, by looking at its
// members or root element and never at a file name. The version is what the document claims: "1.9" and "" are possible,
// and then the validator says which it knows. A document that is broken behind its version is detected all the same.
func Detect(doc []byte) (encoding, specVersion string, ok bool) {
	trimmed := trim(doc)
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

// trim takes a byte order mark and space off the beginning.
func trim(doc []byte) []byte {
	return bytes.TrimLeft(bytes.TrimPrefix(doc, []byte("\ufeff")), " \t\r\n")
}

// detectJSON looks for the two members that decide. Every CycloneDX JSON schema requires bomFormat, so a document that
// has one is meant as CycloneDX even where its value is wrong; the validator then says what is.
func detectJSON(doc []byte) (version string, ok bool) {
	s := scanner{doc: doc, at: 1}
	versioned := false
	for {
		name, value, more := s.member()
		if !more {
			return version, ok
		}
		switch string(name) {
		case `"bomFormat"`:
			ok = true
		case `"specVersion"`:
			versioned = json.Unmarshal(value, &version) == nil
		}
		if ok && versioned {
			return version, ok
		}
	}
}

// A scanner goes over the members of an object without decoding them. It does not judge: it only must not run away.
type scanner struct {
	doc []byte
	at  int
}

// member returns the next name, in its quotes, and the text of its value.
func (s *scanner) member() (name, value []byte, ok bool) {
	s.space(" \t\r\n,")
	if s.at >= len(s.doc) || s.doc[s.at] != '"' {
		return nil, nil, false
	}
	start := s.at
	s.str()
	name = s.doc[start:s.at]
	s.space(" \t\r\n:")
	start = s.at
	s.value()
	return name, s.doc[start:s.at], s.at > start
}

func (s *scanner) space(set string) {
	for s.at < len(s.doc) && strings.IndexByte(set, s.doc[s.at]) >= 0 {
		s.at++
	}
}

// str goes behind the string that begins here.
func (s *scanner) str() {
	for s.at++; s.at < len(s.doc); s.at++ {
		switch s.doc[s.at] {
		case '\\':
			s.at++
		case '"':
			s.at++
			return
		}
	}
	s.at = len(s.doc)
}

// value goes behind the value that begins here: to the comma or bracket that ends it.
func (s *scanner) value() {
	for depth := 0; s.at < len(s.doc); {
		switch s.doc[s.at] {
		case '"':
			s.str()
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return
			}
			depth--
		case ',':
			if depth == 0 {
				return
			}
		}
		s.at++
	}
}

// detectXML reads the root element's start tag.
func detectXML(doc []byte) (string, bool) {
	dec := xml.NewDecoder(bytes.NewReader(doc))
	dec.Strict = false
	dec.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	for {
		tok, err := dec.Token()
		if err != nil {
			return "", false
		}
		if t, isStart := tok.(xml.StartElement); isStart {
			version, ours := strings.CutPrefix(t.Name.Space, bomNamespace)
			return version, ours && t.Name.Local == "bom"
		}
	}
}
