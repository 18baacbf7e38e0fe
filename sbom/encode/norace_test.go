//go:build !race

package encode_test

// largestFile is no limit: every real document is converted.
const largestFile = 1 << 40
