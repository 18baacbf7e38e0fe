// Package license knows the identifiers of the SPDX License List and the grammar
// of license expressions (SPDX 2.3 annex D), so that a text that is one can be
// told from a name in free words.
//
//	license.Listed("Apache-2.0")             // true
//	license.Valid("MIT OR (BSD-3-Clause AND LicenseRef-ours)") // true
//	license.Valid("GPL v2 or later")         // false
//
// It is not for deciding what a license permits, and mends no text: what is
// nearly an expression is none.
package license
