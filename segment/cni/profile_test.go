package cni_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
	"github.com/cofferdam-io/cofferdam/segment/cni"
)

// TestFacts: every fact names a place, says something, and contradicts none.
func TestFacts(t *testing.T) {
	facts := cni.Facts()
	for i, f := range facts {
		u, err := url.Parse(f.Source)
		if err != nil || u.Scheme != "https" || u.Host == "" || f.Read == "" || f.Says == "" {
			t.Errorf("%s %s: source %q, read %q, says %q", f.Plugin, f.Switch, f.Source, f.Read, f.Says)
		}
		if !slices.Contains(cni.Names(), f.Plugin) || !slices.Contains(cni.Switches(), f.Switch) {
			t.Errorf("%s %s is no profile's switch", f.Plugin, f.Switch)
		}
		if (f.Before != cni.Version{}) && f.Since.Compare(f.Before) >= 0 {
			t.Errorf("%s %s holds from %s to before %s", f.Plugin, f.Switch, f.Since, f.Before)
		}
		for _, o := range facts[:i] {
			ends := o.Before != cni.Version{} && o.Before.Compare(f.Since) <= 0
			if o.Plugin == f.Plugin && o.Switch == f.Switch && !ends {
				t.Errorf("%s %s is said twice of %s", f.Plugin, f.Switch, f.Since)
			}
		}
	}
}

// TestPage: docs/design/cni-profiles.md has the table as it stands.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/design/cni-profiles.md")
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	plugin := ""
	for _, f := range cni.Facts() {
		if f.Plugin != plugin {
			plugin = f.Plugin
			fmt.Fprintf(&want, "\n### %s\n\n| switch | versions | value | what the source says | source, as read |\n|---|---|---|---|---|\n", plugin)
		}
		versions := "all"
		switch since, before := f.Since.String(), f.Before.String(); {
		case since != "" && before != "":
			versions = since + " up to before " + before
		case since != "":
			versions = "from " + since
		case before != "":
			versions = "before " + before
		}
		fmt.Fprintf(&want, "| %s | %s | %s | %s | [%s](%s) |\n", f.Switch, versions, f.Value, f.Says, f.Read, f.Source)
	}
	if !strings.Contains(string(page), want.String()) {
		t.Errorf("the page does not hold the table of Facts:\n%s", want.String())
	}
	// What no fact speaks of must be named as not established.
	_, open, _ := strings.Cut(string(page), "## Not established")
	for _, name := range cni.Names() {
		if name == cni.Generic || name == cni.None {
			continue
		}
		for _, s := range cni.Switches() {
			// One line may name several plugins.
			if !slices.ContainsFunc(cni.Facts(), func(f cni.Fact) bool { return f.Plugin == name && f.Switch == s }) &&
				!regexp.MustCompile(`(?m)^- .*`+regexp.QuoteMeta(name)+`.*\b`+string(s)+`\b`).MatchString(open) {
				t.Errorf("%s: %s is neither a fact nor named under Not established", name, s)
			}
		}
	}
}

// TestByName: of a plugin without version, what its versions differ in is unknown.
func TestByName(t *testing.T) {
	for name, want := range map[string]string{
		cni.Generic: "yes yes yes unknown", cni.None: "no no no no",
		cni.Calico: "yes unknown unknown no", cni.Cilium: "yes unknown no yes", cni.OVN: "yes unknown unknown no",
		cni.Kindnet: "yes no unknown no", cni.KubeNP: "yes unknown unknown no", cni.AWS: "yes no no no",
	} {
		p, ok := cni.ByName(name)
		if !ok || kinds(p) != want || p.String() != name+" (chosen)" || p.Enforced == (name == cni.None) {
			t.Errorf("%s: %s, %+v; want %s", name, kinds(p), p, want)
		}
	}
	if len(cni.Names()) != 8 {
		t.Errorf("%q", cni.Names())
	}
	for _, name := range []string{"", "auto", "Cilium", "calico ", "weave"} {
		if p, ok := cni.ByName(name); ok {
			t.Errorf("%q: %+v", name, p)
		}
	}
	// A switch that nothing is known of never reads as no.
	p, _ := cni.ByName(cni.OVN)
	if p.PodToNodeDoubt == "" || p.NodeBlockDoubt == "" || p.PodBlockDoubt != "" || !p.IPBlockMatchesPods {
		t.Errorf("%+v", p)
	}
}

func TestFor(t *testing.T) {
	e := decode(t, map[string]string{"": cilium})
	for name, want := range map[string]string{"": "cilium 1.19 (detected)", "auto": "cilium 1.19 (detected)", "calico": "calico (chosen)", "none": "none (chosen)"} {
		if p, err := cni.For(name, e); err != nil || p.String() != want {
			t.Errorf("%q: %s, %v; want %s", name, p, err, want)
		}
	}
	_, err := cni.For("calcium", e)
	known, ok := err.(*ident.Error) //nolint:errorlint // what a user reads is not wrapped
	if !ok || known.Kind != ident.KindUsage || !strings.Contains(known.Hint, "auto, generic, aws-vpc, calico") {
		t.Errorf("%v", err)
	}
}

