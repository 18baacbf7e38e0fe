package manifest

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/corpus"
)

func decodeText(t testing.TB, texts ...string) *Set {
	t.Helper()
	var in []Input
	for i, s := range texts {
		in = append(in, Input{Name: fmt.Sprintf("%d.yaml", i), Data: []byte(s), Layer: i})
	}
	set, err := Decode(context.Background(), in, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func Example() {
	set, _ := Decode(context.Background(), []Input{{Name: "shop.yaml", Data: []byte(shop)}}, Options{})
	for _, w := range set.Estate.Workloads {
		fmt.Println(w.Ref, w.Template.Spec.Containers[2].Ports)
	}
	// Output: shop/Deployment/web [{http 8080 0 TCP}]
}

const shop = `apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {team: front}}
---
# the web tier
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
  uid: d1
spec:
  replicas: 2
  template:
    metadata: {labels: {app: web}}
    spec:
      initContainers:
      - {name: mesh, image: mesh:1, restartPolicy: Always}
      - {name: setup, image: setup:1}
      containers:
      - name: web
        image: registry.example/shop/web:1.4
        ports: [{name: http, containerPort: 8080}]
        volumeMounts: [{name: logs, mountPath: /logs, readOnly: true}]
      volumes: [{name: logs, hostPath: {path: /var/log}}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{podSelector: {}}]
    ports: [{port: http}, {port: 9000, endPort: 9010, protocol: UDP}]
`

func TestDecodeShop(t *testing.T) {
	// The example's containers come first in order of the spec's lists.
	set := decodeText(t, strings.Replace(shop, "initContainers:\n      - {name: mesh, image: mesh:1, restartPolicy: Always}\n      - {name: setup, image: setup:1}\n      ", "", 1))
	if n := len(set.Estate.Faults); n != 0 {
		t.Fatalf("faults: %+v", set.Estate.Faults)
	}
	w := set.Estate.Workloads[0]
	spec := w.Template.Spec
	if *w.Replicas != 2 || w.Template.Labels["app"] != "web" || len(spec.HostPaths) != 1 || !spec.HostPaths[0].ReadOnly {
		t.Errorf("workload: %+v, %+v", w, spec)
	}
	np := set.NetworkPolicies[0].Object
	if p := np.Spec.Ingress[0].Ports; p[0].Port.StrVal != "http" || p[1].Port.IntVal != 9000 || *p[1].EndPort != 9010 || *p[1].Protocol != "UDP" {
		t.Errorf("ports: %+v", p)
	}
	if ps := np.Spec.Ingress[0].From[0].PodSelector; ps == nil || len(ps.MatchLabels) != 0 {
		t.Errorf("an empty selector is there and selects everything, got %v", ps)
	}
	if k := set.Estate.Kinds; k["NetworkPolicy"] != estate.Seen || k["ClusterNetworkPolicy"] != estate.NotSeen {
		t.Errorf("kinds: %v", k)
	}
	full := decodeText(t, shop).Estate.Workloads[0].Template.Spec.Containers
	if full[0].Kind != estate.Sidecar || full[1].Kind != estate.Init || full[2].Kind != estate.Ordinary {
		t.Errorf("container kinds: %+v", full)
	}
}

func TestSpansDecodeAgain(t *testing.T) {
	set := decodeText(t, shop)
	for _, s := range []estate.Source{set.Estate.Namespaces[0].Source, set.Estate.Workloads[0].Source, set.Estate.Policies[0].Source} {
		again := decodeText(t, shop[s.Start:s.End])
		e := again.Estate
		if len(e.Faults) > 0 || len(e.Workloads)+len(e.Policies)+len(e.Namespaces) == 0 {
			t.Errorf("bytes %d to %d are not the object:\n%s", s.Start, s.End, shop[s.Start:s.End])
		}
		if first, _, _ := strings.Cut(shop[s.Start:], "\n"); !strings.HasPrefix(first, "apiVersion") && !strings.HasPrefix(first, "#") {
			t.Errorf("the span begins with %q", first)
		}
	}
}

const owners = `apiVersion: v1
kind: List
items:
- {apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: a, uid: d1}, spec: {template: {spec: {containers: [{name: c, image: x}]}}}}
- {apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: web-1, namespace: a, uid: r1, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: d1, controller: true}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: web-1-x, namespace: a, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-1, uid: r1, controller: true}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: lost-1-x, namespace: a, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: lost-1, uid: r9, controller: true}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: other, namespace: a, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: d2, controller: true}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: web-2, namespace: a, labels: {app: web}}}
`

func TestOwnersAreProvedAndNeverGuessed(t *testing.T) {
	var got []string
	for _, w := range decodeText(t, owners).Estate.Workloads {
		var pods []string
		for _, p := range w.Pods {
			pods = append(pods, p.Name)
		}
		got = append(got, fmt.Sprint(w.Ref, pods))
	}
	want := []string{"a/Deployment/web[web-1-x]", "a/Pod/lost-1-x[lost-1-x]", "a/Pod/other[other]", "a/Pod/web-2[web-2]"}
	if strings.ReplaceAll(strings.Join(got, "|"), " [", "[") != strings.Join(want, "|") {
		t.Errorf("workloads:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestLayersAndDuplicates(t *testing.T) {
	ns := func(label string) string {
		return "{apiVersion: v1, kind: Namespace, metadata: {name: a, labels: {v: " + label + "}}}\n"
	}
	set := decodeText(t, ns("one"), ns("two"))
	if len(set.Estate.Namespaces) != 1 || set.Estate.Namespaces[0].Labels["v"] != "two" || len(set.Estate.Faults) > 0 {
		t.Errorf("a later -f replaces: %+v, faults %+v", set.Estate.Namespaces[0], set.Estate.Faults)
	}
	set = decodeText(t, ns("one")+"---\n"+ns("two"))
	if len(set.Estate.Namespaces) != 1 || set.Estate.Namespaces[0].Labels["v"] != "one" || len(set.Estate.Faults) != 1 {
		t.Fatalf("twice in one -f is a fault: %+v", set.Estate)
	}
	if f := set.Estate.Faults[0]; f.Source.Line != 3 || !strings.Contains(f.Message, "0.yaml:1") {
		t.Errorf("the fault names both places, got %+v", f)
	}
}

func TestFaults(t *testing.T) {
	for _, tc := range []struct {
		name, text, message, pointer string
		line                         int
		bears                        bool
	}{
		{"label is a boolean", "apiVersion: v1\nkind: Pod\nmetadata:\n  name: x\n  labels:\n    on: yes\n", "boolean", "metadata.labels.", 6, false},
		{"duplicate key", "apiVersion: v1\nkind: Pod\nkind: Pod\nmetadata: {name: x}\n", "kind", "", 3, false},
		{"policy cut off", "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: x\n", "", "", 0, true},
		{"policy of a wrong type", "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: x}\nspec: {podSelector: [1]}\n", "cannot be read", "spec", 0, true},
		{"not UTF-8", "apiVersion: v1\nkind: \xff\xfe\n", "UTF-8", "", 2, true},
		{"no name", "apiVersion: v1\nkind: Pod\nmetadata: {}\n", "metadata.name", "", 0, false},
		{"port beyond range", "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {ports: [{port: 70000}]}\n", "70000", "spec.ports[0].port", 4, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			good := "\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: good}\n"
			set := decodeText(t, tc.text+good)
			fs := set.Estate.Faults
			if len(fs) != 1 {
				t.Fatalf("%d faults, want one: %+v", len(fs), fs)
			}
			f := fs[0]
			if !strings.Contains(f.Message, tc.message) || !strings.Contains(f.Pointer, tc.pointer) || f.Bears != tc.bears || tc.line > 0 && f.Source.Line != tc.line {
				t.Errorf("fault: %+v", f)
			}
			if tc.name != "not UTF-8" && (len(set.Estate.Namespaces) == 0 || set.Estate.Namespaces[0].Name != "good") {
				t.Error("the good document beside it was lost")
			}
		})
	}
}

func TestUnknownPolicyFieldsAreNotIgnored(t *testing.T) {
	set := decodeText(t, "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: x, namespace: a}\nspec: {podSelector: {matchLabels: {app: w}}, ingres: []}\n")
	if len(set.Estate.Unmodelled) != 1 || !strings.Contains(set.Estate.Unmodelled[0].Reason, "ingres") || set.Estate.Unmodelled[0].Selector["app"] != "w" {
		t.Errorf("unmodelled: %+v", set.Estate.Unmodelled)
	}
}

func TestPolicyDigestIgnoresFormatting(t *testing.T) {
	a := decodeText(t, shop).Estate.Policies[0].Digest
	b := decodeText(t, `{"kind":"NetworkPolicy","apiVersion":"networking.k8s.io/v1","metadata":{"namespace":"shop","name":"web"},"spec":{"ingress":[{"ports":[{"port":"http"},
		{"protocol":"UDP","endPort":9010,"port":9000}],"from":[{"podSelector":{}}]}],"podSelector":{"matchLabels":{"app":"web"}}}}`).Estate.Policies[0].Digest
	if a != b {
		t.Errorf("one policy, two digests: %s and %s", a, b)
	}
}

func TestHostileInput(t *testing.T) {
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for i := 'b'; i < 'l'; i++ {
		p := string(i - 1)
		bomb += fmt.Sprintf("%c: &%c [%s]\n", i, i, strings.TrimSuffix(strings.Repeat("*"+p+",", 9), ","))
	}
	for name, text := range map[string]string{
		"billion laughs": bomb,
		"deep":           strings.Repeat("[", 100_000),
		"deep block":     strings.Repeat("- ", 50_000),
		"many documents": strings.Repeat("---\nx\n", 10_000),
		"wide":           "apiVersion: v1\nkind: Pod\nmetadata:\n  name: x\n  labels:\n" + strings.Repeat("    a: b\n", 1000),
	} {
		set := decodeText(t, text)
		if len(set.Estate.Faults) == 0 {
			t.Errorf("%s is not reported", name)
		}
	}
}

func TestTruncated(t *testing.T) {
	for i := range len(shop) {
		decodeText(t, shop[:i])
	}
}

func TestLabelsRoundTrip(t *testing.T) {
	word := rapid.StringMatching(`[a-z][a-z0-9]{0,6}`)
	rapid.Check(t, func(t *rapid.T) {
		labels := rapid.MapOfN(word, word, 0, 5).Draw(t, "labels")
		name := word.Draw(t, "name")
		var b strings.Builder
		fmt.Fprintf(&b, "apiVersion: v1\nkind: Pod\nmetadata:\n  name: %q\n  labels:\n", name)
		for k, v := range labels {
			fmt.Fprintf(&b, "    %q: %q\n", k, v)
		}
		set, err := Decode(context.Background(), []Input{{Name: "x", Data: []byte(b.String())}}, Options{DefaultNamespace: "z"})
		if err != nil {
			t.Fatal(err)
		}
		p := set.Estate.Pods[0]
		if p.Name != name || p.Namespace != "z" || len(p.Labels) != len(labels) {
			t.Fatalf("%+v", p)
		}
		for k, v := range labels {
			if p.Labels[k] != v {
				t.Fatalf("label %s is %q, want %q", k, p.Labels[k], v)
			}
		}
	})
}

// TestRealManifests decodes everything that the data folder has. Five of its
// documents are templates and no YAML; every other fault would be ours.
func TestRealManifests(t *testing.T) {
	root := os.Getenv("COFFERDAM_DATA")
	if root == "" {
		t.Skip("COFFERDAM_DATA is not set: real manifests are not decoded")
	}
	files, faults := 0, 0
	err := filepath.WalkDir(filepath.Join(root, "netpol"), func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(p) != ".yaml" && filepath.Ext(p) != ".yml" {
			return err
		}
		// Templates of a benchmark, helm templates, and kustomize patches are no objects.
		if strings.Contains(p, "k8s-netpol-scale") || strings.Contains(p, "kustomiz") || strings.Contains(p, "helm-chart") {
			return nil
		}
		raw, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		set, err := Decode(context.Background(), []Input{{Name: p, Data: raw}}, Options{})
		if err != nil {
			return err
		}
		files++
		for _, f := range set.Estate.Faults {
			faults++
			t.Logf("%s:%d %s %s %s", f.Source.File, f.Source.Line, f.Object, f.Pointer, f.Message)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if faults > 5 || files < 600 {
		t.Errorf("%d faults in %d files", faults, files)
	}
	t.Logf("%d files, %d faults", files, faults)
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(shop))
	f.Add([]byte(owners))
	f.Add([]byte(`{"apiVersion":"v1","kind":"List","items":[{"kind":"Pod","apiVersion":"v1","metadata":{"name":"x"}}]}`))
	corpus.Seed(f, "netpol", ".yaml")
	f.Fuzz(func(t *testing.T, b []byte) {
		set, err := Decode(context.Background(), []Input{{Name: "f", Data: b}}, Options{MaxBytes: 1 << 20, MaxDocuments: 100})
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range set.Estate.Workloads {
			if s := w.Source; s.Start < 0 || s.End > int64(len(b)) || s.Start > s.End {
				t.Fatalf("%s has the span %d to %d of %d bytes", w.Ref, s.Start, s.End, len(b))
			}
			if w.Ref == (ident.Ref{}) {
				t.Fatal("a workload without a name")
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	var s strings.Builder
	for i := range 500 {
		s.WriteString(strings.ReplaceAll(strings.ReplaceAll(shop, "name: web", fmt.Sprintf("name: web-%d", i)), "name: shop", fmt.Sprintf("name: shop-%d", i)) + "---\n")
	}
	data := []byte(s.String())
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(context.Background(), []Input{{Name: "b", Data: data}}, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

// TestKustomizeConfigurationIsNoObject: it needs no name, and taints nothing; what it
// does beyond listing files is told. Another group's Kustomization is an object.
func TestKustomizeConfigurationIsNoObject(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"a component that lists", "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [a.yaml]\npatches:\n", ""},
		{"a kustomization as JSON", `{"apiVersion":"kustomize.config.k8s.io/v1beta1","kind":"Kustomization","metadata":{"name":"x"},"resources":[]}`, ""},
		{"a component that patches", "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [a.yaml]\npatches: [{path: p.yaml}]\nnamePrefix: x-\n", "more than list files (patches, namePrefix)"},
		{"another group's", "apiVersion: core.oam.dev/v1\nkind: Component\n", "metadata.name is not set"},
	} {
		set, err := Decode(context.Background(), []Input{{Name: "c.yaml", Data: []byte(tt.text)}}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		faults := set.Estate.Faults
		if tt.want == "" && len(faults) > 0 || tt.want != "" && (len(faults) != 1 || !strings.Contains(faults[0].Message, tt.want)) {
			t.Errorf("%s: %+v", tt.name, faults)
		}
		if len(faults) == 1 && faults[0].Bears != (tt.name == "another group's") {
			t.Errorf("%s: bears is %t", tt.name, faults[0].Bears)
		}
	}
}
