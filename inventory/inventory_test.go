package inventory_test

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/sbom/decode"
	"github.com/cofferdam-io/cofferdam/segment"
	"github.com/cofferdam-io/cofferdam/segment/k8s"
	"github.com/cofferdam-io/cofferdam/vuln"
	"github.com/cofferdam-io/cofferdam/vuln/osv"
)

// One image as a registry holds it: an index of two platforms and an
// attestation, a manifest, and its configuration.
var (
	configDigest   = ident.SHA256([]byte("config"))
	manifestRaw    = []byte(`{"schemaVersion":2,"config":{"digest":"` + configDigest.String() + `"},"layers":[]}`)
	manifestDigest = ident.SHA256(manifestRaw)
	armDigest      = ident.SHA256([]byte("arm"))
	indexRaw       = []byte(`{"schemaVersion":2,"manifests":[{"digest":"` + manifestDigest.String() + `"},{"digest":"` + armDigest.String() + `"},{"digest":"` +
		ident.SHA256([]byte("attestation")).String() + `","annotations":{"vnd.docker.reference.type":"attestation-manifest"}}]}`)
	indexDigest = ident.SHA256(indexRaw)
	otherDigest = ident.SHA256([]byte("another build"))
)

const image = "registry.example/shop/web"

// sboms are what syft and trivy write of the image; what they, bom and BuildKit
// really wrote of others is in generators_test.go.
var sboms = map[string]string{
	"syft json":       `{"artifacts":[],"source":{"type":"image","metadata":{"userInput":"` + image + `:1.4","imageID":"` + configDigest.String() + `","manifestDigest":"` + manifestDigest.String() + `","tags":["` + image + `:1.4"]}},"descriptor":{"name":"syft"},"schema":{"version":"16.0.0"}}`,
	"syft cyclonedx":  `{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"metadata":{"component":{"type":"container","name":"` + image + `","version":"` + manifestDigest.String() + `"}}}`,
	"trivy json":      `{"SchemaVersion":2,"ArtifactName":"` + image + `:1.4","ArtifactType":"container_image","Metadata":{"ImageID":"` + configDigest.String() + `","RepoTags":["` + image + `:1.4"],"RepoDigests":["` + image + `@` + indexDigest.String() + `"]},"Results":[]}`,
	"trivy cyclonedx": `{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"metadata":{"component":{"type":"container","name":"` + image + `:1.4","properties":[{"name":"aquasecurity:trivy:ImageID","value":"` + configDigest.String() + `"},{"name":"aquasecurity:trivy:RepoDigest","value":"` + image + `@` + indexDigest.String() + `"}]}}}`,
}

// statuses are what each runtime reports of the running container.
var statuses = map[string]string{
	"docker pullable":     "docker-pullable://" + image + "@" + indexDigest.String(),
	"docker image id":     "docker://" + configDigest.String(),
	"containerd index":    image + "@" + indexDigest.String(),
	"containerd manifest": image + "@" + manifestDigest.String(),
	"containerd image id": configDigest.String(),
	"cri-o digest":        image + "@" + manifestDigest.String(),
	"cri-o image id":      configDigest.Hex(),
}

// TestJoin: with the registry's manifests every generator's SBOM is found from
// every runtime's status; without them never wrongly, and never "no SBOM" where
// an index may hide it.
func TestJoin(t *testing.T) {
	var maps inventory.ImageIndex
	for _, raw := range [][]byte{indexRaw, manifestRaw} {
		if err := maps.AddManifest("", raw); err != nil {
			t.Fatal(err)
		}
	}
	for gen, doc := range sboms {
		for runtime, id := range statuses {
			for form, ref := range map[string]string{"tag": image + ":1.4", "tag and digest": image + ":1.4@" + indexDigest.String(), "digest": image + "@" + indexDigest.String()} {
				t.Run(gen+"/"+runtime+"/"+form, func(t *testing.T) {
					im := joined(t, ref, id, doc, maps)
					if im.SBOM == nil {
						t.Fatalf("with the image map no SBOM is found: %+v", im)
					}
					im = joined(t, ref, id, doc, inventory.ImageIndex{})
					if im.SBOM == nil && im.Unresolved == "" {
						t.Errorf("an SBOM that may be this image's is called missing: %+v", im)
					}
					if im.SBOM != nil && im.SBOM.Match == "tag" {
						t.Errorf("matched by tag although digests are there: %+v", im.SBOM)
					}
				})
			}
		}
	}
}