// TestClusters: a model has one profile. What clusters agree on holds, what they
// differ in is unknown, and the answer says which is where.
func TestClusters(t *testing.T) {
	settings := configMap("cilium-config", "enable-policy: default")
	for _, c := range []struct {
		clusters map[string]string
		want     string
		kinds    string
	}{
		{map[string]string{"a": cilium + settings, "b": cilium + settings}, "cilium 1.19 (detected)", "yes no no yes"},
		{map[string]string{"a": cilium + settings, "b": calicoNode}, "cilium 1.19 (detected) in a, calico 3.31 (detected) in b (unknown where they differ)", "yes no unknown unknown"},
		{map[string]string{"a": cilium + settings, "b": flannel}, "cilium 1.19 (detected) in a, none (detected, flannel enforces nothing) in b (unknown where they differ)", "unknown no no unknown"},
		{map[string]string{"a": calicoNode, "": ns("shop")}, "generic (assumed) in the unnamed cluster, calico 3.31 (detected) in a (unknown where they differ)", "yes unknown yes unknown"},
		{map[string]string{"a": flannel, "b": flannel}, "none (detected, flannel enforces nothing)", "no no no no"},
	} {
		p := cni.Choose(decode(t, c.clusters))
		if p.String() != c.want || kinds(p) != c.kinds {
			t.Errorf("%s: %s\nwant %s: %s", p, kinds(p), c.want, c.kinds)
		}
	}
	p := cni.Choose(decode(t, map[string]string{"a": cilium + configMap("cilium-config", "enable-policy: always"), "b": cilium + settings}))
	if p.IsolatingDoubt == "" {
		t.Errorf("one isolates every pod, the other does not: %+v", p)
	}
	p = cni.Choose(decode(t, map[string]string{"a": cilium + settings, "b": calicoNode}))
	if p.PodBlockDoubt == "" || p.NodeBlockDoubt == "" || p.NodeToPodDoubt != "" || p.PodToNodeDoubt != "" || !p.NodeToPodFree || p.PodToNodeFree {
		t.Errorf("%+v", p)
	}
}

func ns(name string) string {
	return "apiVersion: v1\nkind: Namespace\nmetadata: {name: " + name + "}\n"
}

// TestNoEvidence: what is no agent of the network chooses nothing.
func TestNoEvidence(t *testing.T) {
	agent := "      - {name: kube-flannel, image: \"ghcr.io/flannel-io/flannel:v0.27.4\"}"
	notHost := func(s string) string { return strings.ReplaceAll(s, "hostNetwork: true", "hostNetwork: false") }
	for name, text := range map[string]string{
		"a tenant's DaemonSet": notHost(daemonSet("lab", "kube-flannel-ds", agent)),
		"a Deployment":         strings.Replace(flannel, "kind: DaemonSet", "kind: Deployment", 1),
		"an init container":    strings.Replace(cilium, "      containers:\n\n      - name: cilium-agent", "      containers: [{name: c, image: \"registry.example/c:1\"}]\n      initContainers:\n      - name: config", 1),
		"settings alone":       configMap("cilium-config", "policy-audit-mode: \"true\""),
		"a finished pod": `
apiVersion: v1
kind: Pod
metadata: {name: cilium-x, namespace: kube-system}
spec: {hostNetwork: true, containers: [{name: cilium-agent, image: "quay.io/cilium/cilium:v1.19.2"}]}
status: {phase: Failed}`,
	} {
		text = strings.Replace(text, "metadata: {name: cilium, namespace", "metadata: {name: other, namespace", 1)
		if p := cni.Choose(decode(t, map[string]string{"": text})); p.String() != "generic (assumed)" {
			t.Errorf("%s: %s", name, p)
		}
	}
	// In a namespace of the system it need not say that it is on the host network.
	if p := cni.Choose(decode(t, map[string]string{"": notHost(cilium)})); p.String() != "cilium 1.19 (detected)" {
		t.Errorf("%s", p)
	}
	pods := `
apiVersion: v1
kind: Pod
metadata: {name: cilium-x, namespace: kube-system, ownerReferences: [{apiVersion: apps/v1, kind: DaemonSet, name: cilium, uid: u, controller: true}]}
spec: {hostNetwork: true, nodeName: n1, containers: [{name: cilium-agent, image: "quay.io/cilium/cilium:v1.18.4"}]}
status: {phase: Running}`
	if p := cni.Choose(decode(t, map[string]string{"": pods})); p.String() != "cilium 1.18 (detected)" {
		t.Errorf("pods without their DaemonSet: %s", p)
	}
}

