package cilium_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	kjson "sigs.k8s.io/json"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/estate/manifest/ciliumv2"
	"github.com/cofferdam-io/cofferdam/segment"
	"github.com/cofferdam-io/cofferdam/segment/cilium"
)

// object is a policy of namespace shop, or a clusterwide one for "".
func object(t testing.TB, namespace, content string) manifest.Typed[ciliumv2.Policy] {
	t.Helper()
	p := &ciliumv2.Policy{}
	if strict, err := kjson.UnmarshalStrict([]byte(content), p); err != nil || len(strict) > 0 {
		t.Fatalf("%s: %v %v", content, strict, err)
	}
	kind := ciliumv2.Kind
	if namespace == "" {
		kind = ciliumv2.ClusterwideKind
	}
	return manifest.Typed[ciliumv2.Policy]{Policy: &estate.Policy{Kind: kind, Namespace: namespace, Name: "p"}, Object: p}
}

// TestRefused says that what Cilium refuses is unknown for what the object
// selects, with the field that is wrong, and never left out.
func TestRefused(t *testing.T) {
	for name, c := range map[string]struct{ namespace, spec, want string }{
		"no subject":          {"shop", `{"ingress": [{}]}`, "exactly one of endpointSelector and nodeSelector"},
		"two subjects":        {"", `{"endpointSelector": {}, "nodeSelector": {}}`, "exactly one of endpointSelector and nodeSelector"},
		"nodes of namespace":  {"shop", `{"nodeSelector": {}, "ingress": [{}]}`, "for the clusterwide kind only"},
		"two kinds of peers":  {"shop", `{"endpointSelector": {}, "ingress": [{"fromEndpoints": [{}], "fromCIDR": ["10.0.0.0/8"]}]}`, "spec.ingress[0] combines fromEndpoints and fromCIDR"},
		"requirements":        {"shop", `{"endpointSelector": {}, "egress": [{"toRequires": [{}]}]}`, "spec.egress[0].toRequires"},
		"no CIDR":             {"shop", `{"endpointSelector": {}, "ingress": [{"fromCIDR": ["10.0.0.0/33"]}]}`, `spec.ingress[0].fromCIDR[0]: "10.0.0.0/33" is not a CIDR`},
		"exception outside":   {"shop", `{"endpointSelector": {}, "ingress": [{"fromCIDRSet": [{"cidr": "10.0.0.0/8", "except": ["11.0.0.0/16"]}]}]}`, "except 11.0.0.0/16 is not inside"},
		"block and group":     {"shop", `{"endpointSelector": {}, "ingress": [{"fromCIDRSet": [{"cidr": "10.0.0.0/8", "cidrGroupRef": "g"}]}]}`, "exactly one of cidr"},
		"no entity":           {"shop", `{"endpointSelector": {}, "egress": [{"toEntities": ["moon"]}]}`, `spec.egress[0].toEntities[0]: "moon" is no entity`},
		"operator":            {"shop", `{"endpointSelector": {"matchExpressions": [{"key": "a", "operator": "Is", "values": ["b"]}]}}`, "none of In, NotIn, Exists, DoesNotExist"},
		"values":              {"shop", `{"endpointSelector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}`, "0 values with operator In"},
		"empty key":           {"shop", `{"endpointSelector": {"matchLabels": {"k8s:": "b"}}}`, "is no label key"},
		"port":                {"shop", `{"endpointSelector": {}, "ingress": [{"toPorts": [{"ports": [{"port": "70000"}]}]}]}`, `"70000" is not a port number`},
		"end of range":        {"shop", `{"endpointSelector": {}, "ingress": [{"toPorts": [{"ports": [{"port": "80", "endPort": 79}]}]}]}`, "endPort 79 is not within 80–65535"},
		"range without start": {"shop", `{"endpointSelector": {}, "ingress": [{"toPorts": [{"ports": [{"endPort": 79}]}]}]}`, "endPort without port"},
		"protocol":            {"shop", `{"endpointSelector": {}, "ingress": [{"toPorts": [{"ports": [{"port": "80", "protocol": "QUIC"}]}]}]}`, `"QUIC" is none of TCP`},
		"ICMP beside ports":   {"shop", `{"endpointSelector": {}, "ingress": [{"icmps": [{}], "toPorts": [{"ports": [{"port": "80"}]}]}]}`, "icmps beside toPorts"},
		"denial looks inside": {"shop", `{"endpointSelector": {}, "ingressDeny": [{"toPorts": [{"ports": [{"port": "80"}], "rules": {"http": [{"path": "/"}]}}]}]}`, "which a denial cannot"},
	} {
		t.Run(name, func(t *testing.T) {
			policies, taints := cilium.Translate([]manifest.Typed[ciliumv2.Policy]{object(t, c.namespace, `{"spec": `+c.spec+`}`)})
			if len(policies) != 0 || len(taints) != 1 || !strings.Contains(taints[0].Reason, c.want) {
				t.Fatalf("%+v\n%+v", policies, taints)
			}
			if x := taints[0]; !x.CanAllow || !x.CanDeny || x.Namespace != c.namespace || !x.Gress[segment.Ingress] && !x.Gress[segment.Egress] {
				t.Errorf("%+v", x)
			}
		})
	}
}

