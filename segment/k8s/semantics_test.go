package k8s_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/segment"
	"github.com/cofferdam-io/cofferdam/segment/k8s"
)

// decoded builds a graph from manifests as users write them.
func decoded(t testing.TB, p segment.Profile, manifests string) *segment.Graph {
	t.Helper()
	set, err := manifest.Decode(context.Background(), []manifest.Input{{Name: "test.yaml", Data: []byte(manifests)}}, manifest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := k8s.Model(set, p)
	if err != nil {
		t.Fatal(err)
	}
	g, err := segment.Build(context.Background(), m)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// check reads lines "shop/web -> shop/api tcp/80 allowed".
func check(t *testing.T, g *segment.Graph, lines string) {
	t.Helper()
	for line := range strings.Lines(lines) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		p, err := segment.ParsePort(f[3])
		if err != nil {
			t.Fatal(err)
		}
		if got := verdict(t, g, ref(t, f[0]), ref(t, f[2]), p).String(); got != f[4] {
			why, _ := g.Why(ref(t, f[0]), ref(t, f[2]), &p)
			t.Errorf("%s: %s, want %s\n%+v", strings.TrimSpace(line), got, f[4], why)
		}
	}
}

// shop is a namespace with three pods and one outside it. "http" is port 8080 on
// api and 9090 on web.
const shop = `
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {team: shop}}
---
apiVersion: v1
kind: Namespace
metadata: {name: ops, labels: {team: ops}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web, tier: front}}
spec: {containers: [{name: c, image: web, ports: [{name: http, containerPort: 9090}]}]}
status: {phase: Running, podIP: 10.0.0.1, podIPs: [{ip: 10.0.0.1}]}
---
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: shop, labels: {app: api}}
spec: {containers: [{name: c, image: api, ports: [{name: http, containerPort: 8080}, {name: dns, containerPort: 53, protocol: UDP}]}]}
status: {phase: Running, podIP: 10.0.0.2, podIPs: [{ip: 10.0.0.2}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
spec: {containers: [{name: c, image: db}]}
status: {phase: Running, podIP: 10.0.0.3, podIPs: [{ip: 10.0.0.3}]}
---
apiVersion: v1
kind: Pod
metadata: {name: tool, namespace: ops, labels: {app: web, tier: tool}}
spec: {containers: [{name: c, image: tool}]}
status: {phase: Running, podIP: 10.0.1.1, podIPs: [{ip: 10.0.1.1}]}
`

// np wraps a spec in a NetworkPolicy of namespace shop.
func np(name, spec string) string {
	return "\n---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: " + name + ", namespace: shop}\nspec: " + spec + "\n"
}

// cnp wraps a spec in a ClusterNetworkPolicy.
func cnp(name, spec string) string {
	return "\n---\napiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {name: " + name + "}\nspec: " + spec + "\n"
}

func TestNetworkPolicySemantics(t *testing.T) {
	for _, tc := range []struct{ name, policies, want string }{
		{"no policy", "", `
			shop/web -> shop/api tcp/80 allowed
			internet -> shop/api sctp/1 allowed`},
		{"policies add up",
			np("a", `{podSelector: {matchLabels: {app: api}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]}`) +
				np("b", `{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: db}}}], ports: [{port: 1}]}]}`), `
			shop/web -> shop/api tcp/80 allowed
			shop/db -> shop/api tcp/1 allowed
			shop/db -> shop/api tcp/2 denied
			shop/web -> shop/db tcp/1 denied`},
		{"default policyTypes without egress rules isolate ingress only", np("a", `{podSelector: {}}`), `
			shop/web -> shop/api tcp/80 denied
			shop/web -> ops/tool tcp/80 allowed
			shop/web -> internet tcp/80 allowed`},
		{"an empty egress list without policyTypes isolates ingress only", np("a", `{podSelector: {}, egress: []}`), `
			shop/web -> ops/tool tcp/80 allowed`},
		{"egress rules without policyTypes isolate both", np("a", `{podSelector: {}, egress: [{to: [{podSelector: {matchLabels: {app: api}}}]}]}`), `
			shop/web -> ops/tool tcp/80 denied
			ops/tool -> shop/web tcp/80 denied`},
		{"rules of a direction that policyTypes leaves out do nothing", np("a", `{podSelector: {}, policyTypes: [Egress], ingress: [{}]}`), `
			ops/tool -> shop/web tcp/80 allowed
			shop/web -> ops/tool tcp/80 denied`},
		{"an absent from, an empty from and an empty rule match everything", np("a", `{podSelector: {matchLabels: {app: api}}, ingress: [{ports: [{port: 1}]}]}`) +
			np("b", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [], ports: []}]}`) + np("c", `{podSelector: {matchLabels: {app: web}}, ingress: [{}]}`), `
			ops/tool -> shop/api tcp/1 allowed
			internet -> shop/api tcp/1 allowed
			ops/tool -> shop/api tcp/2 denied
			ops/tool -> shop/db udp/2 allowed
			internet -> shop/web tcp/2 allowed`},
		{"an empty podSelector peer is the own namespace, an empty namespaceSelector every one",
			np("a", `{podSelector: {matchLabels: {app: api}}, ingress: [{from: [{podSelector: {}}]}]}`) +
				np("b", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{namespaceSelector: {}}]}]}`), `
			shop/web -> shop/api tcp/80 allowed
			ops/tool -> shop/api tcp/80 denied
			ops/tool -> shop/db tcp/80 allowed
			internet -> shop/db tcp/80 denied`},
		{"two selectors in one peer are AND, two peers are OR",
			np("and", `{podSelector: {matchLabels: {app: api}}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: ops}}, podSelector: {matchLabels: {tier: front}}}]}]}`) +
				np("or", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: ops}}}, {podSelector: {matchLabels: {tier: front}}}]}]}`), `
			ops/tool -> shop/api tcp/80 denied
			shop/web -> shop/api tcp/80 denied
			ops/tool -> shop/db tcp/80 allowed
			shop/web -> shop/db tcp/80 allowed
			shop/api -> shop/db tcp/80 denied`},
		{"NotIn matches an absent key",
			np("a", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchExpressions: [{key: tier, operator: NotIn, values: [front]}]}}]}]}`), `
			shop/api -> shop/db tcp/80 allowed
			shop/web -> shop/db tcp/80 denied`},
		{"named ports are those of the destination, by protocol",
			np("a", `{podSelector: {}, ingress: [{ports: [{port: http}, {port: dns}]}]}`), `
			ops/tool -> shop/web tcp/9090 allowed
			ops/tool -> shop/web tcp/8080 denied
			ops/tool -> shop/api tcp/8080 allowed
			ops/tool -> shop/api udp/53 denied
			ops/tool -> shop/api tcp/53 denied
			ops/tool -> shop/db tcp/8080 denied`},
		{"a named port of an egress rule is the destination's, and never an outside address's",
			np("a", `{podSelector: {matchLabels: {app: db}}, policyTypes: [Egress], egress: [{ports: [{port: http}]}]}`), `
			shop/db -> shop/api tcp/8080 allowed
			shop/db -> shop/web tcp/8080 denied
			shop/db -> shop/web tcp/9090 allowed
			shop/db -> internet tcp/8080 denied`},
		{"a port without protocol is TCP, a protocol without port is every port",
			np("a", `{podSelector: {}, ingress: [{ports: [{port: 80}, {protocol: SCTP}]}]}`), `
			ops/tool -> shop/web tcp/80 allowed
			ops/tool -> shop/web udp/80 denied
			ops/tool -> shop/web sctp/65535 allowed`},
		{"endPort is inclusive", np("a", `{podSelector: {}, ingress: [{ports: [{port: 80, endPort: 90}]}]}`), `
			ops/tool -> shop/web tcp/79 denied
			ops/tool -> shop/web tcp/80 allowed
			ops/tool -> shop/web tcp/90 allowed
			ops/tool -> shop/web tcp/91 denied`},
		{"both directions must allow a common port",
			np("in", `{podSelector: {matchLabels: {app: api}}, ingress: [{ports: [{port: 80, endPort: 90}]}]}`) +
				np("out", `{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [{ports: [{port: 85, endPort: 95}]}]}`), `
			shop/web -> shop/api tcp/84 denied
			shop/web -> shop/api tcp/85 allowed
			shop/web -> shop/api tcp/91 denied`},
		{"ipBlock is outside the cluster, without its exceptions",
			np("a", `{podSelector: {matchLabels: {app: api}}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.9.0.0/16]}}]}]}`), `
			10.200.0.1 -> shop/api tcp/80 allowed
			10.9.0.1 -> shop/api tcp/80 denied
			192.0.2.1 -> shop/api tcp/80 denied
			internet -> shop/api tcp/80 denied
			shop/web -> shop/api tcp/80 denied`},
		{"IPv6 blocks",
			np("a", `{podSelector: {matchLabels: {app: api}}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: "2001:4860::/32"}}]}]}`), `
			shop/api -> 2001:4860::8888 tcp/443 allowed
			shop/api -> 2001:4861::1 tcp/443 denied
			shop/api -> 8.8.8.8 tcp/443 denied`},
		{"an object that an API server refuses is unknown where it would select, and only there",
			np("a", `{podSelector: {matchLabels: {app: api}}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/99}}]}]}`), `
			shop/web -> shop/api tcp/80 unknown
			shop/api -> shop/web tcp/80 allowed
			shop/web -> shop/db tcp/80 allowed`},
		{"what another policy grants stays granted beside an unreadable one",
			np("a", `{podSelector: {}, ingress: [{ports: [{port: 99, endPort: 1}]}]}`) + np("b", `{podSelector: {}, ingress: [{ports: [{port: 80}]}]}`), `
			ops/tool -> shop/api tcp/80 allowed
			ops/tool -> shop/api tcp/81 unknown`},
	} {
		t.Run(tc.name, func(t *testing.T) { check(t, decoded(t, segment.Generic(), shop+tc.policies), tc.want) })
	}
}

