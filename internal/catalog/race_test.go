//go:build race

package catalog_test

// fixtureCuts is how often a document is damaged each way.
const fixtureCuts = 3

// raced reports whether the race detector is on, which takes memory of its own.
const raced = true
