package k8s_test

import (
	"context"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// edge is a shop behind a gateway: gw is open to the internet, web is behind a
// route, api is behind nothing.
const edge = `
apiVersion: v1
kind: Namespace
metadata: {name: gw}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: proxy, namespace: gw}
spec: {selector: {matchLabels: {app: proxy}}, template: {metadata: {labels: {app: proxy, app.kubernetes.io/name: ingress-nginx}}, spec: {containers: [{name: c, image: p, ports: [{name: https, containerPort: 8443}]}]}}}
---
apiVersion: v1
kind: Service
metadata: {name: proxy, namespace: gw}
spec: {type: LoadBalancer, selector: {app: proxy}, ports: [{port: 443, targetPort: https}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: w}]}}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: shop}
spec: {selector: {matchLabels: {app: api}}, template: {metadata: {labels: {app: api}}, spec: {containers: [{name: c, image: a}]}}}
`

const ingress = `
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: shop, namespace: shop}
spec: {ingressClassName: nginx, rules: [{host: shop.example, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}
`

const gateway = `
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: gw}
spec: {gatewayClassName: any, listeners: [{name: https, port: 443, protocol: HTTPS, allowedRoutes: {namespaces: {from: FROM}}}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop, namespace: shop}
spec: {parentRefs: [{name: edge, namespace: gw}], rules: [{backendRefs: [{name: web, port: 80}]}]}
`

// service is a Service of shop with more fields in its spec.
func service(name, app, spec string) string {
	return "\n---\napiVersion: v1\nkind: Service\nmetadata: {name: " + name + ", namespace: shop}\nspec: {selector: {app: " + app + "}, ports: [{port: 80, targetPort: 8080}], " + spec + "}\n"
}

func TestExposure(t *testing.T) {
	fromAll := replaceFrom("All")
	closed := np("closed", `{podSelector: {matchLabels: {app: web}}}`)
	fromProxy := np("proxy", `{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: gw}}}], ports: [{port: 8080}]}]}`)
	for _, tc := range []struct {
		name, manifests, workload string
		level                     segment.ExposureLevel
		via                       string
	}{
		{"a load balancer", "", "gw/proxy", segment.ExposedInternet, ""},
		{"nothing", "", "shop/api", segment.ExposedNone, ""},
		{"a load balancer whose pods let nobody in from outside", "\n---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: x, namespace: gw}\nspec: {podSelector: {}, ingress: [{from: [{namespaceSelector: {}}]}]}\n", "gw/proxy", segment.ExposedNone, ""},
		{"a load balancer whose pods let another port in", "\n---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: x, namespace: gw}\nspec: {podSelector: {}, ingress: [{ports: [{port: 443}]}]}\n", "gw/proxy", segment.ExposedNone, ""},
		{"a load balancer whose pods let the office in", "\n---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: x, namespace: gw}\nspec: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]}\n", "gw/proxy", segment.ExposedInternal, ""},
		{"a load balancer of its own", service("lb", "api", `type: LoadBalancer`), "shop/api", segment.ExposedInternet, ""},
		{"an internal load balancer", "\n---\napiVersion: v1\nkind: Service\nmetadata: {name: lb, namespace: shop, annotations: {networking.gke.io/load-balancer-type: Internal}}\nspec: {type: LoadBalancer, selector: {app: api}, ports: [{port: 80}]}\n", "shop/api", segment.ExposedInternal, ""},
		{"source ranges of the owner's network", service("lb", "api", `type: LoadBalancer, loadBalancerSourceRanges: [10.0.0.0/8]`), "shop/api", segment.ExposedInternal, ""},
		{"a node port", service("lb", "api", `type: NodePort`), "shop/api", segment.ExposedInternal, ""},
		{"a public external address", service("lb", "api", `externalIPs: [8.8.8.8]`), "shop/api", segment.ExposedInternet, ""},
		{"an ingress through its controller", ingress, "shop/web", segment.ExposedInternet, "gw/proxy"},
		{"an ingress, and the policy admits the controller", ingress + fromProxy, "shop/web", segment.ExposedInternet, "gw/proxy"},
		{"an ingress, and the policy admits nobody", ingress + closed, "shop/web", segment.ExposedNone, ""},
		{"a route of an open gateway", fromAll, "shop/web", segment.ExposedInternet, "gw/proxy"},
		{"a route that the gateway does not admit", replaceFrom("Same"), "shop/web", segment.ExposedNone, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := decoded(t, segment.Generic(), edge+tc.manifests)
			x := g.Exposure(ref(t, tc.workload))
			via := ""
			for _, w := range x.Ways {
				for _, v := range w.Via {
					via = v.Short()
				}
			}
			if x.Level != tc.level || via != tc.via {
				t.Errorf("%+v, want %s via %q", x, tc.level, tc.via)
			}
		})
	}
}

