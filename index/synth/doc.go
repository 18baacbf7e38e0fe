// Package synth makes the documents of an organisation of any size, for tests and
// benchmarks of the index: seeded, so that the same configuration gives the same
// documents, and shaped like real ones. Services are released again and again on
// base images that are rebuilt every month; what they depend on follows Zipf's law
// in seven ecosystems; each release brings modules of its own.
//
// Documents are written out as SPDX where somebody reads them so, and Large writes single
// long ones. None of the packages exists.
//
//	c, err := synth.New(synth.Config{Documents: 100_000, Components: 500, Seed: 1})
//	for d, ok := c.Next(); ok; d, ok = c.Next() {
//		err = x.Apply(d.Batch())
//	}
package synth
