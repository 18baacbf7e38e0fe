package spdx

import (
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/note"
)

// jsonDocument reads the members of a JSON document. SPDX fixes no order, so
// relationships that precede the packages are put off.
type jsonDocument struct {
	*builder
	r         *jsonscan.Reader
	version   string
	packages  bool // the packages have been read
	relations *jsonscan.Reader
	files     *jsonscan.Reader
	graph     *graph

	remembered int // packages, by Options.Seen
	strange    int // packages that it did not know
	follow     follow

	// Where packages are handed over (Options.Each), what is to be read once it is known
	// which of them the document describes.
	late, related []*jsonscan.Reader
	lists         sbom.Component // whose lists the next package is read into

	component sbom.Component // that is read: what would else be made for each package
}

// top reads the members of the document object.
func (j *jsonDocument) top(outermost bool) {
	r := j.r
	for {
		key, ok := r.NextKey()
		if !ok || j.err != nil {
			return
		}
		switch string(key) {
		case "spdxVersion":
			j.version = r.String()
		case "SPDXID":
			if id := r.String(); id != "" {
				j.docID = id
			}
		case "name":
			j.doc.Name = r.String()
		case "documentNamespace":
			j.doc.Serial = r.String()
		case "creationInfo":
			j.creationInfo()
		case "documentDescribes":
			for r.Array(); r.NextItem(); {
				j.described = append(j.described, r.String())
			}
		case "packages":
			if j.opt.Each != nil {
				j.late = appendReader(j.late, r.Defer())
				continue
			}
			j.readPackages()
			j.packages = true
		case "files":
			j.files = r.Defer()
		case "relationships":
			if j.opt.Each != nil {
				j.related = appendReader(j.related, r.Defer())
				continue
			}
			if j.packages {
				j.readRelationships(r)
			} else {
				j.relations = r.Defer()
			}
		case "annotations":
			j.documentAnnotations()
		case "hasExtractedLicensingInfos":
			j.licenseTexts()
		case "@context":
			if j.graph == nil {
				j.graph = newGraph(j.builder)
			}
			j.graph.context(r)
		case "@graph":
			if j.err = graph3.Fits(j.size, j.opt.MaxHeld); j.err != nil {
				return
			}
			if j.graph == nil {
				j.graph = newGraph(j.builder)
			}
			j.graph.read(r)
		case "sbom":
			// GitHub's dependency graph answers {"sbom": document}.
			if outermost && r.Kind() == jsonscan.Object && r.Object() {
				if j.doc.Details != nil {
					j.doc.Details.Root = "/sbom"
				}
				j.top(false)
				continue
			}
			r.Skip()
		case "dataLicense":
			if j.doc.Details == nil {
				r.Skip()
				continue
			}
			j.doc.Details.DataLicense = r.String()
		default:
			r.Skip()
		}
	}
}

// close does what had to wait for the end of the document.
func (j *jsonDocument) close() error {
	if j.err != nil {
		return j.err
	}
	if j.opt.Each != nil {
		if err := j.readLate(); err != nil {
			return err
		}
	}
	if j.graph != nil {
		return j.graph.close()
	}
	if err := j.setVersion(j.version); err != nil {
		return err
	}
	j.doc.Encoding = sbom.JSON
	if j.relations != nil {
		j.readRelationships(j.relations)
		if err := j.relations.Err(); err != nil {
			return err
		}
	}
	if j.files != nil {
		return j.describedFile()
	}
	return nil
}

// setVersion checks and files "SPDX-2.3".
func (b *builder) setVersion(s string) error {
	v, ok := strings.CutPrefix(s, "SPDX-")
	switch {
	case s == "":
		return ident.Errorf(ident.KindInvalid, "not an SPDX document: there is no spdxVersion")
	case !ok:
		return ident.Errorf(ident.KindInvalid, "%q is not an SPDX version", clip(s, 60)).WithHint("SPDX versions are written SPDX-2.3")
	case v != "2.0" && v != "2.1" && v != "2.2" && v != "2.3":
		return ident.Errorf(ident.KindUnsupported, "SPDX version %q is not read in this encoding", clip(v, 60)).
			WithHint("versions 2.0 to 2.3 are, and 3.0 as JSON-LD")
	}
	b.doc.SpecVersion = v
	return nil
}

func (j *jsonDocument) creationInfo() {
	r := j.r
	if !r.Object() {
		return
	}
	for {
		key, ok := r.NextKey()
		if !ok {
			return
		}
		switch string(key) {
		case "created":
			at := r.Pointer()
			if s := r.String(); s != "" {
				j.created(s, at)
			}
		case "creators":
			for r.Array(); r.NextItem(); {
				j.creator(r.String())
			}
		case "comment":
			if j.doc.Details == nil {
				r.Skip()
				continue
			}
			j.doc.Details.Comment = r.String()
		default:
			r.Skip()
		}
	}
}

