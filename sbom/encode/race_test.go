//go:build race

package encode_test

// largestFile is what the race detector, which makes reading ten times as slow,
// leaves time for.
const largestFile = 512 << 10
