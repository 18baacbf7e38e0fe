package quality

import (
	"fmt"
	"strings"

	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// contradiction says how a package URL differs from what the component is called and
// from its version; "" is that it does not. Tools fold case and separators, put
// namespaces in names, leave out epochs and a leading "v": none of these is one.
func contradiction(p vuln.PURL, c *sbom.Component) string {
	if p.Type == "generic" || p.Type == "oci" || p.Type == "docker" {
		return "" // their names and versions are anybody's words
	}
	if c.Name != "" && !sameName(p, c) {
		return fmt.Sprintf("the package URL names %s", clip(p.FullName()))
	}
	if said(c.Version) == Present && p.Version != "" && !sameVersion(p, c.Version) {
		return fmt.Sprintf("the package URL says version %s", clip(p.Version))
	}
	return ""
}

var folder = strings.NewReplacer("-", "", "_", "", ".", "", "/", "", ":", "", "@", "", " ", "", "%2f", "", "%40", "")

func fold(s string) string { return folder.Replace(strings.ToLower(s)) }

func sameName(p vuln.PURL, c *sbom.Component) bool {
	if strings.EqualFold(p.Name, c.Name) {
		return true
	}
	// Most names end with the package URL's as it stands, which needs no folding, unless an
	// escape that folding drops began before it.
	if before, ok := strings.CutSuffix(c.Name, p.Name); ok && !strings.Contains(before, "%") && !strings.Contains(c.Group, "%") {
		return true
	}
	name, full := fold(c.Group+c.Name), fold(p.FullName()+p.Subpath)
	own := fold(c.Name)
	return strings.HasSuffix(full, own) || strings.HasSuffix(name, fold(p.Name)) || strings.HasSuffix(own, full)
}

func sameVersion(p vuln.PURL, version string) bool {
	a, b := plain(p.Version), plain(version)
	if a == b {
		return true
	}
	if e := p.Qualifier("epoch"); e != "" && plain(e+":"+p.Version) == b {
		return true
	}
	// A release or a build may stand in one of them only: "1.2.3-4" and "1.2.3".
	longer, shorter := a, b
	if len(longer) < len(shorter) {
		longer, shorter = shorter, longer
	}
	rest, ok := strings.CutPrefix(longer, shorter)
	return ok && strings.ContainsAny(rest[:1], "-+~.")
}

// plain takes epoch and "v" from a version.
func plain(s string) string {
	if i := strings.IndexByte(s, ':'); i > 0 && strings.Trim(s[:i], "0123456789") == "" {
		s = s[i+1:]
	}
	return strings.ToLower(strings.TrimPrefix(s, "v"))
}