// releaseAtOnce is how many bytes of packages are released at once.
const releaseAtOnce = 4 << 20

func (j *jsonDocument) readPackages() {
	r := j.r
	if !r.RequireArray() { // taken for an empty list it would say that the image holds nothing
		return
	}
	room := j.opt.MaxDepth - r.Depth()
	if j.opt.MaxDepth <= 0 {
		room = jsonscan.DefaultMaxDepth - r.Depth()
	}
	released := r.Offset()
	for n := 0; r.NextItem() && j.alive(n); n++ {
		if j.read = r.Offset(); j.read-released >= releaseAtOnce {
			r.Release(released)
			released = j.read
		}
		if j.opt.Seen != nil && j.strange < seenOfOne {
			if j.again(room) {
				continue
			}
			j.strange++
		}
		if r.RequireObject() {
			j.readPackage(room)
		}
	}
}

// readPackage reads one package (SPDX 2.3 section 7).
func (j *jsonDocument) readPackage(room int) {
	r := j.r
	start, warned := r.Offset()-1, len(j.doc.Warnings)+j.dropped // behind the opening brace
	c := &j.component
	*c = sbom.Component{Pointer: r.Pointer(), CPEs: j.lists.CPEs[:0], Hashes: j.lists.Hashes[:0], Licenses: j.lists.Licenses[:0]}
	var image *imageFacts
	var declared, concluded string
	var notes []note.Note
	for {
		key, ok := r.NextKey()
		if !ok {
			break
		}
		switch string(key) {
		case "SPDXID":
			c.ID = r.String()
		case "name":
			c.Name = r.String()
		case "versionInfo":
			c.Version = r.String()
		case "supplier":
			c.Supplier = agent(r.String())
		case "originator":
			c.Origin = agent(r.String())
		case "licenseDeclared":
			declared = r.String()
		case "licenseConcluded":
			concluded = r.String()
		case "primaryPackagePurpose":
			c.Type = componentType(r.String())
		case "packageFileName":
			if s := r.String(); s != "" {
				c.Locations = []string{s}
			}
		case "externalRefs":
			j.externalRefs(c)
		case "checksums":
			j.checksums(c)
		case "attributionTexts":
			for r.Array(); r.NextItem(); {
				image = remark(image, c, r.Bytes())
			}
		case "annotations":
			image, notes = j.annotations(image, c)
		default:
			if j.doc.Details == nil || !j.packageDetail(string(key), c) {
				r.Skip()
			}
		}
	}
	if r.Err() != nil {
		return
	}
	setLicenses(c, declared, concluded)
	if j.hands() {
		j.lists = sbom.Component{CPEs: c.CPEs, Hashes: c.Hashes, Licenses: c.Licenses}
		c.DropEmpty()
	}
	if notes != nil {
		j.fill(c, notes)
	}
	stands := -1
	if j.opt.Seen != nil && notes == nil && image == nil && len(j.doc.Warnings)+j.dropped == warned && j.remembered < seenOfOne {
		j.remembered++
		stands = j.opt.Seen.remember(r.Since(start), c, room, j.opt.Details)
	}
	if j.hands() {
		j.hand(c, image, notes != nil)
		return
	}
	if j.add(c, image) && stands >= 0 {
		j.ids.stands(start + stands)
	}
}

// setLicenses keeps both statements; NONE and NOASSERTION are statements too.
func setLicenses(c *sbom.Component, declared, concluded string) {
	if declared != "" {
		c.Licenses = append(c.Licenses, license(declared, sbom.LicenseDeclared))
	}
	if concluded != "" {
		c.Licenses = append(c.Licenses, license(concluded, sbom.LicenseConcluded))
	}
}

func (j *jsonDocument) externalRefs(c *sbom.Component) {
	r := j.r
	for r.Array(); r.NextItem(); {
		if !r.Object() {
			continue
		}
		var kind, locator string
		for {
			key, ok := r.NextKey()
			if !ok {
				break
			}
			switch string(key) {
			case "referenceType":
				kind = r.String()
			case "referenceLocator":
				locator = r.String()
			default:
				r.Skip()
			}
		}
		j.identified(c, kind, locator)
		if complaint := identifier(c, kind, locator); complaint != "" {
			j.warn(r.Pointer(), "%s", complaint)
		}
	}
}

func (j *jsonDocument) checksums(c *sbom.Component) {
	r := j.r
	for r.Array(); r.NextItem(); {
		if !r.Object() {
			continue
		}
		var algorithm, value string
		for {
			key, ok := r.NextKey()
			if !ok {
				break
			}
			switch string(key) {
			case "algorithm":
				algorithm = r.String()
			case "checksumValue":
				value = r.String()
			default:
				r.Skip()
			}
		}
		if value != "" {
			c.Hashes = append(c.Hashes, hash(algorithm, value))
		}
	}
}

