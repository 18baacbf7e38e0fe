package cni_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/segment"
	"github.com/cofferdam-io/cofferdam/segment/cni"
)

// decode reads manifests of one cluster each, as "name" → text.
func decode(t testing.TB, clusters map[string]string) *estate.Estate {
	t.Helper()
	var in []manifest.Input
	for name, text := range clusters {
		in = append(in, manifest.Input{Name: "cluster.yaml", Cluster: name, Data: []byte(text)})
	}
	set, err := manifest.Decode(context.Background(), in, manifest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return set.Estate
}

// daemonSet is the shape that all install manifests share.
func daemonSet(namespace, name, containers string) string {
	return fmt.Sprintf(`---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: %[1]s, namespace: %[2]s, labels: {k8s-app: %[1]s}}
spec:
  selector: {matchLabels: {k8s-app: %[1]s}}
  template:
    metadata: {labels: {k8s-app: %[1]s}}
    spec:
      hostNetwork: true
      containers:
%[3]s
`, name, namespace, containers)
}

func configMap(name string, data ...string) string {
	return "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + name + ", namespace: kube-system}\ndata:\n  " + strings.Join(data, "\n  ") + "\n"
}

var (
	cilium = daemonSet("kube-system", "cilium", `
      - name: cilium-agent
        image: quay.io/cilium/cilium:v1.19.2@sha256:aec0a5fa1e9b9ea95ae3a3ea2b2ed8b4ae3a7f9b1b9a8dfd5ae1a2d1f4b2c3d4
        command: [cilium-agent]
        args: [--config-dir=/tmp/cilium/config-map]`)
	cilium120  = strings.ReplaceAll(cilium, "v1.19.2", "v1.20.1")
	calicoNode = daemonSet("kube-system", "calico-node", `
      - name: calico-node
        image: quay.io/calico/node:v3.31.2`)
	flannel = daemonSet("kube-flannel", "kube-flannel-ds", `
      - name: kube-flannel
        image: ghcr.io/flannel-io/flannel:v0.27.4
        command: [/opt/bin/flanneld]`)
	knp = daemonSet("kube-system", "kube-network-policies", `
      - name: kube-network-policies
        image: registry.k8s.io/networking/kube-network-policies:v1.1.0
        args: [/bin/netpol, --hostname-override=$(MY_NODE_NAME), --nfqueue-id=98]`)
	kindnet = daemonSet("kube-system", "kindnet", `
      - name: kindnet-cni
        image: docker.io/kindest/kindnetd:v20250512-df8de77b`)
	awsNode = daemonSet("kube-system", "aws-node", `
      - name: aws-node
        image: 602401143452.dkr.ecr.us-west-2.amazonaws.com/amazon-k8s-cni:v1.21.1-eksbuild.1
        env:
        - {name: NETWORK_POLICY_ENFORCING_MODE, value: "standard"}
        - {name: AWS_SECRET, value: "nobody's business"}
      - name: aws-eks-nodeagent
        image: 602401143452.dkr.ecr.us-west-2.amazonaws.com/amazon/aws-network-policy-agent:v1.3.1-eksbuild.1
        args: [--enable-ipv6=false, --enable-network-policy=true]`)
	ovn = daemonSet("ovn-kubernetes", "ovnkube-node", `
      - name: ovnkube-controller
        image: ghcr.io/ovn-kubernetes/ovn-kubernetes/ovn-kube-ubuntu:v1.1.0
      - name: ovn-controller
        image: ghcr.io/ovn-kubernetes/ovn-kubernetes/ovn-kube-ubuntu:v1.1.0`)
)

// kinds writes what a profile says of the kinds: NetworkPolicy,
// ClusterNetworkPolicy, AdminNetworkPolicy, CiliumNetworkPolicy.
func kinds(p segment.Profile) string {
	return fmt.Sprintf("%s %s %s %s", p.NetworkPolicy, p.ClusterNetworkPolicy, p.AdminNetworkPolicy, p.CiliumNetworkPolicy)
}

