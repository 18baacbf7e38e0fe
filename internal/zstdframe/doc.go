// Package zstdframe writes Zstandard frames (RFC 8878) in two thirds of the time of an encoder
// that looks for matches in Go, and about as small: S2's encoder, which is
// assembly, finds the matches, and this package gives them zstd's entropy coding.
//
//	var e zstdframe.Encoder
//	packed := e.Append(nil, document)
//	_ = packed // any zstd decoder reads it
//
// It is not for reading frames, nor for streams: the bytes are all there. It has one
// level, no dictionaries, and does not look further back than 4 MB.
package zstdframe