// annotations looks for what trivy writes as comments, and for our own notes
// (SPDX 2.3 section 12).
func (j *jsonDocument) annotations(image *imageFacts, c *sbom.Component) (*imageFacts, []note.Note) {
	r := j.r
	var notes []note.Note
	for r.Array(); r.NextItem(); {
		if !r.Object() {
			continue
		}
		for {
			key, ok := r.NextKey()
			if !ok {
				break
			}
			if string(key) == "comment" {
				text := r.Bytes()
				notes = notesOf(notes, text)
				image = remark(image, c, text)
			} else {
				r.Skip()
			}
		}
	}
	return image, notes
}

// wording is how a relationship was written: the next one is often written the same, and
// between the next package.
type wording struct {
	before, behind []byte // what stands around the identifier of the package
	from           int32
	rel            relation
}

// readRelationships keeps what is said between packages. Most entries name a
// file; nothing is allocated for those.
func (j *jsonDocument) readRelationships(r *jsonscan.Reader) {
	if !r.Array() {
		return
	}
	var to []byte // of an entry; Bytes may not outlive the next call
	var last wording
	from, next := int32(-1), int32(0) // guesses
	before := atOther                 // what the entry before was said of
	for n := 0; r.NextItem() && j.alive(n); n++ {
		if id := j.ids.text(next); id != nil && last.before != nil && r.SkipSame(last.before, id, last.behind) {
			j.saidAgain(next, r.Offset()-len(last.behind))
			j.relate(last.from, next, id, last.rel)
			before = last.from
			next++
			continue
		}
		if !r.Object() {
			continue
		}
		start, toEnds, warned := r.Offset()-1, 0, len(j.doc.Warnings)+j.dropped
		fromAt, toAt, rel, provides := atOther, atOther, relation{}, 0
		to = to[:0]
		for {
			key, ok := r.NextKey()
			if !ok {
				break
			}
			switch string(key) {
			case "spdxElementId":
				if fromAt = j.find(r.Bytes(), from); fromAt >= 0 {
					from = fromAt
				}
				if fromAt != before { // or all that stands before the other end is said again
					j.saidAgain(fromAt, r.Offset()-1)
				}
				before = fromAt
			case "relatedSpdxElement":
				id := r.Bytes()
				toEnds = r.Offset() - 1
				if toAt = j.find(id, next); toAt >= 0 {
					next = toAt + 1
				}
				j.saidAgain(toAt, toEnds)
				to = append(to, id...)
			case "relationshipType":
				name := r.Bytes()
				if rel = relation2(name); string(name) == "OTHER" {
					provides++
				}
				j.builtWith(name)
			case "comment":
				if string(r.Bytes()) == providesComment {
					provides++
				}
			default:
				r.Skip()
			}
		}
		if provides == 2 {
			rel = relation{verb: relates, kind: sbom.Provides}
		}
		if rel.verb != ignored && r.Err() == nil {
			j.relate(fromAt, toAt, to, rel)
			if rel.verb == relates && len(j.doc.Warnings)+j.dropped == warned {
				last.keep(r.Since(start), toEnds-start, j.ids.text(toAt), fromAt, rel)
			}
		}
	}
}

// saidAgain tells Options.Repeated of a component's identifier, which ends at an offset.
func (j *jsonDocument) saidAgain(component int32, ends int) {
	if j.opt.Repeated == nil {
		return
	}
	if id := j.ids.text(component); id != nil {
		j.opt.Repeated(Repeat{From: ends - len(id), To: ends, At: int(j.ids.at[component])})
	}
}

// keep keeps how a relationship was written. id is the package's identifier as it may
// stand in a string, which ends at ends in the text; nil where that is not known.
func (w *wording) keep(text []byte, ends int, id []byte, from int32, rel relation) {
	at := ends - len(id)
	if len(id) == 0 || at < 1 || text[at-1] != '"' { // it was written with escapes, and is longer
		return
	}
	*w = wording{text[:at], text[ends:], from, rel}
}

// describedFile finds the name of the file that the document describes, where
// it describes no package. The files were passed over before.
func (j *jsonDocument) describedFile() error {
	wanted := ""
	for _, id := range j.described {
		if _, isPackage := j.ids.of(id); isPackage {
			return nil
		}
		if wanted == "" {
			wanted = id
		}
	}
	if wanted == "" {
		return nil
	}
	r := j.files
	for r.Array(); r.NextItem(); {
		if !r.Object() {
			continue
		}
		var id, name string
		for {
			key, ok := r.NextKey()
			if !ok {
				break
			}
			switch string(key) {
			case "SPDXID":
				if b := r.Bytes(); string(b) == wanted {
					id = wanted
				}
			case "fileName":
				name = r.String()
			default:
				r.Skip()
			}
		}
		if id != "" {
			j.fileName = name
			return r.Err()
		}
	}
	return r.Err()
}
