package schema_test

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/sbom/schema"
)

// TestLibxml judges the XML corpus and random damage to it with libxml2 too, by the official, unreduced XSD; the
// verdicts must agree. It needs the program xmllint (Debian: libxml2-utils).
func TestLibxml(t *testing.T) {
	root := dataDir(t, "sbom", "cdx-spec-tests")
	if _, err := exec.LookPath("xmllint"); err != nil {
		t.Skip("xmllint is not installed: XSD verdicts are not compared with libxml2's")
	}
	const mutants = 6
	v := schema.New(schema.Limits{})
	rng := rand.New(rand.NewPCG(3, 5))
	catalog := filepath.Join(t.TempDir(), "catalog.xml")
	spdx := (&url.URL{Scheme: "file", Path: filepath.Join(root, "schema", "spdx.xsd")}).String()
	text := `<catalog xmlns="urn:oasis:names:tc:entity:xmlns:xml:catalog"><uri name="http://cyclonedx.org/schema/spdx" uri="` +
		spdx + `"/><system systemId="http://cyclonedx.org/schema/spdx" uri="` + spdx + `"/></catalog>`
	if err := os.WriteFile(catalog, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	judged, invalid := 0, 0
	for _, version := range []string{"1.0", "1.1", "1.2", "1.3", "1.4", "1.5", "1.6", "1.7"} {
		files, err := filepath.Glob(filepath.Join(root, "tools", "src", "test", "resources", version, "*.xml"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no documents of %s: %v", version, err)
		}
		dir := t.TempDir()
		var names []string
		docs := map[string][]byte{}
		for _, file := range files {
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for i := range mutants {
				doc := damage(t, rng, src, i%3)
				name := filepath.Join(dir, fmt.Sprintf("%03d-%s", i, filepath.Base(file)))
				if err := os.WriteFile(name, doc, 0o600); err != nil {
					t.Fatal(err)
				}
				names, docs[name] = append(names, name), doc
			}
		}
		xsd := filepath.Join(root, "schema", "bom-"+version+".xsd")
		cmd := exec.Command("xmllint", append([]string{"--nonet", "--noout", "--schema", xsd}, names...)...)
		cmd.Env = append(os.Environ(), "XML_CATALOG_FILES="+catalog)
		out, err := cmd.CombinedOutput()
		if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^(\S+\.xml) (validates|fails to validate)$`).FindAllSubmatch(out, -1) {
			name, valid := string(m[1]), string(m[2]) == "validates"
			violations, err := v.XML(context.Background(), version, docs[name])
			if err != nil {
				t.Fatal(err)
			}
			judged++
			if !valid {
				invalid++
			}
			if (len(violations) == 0) == valid || differs(docs[name]) {
				continue
			}
			why := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + `:.*$`).Find(out)
			t.Errorf("%s: ours %v, libxml2 says valid=%v (%s)", filepath.Base(name), violations, valid, why)
		}
	}
	if judged == 0 {
		t.Error("xmllint judged nothing")
	}
	t.Logf("%d documents judged alike, %d of them invalid", judged, invalid)
}

// differs names what is deliberately judged otherwise than by libxml2 with one schema.
func differs(doc []byte) bool {
	return bytes.Contains(doc, []byte("http://cyclonedx.org/schema/ext/")) // extensions are judged, too
}

// damage changes n things in an XML document.
func damage(t *testing.T, rng *rand.Rand, src []byte, n int) []byte {
	t.Helper()
	dec := xml.NewDecoder(bytes.NewReader(src))
	var toks []xml.Token
	for {
		tok, err := dec.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch tok := tok.(type) {
		case xml.ProcInst, xml.Comment:
		case xml.CharData:
			if len(toks) > 0 {
				toks = append(toks, tok.Copy())
			}
		default:
			toks = append(toks, xml.CopyToken(tok))
		}
	}
	for last := len(toks) - 1; ; last-- { // nothing after the root
		if _, isEnd := toks[last].(xml.EndElement); isEnd {
			toks = toks[:last+1]
			break
		}
	}
	for range n {
		toks = change(rng, toks)
	}
	return write(toks)
}

func change(rng *rand.Rand, toks []xml.Token) []xml.Token {
	var starts []int
	for i, tok := range toks {
		if _, ok := tok.(xml.StartElement); ok {
			starts = append(starts, i)
		}
	}
	if len(starts) < 2 {
		return toks
	}
	at := starts[1+rng.IntN(len(starts)-1)] // not the root
	start := toks[at].(xml.StartElement).Copy()
	end := at
	for depth := 0; ; end++ {
		switch toks[end].(type) {
		case xml.StartElement:
			depth++
		case xml.EndElement:
			depth--
		}
		if depth == 0 {
			break
		}
	}
	values := []string{"", "x", " true ", "1", "-1", "0.5", "2024-02-30", "2024-02-29T24:00:00Z", "2020-04-07T07:01:00+14:01", "http://e.example/%zz",
		"a b", "required", "urn:cdx:f08a6ccd-4dce-4759-bd84-c626675d60a7/1", "MIT", "sha", "library", "+3", "1:x", "http://[x]/"}
	value := values[rng.IntN(len(values))]
	switch rng.IntN(8) {
	case 0: // delete an element
		return slices.Delete(toks, at, end+1)
	case 1: // repeat it
		return slices.Insert(toks, end+1, slices.Clone(toks[at:end+1])...)
	case 2: // rename it
		to := toks[starts[rng.IntN(len(starts))]].(xml.StartElement).Name
		start.Name = to
		toks[at], toks[end] = start, xml.EndElement{Name: to}
	case 3: // replace its content
		return slices.Replace(toks, at+1, end, xml.Token(xml.CharData(value)))
	case 4: // drop an attribute
		if len(start.Attr) > 0 {
			i := rng.IntN(len(start.Attr))
			if a := start.Attr[i].Name; a.Space != "xmlns" && a.Local != "xmlns" {
				start.Attr = slices.Delete(start.Attr, i, i+1)
			}
			toks[at] = start
		}
	case 5: // change an attribute
		if len(start.Attr) > 0 {
			i := rng.IntN(len(start.Attr))
			if a := start.Attr[i].Name; a.Space != "xmlns" && a.Local != "xmlns" {
				start.Attr[i].Value = value
			}
			toks[at] = start
		}
	case 6: // add an attribute
		name := []string{"bom-ref", "foo", "type", "ref"}[rng.IntN(4)]
		if !slices.ContainsFunc(start.Attr, func(a xml.Attr) bool { return a.Name.Local == name }) {
			start.Attr = append(start.Attr, xml.Attr{Name: xml.Name{Local: name}, Value: value})
			toks[at] = start
		}
	case 7: // move it before another element
		moved := slices.Clone(toks[at : end+1])
		toks = slices.Delete(toks, at, end+1)
		to := starts[1+rng.IntN(len(starts)-1)]
		if to < at {
			return slices.Insert(toks, to, moved...)
		}
		return slices.Insert(toks, at, moved...)
	}
	return toks
}

func write(toks []xml.Token) []byte {
	var b bytes.Buffer
	name := func(n xml.Name) string { return strings.TrimPrefix(n.Space+":"+n.Local, ":") }
	for _, tok := range toks {
		switch t := tok.(type) {
		case xml.StartElement:
			b.WriteString("<" + name(t.Name))
			for _, a := range t.Attr {
				b.WriteString(" " + name(a.Name) + `="`)
				_ = xml.EscapeText(&b, []byte(a.Value))
				b.WriteString(`"`)
			}
			b.WriteString(">")
		case xml.EndElement:
			b.WriteString("</" + name(t.Name) + ">")
		case xml.CharData:
			_ = xml.EscapeText(&b, t)
		}
	}
	return b.Bytes()
}
