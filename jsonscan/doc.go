// Package jsonscan is a pull scanner for JSON (RFC 8259) over a byte slice: the
// caller asks for the next key or item and reads or skips its value, so that a
// decoder of a known document is a plain loop without reflection, tokens or
// callbacks. Errors are sticky: read on, and ask Err or End once.
//
//	r := jsonscan.New(data, jsonscan.Options{})
//	for r.Object(); ; {
//		key, ok := r.NextKey()
//
// It is meant for documents from strangers, in memory, of up to a few hundred
// megabytes. Beyond the grammar it refuses what makes two readers of one
// document disagree: bytes that are not UTF-8 and names that occur twice in one
// object (RFC 8259 sections 8.1 and 4 leave both to the implementation). A byte
// order mark at the start is stepped over. An unpaired surrogate escape
// (section 8.2) reads as U+FFFD, as in encoding/json.
//
// It is not for input that does not fit in memory, not for decoding into Go
// structures, and not for writing JSON.
//
// # What Skip checks
//
// Skip checks the whole grammar of what it passes: nesting, commas, colons,
// literals, numbers, control characters and escapes in strings, the depth limit
// and, because the whole input was checked first, UTF-8. It does not look for
// duplicate names inside the skipped value and applies no limit to the length
// of its strings. Options.StrictSkip closes both gaps at about half of the speed.
//
// # Who owns the bytes
//
// Key and Bytes return slices of the input or of a scratch buffer and are valid
// until the next call. String returns text that does not alias the input:
// short strings are interned per Reader (licences, suppliers and types
// repeat), the others are packed into blocks of at most 32 KiB. A kept string
// so keeps at most a block alive and never the input.
package jsonscan
