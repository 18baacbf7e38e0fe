package spdx

import (
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// graph reads the elements of an SPDX 3 document. Elements refer to each other in
// any order, so that nothing is resolved before the last one was read.
type graph struct {
	*builder
	contextVersion string
	elements       bool
	links          []link3
	agents         map[string]string
	tools          map[string]sbom.Tool
	licenses       map[string]licenseElement
	files          map[string]string
	creations      map[string]creation
	documents      []element           // SpdxDocument, Sbom, Bom, in document order
	contacts       map[string]string   // of agents, where details are asked for
	distributed    map[string]*element // files, where details are asked for
	packages       []packageRefs
}

// packageRefs are what a component's element names by identifier.
type packageRefs struct {
	supplier string
	origins  []string
}

// link3 is a relationship of one element to several.
type link3 struct {
	from, name, completeness, pointer, comment string
	to                                         []string
}

// creation is a CreationInfo (Core/Classes/CreationInfo).
type creation struct {
	version, created, pointer string
	by, using                 []string
}

// element holds the members of any class that the decoder looks at.
type element struct {
	class, id, name, pointer                  string
	version, purl, purpose, supplier          string
	creationID, expression                    string
	roots, origins, members, sbomTypes        []string
	identifiers                               [][2]string
	hashes                                    []sbom.Hash
	link                                      link3
	creation                                  creation
	hasCreation                               bool
	copyright, download, homePage, sourceInfo string
	purposes                                  []string
	outside                                   []sbom.Reference // externalRef
	contents                                  []string         // contentIdentifier
	signed                                    bool
}

func newGraph(b *builder) *graph {
	b.doc.Encoding = sbom.JSONLD
	return &graph{
		builder: b, agents: map[string]string{}, tools: map[string]sbom.Tool{},
		licenses: map[string]licenseElement{}, files: map[string]string{}, creations: map[string]creation{},
	}
}

// context looks for the version in "https://spdx.org/rdf/3.0.1/spdx-context.jsonld".
func (g *graph) context(r *jsonscan.Reader) {
	for _, s := range references(r) {
		if _, rest, ok := strings.Cut(s, "spdx.org/rdf/"); ok && g.contextVersion == "" {
			g.contextVersion, _, _ = strings.Cut(strings.TrimPrefix(rest, "v"), "/")
		}
	}
}

// references reads an identifier, an object that has one, or an array of both.
func references(r *jsonscan.Reader) []string {
	switch r.Kind() {
	case jsonscan.String:
		return []string{r.String()}
	case jsonscan.Object:
		var id string
		for r.Object(); ; {
			key, ok := r.NextKey()
			if !ok {
				break
			}
			if k := string(key); k == "spdxId" || k == "@id" {
				id = r.String()
			} else {
				r.Skip()
			}
		}
		if id != "" {
			return []string{id}
		}
	case jsonscan.Array:
		var all []string
		for r.Array(); r.NextItem(); {
			if r.Kind() == jsonscan.Array {
				r.Skip() // JSON-LD knows no arrays of arrays here
				continue
			}
			all = append(all, references(r)...)
		}
		return all
	default:
		r.Skip()
	}
	return nil
}

func reference(r *jsonscan.Reader) string {
	if ids := references(r); len(ids) > 0 {
		return ids[0]
	}
	return ""
}

func (g *graph) read(r *jsonscan.Reader) {
	if !r.Array() {
		return
	}
	for n := 0; r.NextItem() && g.alive(n); n++ {
		at := r.Pointer()
		if !r.Object() {
			continue
		}
		g.elements = true
		e := element{pointer: at}
		e.read(r, true)
		if r.Err() == nil {
			g.file(&e)
		}
	}
}

// read reads the members of one element. Names are the terms of the JSON-LD
// context, in which a profile's name precedes its own properties.
func (e *element) read(r *jsonscan.Reader, outer bool) {
	for {
		key, ok := r.NextKey()
		if !ok {
			return
		}
		switch string(key) {
		case "type", "@type":
			e.class = className(reference(r))
		case "spdxId", "@id":
			e.id = r.String()
		case "name":
			e.name = r.String()
		case "software_packageVersion":
			e.version = r.String()
		case "software_packageUrl":
			e.purl = r.String()
		case "software_copyrightText":
			e.copyright = r.String()
		case "software_downloadLocation":
			e.download = r.String()
		case "software_sourceInfo":
			e.sourceInfo = r.String()
		case "software_homePage":
			e.homePage = r.String()
		case "software_additionalPurpose":
			e.purposes = references(r)
		case "software_contentIdentifier":
			e.readContents(r)
		case "externalRef":
			e.readExternalRefs(r)
		case "software_primaryPurpose":
			e.purpose = className(r.String())
		case "suppliedBy":
			e.supplier = reference(r)
		case "originatedBy":
			e.origins = references(r)
		case "rootElement":
			e.roots = references(r)
		case "software_sbomType":
			e.sbomTypes = references(r)
		case "externalIdentifier", "externalIdentifiers":
			e.readIdentifiers(r)
		case "verifiedUsing":
			e.readHashes(r)
		case "simplelicensing_licenseExpression", "licenseExpression": // some tools leave the profile out
			e.expression = r.String()
		case "expandedlicensing_member", "expandedlicensing_subjectLicense", "expandedlicensing_subjectExtendableLicense":
			e.members = append(e.members, references(r)...)
		case "from":
			e.link.from = reference(r)
		case "to":
			e.link.to = references(r)
		case "relationshipType":
			e.link.name = r.String()
		case "comment":
			e.link.comment = r.String()
		case "completeness":
			e.link.completeness = className(r.String())
		case "specVersion":
			e.creation.version = r.String()
		case "created":
			e.creation.pointer = r.Pointer()
			e.creation.created = r.String()
		case "createdBy":
			e.creation.by = references(r)
		case "createdUsing":
			e.creation.using = references(r)
		case "creationInfo":
			if outer && r.Kind() == jsonscan.Object && r.Object() {
				var inline element
				inline.read(r, false)
				e.creation, e.hasCreation = inline.creation, true
				continue
			}
			e.creationID = reference(r)
		default:
			r.Skip()
		}
	}
}

// className takes namespace and profile from the name of a class or of an
// individual: "software_Package", "https://spdx.org/rdf/3.0.1/terms/Software/Package".
func className(s string) string {
	return s[strings.LastIndexAny(s, "/_:#")+1:]
}

func (e *element) readIdentifiers(r *jsonscan.Reader) {
	for r.Array(); r.NextItem(); {
		if !r.Object() {
			continue
		}
		var id [2]string
		for {
			key, ok := r.NextKey()
			if !ok {
				break
			}
			switch string(key) {
			case "externalIdentifierType":
				id[0] = r.String()
			case "identifier":
				id[1] = r.String()
			default:
				r.Skip()
			}
		}
		e.identifiers = append(e.identifiers, id)
	}
}

func (e *element) readHashes(r *jsonscan.Reader) {
	for r.Array(); r.NextItem(); {
		if !r.Object() {
			continue
		}
		var algorithm, value, class string
		for {
			key, ok := r.NextKey()
			if !ok {
				break
			}
			switch string(key) {
			case "algorithm":
				algorithm = r.String()
			case "hashValue":
				value = r.String()
			case "type", "@type":
				class = className(reference(r))
			case "signatureValue":
				e.signed = r.String() != "" || e.signed
			default:
				r.Skip()
			}
		}
		if class == "Signature" {
			continue
		}
		if value != "" {
			e.hashes = append(e.hashes, hash(algorithm, value))
		}
	}
}

// file puts an element where it belongs by its class.
func (g *graph) file(e *element) {
	switch e.class {
	case "Package":
		g.addPackage(e)
	case "File":
		if e.id != "" {
			g.files[e.id] = e.name
		}
		g.fileDetails(e)
	case "SoftwareArtifact":
		g.fileDetails(e)
	case "Relationship", "LifecycleScopedRelationship":
		e.link.pointer = e.pointer
		g.links = append(g.links, e.link)
	case "CreationInfo":
		g.creations[e.id] = e.creation
	case "Agent", "Organization", "Person", "SoftwareAgent":
		g.agents[e.id] = e.name
		g.contact(e)
	case "Tool":
		g.tools[e.id] = tool(e.name)
	case "SpdxDocument", "Sbom", "Bom":
		g.documents = append(g.documents, *e)
	default:
		g.addLicense(e)
	}
}

func (g *graph) addPackage(e *element) {
	c := sbom.Component{
		ID: e.id, Name: e.name, Version: e.version, PURL: e.purl, Hashes: e.hashes,
		Type: componentType(e.purpose), Pointer: e.pointer,
	}
	for _, id := range e.identifiers {
		if complaint := identifier(&c, id[0], id[1]); complaint != "" {
			g.warn(e.pointer+"/externalIdentifier", "%s", complaint)
		}
	}
	g.packageDetails(&c, e)
	before := len(g.doc.Components)
	g.add(&c, nil)
	if len(g.doc.Components) > before {
		g.packages = append(g.packages, packageRefs{e.supplier, e.origins})
	}
}

// close resolves the graph.
func (g *graph) close() error {
	if g.err != nil {
		return g.err
	}
	if !g.elements && len(g.documents) == 0 {
		return ident.Errorf(ident.KindInvalid, "not an SPDX 3 document: there is no @graph with elements")
	}
	if err := g.resolveDocument(); err != nil {
		return err
	}
	for i, p := range g.packages {
		c := &g.doc.Components[i]
		c.Supplier = g.agentName(p.supplier)
		names := make([]string, 0, len(p.origins))
		for _, id := range p.origins {
			names = append(names, g.agentName(id))
		}
		c.Origin = strings.Join(names, ", ")
		g.contactOf(c, p)
	}
	for n := range g.links {
		if !g.alive(n) {
			return g.err
		}
		g.link(&g.links[n])
	}
	for _, id := range g.described {
		if _, isPackage := g.ids.of(id); !isPackage && g.fileName == "" {
			g.fileName = g.files[id]
		}
	}
	return g.err
}

// agentName resolves an agent; one that stands in another document keeps its identifier.
func (g *graph) agentName(id string) string {
	if name := g.agents[id]; name != "" {
		return name
	}
	if t, ok := g.tools[id]; ok {
		return t.Name
	}
	return id
}

// resolveDocument fills in what the SpdxDocument and its Sbom say. The root
// elements of the Sbom, else of the document, are what is described.
func (g *graph) resolveDocument() error {
	var info creation
	known := false
	look := func(e *element) {
		if known {
			return
		}
		if info, known = g.creations[e.creationID]; !known && e.hasCreation {
			info, known = e.creation, true
		}
	}
	boms := map[string]bool{}
	for i := range g.documents {
		e := &g.documents[i]
		if e.class == "SpdxDocument" {
			if g.doc.Serial == "" {
				g.docID, g.doc.Name, g.doc.Serial = e.id, e.name, e.id
			}
			if g.doc.Details != nil && e.signed {
				g.doc.Details.Signed = true
			}
			look(e)
			continue
		}
		boms[e.id] = true
		if g.doc.Details != nil && e.signed {
			g.doc.Details.Signed = true
		}
		for _, t := range e.sbomTypes {
			g.doc.Lifecycle = append(g.doc.Lifecycle, className(t))
		}
	}
	for i := range g.documents {
		e := &g.documents[i]
		look(e)
		for _, id := range e.roots {
			if !boms[id] {
				g.described = append(g.described, id)
			}
		}
	}
	if !known && len(g.creations) == 1 {
		for _, info = range g.creations {
		}
	}
	version := info.version
	if version == "" {
		version = g.contextVersion
	}
	if !strings.HasPrefix(version, "3.0") {
		if version == "" {
			return ident.Errorf(ident.KindInvalid, "the SPDX 3 document does not say its version")
		}
		return ident.Errorf(ident.KindUnsupported, "SPDX version %q is not read as JSON-LD", clip(version, 60)).
			WithHint("versions 3.0.0 and 3.0.1 are")
	}
	g.doc.SpecVersion = version
	if info.created != "" {
		g.created(info.created, info.pointer)
	}
	for _, id := range info.by {
		g.doc.Authors = append(g.doc.Authors, g.agentName(id))
		if d := g.doc.Details; d != nil && d.AuthorContact == "" {
			d.AuthorContact = g.contacts[id]
		}
	}
	for _, id := range info.using {
		t, ok := g.tools[id]
		if !ok {
			t = sbom.Tool{Name: id}
		}
		g.doc.Tools = append(g.doc.Tools, t)
	}
	return nil
}

// link files one relationship.
func (g *graph) link(l *link3) {
	from := g.find([]byte(l.from), -1)
	switch l.name {
	case "hasDeclaredLicense", "hasConcludedLicense":
		kind := sbom.LicenseDeclared
		if l.name == "hasConcludedLicense" {
			kind = sbom.LicenseConcluded
		}
		for _, id := range l.to {
			if at := l.pointer; from >= 0 {
				c := &g.doc.Components[from]
				if l := g.license(id, kind); l.Expression != "" {
					c.Licenses = append(c.Licenses, l)
				} else {
					g.warn(at, "the licence %.80q says nothing", id)
				}
			}
		}
		return
	}
	g.linkDetail(l, from)
	rel := relation3(l.name)
	if rel.verb == ignored {
		return
	}
	if rel.verb == describes {
		g.described = append(g.described, l.to...)
		return
	}
	if l.completeness == "incomplete" {
		g.doc.Incomplete = true
	}
	for _, id := range l.to {
		switch className(id) {
		case "NoAssertionElement":
			g.relate(from, atNoAssertion, nil, rel)
		case "NoneElement":
		default:
			g.relate(from, g.find([]byte(id), -1), []byte(id), rel)
		}
	}
}
