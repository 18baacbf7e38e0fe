package k8s_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sigs.k8s.io/network-policy-api/apis/v1alpha2"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/segment"
)

// conformanceTest is one test of the API's own suite, as it was extracted:
// assertions in order, and the statements that change objects as text.
type conformanceTest struct {
	File, ShortName, Manifests string
	Subtests                   []conformanceSubtest
}

type conformanceSubtest struct {
	Name      string
	Mutations []string
	Asserts   []struct{ ClientNS, ClientPod, ServerNS, ServerPod, Protocol, Port, Expect, Target string }
}

// The suite's files hold two tests each where ports are named: the extract keeps
// the manifests of one. These are the manifests of the other.
var namedPortManifests = map[string]string{
	"admin-network-policy-experimental-egress-rules.go":          "base/admin_tier/standard-egress-tcp-rules.yaml",
	"baseline-admin-network-policy-experimental-egress-rules.go": "base/baseline_tier/standard-egress-udp-rules.yaml",
}

// hostPorts stand for the ports that the suite leaves to whoever runs it.
var hostPorts = []string{"36363", "36364", "34346", "34347", "34348", "34349", "36367", "36368"}

// conformance is the suite's estate with the policies of one test.
type conformance struct {
	*cluster
	dir string
}

func newConformance(t *testing.T, dir string, manifests ...string) *conformance {
	c := &conformance{newCluster(t), dir}
	for _, node := range []string{"worker", "node-of-its-own"} {
		c.set.Estate.Nodes = append(c.set.Estate.Nodes, &estate.Node{Name: node, Labels: map[string]string{"kubernetes.io/os": "linux"}})
	}
	c.file("manifests.yaml")
	for _, f := range manifests {
		c.file(strings.TrimPrefix(f, "base/"))
	}
	return c
}

func (c *conformance) file(name string) {
	raw, err := os.ReadFile(filepath.Join(c.dir, "conformance-base", name))
	if err != nil {
		c.t.Fatal(err)
	}
	index := regexp.MustCompile(`\{\{ index \.HostNetworkPorts (\d) \}\}`)
	c.read(index.ReplaceAllFunc(raw, func(m []byte) []byte { return []byte(hostPorts[index.FindSubmatch(m)[1][0]-'0']) }), "default")
}

// policy returns the policy that a mutation is about.
func (c *conformance) policy(name string) *v1alpha2.ClusterNetworkPolicy {
	for _, o := range c.set.ClusterNetworkPolicies {
		if o.Object.Name == name {
			return o.Object
		}
	}
	c.t.Fatalf("there is no policy %s", name)
	return nil
}

var (
	getPolicy = regexp.MustCompile(`GetClusterNetworkPolicy\(t, s\.Client, "([^"]+)"`)
	moveRule  = regexp.MustCompile(`^mutate\.Spec\.(Ingress|Egress)\[(\d)\] = mutate\.Spec\.(?:Ingress|Egress)\[(\d)\]$`)
	keptRule  = regexp.MustCompile(`^mutate\.Spec\.(Ingress|Egress)\[(\d)\] = (allow|deny)(In|Out|To)?Rule$`)
	nameRule  = regexp.MustCompile(`^mutate\.Spec\.(Ingress|Egress)\[(\d)\] = (named|dns)PortRule$`)
	actRule   = regexp.MustCompile(`^mutate\.Spec\.(Ingress|Egress)\[(\d)\]\.Action = api\.ClusterNetworkPolicyRuleAction(\w+)$`)
	setRank   = regexp.MustCompile(`^mutate\.Spec\.Priority = (\d+)$`)
)

// mutate carries out the statements of a subtest. What the extract does not
// define is taken from the suite's source: a rule that was kept in a variable is
// the one that stood in the place that was overwritten before, so that the two
// statements swap; the named ports are "web" and "dns"; the new rule accepts the
// addresses of the first two servers.
func (c *conformance) mutate(sub *conformanceSubtest) {
	var p *v1alpha2.ClusterNetworkPolicy
	swapped := ""
	for _, m := range sub.Mutations {
		if x := getPolicy.FindStringSubmatch(m); x != nil {
			p = c.policy(x[1])
			continue
		}
		if strings.HasPrefix(m, "kubernetes.PatchClusterNetworkPolicy(") {
			continue
		}
		if p == nil {
			c.t.Fatalf("%s: %s is about no policy", sub.Name, m)
		}
		switch {
		case moveRule.MatchString(m):
			x := moveRule.FindStringSubmatch(m)
			i, j := int(x[2][0]-'0'), int(x[3][0]-'0')
			if x[1] == "Ingress" {
				p.Spec.Ingress[i], p.Spec.Ingress[j] = p.Spec.Ingress[j], p.Spec.Ingress[i]
			} else {
				p.Spec.Egress[i], p.Spec.Egress[j] = p.Spec.Egress[j], p.Spec.Egress[i]
			}
			swapped = x[1] + x[3]
		case keptRule.MatchString(m):
			if x := keptRule.FindStringSubmatch(m); x[1]+x[2] != swapped {
				c.t.Fatalf("%s: %s is no half of a swap with %s", sub.Name, m, swapped)
			}
		case nameRule.MatchString(m):
			x := nameRule.FindStringSubmatch(m)
			named := []v1alpha2.ClusterNetworkPolicyProtocol{{DestinationNamedPort: map[string]string{"named": "web", "dns": "dns"}[x[3]]}}
			if i := int(x[2][0] - '0'); x[1] == "Ingress" {
				p.Spec.Ingress[i].Protocols = named
			} else {
				p.Spec.Egress[i].Protocols = named
			}
		case actRule.MatchString(m):
			x := actRule.FindStringSubmatch(m)
			if i := int(x[2][0] - '0'); x[1] == "Ingress" {
				p.Spec.Ingress[i].Action = v1alpha2.ClusterNetworkPolicyRuleAction(x[3])
			} else {
				p.Spec.Egress[i].Action = v1alpha2.ClusterNetworkPolicyRuleAction(x[3])
			}
		case setRank.MatchString(m):
			n, err := strconv.Atoi(setRank.FindStringSubmatch(m)[1])
			if err != nil {
				c.t.Fatal(err)
			}
			p.Spec.Priority = int32(n)
		case m == "mutate.Spec.Egress = append(newRule, mutate.Spec.Egress...)":
			var to []v1alpha2.CIDR
			for _, a := range sub.Asserts {
				if a.Expect == "true" {
					ip := c.address(a.ServerNS, a.ServerPod)
					to = append(to, v1alpha2.CIDR(netip.PrefixFrom(ip, ip.BitLen()).String()))
				}
			}
			slices.Sort(to)
			p.Spec.Egress = append([]v1alpha2.ClusterNetworkPolicyEgressRule{{Name: "allow-egress-to-specific-podIPs", Action: v1alpha2.ClusterNetworkPolicyRuleActionAccept,
				To: []v1alpha2.ClusterNetworkPolicyEgressPeer{{Networks: slices.Compact(to)}}}}, p.Spec.Egress...)
		default:
			c.t.Fatalf("%s: the statement %q is not understood", sub.Name, m)
		}
	}
}

