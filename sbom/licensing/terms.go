package licensing

import (
	_ "embed"
	"strings"
	"sync"

	"github.com/cofferdam-io/cofferdam/sbom/license"
)

var (
	//go:embed terms.txt
	termLines string
	//go:embed conflicts.txt
	conflictLines string
	//go:embed crypto.txt
	cryptoLines string
)

// Families of licences.
const (
	PublicDomain    = "public-domain"
	Permissive      = "permissive"
	WeakCopyleft    = "weak-copyleft"
	StrongCopyleft  = "strong-copyleft"
	NetworkCopyleft = "network-copyleft"
	SourceAvailable = "source-available"
	NonCommercial   = "non-commercial"
	UnknownFamily   = "unknown"
)

// families are what a policy may name.
var families = []string{PublicDomain, Permissive, WeakCopyleft, StrongCopyleft, NetworkCopyleft, SourceAvailable, NonCommercial, UnknownFamily}

// Terms are what a licence asks for.
type Terms struct {
	Family      string   `json:"family"`
	Obligations []string `json:"obligations"`
}

type conflictRow struct{ a, b, verdict, source string }

var tables = sync.OnceValue(func() (t struct {
	terms     map[string]Terms
	conflicts []conflictRow
	crypto    [][2]string
}) {
	t.terms = map[string]Terms{}
	rows(termLines, func(line string) {
		f := strings.Fields(line)
		t.terms[f[0]] = Terms{Family: f[1], Obligations: f[2:]}
	})
	rows(conflictLines, func(line string) {
		f := strings.SplitN(line, " | ", 4)
		t.conflicts = append(t.conflicts, conflictRow{f[0], f[1], f[2], f[3]})
	})
	rows(cryptoLines, func(line string) {
		kind, name, _ := strings.Cut(line, " ")
		t.crypto = append(t.crypto, [2]string{kind, strings.ToLower(name)})
	})
	return t
})

func rows(text string, each func(line string)) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			each(line)
		}
	}
}

// current is the identifier that the list has now for what an expression names: the
// GNU licences were once listed without "-only" and "-or-later".
func current(e *license.Expression) string {
	id := e.ID
	gnu := strings.HasPrefix(id, "GPL-") || strings.HasPrefix(id, "LGPL-") || strings.HasPrefix(id, "AGPL-") || strings.HasPrefix(id, "GFDL-")
	if !gnu {
		return id
	}
	id, _, _ = strings.Cut(id, "-with-") // exceptionOf has the rest
	base, later := strings.CutSuffix(id, "+")
	if strings.HasSuffix(base, "-or-later") {
		return base
	}
	only := strings.HasSuffix(base, "-only")
	base = strings.TrimSuffix(base, "-only")
	switch {
	case later, e.OrLater:
		return base + "-or-later"
	case only, strings.Count(base, "-") == 1:
		return base + "-only"
	}
	return id
}

// exceptionOf is the identifier of an expression's exception; "" for none. The GNU licences were
// once listed with theirs in one identifier (SPDX license list, "Deprecated License Identifiers").
func exceptionOf(e *license.Expression) string {
	if e.Exception != "" {
		return e.Exception
	}
	return oldExceptions[e.ID]
}

var oldExceptions = map[string]string{
	"GPL-2.0-with-autoconf-exception": "Autoconf-exception-2.0", "GPL-2.0-with-bison-exception": "Bison-exception-2.2", "GPL-2.0-with-classpath-exception": "Classpath-exception-2.0",
	"GPL-2.0-with-font-exception": "Font-exception-2.0", "GPL-2.0-with-GCC-exception": "GCC-exception-2.0",
	"GPL-3.0-with-autoconf-exception": "Autoconf-exception-3.0", "GPL-3.0-with-GCC-exception": "GCC-exception-3.1",
}

// TermsOf returns what is known of a licence. What is on no table is of the family
// unknown.
func TermsOf(e *license.Expression) Terms {
	t, ok := tables().terms[current(e)]
	if !ok {
		return Terms{Family: UnknownFamily, Obligations: []string{}}
	}
	if t.Family == StrongCopyleft && linking[exceptionOf(e)] {
		t.Family = WeakCopyleft
	}
	return t
}

// linking are exceptions that let other works link, or be output, without becoming a
// part of the work.
var linking = map[string]bool{
	"Classpath-exception-2.0": true, "GCC-exception-2.0": true, "GCC-exception-3.1": true, "Bison-exception-2.2": true, "Autoconf-exception-2.0": true,
	"Autoconf-exception-3.0": true, "Libtool-exception": true, "Linux-syscall-note": true, "Font-exception-2.0": true, "LLVM-exception": true, "OpenJDK-assembly-exception-1.0": true,
	"Qt-GPL-exception-1.0": true, "Qt-LGPL-exception-1.1": true, "WxWindows-exception-3.1": true, "Universal-FOSS-exception-1.0": true,
}

// conflict says whether two licences can be in one work.
func conflict(a, b *license.Expression) (verdict, source string) {
	x, y := current(a), current(b)
	if x == y {
		return compatible, ""
	}
	for _, r := range tables().conflicts {
		if fits(r.a, x) && fits(r.b, y) || fits(r.a, y) && fits(r.b, x) {
			if r.verdict == conflicting && (exceptionOf(a) != "" || exceptionOf(b) != "") {
				return unknown, "an exception may allow it; without one: " + r.source
			}
			return r.verdict, r.source
		}
	}
	// The AGPL is the GPL of its version with section 13: what is on no row of its own
	// is judged as that.
	if rest, ok := strings.CutPrefix(x, "AGPL-3.0"); ok {
		return conflict(&license.Expression{ID: "GPL-3.0" + rest, Exception: a.Exception}, b)
	}
	if rest, ok := strings.CutPrefix(y, "AGPL-3.0"); ok {
		return conflict(a, &license.Expression{ID: "GPL-3.0" + rest, Exception: b.Exception})
	}
	free := func(e *license.Expression) bool {
		f := TermsOf(e).Family
		return f == Permissive || f == PublicDomain
	}
	weak := func(e *license.Expression) bool { return TermsOf(e).Family == WeakCopyleft }
	if free(a) && (free(b) || weak(b) || strings.HasPrefix(y, "GPL-")) || free(b) && (weak(a) || strings.HasPrefix(x, "GPL-")) {
		return compatible, ""
	}
	return unknown, "the combination is on no table"
}

const (
	compatible  = "compatible"
	conflicting = "conflict"
	unknown     = "unknown"
)

// fits reports whether an identifier is a name, or begins as one that ends in *.
func fits(pattern, id string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(id, prefix)
	}
	return pattern == id
}
