package cni

import "github.com/cofferdam-io/cofferdam/segment"

// The plugins that have a profile.
const (
	Generic = "generic"
	Calico  = "calico"
	Cilium  = "cilium"
	OVN     = "ovn-kubernetes"
	Kindnet = "kindnet"
	KubeNP  = "kube-network-policies"
	AWS     = "aws-vpc"
	None    = "none"
)

// Places that several facts were read in.
const (
	kubernetesDocs = "https://kubernetes.io/docs/concepts/services-networking/network-policies/"
	felixRules     = "https://github.com/projectcalico/calico/blob/master/felix/rules/static.go"
	calicoConvert  = "https://github.com/projectcalico/calico/blob/master/libcalico-go/lib/backend/k8s/conversion/conversion.go"
	ciliumPolicy   = "https://github.com/cilium/cilium/blob/main/Documentation/network/kubernetes/policy.rst"
	ciliumCNP      = "https://github.com/cilium/cilium/pull/47227"
	ciliumLayer3   = "https://docs.cilium.io/en/stable/security/policy/language/"
	ovnPolicy      = "https://github.com/ovn-kubernetes/ovn-kubernetes/blob/master/docs/features/network-security-controls/network-policy.md"
	ovnAdmin       = "https://github.com/ovn-kubernetes/ovn-kubernetes/blob/master/docs/features/network-security-controls/admin-network-policy.md"
	ovnPorts       = "https://github.com/ovn-kubernetes/ovn-kubernetes/blob/master/go-controller/pkg/ovn/gress_policy.go"
	ovnNode        = "https://github.com/ovn-kubernetes/ovn-kubernetes/blob/master/go-controller/pkg/ovn/base_network_controller_policy.go"
	knpEngine      = "https://github.com/kubernetes-sigs/kube-network-policies/blob/v1.1.0/pkg/networkpolicy/networkpolicy.go"
	knpDataplane   = "https://github.com/kubernetes-sigs/kube-network-policies/blob/v1.1.0/pkg/dataplane/controller.go"
	knpPods        = "https://github.com/kubernetes-sigs/kube-network-policies/blob/v1.1.0/pkg/api/helper.go"
	knpPodInfo     = "https://github.com/kubernetes-sigs/kube-network-policies/blob/v1.1.0/pkg/podinfo/podinfo.go"
	knpMakefile    = "https://github.com/kubernetes-sigs/kube-network-policies/blob/v1.1.0/Makefile"
	kindnetMain    = "https://github.com/kubernetes-sigs/kindnet/blob/main/cmd/kindnetd/main.go"
	awsRules       = "https://github.com/aws/aws-network-policy-agent/blob/main/pkg/fwruleprocessor/fw_rule_processor.go"
	awsAgent       = "https://github.com/aws/aws-network-policy-agent/blob/main/README.md"
	awsFAQ         = "https://github.com/aws/amazon-vpc-cni-k8s/blob/master/docs/network-policy-faq.md"
	awsPods        = "https://github.com/aws/amazon-network-policy-controller-k8s/blob/main/pkg/k8s/pod_utils.go"
	awsResolver    = "https://github.com/aws/amazon-network-policy-controller-k8s/blob/main/pkg/resolvers/clusternetworkpolicy_resolver.go"
)

// Days on which sources were read.
const (
	readDay    = "read 2026-11-21"
	tag110     = "v1.1.0, read 2026-11-21"
	kindnetDay = "commit 0569a26, read 2026-11-21"
)

