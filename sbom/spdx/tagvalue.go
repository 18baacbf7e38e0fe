package spdx

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// tagValue reads the tag-value encoding (SPDX 2.3 section 4, "tag: value"): what
// a tag describes depends on the package, file or snippet that was begun last.
type tagValue struct {
	*builder
	version             string
	section             section
	pkg                 sbom.Component
	image               *imageFacts
	declared, concluded string
	fileID              string
	files               map[string]string // of files that the document describes
	links               []link
	unknown             map[string]bool
	related             bool   // relationships stand behind the last package
	annotated           string // SPDXREF of the annotation that is being read
	text                sbom.LicenseText
}

// endLicense files the extracted licence that is being read, if any.
func (t *tagValue) endLicense() {
	if t.text.ID != "" {
		t.licenseText(t.text)
	}
	t.text = sbom.LicenseText{}
}

// link is a relationship line; its ends are looked up when all packages are known.
type link struct {
	from, to []byte
	rel      relation
}

// section is what the tags at hand belong to.
type section uint8

const (
	inDocument section = iota
	inPackage
	inOther // file, snippet, extracted licence
)

func (b *builder) readTagValue(data []byte) error {
	t := &tagValue{builder: b, unknown: map[string]bool{}}
	b.doc.Encoding = sbom.TagValue
	rest := bytes.TrimPrefix(data, []byte(byteOrderMark))
	for line := 1; len(rest) > 0 && t.alive(line); {
		at := line
		row, after, _ := bytes.Cut(rest, []byte{'\n'})
		rest, line = after, line+1
		row = bytes.TrimSpace(row)
		if len(row) == 0 || row[0] == '#' {
			continue
		}
		tag, value, ok := bytes.Cut(row, []byte{':'})
		if !ok {
			t.warn(lineAt(at), "the line has no tag; ignored")
			continue
		}
		value = bytes.TrimSpace(value)
		if opened, ok := bytes.CutPrefix(value, []byte("<text>")); ok {
			closing := []byte("</text>")
			if body, _, closed := bytes.Cut(opened, closing); closed {
				value = body
			} else {
				body, after, closed := bytes.Cut(rest, closing)
				if !closed {
					return ident.Errorf(ident.KindInvalid, "<text> is not closed").At(lineAt(at))
				}
				value = append(append(bytes.Clone(opened), '\n'), body...)
				line += bytes.Count(body, []byte{'\n'})
				rest = after
				if end := bytes.IndexByte(rest, '\n'); end >= 0 {
					rest = rest[end+1:]
					line++
				} else {
					rest = nil
				}
			}
		}
		t.tag(string(bytes.TrimSpace(tag)), value, at)
	}
	// The format has no closing mark. Relationships stand behind the packages, as
	// every tool writes them: a text that ends before any may have been cut, and so
	// may one whose last line, within a package, is not ended.
	cut := len(data) > 0 && data[len(data)-1] != '\n' && t.section == inPackage
	t.endPackage()
	t.endLicense()
	if b.err != nil {
		return b.err
	}
	if (cut || !t.related) && len(b.doc.Components) > 0 {
		b.doc.Incomplete = true
		t.warn("", "it ends within its packages, without relationships: it may have been cut, so it proves no absence")
	}
	if err := b.setVersion(t.version); err != nil {
		return err
	}
	for n, l := range t.links {
		if !b.alive(n) {
			return b.err
		}
		b.relate(b.find(l.from, -1), b.find(l.to, -1), l.to, l.rel)
	}
	t.describedFile()
	return b.err
}

func lineAt(n int) string { return "line " + strconv.Itoa(n) }

// tag files one tag of any section.
func (t *tagValue) tag(name string, value []byte, line int) {
	switch name {
	case "PackageName":
		t.endPackage()
		t.section, t.related = inPackage, false
		t.pkg = sbom.Component{Name: string(value), Pointer: lineAt(line)}
		return
	case "FileName":
		t.endPackage()
		t.section, t.fileID = inOther, string(value)
		return
	case "SnippetSPDXID", "SnippetSPDXIdentifier", "LicenseID":
		t.endPackage()
		t.endLicense()
		t.section = inOther
		if name == "LicenseID" {
			t.text.ID = string(value)
		}
		return
	case "LicenseName":
		t.text.Name = string(value)
		return
	case "ExtractedText":
		t.text.Text = string(value)
		return
	case "Relationship":
		t.relationship(value, line)
		return
	case "SPDXREF":
		t.annotated = string(value)
		return
	case "AnnotationComment":
		if t.section == inPackage && (t.annotated == "" || t.annotated == t.pkg.ID) {
			t.image = remark(t.image, &t.pkg, value)
		}
		t.annotated = ""
		return
	}
	known := false
	switch t.section {
	case inDocument:
		known = t.documentTag(name, value, line)
	case inPackage:
		known = t.packageTag(name, value, line)
	case inOther:
		if name == "SPDXID" {
			if t.files == nil {
				t.files = map[string]string{}
			}
			if t.fileID != "" && len(t.files) < t.opt.MaxPackages {
				t.files[string(value)], t.fileID = t.fileID, ""
			}
		}
		known = true // of files, snippets and licences nothing is kept
	}
	if !known && !passedOver(name) && !t.unknown[name] && len(t.unknown) < t.opt.MaxWarnings {
		t.unknown[name] = true
		t.warn(lineAt(line), "the tag %q is not known here; ignored", clip(name, 60))
	}
}

