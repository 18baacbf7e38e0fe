package schema

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom/schema/draft7"
)

// clauses are our own schemas of SPDX, each rule with the clause that it was written from. The official schema is not
// embedded. What they leave out: the grammar of license expressions, and in SPDX 3 everything beyond the envelope,
// elements, creation information and relationships.
//
//go:embed clauses
var clauses embed.FS

// spdxRules names the rules of each SPDX version.
var spdxRules = map[string]string{
	"2.2": "spdx-2.2.json", "2.3": "spdx-2.3.json", "3.0.0": "spdx-3.0.json", "3.0.1": "spdx-3.0.json",
}

func compileSPDX(file string) (*draft7.Schema, error) {
	set := draft7.NewSet(func(url string) ([]byte, error) { return clauses.ReadFile("clauses/" + path.Base(url)) })
	s, err := set.Compile("https://cofferdam.dev/clauses/" + file)
	if err != nil {
		return nil, fmt.Errorf("embedded rules %s: %w", file, err)
	}
	return s, nil
}

// SPDXRules is how an answer says what it judged by.
func SPDXRules(specVersion string) string {
	return "SPDX " + specVersion + " rules (written from the specification; the official schema is not embedded)"
}

// DetectSPDX says whether a document is SPDX JSON, and of which specification version ("2.3", "3.0.1"), by looking at its
// members. The version is what the document claims, "" if it cannot be read.
func DetectSPDX(doc []byte) (specVersion string, ok bool) {
	s := scanner{doc: trim(doc)}
	if len(s.doc) == 0 || s.doc[0] != '{' {
		return "", false
	}
	s.at = 1
	for {
		name, value, more := s.member()
		if !more {
			return "", false
		}
		switch string(name) {
		case `"spdxVersion"`:
			var version string
			if json.Unmarshal(value, &version) != nil {
				return "", true
			}
			return strings.TrimPrefix(version, "SPDX-"), true
		case `"@context"`:
			const base = "https://spdx.org/rdf/"
			if _, after, found := strings.Cut(string(value), base); found {
				version, _, _ := strings.Cut(after, "/")
				return version, true
			}
		}
	}
}

// SPDXJSON judges an SPDX JSON document, of the version that it claims, by rules written from the specification (see
// SPDXRules); results are those of JSON. The error is of ident.KindUnsupported for a version other than 2.2, 2.3, 3.0.0
// and 3.0.1, and for a document that is no SPDX.
func (v *Validator) SPDXJSON(ctx context.Context, doc []byte) ([]Violation, error) {
	if err := v.size(doc); err != nil {
		return nil, err
	}
	version, ok := DetectSPDX(doc)
	if !ok {
		return nil, ident.Errorf(ident.KindUnsupported, "the document is not SPDX JSON: it has neither spdxVersion nor an SPDX @context")
	}
	compiled, ok := v.spdx[version]
	if !ok {
		return nil, unsupported("SPDX", "JSON rules", version, v.spdx)
	}
	s, err := compiled()
	if err != nil {
		return nil, err
	}
	return v.judgeJSON(doc, func(value *draft7.Value) ([]draft7.Fault, error) {
		faults, err := s.Judge(ctx, value, v.limits.Violations)
		if err != nil {
			return nil, err
		}
		c := &crossCheck{limit: v.limits.Violations - len(faults)}
		if strings.HasPrefix(version, "2.") {
			c.spdx2(value)
		} else {
			c.spdx3(value)
		}
		return append(faults, c.faults...), ctx.Err()
	})
}

// A crossCheck holds the rules that relate one part of a document to another.
type crossCheck struct {
	faults []draft7.Fault
	limit  int
}

func (c *crossCheck) add(pointer string, at *draft7.Value, rule, message string) {
	if len(c.faults) < c.limit {
		c.faults = append(c.faults, draft7.Fault{Path: pointer, Offset: at.Offset, Message: message, Rule: rule})
	}
}

// items calls do for every item of an array member that is an object.
func items(v *draft7.Value, member, pointer string, do func(item *draft7.Value, pointer string)) {
	list, ok := v.Member(member)
	if !ok || list.Kind != draft7.Array {
		return
	}
	for i := range list.Kids {
		if list.Kids[i].Kind == draft7.Object {
			do(&list.Kids[i], fmt.Sprintf("%s/%s/%d", pointer, member, i))
		}
	}
}

// text returns a member that is a string.
func text(v *draft7.Value, member string) (*draft7.Value, bool) {
	m, ok := v.Member(member)
	if !ok || m.Kind != draft7.String {
		return nil, false
	}
	return m, true
}

// digestLengths are the lengths in hexadecimal digits (SPDX 2.3 clause 7.10); BLAKE3 and MD6 have variable ones.
var digestLengths = map[string]int{
	"SHA1": 40, "SHA224": 56, "SHA256": 64, "SHA384": 96, "SHA512": 128, "SHA3-256": 64, "SHA3-384": 96, "SHA3-512": 128,
	"BLAKE2b-256": 64, "BLAKE2b-384": 96, "BLAKE2b-512": 128, "MD2": 32, "MD4": 32, "MD5": 32, "ADLER32": 8,
}

