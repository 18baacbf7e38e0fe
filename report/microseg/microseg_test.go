package microseg_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report/microseg"
	"github.com/cofferdam-io/cofferdam/sbom/cyclonedx"
	"github.com/cofferdam-io/cofferdam/sbom/schema"
	"github.com/cofferdam-io/cofferdam/sbom/spdx"
	"github.com/cofferdam-io/cofferdam/segment"
)

// estate is a small map; name is a foreign text that stands everywhere.
func estate(name string) *inventory.Map {
	web := ident.Ref{Cluster: "c1", Namespace: "shop", Name: name, Kind: "Deployment"}
	db := ident.Ref{Cluster: "c1", Namespace: "data", Name: "db", Kind: "StatefulSet"}
	d := ident.SHA256([]byte("manifest"))
	conn := []segment.Conn{{Protocol: segment.TCP, From: 5432, To: 5432}}
	return &inventory.Map{
		At: "2026-01-02T03:04:05Z", Cluster: name,
		Workloads: []inventory.WorkloadRow{
			{Workload: web, Zone: "dmz", Owner: name, Exposure: segment.ExposedInternet, Isolated: segment.Isolation{Ingress: segment.Yes, Egress: segment.No},
				Images:   []inventory.Image{{Container: "c", Image: "registry.example/shop/web:1.4@" + d.String(), SBOM: &inventory.SBOMMatch{Digest: ident.SHA256([]byte("sbom")), Match: "digest", Trust: "unchecked"}}},
				Policies: []ident.Ref{{Cluster: "c1", Namespace: "shop", Name: "p", Kind: "NetworkPolicy"}}, Selector: map[string]string{"app": name}},
			{Workload: db, Zone: "unzoned", Images: []inventory.Image{{Container: "c", Image: name}}},
		},
		Edges:    []segment.Edge{{Src: web, Dst: db, Connections: conn, Verdict: segment.Allowed}, {Src: ident.Ref{CIDR: "0.0.0.0/0"}, Dst: web, Connections: conn, Verdict: segment.Unknown}},
		Policies: []inventory.PolicyRow{{Policy: ident.Ref{Cluster: "c1", Namespace: "shop", Name: "p", Kind: "NetworkPolicy"}, Tier: "networkpolicy", File: "p.yaml", Line: 3, Digest: d}},
		Coverage: inventory.Coverage{Workloads: 2, WithSBOM: 1, Enforcement: "generic (assumed)", NotSeen: []string{"Ingress"}},
	}
}

