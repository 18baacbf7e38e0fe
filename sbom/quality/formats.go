package quality

import (
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// acceptedFormat is a format that a policy accepts, in every version, in one or from one on.
type acceptedFormat struct {
	format  sbom.Format
	version string // "": every one
	later   bool   // and every later one
}

// mostFormats bounds what a policy may list: there are five formats, of a few versions each.
const mostFormats = 64

// formatNames are the formats that a policy can speak of.
var formatNames = []sbom.Format{sbom.CycloneDX, sbom.SPDX, sbom.Syft, sbom.Trivy, sbom.TrivyOperator, sbom.SWIDTag}

// parseFormats reads "cyclonedx", "spdx 2.3" and "cyclonedx >=1.5".
func parseFormats(texts []string) ([]acceptedFormat, error) {
	if len(texts) > mostFormats {
		return nil, ident.Errorf(ident.KindInvalid, "the policy lists %d formats, more than %d", len(texts), mostFormats)
	}
	var out []acceptedFormat
	for _, text := range texts {
		bad := func(why string) error {
			return ident.Errorf(ident.KindInvalid, "the policy accepts a format %.60q, %s", text, why).
				WithHint("write a format alone, with a version or with a first version: spdx, spdx 2.3, cyclonedx >=1.5")
		}
		words := strings.Fields(strings.ReplaceAll(text, ">=", " >= "))
		if len(words) == 0 {
			return nil, bad("which is empty")
		}
		var a acceptedFormat
		for _, f := range formatNames {
			if strings.EqualFold(words[0], string(f)) {
				a.format = f
			}
		}
		if a.format == "" {
			return nil, bad("and none is called so: cyclonedx, spdx, syft, trivy, trivy-operator, swid")
		}
		rest := words[1:]
		if len(rest) > 0 && rest[0] == ">=" {
			a.later, rest = true, rest[1:]
		}
		if len(rest) > 1 || a.later && len(rest) == 0 {
			return nil, bad("which is no format and version")
		}
		if len(rest) == 1 {
			if a.version = rest[0]; strings.Trim(a.version, "0123456789.") != "" || strings.Trim(a.version, ".") != a.version || strings.Contains(a.version, "..") {
				return nil, bad("whose version is none")
			}
		}
		out = append(out, a)
	}
	return out, nil
}

// accepts reports whether a policy accepts the document's format; one that lists none accepts
// all. A document that states no version is of none that the policy asks for.
func (p *Policy) accepts(d *sbom.Document) bool {
	for _, a := range p.formats {
		switch {
		case a.format != d.Format:
		case a.version == "", a.version == d.SpecVersion, a.later && d.SpecVersion != "" && after(d.SpecVersion, a.version):
			return true
		}
	}
	return len(p.formats) == 0
}

// acceptedWords lists what a policy accepts, as it may be written.
func (p *Policy) acceptedWords() string {
	var words []string
	for _, a := range p.formats {
		w := string(a.format)
		switch {
		case a.later:
			w += " >=" + a.version
		case a.version != "":
			w += " " + a.version
		}
		words = append(words, w)
	}
	return strings.Join(words, ", ")
}
