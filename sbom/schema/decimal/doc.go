// Package decimal compares the numbers of foreign documents exactly and in time linear in their text.
//
// It does not calculate. It exists because expanding a number, as math/big does, would let the twelve bytes of
// "1e999999999" cost a gigabyte.
//
//	decimal.Parse("1.50") == decimal.Parse("15e-1")           // true
//	decimal.Parse("1e999999999").Cmp(decimal.Parse("10"))     // 1
//	decimal.Parse("2.0").IsInteger()                          // true
package decimal
