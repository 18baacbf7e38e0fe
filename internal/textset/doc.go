// Package textset is a set of texts of which nothing is kept but 64 bits of hash: eight to
// thirty-two bytes for each, whatever their length.
//
// Of a million texts two are taken for one in one of 18 million sets. The hash is seeded by chance, so
// that nobody can choose two that are. It is for questions whose answer decides of a
// warning; it is not for identities.
//
//	var seen textset.Set
//	first := seen.Add("SPDXRef-a")
//	known := seen.Has([]byte("SPDXRef-a"))
package textset
