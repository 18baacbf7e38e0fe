// Package jsonwrite writes JSON (RFC 8259) as a stream: the caller opens objects
// and arrays, names members and gives values, and nothing is held but a buffer.
// It is the counterpart of jsonscan, for documents that are larger than one wants
// to hold twice.
//
//	w := jsonwrite.New(out)
//	w.Object()
//	w.Member("name", "Cofferdam")
//
// Output is the same at every run: one member or item a line, indented by one
// space a level. Text that is not UTF-8 is written with U+FFFD in its place. The
// first error of the writer below sticks; ask Flush once.
//
// It is not for Go structures, which encoding/json writes, and does not check
// that the calls make a document: a member outside an object is the caller's bug.
package jsonwrite