// spdx2 checks identifiers, references and digests of SPDX 2.
func (c *crossCheck) spdx2(doc *draft7.Value) {
	declared := map[string]string{}
	declare := func(v *draft7.Value, pointer string) {
		id, ok := text(v, "SPDXID")
		if !ok {
			return
		}
		if first, dup := declared[id.Text]; dup {
			c.add(pointer+"/SPDXID", id, "SPDX 2.3 clause 3.2", fmt.Sprintf("must be unique, found %q as at %s", id.Text, first))
			return
		}
		declared[id.Text] = pointer + "/SPDXID"
	}
	declare(doc, "")
	for _, member := range []string{"packages", "files", "snippets"} {
		items(doc, member, "", declare)
	}
	external := map[string]bool{}
	items(doc, "externalDocumentRefs", "", func(v *draft7.Value, pointer string) {
		if id, ok := text(v, "externalDocumentId"); ok {
			external[id.Text] = true
		}
		if sum, ok := v.Member("checksum"); ok {
			c.digest(sum, pointer+"/checksum")
		}
	})
	resolve := func(ref *draft7.Value, pointer string) {
		if ref.Kind != draft7.String || ref.Text == "NONE" || ref.Text == "NOASSERTION" {
			return
		}
		if document, _, foreign := strings.Cut(ref.Text, ":"); foreign {
			if strings.HasPrefix(document, "DocumentRef-") && !external[document] {
				c.add(pointer, ref, "SPDX 2.3 clause 6.6", fmt.Sprintf("must refer to a declared external document, found %q", ref.Text))
			}
			return
		}
		if _, ok := declared[ref.Text]; !ok && strings.HasPrefix(ref.Text, "SPDXRef-") {
			c.add(pointer, ref, "SPDX 2.3 clause 11.1", fmt.Sprintf("must refer to an element of the document, found %q", ref.Text))
		}
	}
	each := func(v *draft7.Value, member, pointer string) {
		list, ok := v.Member(member)
		if !ok || list.Kind != draft7.Array {
			return
		}
		for i := range list.Kids {
			resolve(&list.Kids[i], fmt.Sprintf("%s/%s/%d", pointer, member, i))
		}
	}
	each(doc, "documentDescribes", "")
	items(doc, "packages", "", func(v *draft7.Value, pointer string) {
		each(v, "hasFiles", pointer)
		items(v, "checksums", pointer, c.digest)
	})
	items(doc, "files", "", func(v *draft7.Value, pointer string) {
		items(v, "checksums", pointer, c.digest)
		c.fileDigest(v, pointer)
	})
	items(doc, "snippets", "", func(v *draft7.Value, pointer string) {
		if ref, ok := text(v, "snippetFromFile"); ok {
			resolve(ref, pointer+"/snippetFromFile")
		}
	})
	items(doc, "relationships", "", func(v *draft7.Value, pointer string) {
		for _, end := range []string{"spdxElementId", "relatedSpdxElement"} {
			if ref, ok := text(v, end); ok {
				resolve(ref, pointer+"/"+end)
			}
		}
	})
}

// digest compares the length of a digest with its algorithm.
func (c *crossCheck) digest(v *draft7.Value, pointer string) {
	algorithm, ok1 := text(v, "algorithm")
	value, ok2 := text(v, "checksumValue")
	if !ok1 || !ok2 {
		return
	}
	if want := digestLengths[algorithm.Text]; want != 0 && len(value.Text) != want {
		c.add(pointer+"/checksumValue", value, "SPDX 2.3 clause 7.10",
			fmt.Sprintf("must have %d hexadecimal digits for %s, found %d", want, algorithm.Text, len(value.Text)))
	}
}

// fileDigest asks for the one digest that every file has.
func (c *crossCheck) fileDigest(v *draft7.Value, pointer string) {
	list, ok := v.Member("checksums")
	if !ok || list.Kind != draft7.Array || len(list.Kids) == 0 {
		return // said already
	}
	if !slices.ContainsFunc(list.Kids, func(sum draft7.Value) bool {
		algorithm, ok := text(&sum, "algorithm")
		return ok && algorithm.Text == "SHA1"
	}) {
		c.add(pointer+"/checksums", list, "SPDX 2.3 clause 8.4", "must have a SHA1 checksum")
	}
}

// spdx3 checks the references to creation information, and that there is one document at most.
func (c *crossCheck) spdx3(doc *draft7.Value) {
	creations := map[string]bool{}
	documents := 0
	items(doc, "@graph", "", func(v *draft7.Value, pointer string) {
		class, ok := text(v, "type")
		if !ok {
			return
		}
		switch class.Text {
		case "CreationInfo":
			if id, ok := text(v, "@id"); ok {
				creations[id.Text] = true
			}
		case "SpdxDocument":
			if documents++; documents > 1 {
				c.add(pointer, v, "SPDX 3.0.1 Core/Classes/SpdxDocument", "must be the only SpdxDocument of its file")
			}
		}
	})
	items(doc, "@graph", "", func(v *draft7.Value, pointer string) {
		if ref, ok := text(v, "creationInfo"); ok && !creations[ref.Text] {
			c.add(pointer+"/creationInfo", ref, "SPDX 3.0.1 Core/Properties/creationInfo",
				fmt.Sprintf("must refer to a CreationInfo of the file, found %q", ref.Text))
		}
	})
}