func (c *conformance) address(namespace, pod string) netip.Addr {
	for _, p := range c.set.Estate.Pods {
		if p.Namespace == namespace && p.Name == pod {
			return p.IPs[0]
		}
	}
	c.t.Fatalf("there is no pod %s/%s", namespace, pod)
	return netip.Addr{}
}

// relabel changes the house of a namespace, and returns the old one.
func (c *conformance) relabel(namespace, house string) string {
	for _, n := range c.set.Estate.Namespaces {
		if n.Name == namespace {
			old := n.Labels["conformance-house"]
			n.Labels = map[string]string{"conformance-house": house}
			return old
		}
	}
	c.t.Fatalf("there is no namespace %s", namespace)
	return ""
}

// TestClusterNetworkPolicyConformance checks every assertion of the API's own
// conformance suite, with the changes of objects in between.
func TestClusterNetworkPolicyConformance(t *testing.T) {
	dir := dataFolder(t, "network-policy-api")
	raw, err := os.ReadFile(filepath.Join(dir, "conformance-assertions.json"))
	if err != nil {
		t.Fatal(err)
	}
	var tests []conformanceTest
	if err := json.Unmarshal(raw, &tests); err != nil {
		t.Fatal(err)
	}
	matched, mutated := 0, 0
	for _, tc := range tests {
		own := newConformance(t, dir, regexp.MustCompile(`base/[^"]+`).FindAllString(tc.Manifests, -1)...)
		for i := range tc.Subtests {
			sub, c := &tc.Subtests[i], own
			if strings.Contains(sub.Name, "named port") && namedPortManifests[tc.File] != "" {
				c = newConformance(t, dir, namedPortManifests[tc.File])
			}
			patchesNamespace := slices.ContainsFunc(sub.Mutations, func(m string) bool { return strings.Contains(m, "PatchNamespace(") })
			if !patchesNamespace {
				c.mutate(sub)
			}
			if strings.Contains(sub.Name, "respect the match for baseline") {
				c.set.NetworkPolicies = nil // the suite deletes the one there is, so that the baseline decides
			}
			if len(sub.Mutations) > 0 {
				mutated++
			}
			g := c.graph(segment.Generic())
			house := ""
			for n, a := range sub.Asserts {
				if patchesNamespace && n > 0 && a.Expect != sub.Asserts[n-1].Expect && a.ServerPod == sub.Asserts[n-1].ServerPod {
					// The same server is expected to answer otherwise than before: here
					// the suite takes the label of the server's namespace, and gives it back.
					house = c.relabel(a.ServerNS, house)
					g = c.graph(segment.Generic())
				}
				port := a.Port
				if m := regexp.MustCompile(`^s\.HostNetworkPorts\[(\d)\]$`).FindStringSubmatch(port); m != nil {
					port = hostPorts[m[1][0]-'0']
				}
				if a.ServerPod == "" { // the suite's server on the host network
					a.ServerNS, a.ServerPod = "network-policy-conformance-forbidden-forrest", "centaur-1"
				}
				number, err := strconv.Atoi(port)
				if err != nil {
					t.Fatal(err)
				}
				proto, _ := segment.ParseProtocol(a.Protocol)
				want := segment.Denied
				if a.Expect == "true" {
					want = segment.Allowed
				}
				p := segment.Port{Protocol: proto, Number: uint16(number)}
				got := verdict(t, g, podRef(a.ClientNS+"/"+a.ClientPod), podRef(a.ServerNS+"/"+a.ServerPod), p)
				if got != want {
					t.Errorf("%s, %s, assertion %d: %s/%s -> %s/%s %s is %s, want %s", tc.ShortName, sub.Name, n, a.ClientNS, a.ClientPod, a.ServerNS, a.ServerPod, p, got, want)
					continue
				}
				matched++
			}
		}
	}
	t.Logf("%d assertions match, in %d subtests after changes", matched, mutated)
	if fmt.Sprint(matched, mutated) != "301 39" {
		t.Errorf("%d assertions match, %d subtests change objects; the suite has 301 and 39", matched, mutated)
	}
}
