package microseg

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/segment"
)

// The part of CycloneDX (ECMA-424) that is written. Names follow the schema.
type (
	bom struct {
		Schema       string        `json:"$schema"`
		BOMFormat    string        `json:"bomFormat"`
		SpecVersion  string        `json:"specVersion"`
		SerialNumber string        `json:"serialNumber"`
		Version      int           `json:"version"`
		Metadata     metadata      `json:"metadata"`
		Components   []component   `json:"components,omitempty"`
		Services     []service     `json:"services,omitempty"`
		Dependencies []dependency  `json:"dependencies,omitempty"`
		Compositions []composition `json:"compositions,omitempty"`
		Declarations *declarations `json:"declarations,omitempty"`
		Citations    []citation    `json:"citations,omitempty"`
	}
	metadata struct {
		Timestamp  string      `json:"timestamp"`
		Lifecycles []lifecycle `json:"lifecycles"`
		Tools      tools       `json:"tools"`
		Component  component   `json:"component"`
		Properties []property  `json:"properties,omitempty"`
	}
	lifecycle struct {
		Phase string `json:"phase"`
	}
	tools struct {
		Components []component `json:"components"`
	}
	component struct {
		Type       string      `json:"type"`
		Ref        string      `json:"bom-ref,omitempty"`
		Name       string      `json:"name"`
		Version    string      `json:"version,omitempty"`
		Hashes     []hash      `json:"hashes,omitempty"`
		PURL       string      `json:"purl,omitempty"`
		References []reference `json:"externalReferences,omitempty"`
		Properties []property  `json:"properties,omitempty"`
		Data       []content   `json:"data,omitempty"`
	}
	content struct {
		Type string `json:"type"`
		Name string `json:"name"`
	}
	hash struct {
		Algorithm string `json:"alg"`
		Content   string `json:"content"`
	}
	reference struct {
		URL     string `json:"url"`
		Type    string `json:"type"`
		Comment string `json:"comment,omitempty"`
		Hashes  []hash `json:"hashes,omitempty"`
	}
	property struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	service struct {
		Ref           string     `json:"bom-ref"`
		Group         string     `json:"group,omitempty"`
		Name          string     `json:"name"`
		TrustBoundary *bool      `json:"x-trust-boundary,omitempty"`
		TrustZone     string     `json:"trustZone,omitempty"`
		Data          []flow     `json:"data,omitempty"`
		Properties    []property `json:"properties,omitempty"`
	}
	flow struct {
		Flow           string   `json:"flow"`
		Classification string   `json:"classification"`
		Name           string   `json:"name,omitempty"`
		Description    string   `json:"description,omitempty"`
		Source         []string `json:"source,omitempty"`
		Destination    []string `json:"destination,omitempty"`
	}
	dependency struct {
		Ref       string   `json:"ref"`
		DependsOn []string `json:"dependsOn"`
	}
	composition struct {
		Aggregate    string   `json:"aggregate"`
		Assemblies   []string `json:"assemblies,omitempty"`
		Dependencies []string `json:"dependencies,omitempty"`
	}
	declarations struct {
		Assessors []assessor `json:"assessors"`
		Targets   targets    `json:"targets"`
		Evidence  []evidence `json:"evidence"`
		Claims    []claim    `json:"claims"`
	}
	assessor struct {
		Ref          string `json:"bom-ref"`
		ThirdParty   bool   `json:"thirdParty"`
		Organization struct {
			Name string `json:"name"`
		} `json:"organization"`
	}
	targets struct {
		Services []service `json:"services"`
	}
	evidence struct {
		Ref          string `json:"bom-ref"`
		PropertyName string `json:"propertyName"`
		Description  string `json:"description"`
		Created      string `json:"created"`
	}
	claim struct {
		Ref       string   `json:"bom-ref"`
		Target    string   `json:"target"`
		Predicate string   `json:"predicate"`
		Evidence  []string `json:"evidence"`
	}
	citation struct {
		Pointers     []string `json:"pointers"`
		Timestamp    string   `json:"timestamp"`
		AttributedTo string   `json:"attributedTo"`
		Note         string   `json:"note"`
	}
)

