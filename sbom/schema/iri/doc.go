// Package iri judges identifiers by RFC 3987, as the format iri-reference of JSON Schema, its format uri and the XSD
// type anyURI ask for it.
//
// It is not for taking identifiers apart, resolving or normalising them; package net/url does that, and accepts much
// that is not valid (spaces, braces, stray brackets).
//
//	err := iri.Reference("https://example.org/a b")  // a space must be percent-encoded
//	err = iri.Absolute("../licences")                // no scheme
//	err = iri.AnyURI("https://example.org/a b")      // nil: anyURI escapes it by itself
package iri
