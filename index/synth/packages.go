package synth

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strings"

	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// ecosystem is a source of packages.
type ecosystem struct {
	typ       string
	packages  int
	versions  int // that the most released package has at the end
	distro    sbom.Distro
	suppliers []string
}

// The ecosystems. The last five are distributions' releases: base images are of one of them.
var ecosystems = [...]ecosystem{
	{typ: "npm", packages: 400_000, versions: 240},
	{typ: "golang", packages: 120_000, versions: 160},
	{typ: "maven", packages: 150_000, versions: 120},
	{typ: "pypi", packages: 120_000, versions: 150},
	{typ: "deb", packages: 6000, versions: 24, distro: sbom.Distro{ID: "debian", VersionID: "12"}, suppliers: []string{"Debian Security Team <team@security.example>", "Debian GNU Maintainers <gnu@packages.example>", "Matthias Example <doko@packages.example>"}},
	{typ: "deb", packages: 6000, versions: 30, distro: sbom.Distro{ID: "ubuntu", VersionID: "22.04"}, suppliers: []string{"Ubuntu Developers <devel@ubuntu.example>"}},
	{typ: "apk", packages: 2500, versions: 18, distro: sbom.Distro{ID: "alpine", VersionID: "3.20"}, suppliers: []string{"Natanael Example <ncopa@alpine.example>"}},
	{typ: "rpm", packages: 5000, versions: 22, distro: sbom.Distro{ID: "rocky", VersionID: "9"}, suppliers: []string{"Rocky Enterprise Software Foundation"}},
	{typ: "deb", packages: 6000, versions: 12, distro: sbom.Distro{ID: "debian", VersionID: "13"}, suppliers: []string{"Debian Security Team <team@security.example>"}},
}

const languages = 4 // the ecosystems before the distributions

var licences = [...]string{"MIT", "MIT", "MIT", "MIT", "MIT", "Apache-2.0", "Apache-2.0", "Apache-2.0", "ISC", "ISC", "BSD-3-Clause", "BSD-3-Clause",
	"BSD-2-Clause", "MPL-2.0", "LGPL-2.1-or-later", "GPL-2.0-only", "GPL-2.0-or-later", "GPL-3.0-or-later", "(MIT OR Apache-2.0)", "EPL-2.0", "Unlicense", "0BSD", "CC0-1.0", "Zlib"}

var syllables = [...]string{"ab", "ba", "co", "de", "ex", "fo", "gra", "hy", "in", "jo", "ka", "lo", "mi", "ne", "os", "pa", "qu", "re", "so", "ti", "un", "ve", "wi", "xy", "yo", "zu", "str", "net", "log", "uti", "core", "json"}

// entry is one distinct component: a package of an ecosystem in one version, as
// one of two tools writes it.
type entry struct {
	ecosystem uint8
	tool      uint8 // 0 writes no hashes of registries' packages, 1 does
	pkg       uint32
	version   uint16
}

// number packs an entry; it is never 0.
func (e entry) number() uint64 {
	return 1<<63 | uint64(e.ecosystem)<<56 | uint64(e.tool)<<52 | uint64(e.pkg)<<24 | uint64(e.version)
}

// released is how many versions of a package there are at a time in [0, 1].
func (e entry) released(at float64) int {
	eco := &ecosystems[e.ecosystem]
	// Few packages are released often, and most of those are popular.
	share := float64(mix(uint64(e.pkg)*31+uint64(e.ecosystem))>>11) / (1 << 53)
	most := 1 + float64(eco.versions)*share*share/(1+math.Log1p(float64(e.pkg))/6)
	return max(1, int(most*at))
}

func nameOf(seed uint64, pkg uint32) string {
	h := mix(seed*1_000_003 + uint64(pkg))
	var b strings.Builder
	for range 2 + h%2 {
		b.WriteString(syllables[h>>8%uint64(len(syllables))])
		h = mix(h)
	}
	if h%3 == 0 {
		b.WriteByte('-')
		b.WriteString(syllables[h>>16%uint64(len(syllables))])
		b.WriteString(syllables[h>>24%uint64(len(syllables))])
	}
	fmt.Fprintf(&b, "%d", pkg) // no two packages have one name
	return b.String()
}

// component writes an entry out.
func (e entry) component() (sbom.Component, sbom.Distro) {
	eco := &ecosystems[e.ecosystem]
	h := mix(uint64(e.ecosystem)<<32 | uint64(e.pkg))
	v := int(e.version)
	p := vuln.PURL{Type: eco.typ, Name: nameOf(uint64(e.ecosystem), e.pkg), Version: fmt.Sprintf("%d.%d.%d", v/40, v/5%8, v%5)}
	c := sbom.Component{Type: "library", Licenses: []sbom.License{{Expression: licences[h%uint64(len(licences))], Kind: sbom.LicenseDeclared}}}
	hash := func(algorithm string, n int) {
		sum := binary.LittleEndian.AppendUint64(nil, mix(e.number()))
		for len(sum) < n {
			sum = binary.LittleEndian.AppendUint64(sum, mix(binary.LittleEndian.Uint64(sum[len(sum)-8:])))
		}
		c.Hashes = []sbom.Hash{{Algorithm: algorithm, Value: hex.EncodeToString(sum[:n])}}
	}
	if eco.distro.ID != "" {
		p.Namespace = eco.distro.ID
		p.Version = fmt.Sprintf("%d.%d.%d-%d", 1+h%9, h>>8%20, h>>16%6, v+1)
		if eco.typ == "apk" {
			p.Version = fmt.Sprintf("%d.%d.%d-r%d", 1+h%9, h>>8%20, h>>16%6, v)
		}
		p.Qualifiers = []vuln.Qualifier{{Key: "arch", Value: "amd64"}, {Key: "distro", Value: eco.distro.ID + "-" + eco.distro.VersionID}}
		c.Supplier = eco.suppliers[h%uint64(len(eco.suppliers))]
		c.Name, c.Version, c.PURL = p.Name, p.Version, p.String()
		if h%4 == 0 {
			c.Source = sbom.SourcePackage{Name: nameOf(uint64(e.ecosystem), e.pkg/3*3)}
		}
		return c, eco.distro
	}
	switch eco.typ {
	case "golang":
		p.Namespace, p.Version = "github.com/"+nameOf(99, uint32(h%20_000)), "v"+p.Version
		c.Licenses = nil // the usual scanners do not read them
		if e.tool == 1 {
			hash("SHA-256", 32)
		}
	case "maven":
		p.Namespace = "org." + nameOf(98, uint32(h%8000))
		hash("SHA-1", 20)
	case "npm":
		if h%4 == 0 {
			p.Namespace = "@" + nameOf(97, uint32(h%3000))
		}
		if e.tool == 1 {
			hash("SHA-512", 64)
		}
	case "pypi":
		if e.tool == 1 {
			hash("SHA-256", 32)
		}
	}
	c.Name, c.Version, c.PURL = p.FullName(), p.Version, p.String()
	return c, sbom.Distro{}
}

// module is a service's own module in one release.
func module(service, release, k int) sbom.Component {
	p := vuln.PURL{Type: "npm", Namespace: "@example", Name: fmt.Sprintf("%s-mod%d", nameOf(96, uint32(service)), k), Version: fmt.Sprintf("%d.%d.0", release/20, release%20)} //nolint:gosec // small numbers
	return sbom.Component{Type: "library", Name: p.FullName(), Version: p.Version, PURL: p.String(), Supplier: "Example"}
}