func TestClusterNetworkPolicySemantics(t *testing.T) {
	const shopPods = `subject: {namespaces: {matchLabels: {team: shop}}}`
	const fromOps = `from: [{namespaces: {matchLabels: {team: ops}}}]`
	closed := np("closed", `{podSelector: {matchLabels: {app: api}}}`)
	open := np("open", `{podSelector: {matchLabels: {app: db}}, ingress: [{}]}`)
	for _, tc := range []struct{ name, policies, want string }{
		{"an Admin Accept is final", closed + cnp("a", `{tier: Admin, priority: 1, `+shopPods+`, ingress: [{action: Accept, `+fromOps+`}]}`), `
			ops/tool -> shop/api tcp/80 allowed
			shop/web -> shop/api tcp/80 denied`},
		{"an Admin Deny is final", open + cnp("a", `{tier: Admin, priority: 1, `+shopPods+`, ingress: [{action: Deny, `+fromOps+`}]}`), `
			ops/tool -> shop/db tcp/80 denied
			ops/tool -> shop/web tcp/80 denied
			shop/web -> shop/db tcp/80 allowed`},
		{"Pass leaves it to NetworkPolicies, then to the default", closed + cnp("a", `{tier: Admin, priority: 1, `+shopPods+`, ingress: [{action: Pass, `+fromOps+`, protocols: [{tcp: {destinationPort: {number: 80}}}]}, {action: Deny, `+fromOps+`}]}`), `
			ops/tool -> shop/api tcp/80 denied
			ops/tool -> shop/web tcp/80 allowed
			ops/tool -> shop/web tcp/81 denied`},
		{"lower priority values come first, rules in their order", cnp("b", `{tier: Admin, priority: 20, `+shopPods+`, ingress: [{action: Accept, `+fromOps+`}]}`) +
			cnp("a", `{tier: Admin, priority: 10, `+shopPods+`, ingress: [{action: Accept, `+fromOps+`, protocols: [{udp: {}}]}, {action: Deny, `+fromOps+`, protocols: [{udp: {}}, {tcp: {destinationPort: {range: {start: 80, end: 90}}}}]}]}`), `
			ops/tool -> shop/web udp/1 allowed
			ops/tool -> shop/web tcp/85 denied
			ops/tool -> shop/web tcp/91 allowed`},
		{"equal priorities with different outcomes are unknown", cnp("a", `{tier: Admin, priority: 10, `+shopPods+`, ingress: [{action: Accept, `+fromOps+`}]}`) +
			cnp("b", `{tier: Admin, priority: 10, `+shopPods+`, ingress: [{action: Deny, `+fromOps+`, protocols: [{tcp: {destinationPort: {number: 80}}}]}]}`), `
			ops/tool -> shop/web tcp/80 unknown
			ops/tool -> shop/web tcp/81 allowed`},
		{"Baseline applies only where no NetworkPolicy selects the pod in the direction", open + cnp("a", `{tier: Baseline, priority: 1, `+shopPods+`, ingress: [{action: Deny, `+fromOps+`}], egress: [{action: Deny, to: [{namespaces: {}}]}]}`), `
			ops/tool -> shop/db tcp/80 allowed
			ops/tool -> shop/web tcp/80 denied
			shop/db -> ops/tool tcp/80 denied`},
		{"networks match pod addresses", cnp("a", `{tier: Admin, priority: 1, `+shopPods+`, egress: [{action: Deny, to: [{networks: [10.0.1.0/24, 8.8.8.0/24]}]}]}`), `
			shop/web -> ops/tool tcp/80 denied
			shop/web -> shop/api tcp/80 allowed
			shop/web -> 8.8.8.8 tcp/53 denied
			shop/web -> 8.8.4.4 tcp/53 allowed`},
		{"a named port without protocol is resolved on the destination", cnp("a", `{tier: Admin, priority: 1, `+shopPods+`, ingress: [{action: Deny, `+fromOps+`, protocols: [{destinationNamedPort: dns}, {destinationNamedPort: http}]}]}`), `
			ops/tool -> shop/api udp/53 denied
			ops/tool -> shop/api tcp/8080 denied
			ops/tool -> shop/web tcp/9090 denied
			ops/tool -> shop/web tcp/8080 allowed`},
		{"domain names touch addresses outside only", cnp("a", `{tier: Admin, priority: 1, `+shopPods+`, egress: [{action: Accept, to: [{domainNames: ["example.org"]}]}, {action: Deny, to: [{networks: [0.0.0.0/0]}]}]}`), `
			shop/web -> 8.8.8.8 tcp/443 unknown
			shop/web -> ops/tool tcp/443 denied`},
		{"an empty peer is not understood: nothing that it may deny is called allowed", cnp("a", `{tier: Admin, priority: 1, `+shopPods+`, ingress: [{action: Deny, from: [{}]}]}`), `
			ops/tool -> shop/web tcp/80 unknown
			shop/web -> ops/tool tcp/80 allowed`},
		{"an invalid object makes the cluster unknown", cnp("a", `{tier: Middle, priority: 1, `+shopPods+`, ingress: [{action: Deny, `+fromOps+`}]}`), `
			ops/tool -> shop/web tcp/80 unknown`},
	} {
		t.Run(tc.name, func(t *testing.T) { check(t, decoded(t, segment.Generic(), shop+tc.policies), tc.want) })
	}
}