// replaceFrom sets allowedRoutes of the gateway.
func replaceFrom(from string) string {
	return strings.ReplaceAll(gateway, "FROM", from)
}

// TestControllerOutsideTheInput: whether a route leads in depends on a
// controller that was not given, unless the policies admit everybody or nobody.
func TestControllerOutsideTheInput(t *testing.T) {
	foreign := "\n---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: other, namespace: shop}\nspec: {ingressClassName: other, defaultBackend: {service: {name: web, port: {number: 80}}}}\n"
	for _, tc := range []struct {
		policies string
		want     segment.ExposureLevel
	}{
		{"", segment.ExposedInternet},
		{np("x", `{podSelector: {matchLabels: {app: web}}}`), segment.ExposedNone},
		{np("x", `{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{podSelector: {matchLabels: {app: api}}}]}]}`), segment.ExposedUnknown},
	} {
		g := decoded(t, segment.Generic(), edge+foreign+tc.policies)
		x := g.Exposure(ref(t, "shop/web"))
		if x.Level != tc.want || tc.want == segment.ExposedUnknown && x.Ways[0].Reason == "" {
			t.Errorf("with %q: %+v, want %s", tc.policies, x, tc.want)
		}
	}
}

// TestNoServiceSeen: where the input holds no Service, "none" is not known.
func TestNoServiceSeen(t *testing.T) {
	g := decoded(t, segment.Generic(), shop)
	if x := g.Exposure(ref(t, "shop/web")); x.Level != segment.ExposedUnknown {
		t.Errorf("%+v", x)
	}
	g = decoded(t, segment.Generic(), shop+np("closed", `{podSelector: {}}`))
	if x := g.Exposure(ref(t, "shop/web")); x.Level != segment.ExposedNone {
		t.Errorf("%+v", x)
	}
	if got := g.NotSeen(); len(got) == 0 {
		t.Error("nothing is reported as not seen")
	}
}

// TestReachFromTheInternet: the first step needs a way in, and the rules of each
// hop are named.
func TestReachFromTheInternet(t *testing.T) {
	g := decoded(t, segment.Generic(), edge+ingress+
		np("web", `{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: gw}}}]}]}`)+
		np("api", `{podSelector: {matchLabels: {app: api}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 9000}]}, {from: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}`))
	got, err := g.Reach(context.Background(), []ident.Ref{{CIDR: ident.Internet}}, segment.Forward, 0)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{"gw/proxy": 1, "shop/web": 2, "shop/api": 3}
	for _, r := range got {
		if want[r.Workload.Short()] != r.Hops || r.Verdict != segment.Allowed || len(r.Path) != r.Hops {
			t.Errorf("unexpected %+v", r)
		}
		delete(want, r.Workload.Short())
		if r.Workload.Name == "api" {
			last := r.Path[2]
			if last.From.Name != "web" || last.AllowedBy[1].Name != "api" || last.AllowedBy[1].Rule != 0 || len(last.Connections) != 1 || last.Connections[0].From != 9000 {
				t.Errorf("last hop %+v", last)
			}
		}
	}
	if len(want) > 0 {
		t.Errorf("not reached: %v", want)
	}
	back, err := g.Reach(context.Background(), []ident.Ref{ref(t, "shop/api")}, segment.Backward, 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(back) != 1 || back[0].Workload.Name != "web" || back[0].Path[0].To.Name != "api" {
		t.Errorf("one hop back: %+v", back)
	}
}
