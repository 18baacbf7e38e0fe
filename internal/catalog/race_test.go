//go:build race

package catalog_test

// fixtureCuts is how often a document is damaged each way.
const fixtureCuts = 3
