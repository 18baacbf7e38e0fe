package vuln

import (
	"regexp"
	"strings"

	"github.com/google/osv-scalibr/semantic"

	"github.com/cofferdam-io/cofferdam/ident"
)

// order is how an ecosystem sorts its versions. The comparators are
// osv-scalibr's; because several of those accept any text and then order it
// somehow, a version must first match the grammar that is given here.
type order struct {
	name    string // with its article, as messages name it
	grammar *regexp.Regexp
	scalibr string // ecosystem under which osv-scalibr has the comparator
	key     keyer
	clean   func(string) string
}

// version is one version in its order, ready to be compared.
type version struct {
	text   string
	key    string           // "" for one that has none
	parsed semantic.Version // nil for one that has a key
}

// maxVersionBytes bounds a version. Comparators use arbitrary-precision
// numbers and regular expressions, so unbounded text would cost unbounded time.
const maxVersionBytes = 256

// The grammars. A leading "v" is common wherever versions are Git tags.
var (
	reSemver    = regexp.MustCompile(`^v?[0-9]+(\.[0-9]+){0,2}(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`)
	reSemver2   = regexp.MustCompile(`^v?[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`)
	reNuGet     = regexp.MustCompile(`^v?[0-9]+(\.[0-9]+){0,3}(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`)
	reHackage   = regexp.MustCompile(`^[0-9]+(\.[0-9]+)*$`)
	reCRAN      = regexp.MustCompile(`^[0-9]+([.-][0-9]+)*$`)
	reDebian    = regexp.MustCompile(`^([0-9]+:)?[0-9][0-9A-Za-z.+~:-]*$`)
	reAlpine    = regexp.MustCompile(`^[0-9]+(\.[0-9]+)*[a-z]?(_(alpha|beta|pre|rc|cvs|svn|git|hg|p)[0-9]*)*(~[0-9a-f]+)?(-r[0-9]+)?$`)
	reRPM       = regexp.MustCompile(`^([0-9]+:)?[0-9A-Za-z._+~^]+(-[0-9A-Za-z._+~^]+)?$`)
	reMaven     = regexp.MustCompile(`^[0-9A-Za-z._+-]*[0-9][0-9A-Za-z._+-]*$`)
	rePackagist = regexp.MustCompile(`^[vV]?[0-9]+(\.[0-9]+){0,3}([-_+.]?[0-9A-Za-z.+-]+)?$`)
	reGem       = regexp.MustCompile(`^[0-9]+(\.[0-9A-Za-z]+)*(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$`)
	// Version specifiers as PEP 440 defines them, in lower case.
	rePyPI = regexp.MustCompile(`^v?([0-9]+!)?[0-9]+(\.[0-9]+)*` +
		`([-_.]?(a|b|c|rc|alpha|beta|pre|preview)[-_.]?[0-9]*)?` +
		`(-[0-9]+|[-_.]?(post|rev|r)[-_.]?[0-9]*)?` +
		`([-_.]?dev[-_.]?[0-9]*)?` +
		`(\+[a-z0-9]+([-_.][a-z0-9]+)*)?$`)
	// The platform that RubyGems puts behind a version ("1.15.4-x86_64-linux").
	reGemPlatform = regexp.MustCompile(`-(x86_64|x86|x64|i[3-6]86|aarch64|arm64|arm|java|jruby|universal|powerpc(64)?(le)?|ppc64(le)?|s390x|mswin|mingw)([0-9]*)(-.*)?$`)
)

