package quality

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/sbom"
)

// licenseHistory says since when earlier documents of the same artifact or product have
// asserted no licence of a package. nil says nothing.
type licenseHistory struct {
	documents []pastLicenses // the newest first
}

// pastLicenses are the packages of one document, and whether a licence of each was asserted.
type pastLicenses struct {
	made       time.Time
	unresolved map[string]bool
}

// newLicenseHistory reads the documents that were made before d; those without a date tell
// nothing of time.
func newLicenseHistory(d *sbom.Document, earlier []*sbom.Document) *licenseHistory {
	out := &licenseHistory{}
	for _, e := range earlier {
		if e.Created.IsZero() || d.Created.IsZero() || !e.Created.Before(d.Created) {
			continue
		}
		past := pastLicenses{made: e.Created, unresolved: map[string]bool{}}
		for i := range e.Components {
			c := &e.Components[i]
			past.unresolved[packageName(c)] = past.unresolved[packageName(c)] || unresolved(c)
		}
		out.documents = append(out.documents, past)
	}
	slices.SortFunc(out.documents, func(a, b pastLicenses) int { return cmp.Compare(b.made.UnixNano(), a.made.UnixNano()) })
	return out
}

// since is when the first document was made from which on, without a gap, no document has
// asserted a licence of the package, in whatever version; otherwise is what it is where no
// earlier one says so.
func (h *licenseHistory) since(c *sbom.Component, otherwise time.Time) time.Time {
	if h == nil {
		return otherwise
	}
	name := packageName(c)
	for _, past := range h.documents {
		if !past.unresolved[name] {
			break
		}
		otherwise = past.made
	}
	return otherwise
}

// packageName names a package whatever its version.
func packageName(c *sbom.Component) string {
	if purl, _, _ := strings.Cut(c.PURL, "?"); purl != "" {
		if at := strings.LastIndexByte(purl, '@'); at > strings.LastIndexByte(purl, '/') {
			purl = purl[:at]
		}
		return purl
	}
	return c.Group + "\x00" + c.Name
}

// unresolved reports whether a component declares that its licence is not known.
func unresolved(c *sbom.Component) bool {
	out := len(c.Licenses) > 0
	for i := range c.Licenses {
		out = out && said(c.Licenses[i].Expression) == Declared
	}
	return out
}