// TestAnotherBuildIsNotMatched: the same tag, another digest.
func TestAnotherBuildIsNotMatched(t *testing.T) {
	for gen, doc := range sboms {
		for _, id := range []string{image + "@" + otherDigest.String(), "docker://" + otherDigest.String(), ""} {
			ref := image + ":1.4@" + otherDigest.String()
			if im := joined(t, ref, id, doc, inventory.ImageIndex{}); im.SBOM != nil {
				t.Errorf("%s, %q: another build's SBOM is taken: %+v", gen, id, im.SBOM)
			}
		}
	}
	if im := joined(t, image+":1.4", "", sboms["trivy json"], inventory.ImageIndex{}); im.SBOM == nil || im.SBOM.Match != "tag" {
		t.Errorf("a reference by tag alone is matched by tag, and says so: %+v", im.SBOM)
	}
}

func joined(t *testing.T, ref, imageID, doc string, maps inventory.ImageIndex) inventory.Image {
	t.Helper()
	pod := fmt.Sprintf("apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop}\nspec: {containers: [{name: web, image: %q}]}\nstatus: {containerStatuses: [{name: web, image: %q, imageID: %q}]}\n", ref, ref, imageID)
	m, err := build(t, world{manifests: pod, sboms: []string{doc}, images: maps}).Map(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return m.Workloads[0].Images[0]
}

type world struct {
	manifests  string
	sboms      []string
	advisories string
	config     string
	images     inventory.ImageIndex
	known      *vuln.Intelligence
	trust      *inventory.Trust
	reported   []vuln.Reported
}

func build(t testing.TB, w world) *inventory.Snapshot {
	t.Helper()
	ctx := context.Background()
	set, err := manifest.Decode(ctx, []manifest.Input{{Name: "m.yaml", Data: []byte(w.manifests)}}, manifest.Options{})
	if err != nil || len(set.Estate.Faults) > 0 {
		t.Fatal(err, set.Estate.Faults)
	}
	model, err := k8s.Model(set, segment.Generic())
	if err != nil {
		t.Fatal(err)
	}
	g, err := segment.Build(ctx, model)
	if err != nil {
		t.Fatal(err)
	}
	in := inventory.Input{Trust: w.trust, Estate: set.Estate, Graph: g, Images: w.images, Intelligence: w.known, Reported: w.reported, At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	for i, s := range w.sboms {
		docs, err := decode.Bytes(ctx, fmt.Sprintf("%d.json", i), []byte(s), decode.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		in.SBOMs = append(in.SBOMs, docs...)
	}
	if w.advisories != "" {
		as, faults, err := osv.Decode(ctx, "a.json", []byte(w.advisories), osv.Limits{})
		if err != nil || len(faults) > 0 {
			t.Fatal(err, faults)
		}
		if in.Database, err = vuln.NewDatabase(as, vuln.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	if w.config != "" {
		if in.Config, err = manifest.DecodeConfig(ctx, manifest.Input{Name: "cofferdam.yaml", Data: []byte(w.config)}); err != nil {
			t.Fatal(err)
		}
	}
	s, err := inventory.Build(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// small is an estate of three tiers: web may reach api, api may reach db, and
// nobody else may reach either.
const small = `
{apiVersion: v1, kind: Namespace, metadata: {name: shop}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: data}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: shop}, spec: {template: {metadata: {labels: {app: web}}, spec: {automountServiceAccountToken: false, containers: [{name: web, image: "registry.example/web:1"}]}}}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: api, namespace: shop}, spec: {template: {metadata: {labels: {app: api}}, spec: {containers: [{name: api, image: "registry.example/api:1"}]}}}}
---
{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: db, namespace: data}, spec: {template: {metadata: {labels: {app: db}}, spec: {containers: [{name: db, image: "registry.example/db:1"}]}}}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: web, namespace: shop}, spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress, Egress], egress: [{to: [{podSelector: {matchLabels: {app: api}}}], ports: [{port: 8080}]}]}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: api, namespace: shop}, spec: {podSelector: {matchLabels: {app: api}}, policyTypes: [Ingress, Egress], ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}], egress: [{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: data}}}], ports: [{port: 5432}]}]}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: db, namespace: data}, spec: {podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shop}}, podSelector: {matchLabels: {app: api}}}], ports: [{port: 5432}]}]}}
`

func bill(name string, components ...string) string {
	var cs []string
	for _, c := range components {
		at := strings.LastIndexByte(c, '@')
		cs = append(cs, fmt.Sprintf(`{"type":"library","name":%q,"version":%q,"purl":%q}`, c[len("pkg:npm/"):at], c[at+1:], c))
	}
	return `{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"metadata":{"component":{"type":"container","name":"registry.example/` + name + `","version":"1"}},"components":[` + strings.Join(cs, ",") + `]}`
}

var shop = world{
	manifests: small,
	sboms:     []string{bill("web", "pkg:npm/lodash@4.17.20"), bill("api", "pkg:npm/express@5.0.0"), bill("db")},
	advisories: `{"schema_version":"1.6.0","id":"GHSA-35jh-r3h4-6jhm","modified":"2026-01-01T00:00:00Z","aliases":["CVE-2021-23337"],"summary":"Command injection",
		"affected":[{"package":{"ecosystem":"npm","name":"lodash"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"4.17.21"}]}]}]}`,
	config: "apiVersion: cofferdam.dev/v1alpha1\nkind: Estate\nzones:\n- {name: restricted, namespaces: [data]}\nprotected: [\"zone=restricted\"]\nowners: [{select: \"namespace=shop\", owner: team-shop}]\n",
}

func query(t testing.TB, s string) inventory.Query {
	t.Helper()
	q, err := inventory.ParseQuery(s)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func TestBlast(t *testing.T) {
	b, err := build(t, shop).Blast(context.Background(), query(t, "CVE-2021-23337"), inventory.BlastOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Affected) != 1 || b.Affected[0].Workload.Name != "web" || b.Affected[0].Owner != "team-shop" || !slices.Equal(b.Affected[0].Sites[0].Fixed, []string{"4.17.21"}) {
		t.Fatalf("affected: %+v", b.Affected)
	}
	if len(b.Affected[0].OtherWays) != 0 {
		t.Errorf("a pod without token, host access and DNS has no other way out: %v", b.Affected[0].OtherWays)
	}
	if len(b.Reach) != 2 || b.Reach[0].Hops != 1 || b.Reach[1].Workload.Name != "db" || b.Reach[1].Hops != 2 {
		t.Errorf("reach: %+v", b.Reach)
	}
	if len(b.ProtectedReached) != 1 || b.ProtectedReached[0].Name != "db" || len(b.Unknowns) != 0 || len(b.NotCovered) != 0 {
		t.Errorf("protected %v, unknowns %v, not covered %v", b.ProtectedReached, b.Unknowns, b.NotCovered)
	}
	last := b.Reach[1].Path[1]
	if last.AllowedBy[0].Name != "api" || last.AllowedBy[1].Name != "db" || last.Connections[0].From != 5432 {
		t.Errorf("the last hop: %+v", last)
	}
	near, err := build(t, shop).Blast(context.Background(), query(t, "CVE-2021-23337"), inventory.BlastOptions{MaxHops: 1})
	if err != nil || len(near.Reach) != 1 || len(near.ProtectedReached) != 0 {
		t.Errorf("within one hop: %v, %+v", err, near.Reach)
	}
}

func TestWhere(t *testing.T) {
	s := build(t, shop)
	for q, want := range map[string][]string{
		"CVE-2021-23337": {"web"}, "ghsa-35jh-r3h4-6jhm": {"web"}, "lodash": {"web"}, "pkg:npm/lodash@<4.17.21": {"web"}, "pkg:npm/lodash@>=4.17.21": nil,
		"pkg:npm/express@5.0.0": {"api"}, "left-pad": nil, "shop/api": {"api"},
	} {
		a, err := s.Where(context.Background(), query(t, q))
		if err != nil {
			t.Errorf("%s: %v", q, err)
			continue
		}
		var got []string
		for _, site := range a.Sites {
			got = append(got, site.Workload.Name)
		}
		if !slices.Equal(got, want) || a.Found != (want != nil) {
			t.Errorf("%s runs in %v, found %v; want %v", q, got, a.Found, want)
		}
	}
	if _, err := s.Where(context.Background(), query(t, "CVE-1999-0001")); ident.KindOf(err) != ident.KindUsage {
		t.Errorf("an id that no advisory has: %v", err)
	}
	digest := s.Coverage()
	if digest.Workloads != 3 || digest.WithSBOM != 3 || digest.SBOMMatchedBy.Tag != 3 || digest.AdvisoriesAsOf != "2026-01-01" {
		t.Errorf("coverage: %+v", digest)
	}
}

func TestAbsenceIsWorthItsCoverage(t *testing.T) {
	w := shop
	w.sboms = w.sboms[1:] // none of web
	a, err := build(t, w).Where(context.Background(), query(t, "CVE-2021-23337"))
	if err != nil || a.Found || len(a.NotCovered) != 1 || a.NotCovered[0].Workload.Name != "web" {
		t.Errorf("%v, found %v, not covered %+v", err, a.Found, a.NotCovered)
	}
	// A version that nobody can compare is an unknown, not an absence.
	w.sboms = append([]string{bill("web", "pkg:npm/lodash@not a version")}, w.sboms...)
	a, err = build(t, w).Where(context.Background(), query(t, "CVE-2021-23337"))
	if err != nil || a.Found || len(a.Unknowns) != 1 {
		t.Errorf("%v, found %v, unknowns %+v", err, a.Found, a.Unknowns)
	}
}

func TestAnswersDoNotDependOnTheOrderOfInput(t *testing.T) {
	docs := strings.Split(small, "---")
	slices.Reverse(docs)
	turned := shop
	turned.manifests = strings.Join(docs, "---")
	turned.sboms = slices.Clone(shop.sboms)
	slices.Reverse(turned.sboms)
	var texts [2]string
	for i, w := range []world{shop, turned} {
		b, err := build(t, w).Blast(context.Background(), query(t, "CVE-2021-23337"), inventory.BlastOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for j := range b.Affected {
			b.Affected[j].SBOM.File, b.Affected[j].Sites[0].SBOM.File = "", ""
		}
		raw, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		texts[i] = string(raw)
	}
	if texts[0] != texts[1] {
		t.Errorf("two orders, two answers:\n%s\n%s", texts[0], texts[1])
	}
}

// TestNothingIsNull: an empty list is [], in every answer.
func TestNothingIsNull(t *testing.T) {
	s := build(t, world{manifests: "{apiVersion: v1, kind: Namespace, metadata: {name: a}}", advisories: shop.advisories})
	m, err := s.Map(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	w, err := s.Where(context.Background(), query(t, "lodash"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Blast(context.Background(), query(t, "CVE-2021-23337"), inventory.BlastOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{m, w, b} {
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(raw), "null") {
			t.Errorf("%s: %s", reflect.TypeOf(v), raw)
		}
	}
}

func TestParseQueryKinds(t *testing.T) {
	for _, bad := range []string{"", "sha256:12", "a/b/c/d", "pkg:npm", strings.Repeat("x", 5000)} {
		if _, err := inventory.ParseQuery(bad); ident.KindOf(err) != ident.KindUsage || err == nil {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
}

func TestUnknownZoneOfAnUndeclaredNamespace(t *testing.T) {
	w := shop
	w.manifests = strings.Replace(small, "{apiVersion: v1, kind: Namespace, metadata: {name: data}}", "{apiVersion: v1, kind: Namespace, metadata: {name: other}}", 1)
	w.config = "apiVersion: cofferdam.dev/v1alpha1\nkind: Estate\nzones:\n- {name: restricted, namespaceSelector: {matchLabels: {zone: restricted}}}\n"
	m, err := build(t, w).Map(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(m.Unknowns, func(u inventory.Unknown) bool { return u.Object == "Namespace data" }) {
		t.Errorf("the zone of data hangs on labels that were not read: %+v", m.Unknowns)
	}
}

func FuzzParseQuery(f *testing.F) {
	for _, s := range []string{"CVE-2023-44487", "pkg:npm/lodash@<4", "sha256:00", "a/b", "lodash", "@scope/name"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if _, err := inventory.ParseQuery(s); err != nil && ident.KindOf(err) != ident.KindUsage {
			t.Errorf("%q: %v is no usage error", s, err)
		}
	})
}

func Example() {
	q, _ := inventory.ParseQuery("CVE-2021-23337")
	a, _ := build(&testing.T{}, shop).Where(context.Background(), q)
	for _, s := range a.Sites {
		fmt.Println(s.Workload, s.Name, s.Version, s.Fixed)
	}
	// Output: shop/Deployment/web lodash 4.17.20 [4.17.21]
}

// FuzzAddManifest wants an index that took bytes in to know their digest, and one
// that refused them to be as it was.
func FuzzAddManifest(f *testing.F) {
	f.Add("registry.example/shop/web:1.4", indexRaw)
	f.Add("", manifestRaw)
	f.Add("x@sha256:00", []byte(`{"manifests":[{"digest":"sha256:zz"}]}`))
	f.Fuzz(func(t *testing.T, reference string, raw []byte) {
		x := &inventory.ImageIndex{}
		err := x.AddManifest(reference, raw)
		if again := x.AddManifest(reference, raw); (err == nil) != (again == nil) {
			t.Errorf("%v, then %v", err, again)
		}
	})
}