var (
	semverOrder    = &order{name: "a semantic version", grammar: reSemver, scalibr: "npm", key: semverKeyer(1, 3, false, false)}
	goOrder        = &order{name: "a Go module version", grammar: reSemver, scalibr: "Go", key: semverKeyer(1, 3, false, false)}
	actionOrder    = &order{name: "a full release tag", grammar: reSemver2, scalibr: "npm", key: semverKeyer(3, 3, false, false)}
	nugetOrder     = &order{name: "a NuGet version", grammar: reNuGet, scalibr: "NuGet", key: semverKeyer(1, 4, true, false)}
	pubOrder       = &order{name: "a pub version", grammar: reSemver, scalibr: "Pub", key: semverKeyer(1, 3, false, true)}
	hackageOrder   = &order{name: "a Hackage version", grammar: reHackage, scalibr: "Hackage", key: numbersKeyer(".")}
	cranOrder      = &order{name: "an R package version", grammar: reCRAN, scalibr: "CRAN", key: numbersKeyer(".-")}
	debianOrder    = &order{name: "a Debian version", grammar: reDebian, scalibr: "Debian", key: debianKey}
	alpineOrder    = &order{name: "an apk version", grammar: reAlpine, scalibr: "Alpine", key: apkKey}
	rpmOrder       = &order{name: "an RPM version", grammar: reRPM, scalibr: "Red Hat", key: rpmKey}
	mavenOrder     = &order{name: "a Maven version", grammar: reMaven, scalibr: "Maven", key: mavenKey}
	packagistOrder = &order{name: "a Composer version", grammar: rePackagist, scalibr: "Packagist", key: packagistKey, clean: composerNumbers}
	pypiOrder      = &order{name: "a PEP 440 version", grammar: rePyPI, scalibr: "PyPI", key: pypiKey, clean: func(s string) string {
		return strings.ToLower(strings.TrimSpace(s))
	}}
	gemOrder = &order{name: "a RubyGems version", grammar: reGem, scalibr: "RubyGems", key: gemKey, clean: func(s string) string {
		return reGemPlatform.ReplaceAllString(s, "")
	}}
)

// orders maps the base of an OSV ecosystem, in lower case, to its order.
// Ecosystems without an entry (kernels, fuzzing corpora, ports trees, opam)
// have no comparator: only enumerated versions can be matched there.
var orders = map[string]*order{
	"almalinux": rpmOrder, "azure linux": rpmOrder, "mageia": rpmOrder, "openeuler": rpmOrder, "opensuse": rpmOrder,
	"photon os": rpmOrder, "red hat": rpmOrder, "rocky linux": rpmOrder, "suse": rpmOrder,
	"alpaquita": alpineOrder, "alpine": alpineOrder, "bellsoft hardened containers": alpineOrder,
	"chainguard": alpineOrder, "minimos": alpineOrder, "wolfi": alpineOrder,
	"debian": debianOrder, "ubuntu": debianOrder,
	"bioconductor": cranOrder, "cran": cranOrder,
	"bitnami": semverOrder, "conancenter": semverOrder, "crates.io": semverOrder, "docker hardened images": semverOrder,
	"ghc": semverOrder, "hex": semverOrder, "julia": semverOrder, "npm": semverOrder, "swifturl": semverOrder, "vscode": semverOrder,
	"github actions": actionOrder,
	"go":             goOrder,
	"hackage":        hackageOrder,
	"maven":          mavenOrder,
	"nuget":          nugetOrder,
	"packagist":      packagistOrder,
	"pub":            pubOrder,
	"pypi":           pypiOrder,
	"rubygems":       gemOrder,
}

// orderOf returns the order of an ecosystem (with or without release), or nil.
func orderOf(ecosystem string) *order {
	return orders[baseOf(ecosystem)]
}

// parse reads a version, or says why the order does not know it.
func (o *order) parse(s string) (version, error) { return o.read(s, nil) }