func TestProfiles(t *testing.T) {
	deny := np("a", `{podSelector: {}}`)
	none := decoded(t, segment.None(), shop+deny)
	check(t, none, `shop/web -> shop/api tcp/80 allowed
		internet -> shop/api tcp/80 allowed`)
	if none.Enforcement() != "none (chosen)" || segment.Generic().String() != "generic (assumed)" {
		t.Errorf("%q, %q", none.Enforcement(), segment.Generic())
	}
	p := segment.Generic()
	p.IPBlockMatchesPods = true
	check(t, decoded(t, p, shop+np("a", `{podSelector: {matchLabels: {app: api}}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.1.0/24]}}]}]}`)), `
		shop/web -> shop/api tcp/80 allowed
		ops/tool -> shop/api tcp/80 denied`)
	p = segment.Generic()
	p.BaselineDirectionBlind = true
	check(t, decoded(t, p, shop+np("open", `{podSelector: {matchLabels: {app: db}}, ingress: [{}]}`)+
		cnp("a", `{tier: Baseline, priority: 1, subject: {namespaces: {}}, egress: [{action: Deny, to: [{namespaces: {}}]}]}`)), `
		shop/db -> ops/tool tcp/80 allowed
		shop/web -> ops/tool tcp/80 denied`)
}

