//go:build !race

package contain_test

// estatesTried is how many random estates are cut.
const estatesTried = 10_000