// read is parse with the memory for keys.
func (o *order) read(s string, m *keyMemory) (version, error) {
	bad := func(reason string) (version, error) {
		return version{}, ident.Errorf(ident.KindInvalid, "%q is not %s%s", clip(s), o.name, reason)
	}
	if s == "" {
		return version{}, ident.Errorf(ident.KindInvalid, "it has no version")
	}
	if len(s) > maxVersionBytes {
		return bad(": longer than 256 bytes")
	}
	var few [64]byte
	if key, ok := o.key(few[:0], s); ok {
		return version{text: s, key: m.keep(key)}, nil
	}
	text := s
	if o.clean != nil {
		text = o.clean(text)
	}
	if !o.grammar.MatchString(text) {
		return bad("")
	}
	if o == packagistOrder && (strings.HasSuffix(text, ".x-dev") || strings.HasSuffix(text, "-dev") && strings.Contains(text, ".x")) {
		return bad(": it names a branch")
	}
	parsed, err := semantic.Parse(text, o.scalibr)
	if err != nil {
		return bad(": " + err.Error())
	}
	return version{text: s, parsed: parsed}, nil
}

// inFull returns a version with what the comparator reads of it.
func (o *order) inFull(v version) version {
	if v.parsed == nil {
		// It has a key, so that it matches the grammar, which the comparator takes.
		text := v.text
		if o.clean != nil {
			text = o.clean(text)
		}
		v.parsed, _ = semantic.Parse(text, o.scalibr)
	}
	return v
}

// composerNumbers writes a Composer version with its four numbers: "2.0" and "2.0.0" are
// one version to Composer (Composer\Semver\VersionParser::normalize), where PHP's
// version_compare, which orders what is behind them, has the longer later.
func composerNumbers(s string) string {
	i := 0
	if s != "" && (s[0] == 'v' || s[0] == 'V') {
		i = 1
	}
	for n := 1; ; n++ {
		j := digitsEnd(s, i)
		if i == j || n == composerHas {
			return s
		}
		if j+1 >= len(s) || s[j] != '.' || !isDigit(s[j+1]) {
			return s[:j] + strings.Repeat(".0", composerHas-n) + s[j:]
		}
		i = j + 1
	}
}

// against compares a version that is somewhere with one that a range or a query names.
// They differ from compare in what Python holds the same: a local version ("2.0.1+cu118",
// a build of 2.0.1) is the version that it was built from to all that name no local
// version themselves (PEP 440, "Version matching" and "Inclusive ordered comparison").
func (o *order) against(v, named version) int {
	if o == pypiOrder && !strings.Contains(named.text, "+") {
		v = o.public(v)
	}
	return o.compare(v, named)
}

// public returns the version that a local one was built from, and others as they are.
func (o *order) public(v version) version {
	text, _, local := strings.Cut(v.text, "+")
	if !local || o != pypiOrder {
		return v
	}
	if of, err := o.parse(text); err == nil {
		return of
	}
	return v
}

// compare orders two versions of one order.
func (o *order) compare(a, b version) int {
	switch {
	case a.text == b.text:
		return 0
	case a.key != "" && b.key != "":
		return strings.Compare(a.key, b.key)
	}
	a, b = o.inFull(a), o.inFull(b)
	if a.parsed == nil || b.parsed == nil {
		return strings.Compare(a.text, b.text)
	}
	c, err := a.parsed.Compare(b.parsed)
	if err != nil {
		// Both were parsed by the same comparator and match its grammar, so
		// the only error it has left, another ecosystem's version, cannot occur.
		return strings.Compare(a.text, b.text)
	}
	return c
}

// CompareVersions orders two versions of an OSV ecosystem: negative, zero or
// positive as a is before, equal to or after b. An error says which version, or
// that the ecosystem has no order.
func CompareVersions(ecosystem, a, b string) (int, error) {
	o := orderOf(ecosystem)
	if o == nil {
		return 0, ident.Errorf(ident.KindUnsupported, "the ecosystem %q has no version order", clip(ecosystem))
	}
	va, err := o.parse(a)
	if err != nil {
		return 0, err
	}
	vb, err := o.parse(b)
	if err != nil {
		return 0, err
	}
	return o.compare(va, vb), nil
}