// TestSeveralSpecs says that each spec of one object is a policy of its own, and
// that its rules can be told apart.
func TestSeveralSpecs(t *testing.T) {
	o := object(t, "shop", `{"spec": {"endpointSelector": {"matchLabels": {"app": "a"}}, "ingress": [{"fromEntities": ["world"]}]},
		"specs": [{"endpointSelector": {"matchLabels": {"app": "b"}}, "egressDeny": [{"toEntities": ["world"]}]},
			{"endpointSelector": {"matchLabels": {"app": "c"}}, "ingress": [{"fromEntities": ["cluster"]}]}]}`)
	policies, taints := cilium.Translate([]manifest.Typed[ciliumv2.Policy]{o})
	var got []string
	for _, p := range policies {
		for d, rules := range p.Rules {
			for _, r := range rules {
				got = append(got, fmt.Sprintf("%s %s %s %s %q", p.Tier, p.Subject.Pods, segment.Gress(d), r.Action, r.Name)) //nolint:gosec // two directions
			}
		}
	}
	want := []string{`networkpolicy app=a ingress allow ""`, `deny app=b egress deny "specs[0].egressDeny[0]"`, `networkpolicy app=c ingress allow "specs[1].ingress[0]"`}
	if len(taints) != 0 || strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%v\n%v", strings.Join(got, "\n"), taints)
	}
}

// TestHostFirewall says that policies for nodes touch pods on the host network
// and no others.
func TestHostFirewall(t *testing.T) {
	_, taints := cilium.Translate([]manifest.Typed[ciliumv2.Policy]{object(t, "", `{"spec": {"nodeSelector": {"matchLabels": {"role": "db"}}, "ingress": [{"fromEntities": ["cluster"]}]}}`)})
	if len(taints) != 1 || taints[0].Only != segment.HostEndpoints || taints[0].CanAllow || !taints[0].CanDeny || taints[0].Gress != [2]bool{segment.Ingress: true} {
		t.Errorf("%+v", taints)
	}
}

// FuzzTranslate says that no object, however strange, makes the translation fail
// in another way than by a taint, or lose a direction that it closes.
func FuzzTranslate(f *testing.F) {
	for _, s := range []string{
		`{"endpointSelector": {}, "ingress": [{"fromEndpoints": [{"matchLabels": {"k8s:app": "x", "reserved:host": ""}}], "toPorts": [{"ports": [{"port": "80", "protocol": "TCP"}]}]}]}`,
		`{"endpointSelector": {"matchExpressions": [{"key": "io.kubernetes.pod.namespace", "operator": "NotIn", "values": ["x"]}]}, "egress": [{"toFQDNs": [{"matchName": "x"}], "toPorts": [{"ports": [{"port": "dns", "protocol": "ANY"}], "rules": {"dns": [{"matchPattern": "*"}]}}]}]}`,
		`{"endpointSelector": {}, "enableDefaultDeny": {"egress": true, "ingress": false}, "ingressDeny": [{"fromCIDRSet": [{"cidr": "::/0", "except": ["fd00::/8"]}]}], "egressDeny": [{"toEntities": ["host", "remote-node"]}]}`,
		`{"nodeSelector": {}, "ingress": [{"fromNodes": [{}]}]}`,
		`{"endpointSelector": {}, "egress": [{"toServices": [{"k8sService": {"serviceName": "a"}}]}, {"toGroups": [{}]}, {"icmps": [{}]}, {"authentication": {"mode": "required"}}]}`,
	} {
		f.Add("shop", s)
		f.Add("", s)
	}
	f.Fuzz(func(t *testing.T, namespace, spec string) {
		var r ciliumv2.Rule
		if json.Unmarshal([]byte(spec), &r) != nil {
			return
		}
		o := manifest.Typed[ciliumv2.Policy]{Policy: &estate.Policy{Kind: "K", Namespace: namespace, Name: "p"}, Object: &ciliumv2.Policy{Spec: &r}}
		policies, taints := cilium.Translate([]manifest.Typed[ciliumv2.Policy]{o})
		if len(taints) == 0 && r.EnableDefaultDeny.Ingress == nil && len(r.Ingress)+len(r.IngressDeny) > 0 {
			closed := len(policies) == 0 // it selects no pod
			for _, p := range policies {
				closed = closed || p.Isolates[segment.Ingress]
			}
			if !closed {
				t.Errorf("%s closes ingress, and its policies do not: %+v", spec, policies)
			}
		}
		for _, p := range policies {
			for _, rules := range p.Rules {
				for _, r := range rules {
					if (p.Tier == segment.DenyTier) != (r.Action == segment.Deny) {
						t.Errorf("%s: %+v in tier %s", spec, r, p.Tier)
					}
				}
			}
		}
	})
}

func ExampleTranslate() {
	p := &ciliumv2.Policy{}
	if err := json.Unmarshal([]byte(`{"spec": {"endpointSelector": {"matchLabels": {"app": "db"}}, "ingressDeny": [{"fromEntities": ["world-ipv4"]}]}}`), p); err != nil {
		panic(err)
	}
	policies, taints := cilium.Translate([]manifest.Typed[ciliumv2.Policy]{{Policy: &estate.Policy{Kind: ciliumv2.Kind, Namespace: "shop", Name: "closed"}, Object: p}})
	for _, p := range policies {
		fmt.Println(p.Object(), p.Tier, p.Isolates[segment.Ingress], len(p.Rules[segment.Ingress]))
	}
	fmt.Println(len(taints))
	// Output:
	// CiliumNetworkPolicy shop/closed networkpolicy true 0
	// CiliumNetworkPolicy shop/closed deny false 1
	// 0
}
