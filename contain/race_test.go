//go:build race

package contain_test

// estatesTried is how many random estates are cut: fewer where each takes ten
// times as long.
const estatesTried = 500
