// Package xsd judges XML documents by the part of XML Schema 1.0 that the CycloneDX schemas use, in pure Go.
//
// It interprets an XSD as it stands: sequences, choices, element wildcards and their occurrence as an automaton per
// content model; attributes, attribute groups and wildcards; simple types with restriction, union, enumeration, pattern,
// length and range; simple content; element defaults; xsi:type and xsi:nil; and uniqueness over all descendants. The
// document is read as a stream, so memory does not grow with its length.
//
// It is not a general XSD processor: a construct that it does not know is a compile error, never ignored. Document type
// declarations are refused, so there are no entities to expand and nothing to fetch.
//
//	set := xsd.NewSet(func(namespace string) (string, []byte, error) { return "bom-1.7.xsd", src, nil })
//	s, err := set.Compile("http://cyclonedx.org/schema/bom/1.7")
//	faults, err := s.Judge(ctx, doc, xsd.Limits{})
package xsd