func TestDetect(t *testing.T) {
	settings := configMap("cilium-config", `enable-policy: "default"`, `unrelated: "x"`)
	for _, c := range []struct{ name, manifests, want, kinds string }{
		{"nothing", "", "generic (assumed)", "yes yes yes unknown"},
		{"a workload", daemonSet("shop", "agent", "      - {name: agent, image: registry.example/agent:1.0}"), "generic (assumed)", "yes yes yes unknown"},
		{"cilium", cilium, "cilium 1.19 (detected)", "yes no no yes"},
		{"cilium 1.20 without settings", cilium120, "cilium 1.20 (detected)", "yes unknown no yes"},
		{"cilium 1.20", cilium120 + settings, "cilium 1.20 (detected)", "yes no no yes"},
		{"cilium 1.20 with ClusterNetworkPolicy", cilium120 + configMap("cilium-config", `enable-k8s-cluster-network-policy: "true"`), "cilium 1.20 (detected)", "yes yes no yes"},
		{"cilium 1.19 with a flag that it does not know", cilium + configMap("cilium-config", `enable-k8s-cluster-network-policy: "true"`), "cilium 1.19 (detected)", "yes no no yes"},
		{"cilium without NetworkPolicy", cilium + configMap("cilium-config", `enable-k8s-networkpolicy: "false"`, `enable-cilium-network-policy: "false"`), "cilium 1.19 (detected)", "no no no unknown"},
		{"cilium in audit mode", cilium + configMap("cilium-config", `policy-audit-mode: "true"`), "cilium 1.19 (detected, audit mode)", "yes no no yes"},
		{"cilium that never enforces", cilium + configMap("cilium-config", "enable-policy: never"), "cilium 1.19 (detected, enable-policy is never)", "yes no no yes"},
		{"cilium that always enforces", cilium + configMap("cilium-config", "enable-policy: always"), "cilium 1.19 (detected, enable-policy is always)", "yes no no yes"},
		{"cilium of a mode to come", cilium + configMap("cilium-config", "enable-policy: sometimes"), `cilium 1.19 (detected, enable-policy is "sometimes")`, "unknown no no unknown"},
		{"cilium with settings that cannot be read", cilium + configMap("cilium-config", "enable-policy: [never]"), "cilium 1.19 (detected, cilium-config could not be read)", "unknown no no unknown"},
		{"cilium by digest", strings.ReplaceAll(cilium, ":v1.19.2", ""), "cilium (detected)", "yes unknown no yes"},
		{"cilium of a distribution", strings.ReplaceAll(cilium, "quay.io/cilium/cilium:v1.19.2", "rancher/mirrored-cilium-cilium:v1.18.4"), "cilium 1.18 (detected)", "yes no no yes"},
		{"cilium in an image of another name", strings.ReplaceAll(cilium, "quay.io/cilium/cilium:v1.19.2", "registry.example/platform/agent:7.3"), "cilium (detected)", "yes unknown no yes"},
		{"cilium by flags", strings.ReplaceAll(cilium, "--config-dir=/tmp/cilium/config-map", "--policy-audit-mode"), "cilium 1.19 (detected, audit mode)", "yes no no yes"},
		{"cilium of two versions", cilium + strings.NewReplacer("name: cilium,", "name: cilium-next,").Replace(cilium120), "cilium 1.19 and cilium 1.20 (detected, unknown where they differ)", "yes unknown no yes"},

		{"calico", calicoNode, "calico 3.31 (detected)", "yes no yes no"},
		{"calico 3.28", strings.ReplaceAll(calicoNode, "v3.31.2", "v3.28.0"), "calico 3.28 (detected)", "yes no no no"},
		{"calico 3.29", strings.ReplaceAll(calicoNode, "v3.31.2", "v3.29.1"), "calico 3.29 (detected)", "yes no unknown no"},
		{"calico 3.32", strings.ReplaceAll(calicoNode, "v3.31.2", "v3.32.0"), "calico 3.32 (detected)", "yes yes no no"},
		{"calico of the operator", strings.ReplaceAll(calicoNode, "namespace: kube-system", "namespace: calico-system"), "calico 3.31 (detected)", "yes no yes no"},
		{"canal", daemonSet("kube-system", "canal", `
      - {name: calico-node, image: "docker.io/calico/node:v3.30.1"}
      - {name: kube-flannel, image: "docker.io/flannel/flannel:v0.24.4"}`), "calico 3.30 (detected)", "yes no yes no"},
		{"calico beside cilium", calicoNode + cilium, "calico 3.31 and cilium 1.19 (detected, unknown where they differ)", "yes no unknown unknown"},

		{"flannel", flannel, "none (detected, flannel enforces nothing)", "no no no no"},
		{"flannel with an enforcer", flannel + knp, "kube-network-policies 1.1 (detected)", "yes no no no"},
		{"flannel with an enforcer in its pod", daemonSet("kube-flannel", "kube-flannel-ds", `
      - {name: kube-flannel, image: "ghcr.io/flannel-io/flannel:v0.27.4"}
      - {name: kube-network-policies, image: "registry.k8s.io/networking/kube-network-policies:v0.7.0"}`), "kube-network-policies 0.7 (detected)", "yes unknown unknown no"},

		{"kube-network-policies for ClusterNetworkPolicy", strings.ReplaceAll(knp, "v1.1.0", "v1.0.0-npa-v1alpha2"), "kube-network-policies 1.0 (detected)", "yes yes no no"},
		{"kube-network-policies for AdminNetworkPolicy", strings.ReplaceAll(knp, "v1.1.0", "v1.0.0-npa-v1alpha1"), "kube-network-policies 1.0 (detected)", "yes no yes no"},
		{"kube-network-policies with flags", strings.NewReplacer("v1.1.0", "v0.6.0", "--nfqueue-id=98", "--admin-network-policy=true, --baseline-admin-network-policy=true").Replace(knp),
			"kube-network-policies 0.6 (detected)", "yes unknown yes no"},

		{"kindnet of kind", kindnet, "kindnet 20250512 (detected)", "yes no unknown no"},
		{"kindnet of kind 0.23", strings.ReplaceAll(kindnet, "v20250512-df8de77b", "v20240513-cd2ac642"), "none (detected, kindnet 20240513 does not enforce yet)", "no no no no"},
		{"kindnet of between", strings.ReplaceAll(kindnet, "v20250512-df8de77b", "v20240701-cd2ac642"), "kindnet 20240701 (detected, whether this build enforces policies is not known)", "unknown no unknown no"},
		{"kindnet of the Kubernetes project", daemonSet("kube-system", "kindnet", `
      - name: kindnet-cni
        image: registry.k8s.io/networking/kindnet:v1.0.2
        command: [/bin/kindnetd, --network-policy=true]`), "kindnet 1.0 (detected)", "yes no unknown no"},
		{"kindnet told not to", daemonSet("kube-system", "kindnet", `
      - name: kindnet-cni
        image: registry.k8s.io/networking/kindnet:v1.0.2
        command: [/bin/kindnetd, --network-policy=false]`), "none (detected, kindnet with --network-policy=false)", "no no no no"},

		{"aws", awsNode + configMap("amazon-vpc-cni", `enable-network-policy-controller: "true"`), "aws-vpc 1.21 (detected)", "yes no no no"},
		{"aws as add-on", strings.ReplaceAll(awsNode, "aws-eks-nodeagent", "aws-network-policy-agent"), "aws-vpc 1.21 (detected)", "yes no no no"},
		{"aws without the flag", strings.ReplaceAll(awsNode, "--enable-network-policy=true", "--enable-network-policy=false"), "none (detected, aws-vpc without --enable-network-policy=true)", "no no no no"},
		{"aws without agent", daemonSet("kube-system", "aws-node", `
      - {name: aws-node, image: "602401143452.dkr.ecr.us-west-2.amazonaws.com/amazon-k8s-cni:v1.13.4"}`), "none (detected, aws-vpc without its policy agent)", "no no no no"},
		{"aws without controller", awsNode + configMap("amazon-vpc-cni", `enable-network-policy-controller: "false"`), `aws-vpc 1.21 (detected, enable-network-policy-controller is "false")`, "unknown no no no"},
		{"aws strict", strings.ReplaceAll(awsNode, `"standard"`, `"strict"`), "aws-vpc 1.21 (detected, NETWORK_POLICY_ENFORCING_MODE is strict)", "yes no no no"},
		{"aws with calico", strings.ReplaceAll(awsNode, "--enable-network-policy=true", "--enable-network-policy=false") + calicoNode, "calico 3.31 (detected)", "yes no yes no"},

		{"ovn-kubernetes", ovn, "ovn-kubernetes 1.1 (detected)", "yes unknown unknown no"},
		{"ovn-kubernetes of OpenShift", daemonSet("openshift-ovn-kubernetes", "ovnkube-node", `
      - {name: ovnkube-controller, image: "quay.io/openshift-release-dev/ocp-v4.0-art-dev@sha256:aec0a5fa1e9b9ea95ae3a3ea2b2ed8b4ae3a7f9b1b9a8dfd5ae1a2d1f4b2c3d4"}`), "ovn-kubernetes (detected)", "yes unknown unknown no"},

		{"antrea", daemonSet("kube-system", "antrea-agent", `
      - {name: antrea-agent, image: "antrea/antrea-agent-ubuntu:v2.4.0"}`), "generic (assumed, antrea is not modelled)", "yes unknown unknown unknown"},
		{"GKE Dataplane V2", strings.ReplaceAll(cilium, "name: cilium,", "name: anetd,"), "generic (assumed, GKE Dataplane V2 is not modelled)", "yes unknown unknown unknown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := cni.Choose(decode(t, map[string]string{"": c.manifests}))
			if p.String() != c.want || kinds(p) != c.kinds {
				t.Errorf("%s: %s\nwant %s: %s", p, kinds(p), c.want, c.kinds)
			}
		})
	}
}
