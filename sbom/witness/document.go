package witness

import (
	"path"
	"strconv"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// Document is what a list resolves as a document, so that it can be compared with advisories
// before anything is built from it. raw are the bytes that were read. A component's Scope is
// "optional" where it may be missing from what is shipped. The error is of KindUnsupported
// for a list of what was ever looked at, most of which is no dependency.
func (l *List) Document(raw []byte) (*sbom.Document, error) {
	if l.Silent {
		return nil, ident.Errorf(ident.KindUnsupported, "%s lists every version that was ever looked at, not what is resolved", l.Kind).At(l.Source).WithHint("name the file beside it that is: go.mod")
	}
	d := &sbom.Document{Format: sbom.LockFile, Encoding: sbom.JSON, Digest: ident.SHA256(raw), Size: int64(len(raw)), File: l.Source, Name: l.Source,
		Subject: sbom.Subject{Kind: "application", Name: path.Base(path.Dir(strings.ReplaceAll(l.Source, `\`, "/")))}, Incomplete: len(l.Unknown) > 0}
	if d.Subject.Name == "." {
		d.Subject.Name = l.Kind
	}
	for i := range l.Packages {
		p := &l.Packages[i]
		c := sbom.Component{Type: "library", Name: p.Name, Version: p.Version, PURL: packageURL(l.Type, p.Name, p.Version), Pointer: p.Pointer}
		if c.Pointer == "" && p.Line > 0 {
			c.Pointer = "line " + strconv.Itoa(p.Line)
		}
		if p.Perhaps != "" {
			c.Scope = "optional"
		}
		d.Components = append(d.Components, c)
	}
	return d, nil
}