const (
	refEstate   = "estate"
	refAssessor = "assessor/engine"
	refVerdicts = "evidence/verdicts"
)

// CycloneDX writes the map as CycloneDX JSON of version "1.7" or "1.6".
func CycloneDX(w io.Writer, m *inventory.Map, version string, o Options) error {
	if version != "1.7" && version != "1.6" {
		return ident.Errorf(ident.KindUsage, "the micro-segmentation SBOM is written as CycloneDX 1.7 or 1.6, not %s", version)
	}
	id, err := uuid(m)
	if err != nil {
		return err
	}
	d := &writer{m: m, serial: id, doc: &bom{
		Schema: "http://cyclonedx.org/schema/bom-" + version + ".schema.json", BOMFormat: "CycloneDX", SpecVersion: version,
		SerialNumber: "urn:uuid:" + id, Version: 1,
	}}
	d.metadata(o)
	d.artifacts()
	d.policies()
	d.services()
	d.compositions()
	d.declarations(o)
	if version == "1.7" {
		d.citations()
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	return enc.Encode(d.doc)
}

// writer builds one document.
type writer struct {
	m        *inventory.Map
	serial   string
	doc      *bom
	imagesOf map[ident.Ref][]string
	claims   []claim
	targets  []service
}

func (d *writer) metadata(o Options) {
	name := d.m.Cluster
	if name == "" {
		name = "kubernetes estate"
	}
	c := d.m.Coverage
	d.doc.Metadata = metadata{
		Timestamp: d.m.At, Lifecycles: []lifecycle{{"operations"}},
		Tools:     tools{[]component{{Type: "application", Name: cmp.Or(o.ToolName, "cofferdam"), Version: o.ToolVersion}}},
		Component: component{Type: "platform", Ref: refEstate, Name: name, Version: d.m.At},
		Properties: []property{
			{namespace + "coverage:workloads", fmt.Sprint(c.Workloads)}, {namespace + "coverage:withSbom", fmt.Sprint(c.WithSBOM)},
			{namespace + "enforcement", c.Enforcement},
		},
	}
	for _, k := range c.NotSeen {
		d.doc.Metadata.Properties = append(d.doc.Metadata.Properties, property{namespace + "notSeen", k})
	}
	for _, w := range c.WithoutEffect {
		d.doc.Metadata.Properties = append(d.doc.Metadata.Properties, property{namespace + "withoutEffect", w.Object + ": " + w.Reason})
	}
	for _, u := range d.m.Unknowns {
		d.doc.Metadata.Properties = append(d.doc.Metadata.Properties, property{namespace + "unknown", u.Object + ": " + u.Reason})
	}
}

func sha256Hash(d ident.Digest) []hash {
	if d.Algorithm() != "sha256" {
		return nil
	}
	return []hash{{"SHA-256", d.Hex()}}
}

func (d *writer) artifacts() {
	var list []artifact
	list, d.imagesOf = artifacts(d.m)
	for _, a := range list {
		c := component{Type: "container", Ref: a.ref, Name: a.written, Hashes: sha256Hash(a.digest)}
		if !a.image.IsZero() {
			c.Name, c.Version = a.image.Repository, a.image.Tag
			if !a.digest.IsZero() {
				base := a.image.Repository[strings.LastIndexByte(a.image.Repository, '/')+1:]
				c.PURL = "pkg:oci/" + url.PathEscape(strings.ToLower(base)) + "@" + url.QueryEscape(a.digest.String()) + "?repository_url=" + url.QueryEscape(a.image.Name())
				if a.image.Tag != "" {
					c.PURL += "&tag=" + url.QueryEscape(a.image.Tag)
				}
			}
			c.Properties = append(c.Properties, property{namespace + "image", a.written})
		}
		if s := a.sbom; s != nil {
			// A URN by digest (the document may lie anywhere) with the hash to check it by.
			c.References = []reference{{URL: "urn:" + s.Digest.String(), Type: "bom", Hashes: sha256Hash(s.Digest),
				Comment: "SBOM of the image, matched by " + s.Worth()}}
		}
		d.doc.Components = append(d.doc.Components, c)
	}
}

func (d *writer) policies() {
	for _, p := range d.m.Policies {
		name := p.Policy.Kind + " " + p.Policy.Name
		if p.Policy.Namespace != "" {
			name = p.Policy.Kind + " " + p.Policy.Namespace + "/" + p.Policy.Name
		}
		c := component{Type: "data", Ref: place("policy", p.Policy), Name: name, Hashes: sha256Hash(p.Digest),
			Data: []content{{Type: "configuration", Name: "specification of the policy, canonical JSON"}}}
		c.Properties = append(c.Properties, property{namespace + "tier", p.Tier})
		if p.File != "" {
			c.Properties = append(c.Properties, property{namespace + "source", fmt.Sprintf("%s:%d", p.File, p.Line)})
		}
		d.doc.Components = append(d.doc.Components, c)
	}
}

// services writes workloads with their flows, and external ranges that policies
// speak of as services without a zone.
func (d *writer) services() {
	out, in := map[ident.Ref][]segment.Edge{}, map[ident.Ref][]segment.Edge{}
	externals := map[string]bool{}
	for _, e := range d.m.Edges {
		out[e.Src] = append(out[e.Src], e)
		in[e.Dst] = append(in[e.Dst], e)
		for _, r := range []ident.Ref{e.Src, e.Dst} {
			if r.IsCIDR() {
				externals[r.CIDR] = true
			}
		}
	}
	zone := map[ident.Ref]string{}
	for _, w := range d.m.Workloads {
		zone[w.Workload] = w.Zone
	}
	for _, w := range d.m.Workloads {
		d.service(w, out[w.Workload], in[w.Workload], zone)
	}
	names := make([]string, 0, len(externals))
	for c := range externals {
		names = append(names, c)
	}
	slices.Sort(names)
	for _, c := range names {
		d.doc.Services = append(d.doc.Services, service{Ref: external(c), Name: c, Properties: []property{{namespace + "kind", "external address range"}}})
	}
	for _, p := range d.m.Policies {
		d.doc.Dependencies = append(d.doc.Dependencies, dependency{Ref: place("policy", p.Policy), DependsOn: []string{}})
	}
}

func (d *writer) refOf(r ident.Ref) string {
	if r.IsCIDR() {
		return external(r.CIDR)
	}
	return place("workload", r)
}

func (d *writer) service(w inventory.WorkloadRow, out, in []segment.Edge, zone map[ident.Ref]string) {
	ref := place("workload", w.Workload)
	s := service{Ref: ref, Group: w.Workload.Namespace, Name: w.Workload.Name}
	zoned := w.Zone != "" && w.Zone != estate.Unzoned
	crosses := false
	deps := append([]string{}, d.imagesOf[w.Workload]...)
	for _, p := range w.Policies {
		deps = append(deps, place("policy", p))
	}
	flows := func(edges []segment.Edge, outbound bool) {
		for _, e := range edges {
			f := flow{Flow: "inbound", Classification: "unclassified", Name: "allowed " + ports(e.Connections)}
			other := e.Src
			if outbound {
				f.Flow, other = "outbound", e.Dst
			}
			link := []string{linked(d.serial, d.refOf(other))}
			if outbound {
				f.Destination = link
			} else {
				f.Source = link
			}
			if e.Verdict == segment.Unknown {
				f.Name = "unknown " + ports(e.Connections)
				f.Description = "whether this is allowed is not known"
			}
			if e.Partial {
				f.Description = strings.TrimSpace(f.Description + " not by every pod")
			}
			z, inside := zone[other]
			crosses = crosses || inside && z != w.Zone || other.IsCIDR() && !d.m.OfNodes[other]
			s.Data = append(s.Data, f)
			if target := d.refOf(other); outbound && !slices.Contains(deps, target) {
				deps = append(deps, target)
			}
		}
	}
	flows(in, false)
	flows(out, true)
	if zoned {
		s.TrustZone = w.Zone
		s.TrustBoundary = &crosses
	}
	s.Properties = d.properties(w)
	d.doc.Services = append(d.doc.Services, s)
	d.doc.Dependencies = append(d.doc.Dependencies, dependency{Ref: ref, DependsOn: deps})
	d.targets = append(d.targets, service{Ref: "target/" + ref, Group: s.Group, Name: s.Name})
	d.claims = append(d.claims, claim{Ref: "claim/" + ref, Target: "target/" + ref, Evidence: []string{refVerdicts},
		Predicate: fmt.Sprintf("isolated for ingress: %s, for egress: %s; exposed to: %s", w.Isolated.Ingress, w.Isolated.Egress, w.Exposure)})
}

func (d *writer) properties(w inventory.WorkloadRow) []property {
	out := []property{{namespace + "kind", w.Workload.Kind}, {namespace + "segment", w.Segment}, {namespace + "exposure", string(w.Exposure)},
		{namespace + "isolated:ingress", w.Isolated.Ingress.String()}, {namespace + "isolated:egress", w.Isolated.Egress.String()}}
	add := func(name, value string) {
		if value != "" {
			out = append(out, property{namespace + name, value})
		}
	}
	add("cluster", w.Workload.Cluster)
	add("owner", w.Owner)
	add("criticality", w.Criticality)
	keys := make([]string, 0, len(w.Selector))
	for k := range w.Selector {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		add("label", k+"="+w.Selector[k])
	}
	for _, p := range w.Policies {
		add("selectedBy", place("policy", p))
	}
	for _, f := range w.Findings {
		text := f.ID + " in " + f.PURL
		if f.VEXSource != "" {
			text += " (" + string(f.Status) + " by " + f.VEXSource + ")"
		}
		add("finding", text)
	}
	for _, x := range w.OtherWays {
		add("otherWay", x)
	}
	return out
}

// compositions says how complete the document is: never more than it is.
func (d *writer) compositions() {
	all, flows := "incomplete", "incomplete"
	if complete(d.m) {
		all = "complete"
	}
	if flowsComplete(d.m) {
		flows = "complete"
	}
	d.doc.Compositions = []composition{{Aggregate: all, Assemblies: []string{refEstate}}}
	var refs []string
	for _, s := range d.doc.Services {
		refs = append(refs, s.Ref)
	}
	if len(refs) > 0 {
		d.doc.Compositions = append(d.doc.Compositions, composition{Aggregate: flows, Dependencies: refs})
	}
}

func (d *writer) declarations(o Options) {
	if len(d.claims) == 0 {
		return
	}
	a := assessor{Ref: refAssessor}
	a.Organization.Name = cmp.Or(o.ToolName, "cofferdam") + ", run by the owner of the estate"
	d.doc.Declarations = &declarations{
		Assessors: []assessor{a}, Targets: targets{d.targets}, Claims: d.claims,
		Evidence: []evidence{{Ref: refVerdicts, PropertyName: "reachability", Created: d.m.At,
			Description: "verdicts of the reachability engine over the policies of the input; enforcement: " + d.m.Coverage.Enforcement + "; nothing was observed on the network"}},
	}
}

func (d *writer) citations() {
	if len(d.doc.Services) == 0 || d.doc.Declarations == nil {
		return
	}
	d.doc.Citations = []citation{{Pointers: []string{"/services"}, Timestamp: d.m.At, AttributedTo: refAssessor,
		Note: "flows are what the policies allow, computed from the input"}}
}
