// Package draft7 judges JSON documents by JSON Schema draft-07.
//
// It exists beside the general validators of the field because of what a foreign SBOM may be: it bounds the depth, the
// number of values and the number of faults it reports, stops when its context ends, names every fault by JSON pointer
// and byte offset, refuses duplicate keys, and words failed alternatives as the one cause that a person can act on. A
// test holds its verdicts against github.com/santhosh-tekuri/jsonschema on the whole CycloneDX corpus and on thousands
// of mutations of it.
//
// A schema that is written from the text of a standard names the clause in $comment, and its faults carry that as their
// rule.
//
// It is not a general validator: keywords that the CycloneDX schemas do not use are a compile error (never ignored),
// schemas come from the caller's loader (never from a network), and every format is asserted.
//
//	set := draft7.NewSet(func(url string) ([]byte, error) { return files[url], nil })
//	s, err := set.Compile("http://cyclonedx.org/schema/bom-1.7.schema.json")
//	doc, faults, err := draft7.Parse(src, draft7.Limits{}); faults, err = s.Judge(ctx, doc, 100)
package draft7