// Facts returns the table, plugin by plugin, in the order of the switches.
func Facts() []Fact {
	const yes, no, maybe = segment.Yes, segment.No, segment.Maybe
	return []Fact{
		{Plugin: Calico, Switch: NetworkPolicy, Value: yes, Source: calicoConvert, Read: readDay,
			Says: "every NetworkPolicy is converted to a policy of Calico's own and enforced as one"},
		{Plugin: Calico, Switch: ClusterNetworkPolicy, Value: no, Before: Version{3, 32}, Source: "https://github.com/projectcalico/calico/issues/10745", Read: "comment of 2026-01-06",
			Says: "ClusterNetworkPolicy comes with 3.32, and AdminNetworkPolicy goes with it"},
		{Plugin: Calico, Switch: ClusterNetworkPolicy, Value: yes, Since: Version{3, 32}, Source: "https://github.com/kubernetes-sigs/network-policy-api/pull/376", Read: "2026-04-21",
			Says: "3.32 enforces the standard fields and, of the experimental ones, networks and named ports"},
		{Plugin: Calico, Switch: AdminNetworkPolicy, Value: no, Before: Version{3, 29}, Source: "https://github.com/projectcalico/calico/issues/7578", Read: "comments up to 2024-09-20",
			Says: "it was being written for the release that became 3.29"},
		{Plugin: Calico, Switch: AdminNetworkPolicy, Value: maybe, Since: Version{3, 29}, Before: Version{3, 30}, Source: "https://github.com/projectcalico/calico/pull/9404", Read: "release notes of 3.29.0",
			Says: "3.29 enforces AdminNetworkPolicy; BaselineAdminNetworkPolicy, which the same switch stands for, is not among its notes"},
		{Plugin: Calico, Switch: AdminNetworkPolicy, Value: yes, Since: Version{3, 30}, Before: Version{3, 32}, Source: "https://github.com/tigera/operator/pull/3634", Read: "2024-12-05",
			Says: "BaselineAdminNetworkPolicy was added after 3.29, and 3.30 is the release after it"},
		{Plugin: Calico, Switch: AdminNetworkPolicy, Value: no, Since: Version{3, 32}, Source: "https://github.com/projectcalico/calico/issues/10745", Read: "comment of 2026-01-06",
			Says: "AdminNetworkPolicy was removed for 3.32"},
		{Plugin: Calico, Switch: CiliumNetworkPolicy, Value: no, Source: calicoConvert, Read: readDay, Says: "Cilium's kinds are not among those it converts"},
		{Plugin: Calico, Switch: IPBlockMatchesPods, Value: yes, Source: calicoConvert, Read: readDay,
			Says: "an ipBlock becomes networks of a rule, which are compared with the packet's address, whoever has it"},
		{Plugin: Calico, Switch: IPBlockMatchesNodes, Value: yes, Source: calicoConvert, Read: readDay, Says: "as for pods: the packet's address is all that counts"},
		{Plugin: Calico, Switch: HostNetworkPoliced, Value: no, Source: felixRules, Read: readDay,
			Says: "the policies of workloads hang on the interfaces of workloads; a pod on the host network has none, and host endpoints are objects of their own"},
		{Plugin: Calico, Switch: SidecarPortsUnnamed, Value: yes, Before: Version{3, 28}, Source: "https://github.com/projectcalico/calico/issues/8881", Read: "2024-06-05",
			Says: "the ports of a pod were those of its ordinary containers, and a rule that names a sidecar's let nothing in"},
		{Plugin: Calico, Switch: SidecarPortsUnnamed, Value: no, Since: Version{3, 29}, Source: "https://github.com/projectcalico/calico/pull/8885", Read: "of 2024-06-06, merged; 3.29.0 is of 2024-10-31",
			Says: "those of init containers count too; whether a 3.28 has it was not found out"},
		{Plugin: Calico, Switch: PortNamesUnread, Value: no, Source: "https://github.com/projectcalico/calico/issues/8881", Read: "2024-06-05", Says: "a name that an ordinary container gives lets its port in"},
		{Plugin: Calico, Switch: NodeToPodFree, Value: yes, Source: felixRules, Read: readDay,
			Says: "what the host itself sends to a pod's interface leaves the output chain before any policy (connections through IPVS excepted)"},
		{Plugin: Calico, Switch: PodToNodeFree, Value: no, Source: felixRules, Read: readDay,
			Says: "cali-wl-to-host runs the pod's egress policy first, and only then DefaultEndpointToHostAction"},
		{Plugin: Calico, Switch: EstablishedCut, Value: no, Source: "https://github.com/istio/istio/issues/5815", Read: "comments of 2018-06-13",
			Says: "a policy judges the setting up of a connection; packets of one that is open pass by its conntrack entry"},

		{Plugin: Cilium, Switch: NetworkPolicy, Value: yes, Source: ciliumPolicy, Read: readDay, Says: "supported, unless enable-k8s-networkpolicy is false"},
		{Plugin: Cilium, Switch: ClusterNetworkPolicy, Value: no, Before: Version{1, 20}, Source: ciliumCNP, Read: "2026-07-20", Says: "it is available from 1.20 on"},
		{Plugin: Cilium, Switch: ClusterNetworkPolicy, Value: maybe, Since: Version{1, 20}, Source: ciliumCNP, Read: "2026-07-20",
			Says: "only where enable-k8s-cluster-network-policy is true, which it is not by default"},
		{Plugin: Cilium, Switch: AdminNetworkPolicy, Value: no, Source: "https://github.com/cilium/cilium/issues/23380", Read: "comments up to 2026-09-10",
			Says: "the request was answered with ClusterNetworkPolicy; AdminNetworkPolicy never came"},
		{Plugin: Cilium, Switch: CiliumNetworkPolicy, Value: yes, Source: ciliumPolicy, Read: readDay, Says: "its own kinds"},
		{Plugin: Cilium, Switch: IPBlockMatchesPods, Value: no, Source: ciliumLayer3, Read: "#cidr-select-nodes, " + readDay,
			Says: "by default a CIDR matches nothing inside the cluster; policy-cidr-match-mode changes that"},
		{Plugin: Cilium, Switch: IPBlockMatchesNodes, Value: no, Source: ciliumLayer3, Read: "#cidr-select-nodes, " + readDay,
			Says: "by default a CIDR matches nothing inside the cluster, nodes included"},
		{Plugin: Cilium, Switch: HostNetworkPoliced, Value: no, Source: ciliumPolicy, Read: readDay,
			Says: "a pod on the host network has the identity of its node; only a CiliumClusterwideNetworkPolicy with a nodeSelector reaches it"},
		{Plugin: Cilium, Switch: AdminBeforeDenials, Value: yes, Source: "https://github.com/cilium/design-cfps/blob/main/cilium/CFP-42904-policy-ordering.md", Read: "71eb526, " + readDay,
			Says: "Cilium's own kinds are in the tier of NetworkPolicies, their denials first there: the Admin tier always overrides them"},
		{Plugin: Cilium, Switch: PortNamesUnread, Value: no, Source: "https://github.com/cilium/cilium/issues/15070", Read: "its description", Says: "an endpoint has a list of the named ports of its pod"},
		{Plugin: Cilium, Switch: NodeToPodFree, Value: yes, Source: "https://github.com/cilium/cilium/blob/main/pkg/option/config.go", Read: "option allow-localhost, " + readDay,
			Says: "under Kubernetes allow-localhost is \"always\" by default: the host reaches the pods that run on it"},
		{Plugin: Cilium, Switch: PodToNodeFree, Value: no, Source: "https://github.com/cilium/cilium/issues/47827", Read: "2026-08-06",
			Says: "a pod that is isolated for egress reaches no node unless a rule names it"},
		{Plugin: Cilium, Switch: EstablishedCut, Value: yes, Source: "https://github.com/cilium/cilium/pull/2700", Read: "2018-02-02",
			Says: "the conntrack entry stands for replies only, and every other packet is held against the policies: a connection is dropped as soon as they no longer allow it"},

		{Plugin: OVN, Switch: NetworkPolicy, Value: yes, Source: ovnPolicy, Read: "24e37fc, " + readDay, Says: "always enabled"},
		{Plugin: OVN, Switch: ClusterNetworkPolicy, Value: maybe, Source: "https://github.com/ovn-kubernetes/ovn-kubernetes", Read: readDay,
			Says: "no source that was found says whether, or from which version on"},
		{Plugin: OVN, Switch: AdminNetworkPolicy, Value: maybe, Source: ovnAdmin, Read: "2c48a60, " + readDay,
			Says: "it hangs on enable-admin-network-policy, which the documentation calls enabled and which installers set by a gate of their own"},
		{Plugin: OVN, Switch: CiliumNetworkPolicy, Value: no, Source: ovnPolicy, Read: "24e37fc, " + readDay, Says: "no such kind"},
		{Plugin: OVN, Switch: IPBlockMatchesPods, Value: yes, Source: ovnPolicy, Read: "24e37fc, " + readDay,
			Says: "an ipBlock, internal or external, becomes an ACL on the packet's address"},
		{Plugin: OVN, Switch: HostNetworkPoliced, Value: no, Source: ovnAdmin, Read: "2c48a60, " + readDay,
			Says: "pods on the host network have no logical port, and are neither subjects nor peers"},
		{Plugin: OVN, Switch: BaselineDirectionBlind, Value: no, Source: ovnPolicy, Read: "24e37fc, " + readDay,
			Says: "a pod joins a port group of denials per direction, and the baseline's ACLs come after those"},
		{Plugin: OVN, Switch: PortNamesUnread, Value: yes, Source: ovnPorts, Read: "476bff8 and 0254d0f, " + readDay,
			Says: "of a port it takes the number, which a name has none of: a rule with nothing but names for a protocol lets in all of its ports"},
		{Plugin: OVN, Switch: NodeToPodFree, Value: yes, Source: ovnNode, Read: "addAllowACLFromNode, " + readDay,
			Says: "an ACL of every node's switch allows what comes from the node's management port"},
		{Plugin: OVN, Switch: EstablishedCut, Value: yes, Source: "https://github.com/russellb/ovs/commit/56ccd8bc5eeadc0a2309f35da6f72f465677d2d2", Read: "2016-03-02",
			Says: "packets of open connections go through the ACLs, too; one that a drop meets marks the connection as no longer allowed"},

		{Plugin: KubeNP, Switch: NetworkPolicy, Value: yes, Source: knpEngine, Read: tag110, Says: "what it is for"},
		{Plugin: KubeNP, Switch: ClusterNetworkPolicy, Value: maybe, Source: knpMakefile, Read: tag110,
			Says: "only in the image whose tag ends in -npa-v1alpha2"},
		{Plugin: KubeNP, Switch: AdminNetworkPolicy, Value: maybe, Source: knpMakefile, Read: tag110,
			Says: "only in the image whose tag ends in -npa-v1alpha1, and before 1.0 behind flags"},
		{Plugin: KubeNP, Switch: CiliumNetworkPolicy, Value: no, Source: knpEngine, Read: tag110, Says: "no such kind"},
		{Plugin: KubeNP, Switch: IPBlockMatchesPods, Value: yes, Source: knpEngine, Read: tag110, Says: "an ipBlock is compared with the packet's address, and pods are not left out"},
		{Plugin: KubeNP, Switch: IPBlockMatchesNodes, Value: yes, Source: knpEngine, Read: tag110, Says: "nor are nodes"},
		{Plugin: KubeNP, Switch: HostNetworkPoliced, Value: no, Source: knpPodInfo, Read: tag110, Says: "the address of a pod on the host network is no pod's"},
		{Plugin: KubeNP, Switch: BaselineDirectionBlind, Value: yes, Source: knpEngine, Read: tag110,
			Says: "where any NetworkPolicy selects the pod the verdict is final, also in a direction that none of them speaks of"},
		{Plugin: KubeNP, Switch: SidecarPortsUnnamed, Value: yes, Source: knpPods, Read: tag110, Says: "the ports of a pod are those of its ordinary containers"},
		{Plugin: KubeNP, Switch: PortNamesUnread, Value: no, Source: knpPods, Read: tag110, Says: "the ports of a pod are kept with their names; its verdicts agree with ours in process"},
		{Plugin: KubeNP, Switch: NodeToPodFree, Value: maybe, Source: knpDataplane, Read: tag110,
			Says: "what the node's root user sends passes; what its other users send is judged"},
		{Plugin: KubeNP, Switch: PodToNodeFree, Value: yes, Before: Version{1, 1}, Source: "https://github.com/kubernetes-sigs/kube-network-policies/issues/283", Read: "2025-12-10",
			Says: "traffic to the pod's own node is always allowed"},
		{Plugin: KubeNP, Switch: PodToNodeFree, Value: no, Since: Version{1, 1}, Source: "https://github.com/kubernetes-sigs/kube-network-policies/pull/339", Read: "2026-04-14",
			Says: "an input chain judges what a pod sends to its own node"},
		{Plugin: KubeNP, Switch: EstablishedCut, Value: yes, Source: "https://github.com/kubernetes-sigs/kube-network-policies/blob/v1.1.0/pkg/cmd/cmd.go", Read: tag110,
			Says: "--strict-mode, which is on by default, looks through the open connections when policies change and has those that are no longer allowed judged again"},

		{Plugin: Kindnet, Switch: NetworkPolicy, Value: yes, Source: kindnetMain, Read: kindnetDay,
			Says: "it runs the engine of kube-network-policies, unless --network-policy is false; old builds do not (kindnetEnforces)"},
		{Plugin: Kindnet, Switch: ClusterNetworkPolicy, Value: no, Source: kindnetMain, Read: kindnetDay, Says: "the evaluator of NetworkPolicies is the only one"},
		{Plugin: Kindnet, Switch: AdminNetworkPolicy, Value: maybe, Source: kindnetMain, Read: kindnetDay,
			Says: "the evaluator of NetworkPolicies is the only one; earlier builds had flags for it, and which is which was not found out"},
		{Plugin: Kindnet, Switch: CiliumNetworkPolicy, Value: no, Source: kindnetMain, Read: kindnetDay, Says: "no such kind"},
		{Plugin: Kindnet, Switch: IPBlockMatchesPods, Value: yes, Source: knpEngine, Read: tag110, Says: "the same engine"},
		{Plugin: Kindnet, Switch: IPBlockMatchesNodes, Value: yes, Source: knpEngine, Read: tag110, Says: "the same engine"},
		{Plugin: Kindnet, Switch: HostNetworkPoliced, Value: no, Source: knpPodInfo, Read: tag110, Says: "the same engine"},
		{Plugin: Kindnet, Switch: BaselineDirectionBlind, Value: yes, Source: knpEngine, Read: tag110, Says: "the same engine"},
		{Plugin: Kindnet, Switch: SidecarPortsUnnamed, Value: yes, Source: knpPods, Read: tag110, Says: "the same engine"},
		{Plugin: Kindnet, Switch: PortNamesUnread, Value: no, Source: knpPods, Read: tag110, Says: "the same engine"},
		{Plugin: Kindnet, Switch: NodeToPodFree, Value: maybe, Source: knpDataplane, Read: tag110, Says: "the same engine: it hangs on the user of the process"},

		{Plugin: AWS, Switch: NetworkPolicy, Value: yes, Source: awsAgent, Read: readDay, Says: "where the agent is told --enable-network-policy=true, which it is not by default"},
		{Plugin: AWS, Switch: ClusterNetworkPolicy, Value: no, Source: awsResolver, Read: "40ca3f1, " + readDay,
			Says: "the ClusterNetworkPolicy that it resolves is one of its own group, networking.k8s.aws, and not that of policy.networking.k8s.io"},
		{Plugin: AWS, Switch: AdminNetworkPolicy, Value: no, Source: "https://github.com/aws/aws-network-policy-agent/issues/237", Read: "2024-06-03", Says: "asked for, and not supported"},
		{Plugin: AWS, Switch: CiliumNetworkPolicy, Value: no, Source: awsResolver, Read: "40ca3f1, " + readDay, Says: "no such kind"},
		{Plugin: AWS, Switch: IPBlockMatchesPods, Value: yes, Source: awsRules, Read: readDay,
			Says: "peers and blocks alike become prefixes that the packet's address is looked up in"},
		{Plugin: AWS, Switch: IPBlockMatchesNodes, Value: yes, Source: awsRules, Read: readDay, Says: "as for pods"},
		{Plugin: AWS, Switch: HostNetworkPoliced, Value: no, Source: awsFAQ, Read: "0f1170c, " + readDay, Says: "network policies cannot be applied to the host network"},
		{Plugin: AWS, Switch: SidecarPortsUnnamed, Value: yes, Source: awsPods, Read: "0db3c16, " + readDay,
			Says: "a name is looked up among the ports of ordinary containers, and the controller keeps nothing of the others"},
		{Plugin: AWS, Switch: PortNamesUnread, Value: no, Source: awsPods, Read: "0db3c16, " + readDay, Says: "a name is looked up among the ports of ordinary containers"},
		{Plugin: AWS, Switch: NodeToPodFree, Value: yes, Source: awsRules, Read: readDay, Says: "the primary address of the node is put among what is allowed, for ingress"},
		{Plugin: AWS, Switch: PodToNodeFree, Value: yes, Source: awsRules, Read: readDay, Says: "and for egress"},

		{Plugin: Generic, Switch: NetworkPolicy, Value: yes, Source: kubernetesDocs, Read: readDay, Says: "the specification, read as it stands"},
		{Plugin: Generic, Switch: HostNetworkPoliced, Value: no, Source: kubernetesDocs, Read: "NetworkPolicy and hostNetwork pods, " + readDay, Says: "the most common behaviour"},
		{Plugin: Generic, Switch: NodeToPodFree, Value: yes, Source: kubernetesDocs, Read: readDay, Says: "traffic to and from the node where a pod runs is always allowed"},
		{Plugin: Generic, Switch: PodToNodeFree, Value: yes, Source: kubernetesDocs, Read: readDay, Says: "traffic to and from the node where a pod runs is always allowed"},
	}
}