func valid(t *testing.T, m *inventory.Map, version string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := microseg.CycloneDX(&b, m, version, microseg.Options{ToolName: "cofferdam", ToolVersion: "1"}); err != nil {
		t.Fatal(err)
	}
	vs, err := schema.New(schema.Limits{}).JSON(context.Background(), version, b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range vs {
		t.Errorf("CycloneDX %s: %s", version, v)
	}
	return b.Bytes()
}

func TestValidByTheOfficialSchema(t *testing.T) {
	for _, version := range []string{"1.6", "1.7"} {
		for _, name := range []string{"web", `"<&>` + "\u202e\n", strings.Repeat("x", 1000), "ü/%#?"} {
			valid(t, estate(name), version)
		}
		valid(t, &inventory.Map{At: "2026-01-02T03:04:05Z"}, version)
	}
	var b bytes.Buffer
	if err := microseg.CycloneDX(&b, estate("web"), "1.5", microseg.Options{}); ident.KindOf(err) != ident.KindUsage {
		t.Errorf("version 1.5: %v", err)
	}
}

func TestClaimsOnlyWhatTheMapShows(t *testing.T) {
	var doc struct {
		Services []struct {
			Ref           string `json:"bom-ref"`
			TrustZone     string `json:"trustZone"`
			TrustBoundary *bool  `json:"x-trust-boundary"`
			Data          []struct {
				Flow, Name          string
				Source, Destination []string
			}
		}
		Compositions []struct{ Aggregate string }
		Components   []struct {
			Type, PURL         string
			ExternalReferences []struct{ URL string }
		}
	}
	if err := json.Unmarshal(valid(t, estate("web"), "1.7"), &doc); err != nil {
		t.Fatal(err)
	}
	for _, c := range doc.Compositions {
		if c.Aggregate != "incomplete" {
			t.Errorf("with a kind not seen and a workload without SBOM the aggregate is %q", c.Aggregate)
		}
	}
	web, db := doc.Services[0], doc.Services[1]
	if web.TrustZone != "dmz" || web.TrustBoundary == nil || !*web.TrustBoundary || db.TrustZone != "" || db.TrustBoundary != nil {
		t.Errorf("zones: %+v, %+v", web, db)
	}
	if len(web.Data) != 2 || !strings.HasPrefix(web.Data[0].Name, "unknown") || !strings.HasSuffix(web.Data[1].Destination[0], "#workload/c1/data/StatefulSet/db") {
		t.Errorf("flows: %+v", web.Data)
	}
	if c := doc.Components[0]; c.Type != "container" || !strings.HasPrefix(c.PURL, "pkg:oci/web@sha256%3A") || len(c.ExternalReferences) != 1 {
		t.Errorf("image: %+v", c)
	}

	m := estate("web")
	m.Coverage.NotSeen, m.Coverage.WithSBOM = nil, 2
	if err := json.Unmarshal(valid(t, m, "1.7"), &doc); err != nil {
		t.Fatal(err)
	}
	for _, c := range doc.Compositions {
		if c.Aggregate != "complete" {
			t.Errorf("with full coverage and nothing unknown the aggregate is %q", c.Aggregate)
		}
	}
}

func TestSameMapSameBytes(t *testing.T) {
	if !bytes.Equal(valid(t, estate("web"), "1.7"), valid(t, estate("web"), "1.7")) {
		t.Error("two runs differ")
	}
	if bytes.Equal(valid(t, estate("web"), "1.7"), valid(t, estate("api"), "1.7")) {
		t.Error("two estates are one document")
	}
}

func TestRoundTripsThroughOurOwnDecoders(t *testing.T) {
	m := estate("web")
	doc, err := cyclonedx.Decode(context.Background(), valid(t, m, "1.7"), cyclonedx.Options{})
	if err != nil || len(doc.Components) != 3 || len(doc.Warnings) != 0 || !doc.Incomplete {
		t.Errorf("CycloneDX: %v, %d components, incomplete %v, warnings %+v", err, len(doc.Components), doc.Incomplete, doc.Warnings)
	}
	var b bytes.Buffer
	if err := microseg.SPDX23(&b, m, microseg.Options{ToolName: "cofferdam"}); err != nil {
		t.Fatal(err)
	}
	doc, err = spdx.Decode(context.Background(), b.Bytes(), spdx.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(doc.Warnings) != 0 {
		t.Errorf("SPDX warnings: %+v", doc.Warnings)
	}
}

func ExampleCycloneDX() {
	var b bytes.Buffer
	_ = microseg.CycloneDX(&b, estate("web"), "1.7", microseg.Options{ToolName: "cofferdam"})
	fmt.Println(strings.SplitN(b.String(), "\n", 5)[3])
	// Output: "specVersion": "1.7",
}

func TestExampleOfTheStructureIsValid(t *testing.T) {
	root := os.Getenv("COFFERDAM_DATA")
	if root == "" {
		t.Skip("COFFERDAM_DATA is not set: the example of the structure is not judged")
	}
	raw, err := os.ReadFile(root + "/microseg-example.cdx17.json")
	if err != nil {
		t.Fatal(err)
	}
	vs, err := schema.New(schema.Limits{}).JSON(context.Background(), "1.7", raw)
	if err != nil || len(vs) > 0 {
		t.Errorf("%v %v", err, vs)
	}
}
