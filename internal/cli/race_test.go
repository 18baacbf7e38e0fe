//go:build race

package cli_test

// memoryFactor is how much more memory the race detector takes ("5-10x", and it
// keeps what was freed).
const memoryFactor = 12