// passedOver reports whether name is a tag of SPDX 2.0 to 2.3 that the model has
// no place for.
func passedOver(name string) bool {
	switch name {
	case "DataLicense", "DocumentComment", "ExternalDocumentRef", "LicenseListVersion", "CreatorComment",
		"PackageDownloadLocation", "FilesAnalyzed", "PackageVerificationCode", "PackageHomePage", "PackageSourceInfo",
		"PackageLicenseInfoFromFiles", "PackageLicenseComments", "PackageCopyrightText", "PackageSummary",
		"PackageDescription", "PackageComment", "ExternalRefComment", "ReleaseDate", "BuiltDate", "ValidUntilDate",
		"RelationshipComment", "Annotator", "AnnotationDate", "AnnotationType", "Reviewer", "ReviewDate", "ReviewComment":
		return true
	}
	return false
}

func (t *tagValue) documentTag(name string, value []byte, line int) bool {
	switch name {
	case "SPDXVersion":
		t.version = string(value)
	case "SPDXID":
		t.docID = string(value)
	case "DocumentName":
		t.doc.Name = string(value)
	case "DocumentNamespace":
		t.doc.Serial = string(value)
	case "Creator":
		t.creator(string(value))
	case "Created":
		t.created(string(value), lineAt(line))
	default:
		return t.documentText(name, string(value))
	}
	return true
}

func (t *tagValue) packageTag(name string, value []byte, line int) bool {
	c, s := &t.pkg, string(value)
	switch name {
	case "SPDXID":
		c.ID = s
	case "PackageVersion":
		c.Version = s
	case "PackageFileName":
		c.Locations = []string{s}
	case "PackageSupplier":
		c.Supplier = agent(s)
	case "PackageOriginator":
		c.Origin = agent(s)
	case "PackageLicenseDeclared":
		t.declared = s
	case "PackageLicenseConcluded":
		t.concluded = s
	case "PrimaryPackagePurpose":
		c.Type = componentType(s)
	case "PackageChecksum":
		algorithm, digest, ok := strings.Cut(s, ":")
		if !ok {
			t.warn(lineAt(line), "a checksum without an algorithm is ignored")
			return true
		}
		c.Hashes = append(c.Hashes, hash(strings.TrimSpace(algorithm), strings.TrimSpace(digest)))
	case "ExternalRef":
		f := strings.Fields(s) // category, type, locator
		if len(f) < 3 {
			t.warn(lineAt(line), "an external reference of %d words is ignored; it has three", len(f))
			return true
		}
		t.identified(c, f[1], f[2])
		if complaint := identifier(c, f[1], f[2]); complaint != "" {
			t.warn(lineAt(line), "%s", complaint)
		}
	case "PackageAttributionText":
		t.image = remark(t.image, c, value)
	default:
		return t.doc.Details != nil && packageText(c, name, s)
	}
	return true
}

func (t *tagValue) endPackage() {
	if t.section != inPackage {
		return
	}
	setLicenses(&t.pkg, t.declared, t.concluded)
	t.add(&t.pkg, t.image)
	t.image, t.declared, t.concluded = nil, "", ""
	t.section = inOther
}

func (t *tagValue) relationship(value []byte, line int) {
	t.related = true
	f := bytes.Fields(value)
	if len(f) != 3 {
		t.warn(lineAt(line), "a relationship of %d words is ignored; it has three", len(f))
		return
	}
	t.builtWith(f[1])
	if rel := relation2(f[1]); rel.verb != ignored {
		t.links = append(t.links, link{f[0], f[2], rel})
	}
}

// describedFile names the subject where the document describes a file and no package.
func (t *tagValue) describedFile() {
	for _, id := range t.described {
		if _, isPackage := t.ids.of(id); isPackage {
			t.fileName = ""
			return
		}
		if t.fileName == "" {
			t.fileName = t.files[id]
		}
	}
}