func TestUndeclaredNamespace(t *testing.T) {
	const lost = `
---
apiVersion: v1
kind: Pod
metadata: {name: job, namespace: lost, labels: {app: job}}
spec: {containers: [{name: c, image: job}]}
`
	g := decoded(t, segment.Generic(), shop+lost+np("label", `{podSelector: {matchLabels: {app: api}}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: ops}}}]}]}`)+
		np("name", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: lost}}}]}]}`))
	check(t, g, `lost/job -> shop/api tcp/80 unknown
		lost/job -> shop/db tcp/80 allowed
		ops/tool -> shop/db tcp/80 denied
		ops/tool -> shop/api tcp/80 allowed`)
	found := false
	for _, c := range g.Causes() {
		found = found || strings.Contains(c.Reason, "namespace lost") && c.Object == "NetworkPolicy shop/label"
	}
	if !found {
		t.Errorf("no cause names the namespace: %v", g.Causes())
	}
}

const hostPods = `
---
apiVersion: v1
kind: Pod
metadata: {name: agent, namespace: shop, labels: {app: web}}
spec: {hostNetwork: true, nodeName: n1, containers: [{name: c, image: agent}]}
status: {phase: Running, podIP: 172.18.0.2, podIPs: [{ip: 172.18.0.2}]}
---
apiVersion: v1
kind: Pod
metadata: {name: near, namespace: shop, labels: {app: near}}
spec: {nodeName: n1, containers: [{name: c, image: near}]}
---
apiVersion: v1
kind: Pod
metadata: {name: far, namespace: shop, labels: {app: far}}
spec: {nodeName: n2, containers: [{name: c, image: far}]}
`

func TestHostNetwork(t *testing.T) {
	g := decoded(t, segment.Generic(), shop+hostPods+np("a", `{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]}`)+
		np("b", `{podSelector: {matchLabels: {app: near}}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 172.18.0.0/16}}]}]}`)+
		np("c", `{podSelector: {matchLabels: {app: far}}, policyTypes: [Egress]}`))
	check(t, g, `
		ops/tool -> shop/agent tcp/80 allowed
		internet -> shop/agent tcp/80 allowed
		shop/agent -> shop/near tcp/80 allowed
		shop/agent -> shop/far tcp/80 denied
		shop/agent -> shop/db tcp/80 unknown
		shop/near -> shop/agent tcp/80 allowed
		shop/far -> shop/agent tcp/80 denied
		shop/web -> shop/far tcp/80 allowed`)
	if i := g.Isolation(ref(t, "shop/agent")); i.Ingress != segment.No || i.Egress != segment.No {
		t.Errorf("a host-network pod is isolated: %v", i)
	}
	policed := segment.Generic()
	policed.HostNetworkPoliced = true
	check(t, decoded(t, policed, shop+hostPods+np("a", `{podSelector: {matchLabels: {app: web}}}`)), `ops/tool -> shop/agent tcp/80 denied`)
}

func TestEndpointsOfWorkloads(t *testing.T) {
	const manifests = `
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: api-1, namespace: shop, uid: r1, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: api, uid: d1, controller: true}]}
spec: {selector: {matchLabels: {app: api}}, template: {metadata: {labels: {app: api}}, spec: {containers: [{name: c, image: api}]}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: shop, uid: d1}
spec: {selector: {matchLabels: {app: api}}, template: {metadata: {labels: {app: api}}, spec: {containers: [{name: c, image: api}]}}}
---
apiVersion: v1
kind: Pod
metadata: {name: api-1-a, namespace: shop, labels: {app: api, pod-template-hash: a}, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: api-1, uid: r1, controller: true}]}
spec: {containers: [{name: c, image: api, ports: [{name: http, containerPort: 80}]}]}
status: {phase: Running}
---
apiVersion: v1
kind: Pod
metadata: {name: api-1-b, namespace: shop, labels: {app: api, pod-template-hash: b}, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: api-1, uid: r1, controller: true}]}
spec: {containers: [{name: c, image: api, ports: [{name: http, containerPort: 81}]}]}
status: {phase: Running}
---
apiVersion: v1
kind: Pod
metadata: {name: api-1-done, namespace: shop, labels: {app: web}, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: api-1, uid: r1, controller: true}]}
spec: {containers: [{name: c, image: api}]}
status: {phase: Failed}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: web}]}}}
`
	g := decoded(t, segment.Generic(), manifests+np("a", `{podSelector: {matchLabels: {app: api}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: http}]}]}`))
	edges, err := g.Between(ref(t, "shop/web"), ref(t, "shop/api"))
	if err != nil || len(edges) != 1 || !edges[0].Partial || len(edges[0].Connections) != 1 || edges[0].Connections[0] != (segment.Conn{From: 80, To: 81}) {
		t.Errorf("pods that differ in a named port: %+v, %v", edges, err)
	}
	// Both pods of api are denied to each other; the finished pod, which carries
	// the label that is let in, counts for nothing.
	if edges, err := g.Between(ref(t, "shop/api-1-a"), ref(t, "shop/api-1-b")); err != nil || len(edges) != 0 {
		t.Errorf("%+v, %v", edges, err)
	}
	if _, err := g.Between(ref(t, "shop/api-1-done"), ref(t, "shop/web")); err == nil {
		t.Error("a finished pod still has edges")
	}
	for e := range g.Edges(segment.ByWorkload) {
		if e.Src == e.Dst {
			t.Errorf("self edge %v", e)
		}
	}
}

// TestRefusedFields says that a field which an API server would refuse leaves the
// effect of its policy open, names the field, and costs nothing else.
func TestRefusedFields(t *testing.T) {
	for want, rule := range map[string]string{
		`spec.ingress[0].ports[0].port "8080" is not a port name`:                         `{ports: [{port: "8080"}]}`,
		`spec.ingress[0].ports[0].port "Web" is not a port name`:                          `{ports: [{port: Web}]}`,
		`spec.ingress[0].ports[0].port "a--b" is not a port name`:                         `{ports: [{port: a--b}]}`,
		`spec.ingress[0].ports[0].port is an empty name`:                                  `{ports: [{port: ""}]}`,
		`spec.ingress[0].ports[0]: 0–0 is not within 1–65535`:                             `{ports: [{port: 0}]}`,
		`spec.ingress[0].ports[0]: 9–65536 is not within 1–65535`:                         `{ports: [{port: 9, endPort: 65536}]}`,
		`spec.ingress[0].ports[0].endPort 8 is below port 9`:                              `{ports: [{port: 9, endPort: 8}]}`,
		`spec.ingress[0].ports[0] has endPort without port`:                               `{ports: [{endPort: 8}]}`,
		`spec.ingress[0].ports[0] has endPort beside the port name`:                       `{ports: [{port: http, endPort: 8}]}`,
		`spec.ingress[0].ports[0].protocol "udp" is none of`:                              `{ports: [{port: 9, protocol: udp}]}`,
		`spec.ingress[0].from[0] names no peer`:                                           `{from: [{}]}`,
		`spec.ingress[0].from[0] has ipBlock beside a selector`:                           `{from: [{podSelector: {}, ipBlock: {cidr: 10.0.0.0/8}}]}`,
		`ipBlock.cidr "10.0.0.0/33" is not a CIDR`:                                        `{from: [{ipBlock: {cidr: 10.0.0.0/33}}]}`,
		`ipBlock.cidr "fe80::1%e/64" is not a CIDR`:                                       `{from: [{ipBlock: {cidr: "fe80::1%e/64"}}]}`,
		`ipBlock.except[0] fd00::/8 is not strictly inside`:                               `{from: [{ipBlock: {cidr: 0.0.0.0/0, except: ["fd00::/8"]}}]}`,
		`matchExpressions[0].operator: Invalid value: "Inn"`:                              `{from: [{podSelector: {matchExpressions: [{key: a, operator: Inn, values: [b]}]}}]}`,
		`spec names 4097 different ranges of ports, and more than 4096 are not evaluated`: `{ports: [` + manyPorts(4097) + `]}`,
	} {
		g := decoded(t, segment.Generic(), shop+np("bad", `{podSelector: {matchLabels: {app: db}}, ingress: [`+rule+`]}`))
		causes := g.Causes()
		if len(causes) != 1 || causes[0].Object != "NetworkPolicy shop/bad" || !strings.Contains(causes[0].Reason, want) {
			t.Errorf("%s: %+v, want %q", rule, causes, want)
		}
		check(t, g, `
			shop/web -> shop/db tcp/8080 unknown
			shop/db -> shop/web tcp/80 allowed
			shop/web -> shop/api tcp/80 allowed`)
	}
}

func manyPorts(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "{port: %d},", 1+i)
	}
	return b.String()
}

func TestUnmodelledObjects(t *testing.T) {
	const istio = `
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: lock, namespace: shop}
spec: {selector: {matchLabels: {app: api}}}
`
	g := decoded(t, segment.Generic(), shop+istio+np("a", `{podSelector: {matchLabels: {app: api}}, ingress: [{ports: [{port: 80}]}]}`))
	check(t, g, `
		shop/web -> shop/api tcp/80 unknown
		shop/web -> shop/api tcp/81 denied
		shop/api -> shop/web tcp/80 allowed
		shop/web -> shop/db tcp/80 allowed`)
	const calico = `
