package microseg

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
)

// The part of SPDX 2.3 that is written; names follow its JSON schema.
type (
	spdxDocument struct {
		SPDXID        string             `json:"SPDXID"`
		SPDXVersion   string             `json:"spdxVersion"`
		DataLicense   string             `json:"dataLicense"`
		Name          string             `json:"name"`
		Namespace     string             `json:"documentNamespace"`
		Comment       string             `json:"comment,omitempty"`
		CreationInfo  spdxCreation       `json:"creationInfo"`
		Packages      []spdxPackage      `json:"packages"`
		Relationships []spdxRelationship `json:"relationships"`
	}
	spdxCreation struct {
		Created  string   `json:"created"`
		Creators []string `json:"creators"`
	}
	spdxPackage struct {
		SPDXID        string         `json:"SPDXID"`
		Name          string         `json:"name"`
		Version       string         `json:"versionInfo,omitempty"`
		Location      string         `json:"downloadLocation"`
		FilesAnalyzed bool           `json:"filesAnalyzed"`
		Purpose       string         `json:"primaryPackagePurpose,omitempty"`
		Checksums     []spdxChecksum `json:"checksums,omitempty"`
		References    []spdxExternal `json:"externalRefs,omitempty"`
		Comment       string         `json:"comment,omitempty"`
	}
	spdxChecksum struct {
		Algorithm string `json:"algorithm"`
		Value     string `json:"checksumValue"`
	}
	spdxExternal struct {
		Category string `json:"referenceCategory"`
		Type     string `json:"referenceType"`
		Locator  string `json:"referenceLocator"`
	}
	spdxRelationship struct {
		From    string `json:"spdxElementId"`
		To      string `json:"relatedSpdxElement"`
		Type    string `json:"relationshipType"`
		Comment string `json:"comment,omitempty"`
	}
)

const noAssertion = "NOASSERTION"

// SPDX23 writes the map as an SPDX 2.3 document in JSON: the estate contains
// workloads, workloads contain images, and each allowed connection is a
// relationship of type OTHER with its ports.
func SPDX23(w io.Writer, m *inventory.Map, o Options) error {
	id, err := uuid(m)
	if err != nil {
		return err
	}
	name := cmp.Or(m.Cluster, "kubernetes estate")
	tool := cmp.Or(o.ToolName, "cofferdam")
	if o.ToolVersion != "" {
		tool += "-" + o.ToolVersion
	}
	d := spdxDocument{
		SPDXID: "SPDXRef-DOCUMENT", SPDXVersion: "SPDX-2.3", DataLicense: "CC0-1.0", Name: name, Namespace: "urn:uuid:" + id,
		CreationInfo: spdxCreation{Created: m.At, Creators: []string{"Tool: " + tool}},
		Comment: fmt.Sprintf("Micro-segmentation of %s: %d of %d workloads have an SBOM; enforcement: %s; connections are what the policies allow",
			name, m.Coverage.WithSBOM, m.Coverage.Workloads, m.Coverage.Enforcement),
		Packages: []spdxPackage{{SPDXID: "SPDXRef-Estate", Name: name, Version: m.At, Location: noAssertion, Purpose: "OTHER"}},
	}
	relate := func(from, kind, to, comment string) {
		d.Relationships = append(d.Relationships, spdxRelationship{From: from, To: to, Type: kind, Comment: comment})
	}
	relate(d.SPDXID, "DESCRIBES", "SPDXRef-Estate", "")
	images, of := artifacts(m)
	imageID := map[string]string{}
	for i, a := range images {
		p := spdxPackage{SPDXID: fmt.Sprintf("SPDXRef-Image-%d", i), Name: a.written, Location: noAssertion, Purpose: "CONTAINER"}
		imageID[a.ref] = p.SPDXID
		if a.digest.Algorithm() == "sha256" {
			p.Checksums = []spdxChecksum{{"SHA256", a.digest.Hex()}}
		}
		if !a.image.IsZero() {
			p.Name, p.Version = a.image.Name(), a.image.Tag
		}
		if a.sbom != nil {
			p.Comment = "its own SBOM is " + a.sbom.Digest.String() + ", matched by " + a.sbom.Worth()
		}
		d.Packages = append(d.Packages, p)
	}
	ids := map[ident.Ref]string{}
	for i, row := range m.Workloads {
		p := spdxPackage{SPDXID: fmt.Sprintf("SPDXRef-Workload-%d", i), Name: row.Workload.String(), Location: noAssertion, Purpose: "APPLICATION"}
		p.Comment = fmt.Sprintf("zone %s; segment %s; isolated for ingress: %s, for egress: %s; exposed to: %s",
			row.Zone, row.Segment, row.Isolated.Ingress, row.Isolated.Egress, row.Exposure)
		ids[row.Workload] = p.SPDXID
		d.Packages = append(d.Packages, p)
		relate("SPDXRef-Estate", "CONTAINS", p.SPDXID, "")
		for _, ref := range of[row.Workload] {
			relate(p.SPDXID, "CONTAINS", imageID[ref], "")
		}
	}
	end := func(r ident.Ref) string {
		id, ok := ids[r]
		if !ok {
			id = fmt.Sprintf("SPDXRef-External-%d", len(ids))
			ids[r] = id
			d.Packages = append(d.Packages, spdxPackage{SPDXID: id, Name: r.String(), Location: noAssertion, Purpose: "OTHER", Comment: "addresses outside the estate"})
		}
		return id
	}
	for _, e := range m.Edges {
		relate(end(e.Src), "OTHER", end(e.Dst), strings.TrimSpace("may connect: "+ports(e.Connections)+", "+e.Verdict.String()))
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	return enc.Encode(d)
}
