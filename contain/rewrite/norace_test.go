//go:build !race

package rewrite_test

// estatesTried is how many random estates are cut.
const estatesTried = 10_000