---
apiVersion: crd.projectcalico.org/v1
kind: GlobalNetworkPolicy
metadata: {name: all}
spec: {selector: "all()"}
`
	check(t, decoded(t, segment.Generic(), shop+calico), `shop/web -> shop/api tcp/80 unknown`)
}

// Policies that each stay below their own limit are bounded together: those with the
// most ports are unknown, by name, and what the others say holds.
func TestPortsOfAllPolicies(t *testing.T) {
	var b strings.Builder
	b.WriteString(shop)
	for i := range 3 {
		var ports strings.Builder
		for j := range 4000 - i {
			fmt.Fprintf(&ports, "{port: %d},", 1+3*j+i)
		}
		b.WriteString(np(fmt.Sprintf("many-%d", i), `{podSelector: {matchLabels: {app: db}}, ingress: [{ports: [`+ports.String()+`]}]}`))
	}
	b.WriteString(np("few", `{podSelector: {matchLabels: {app: api}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 80}]}]}`))
	g := decoded(t, segment.Generic(), b.String())
	causes := g.Causes()
	if len(causes) != 1 || !strings.Contains(causes[0].Object, "many-0") || !strings.Contains(causes[0].Reason, "this one 4000 of them") {
		t.Fatalf("%+v", causes)
	}
	check(t, g, `
		shop/web -> shop/api tcp/80 allowed
		shop/web -> shop/api tcp/81 denied
		shop/web -> shop/db tcp/2 allowed
		shop/web -> shop/db tcp/1 unknown
	`)
}

// TestContestedObjects: of an object that stands twice and says different things of what
// policies match nobody knows which is meant: its own edges are unknown, no others. What
// differs in nothing of that, such as a status, leaves no doubt.
func TestContestedObjects(t *testing.T) {
	again := func(labels, more string) string {
		return "\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: db, namespace: shop, labels: {" + labels + "}}\nspec: {containers: [{name: c, image: db}]" + more + "}\n"
	}
	const status = "}\nstatus: {phase: Running, hostIP: 10.9.9.9, podIP: 10.0.0.3, podIPs: [{ip: 10.0.0.3}]"
	policy := np("db", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]}`)
	deployments := "\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: job, namespace: shop}\nspec: {selector: {matchLabels: {app: job}}, template: {metadata: {labels: {app: job}}, spec: {containers: [{name: c, image: x}]}}}\n"
	for name, c := range map[string]struct{ manifests, want string }{
		"the same again":  {again("app: db", status), "shop/web -> shop/db tcp/80 allowed\nshop/api -> shop/db tcp/80 denied\nshop/web -> shop/api tcp/80 allowed"},
		"other labels":    {again("app: other", status), "shop/web -> shop/db tcp/80 unknown\nshop/api -> shop/db tcp/80 unknown\nshop/web -> shop/api tcp/80 allowed"},
		"another address": {again("app: db", strings.ReplaceAll(status, "10.0.0.3", "10.0.0.4")), "shop/api -> shop/db tcp/80 unknown\nshop/web -> shop/api tcp/80 allowed"},
		"another network": {again("app: db", ", hostNetwork: true"+status), "shop/api -> shop/db tcp/80 unknown\nshop/web -> shop/api tcp/80 allowed"},
		"finished":        {again("app: db", strings.Replace(status, "Running", "Succeeded", 1)), "shop/api -> shop/db tcp/80 unknown"},
		"a namespace with other labels": {"\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {team: other}}\n",
			"shop/web -> shop/db tcp/80 unknown\nops/tool -> shop/api tcp/80 unknown"},
		"a namespace again":                {"\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {team: shop}, annotations: {a: b}}\n", "shop/web -> shop/db tcp/80 allowed\nops/tool -> shop/api tcp/80 allowed"},
		"a workload with another template": {deployments + strings.ReplaceAll(deployments, "labels: {app: job}}", "labels: {app: other}}"), "shop/web -> shop/job tcp/80 unknown\nshop/web -> shop/db tcp/80 allowed"},
		"a workload again":                 {deployments + strings.Replace(deployments, "spec: {selector", "spec: {replicas: 3, selector", 1), "shop/web -> shop/job tcp/80 allowed"},
	} {
		t.Run(name, func(t *testing.T) { check(t, decoded(t, segment.Generic(), shop+policy+c.manifests), c.want) })
	}
}