// TestKept: of containers and ConfigMaps nothing is kept but what is asked for.
func TestKept(t *testing.T) {
	e := decode(t, map[string]string{"": awsNode + configMap("cilium-config", "enable-policy: default", "secret: x") + configMap("app", "enable-policy: x") +
		daemonSet("shop", "agent", `      - {name: agent, image: "registry.example/agent:1", args: [--password=x], env: [{name: NETWORK_POLICY_ENFORCING_MODE, value: strict}]}`)})
	for _, w := range e.Workloads {
		for _, c := range w.Template.Spec.Containers {
			switch {
			case c.Name == "agent" && (c.Args != nil || c.Env != nil):
				t.Errorf("%+v", c)
			case c.Name == "aws-node" && (len(c.Env) != 1 || c.Env["NETWORK_POLICY_ENFORCING_MODE"] != "standard"):
				t.Errorf("%+v", c)
			case c.Name == "aws-eks-nodeagent" && !slices.Equal(c.Args, []string{"--enable-ipv6=false", "--enable-network-policy=true"}):
				t.Errorf("%+v", c)
			}
		}
	}
	if len(e.ConfigMaps) != 1 || len(e.ConfigMaps[0].Data) != 1 || e.Ignored["ConfigMap"] != 1 {
		t.Errorf("%+v, ignored %v", e.ConfigMaps, e.Ignored)
	}
}

// TestCiliumSettings: each setting moves its own switch.
func TestCiliumSettings(t *testing.T) {
	with := func(version string, data ...string) segment.Profile {
		return cni.Choose(decode(t, map[string]string{"": strings.ReplaceAll(cilium, "v1.19.2", version) + configMap("cilium-config", data...)}))
	}
	if p := with("v1.19.2", "policy-cidr-match-mode: nodes"); p.NodeBlockDoubt == "" || p.PodBlockDoubt != "" || p.IPBlockMatchesPods || p.CiliumBlockDoubt == "" {
		t.Errorf("%+v", p)
	}
	if p := with("v1.19.2", "policy-cidr-match-mode: pods"); p.PodBlockDoubt == "" {
		t.Errorf("1.19 does not know pods: %+v", p)
	}
	if p := with("v1.20.0", "policy-cidr-match-mode: pods,nodes"); p.PodBlockDoubt != "" || !p.IPBlockMatchesPods || p.NodeBlockDoubt == "" || p.NetworksDoubt != "" {
		t.Errorf("%+v", p)
	}
	if p := with("v1.20.0", `enable-k8s-cluster-network-policy: "true"`); p.NetworksDoubt == "" || p.CiliumBlockDoubt != "" || p.Unseen != "" {
		t.Errorf("%+v", p)
	}
	if p := with("v1.21.0", "policy-cidr-match-mode: moons"); p.PodBlockDoubt == "" || p.NodeBlockDoubt == "" {
		t.Errorf("%+v", p)
	}
	if p := with("v1.19.2", "allow-localhost: policy"); p.NodeToPodFree || p.NodeToPodDoubt != "" {
		t.Errorf("%+v", p)
	}
	if p := with("v1.19.2", "allow-localhost: sometimes"); p.NodeToPodDoubt == "" {
		t.Errorf("%+v", p)
	}
	if p := with("v1.19.2", `enable-cilium-network-policy: "false"`, `enable-cilium-clusterwide-network-policy: "false"`); p.CiliumNetworkPolicy != segment.No {
		t.Errorf("%+v", p)
	}
}

// FuzzChoose: no manifest of an agent breaks the choice, and a note that it makes
// of foreign words stays short.
func FuzzChoose(f *testing.F) {
	f.Add("v1.19.2", "--enable-policy=never", "always")
	f.Add("v20240813-c6f155d6", "--network-policy", "")
	f.Add("999999999999999999999.1", "--policy-audit-mode=", "\x1b[31m")
	f.Fuzz(func(t *testing.T, tag, arg, mode string) {
		e := &estate.Estate{}
		for _, image := range []string{"cilium/cilium", "kindest/kindnetd", "kube-network-policies", "calico/node", "amazon-k8s-cni"} {
			e.Workloads = append(e.Workloads, &estate.Workload{Ref: ident.Ref{Kind: "DaemonSet", Namespace: "kube-system", Name: "agent"},
				Template: &estate.PodTemplate{Spec: estate.PodSpec{HostNetwork: true, Containers: []estate.Container{
					{Name: "agent", Ref: ident.ImageRef{Repository: image, Tag: tag}, Args: []string{arg, mode}}, {Name: "aws-eks-nodeagent", Args: []string{arg}}}}}})
		}
		e.ConfigMaps = []*estate.ConfigMap{{Name: "cilium-config", Data: map[string]string{"enable-policy": mode, "policy-cidr-match-mode": mode}}}
		p := cni.Choose(e)
		if p.Name == "" || len(p.Note) > 1000 || strings.ContainsRune(p.Note, '\x1b') {
			t.Errorf("%q", p)
		}
	})
}

func ExampleChoose() {
	dump := []byte(`
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: calico-node, namespace: kube-system}
spec:
  template:
    spec:
      hostNetwork: true
      containers: [{name: calico-node, image: "quay.io/calico/node:v3.31.2"}]
`)
	set, err := manifest.Decode(context.Background(), []manifest.Input{{Name: "dump.yaml", Data: dump}}, manifest.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	profile := cni.Choose(set.Estate)
	fmt.Println(profile, "enforces ClusterNetworkPolicy:", profile.ClusterNetworkPolicy)
	// Output: calico 3.31 (detected) enforces ClusterNetworkPolicy: no
}
