package rewrite_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/cofferdam-io/cofferdam/contain/pick"
	"github.com/cofferdam-io/cofferdam/contain/rewrite"
	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
	"github.com/cofferdam-io/cofferdam/segment/k8s"
)

// pods are a shop with a web, an api and a db, and a scraper elsewhere.
const pods = `
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {team: shop}}
---
apiVersion: v1
kind: Namespace
metadata: {name: watch, labels: {team: ops}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: shop, labels: {app: api}}
spec: {containers: [{name: c, ports: [{name: http, containerPort: 8080}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
---
apiVersion: v1
kind: Pod
metadata: {name: scraper, namespace: watch, labels: {app: scraper}}
---
apiVersion: v1
kind: Pod
metadata: {name: mail, namespace: watch, labels: {app: mail}}
---
`

func decode(t fataler, text string) *manifest.Set {
	t.Helper()
	set, err := manifest.Decode(context.Background(), []manifest.Input{{Name: "shop.yaml", Data: []byte(text)}}, manifest.Options{})
	if err != nil || len(set.Estate.Faults) > 0 {
		t.Fatalf("%v %+v", err, set)
	}
	return set
}

func policy(name, spec string) string {
	return "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: " + name + ", namespace: shop}\nspec: " + spec + "\n---\n"
}

func edge(src, dst string, at segment.Gress, keep ...segment.Conn) rewrite.Edge {
	return rewrite.Edge{Src: ref(src), Dst: ref(dst), At: at, Keep: keep}
}

func ref(s string) ident.Ref {
	ns, name, _ := strings.Cut(s, "/")
	return ident.Ref{Namespace: ns, Kind: "Pod", Name: name}
}

// render writes the changes as text, one line for each object.
func render(res *rewrite.Result) string {
	var b strings.Builder
	for _, c := range res.Changes {
		spec, err := yaml.Marshal(c.New.Spec)
		if err != nil {
			return err.Error()
		}
		if c.Old == nil {
			b.WriteString("new ")
		}
		fmt.Fprintf(&b, "%s\n%s", c.New.Name, spec)
	}
	return b.String()
}

func TestCut(t *testing.T) {
	keep53 := segment.Conn{Protocol: segment.TCP, From: 80, To: 80}
	for name, tc := range map[string]struct {
		policies string
		edges    []rewrite.Edge
		want     string
	}{
		"the peer was alone: the rule goes, the isolation stays": {
			policy("db", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: api}}}]}]}`),
			[]rewrite.Edge{edge("shop/api", "shop/db", segment.Ingress)},
			"db\npodSelector:\n  matchLabels:\n    app: db\n",
		},
		"an egress policy goes on being one": {
			policy("db", `{podSelector: {matchLabels: {app: api}}, egress: [{to: [{podSelector: {matchLabels: {app: db}}}]}]}`),
			[]rewrite.Edge{edge("shop/api", "shop/db", segment.Egress)},
			"db\npodSelector:\n  matchLabels:\n    app: api\npolicyTypes:\n- Ingress\n- Egress\n",
		},
		"one of several peers goes, the others stay as written": {
			policy("db", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}, {podSelector: {matchLabels: {app: api}}}]}]}`),
			[]rewrite.Edge{edge("shop/api", "shop/db", segment.Ingress)},
			"db\ningress:\n- from:\n  - podSelector:\n      matchLabels:\n        app: web\npodSelector:\n  matchLabels:\n    app: db\n",
		},
		"a value leaves a list": {
			policy("db", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchExpressions: [{key: app, operator: In, values: [web, api]}]}}]}]}`),
			[]rewrite.Edge{edge("shop/api", "shop/db", segment.Ingress)},
			"db\ningress:\n- from:\n  - podSelector:\n      matchLabels:\n        app: web\npodSelector:\n  matchLabels:\n    app: db\n",
		},
		"a namespace is narrowed, the others are not": {
			policy("db", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{namespaceSelector: {}}]}]}`),
			[]rewrite.Edge{edge("watch/scraper", "shop/db", segment.Ingress)},
			`db
ingress:
- from:
  - namespaceSelector:
      matchExpressions:
      - key: kubernetes.io/metadata.name
        operator: NotIn
        values:
        - watch
  - namespaceSelector:
      matchLabels:
        kubernetes.io/metadata.name: watch
    podSelector:
      matchExpressions:
      - key: app
        operator: NotIn
        values:
        - scraper
podSelector:
  matchLabels:
    app: db
`,
		},
		"everybody becomes everybody else": {
			policy("db", `{podSelector: {matchLabels: {app: db}}, ingress: [{ports: [{port: 5432}]}]}`),
			[]rewrite.Edge{edge("shop/web", "shop/db", segment.Ingress), edge("shop/api", "shop/db", segment.Ingress)},
			`db
ingress:
- from:
  - namespaceSelector:
      matchExpressions:
      - key: kubernetes.io/metadata.name
        operator: NotIn
        values:
        - shop
  - namespaceSelector:
      matchLabels:
        kubernetes.io/metadata.name: shop
    podSelector:
      matchExpressions:
      - key: app
        operator: NotIn
        values:
        - api
        - web
  - ipBlock:
      cidr: 0.0.0.0/0
  - ipBlock:
      cidr: ::/0
  ports:
  - port: 5432
podSelector:
  matchLabels:
    app: db
`,
		},
		"a policy of several is divided": {
			policy("inside", `{podSelector: {}, ingress: [{from: [{podSelector: {}}]}]}`),
			[]rewrite.Edge{edge("shop/web", "shop/db", segment.Ingress)},
			`inside
ingress:
- from:
  - podSelector: {}
podSelector:
  matchExpressions:
  - key: app
    operator: NotIn
    values:
    - db
new inside-without-web
ingress:
- from:
  - podSelector:
      matchExpressions:
      - key: app
        operator: NotIn
        values:
        - web
podSelector:
  matchLabels:
    app: db
`,
		},
		"some connections stay": {
			policy("api", `{podSelector: {matchLabels: {app: api}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 80, endPort: 90}, {port: http}]}]}`),
			[]rewrite.Edge{edge("shop/web", "shop/api", segment.Ingress, keep53)},
			`api
ingress:
- from:
  - podSelector:
      matchLabels:
        app: web
  ports:
  - port: 80
    protocol: TCP
podSelector:
  matchLabels:
    app: api
`,
		},
		"nothing to do": {
			policy("db", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]}`),
			[]rewrite.Edge{edge("shop/api", "shop/db", segment.Ingress)},
			"",
		},
	} {
		t.Run(name, func(t *testing.T) {
			res, _ := checkCut(t, decode(t, pods+tc.policies), segment.Generic(), tc.edges)
			for _, o := range res.Outcomes {
				if !o.Cut {
					t.Errorf("%+v", o)
				}
			}
			if got := render(res); got != tc.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, tc.want)
			}
		})
	}
}

func TestLeftAlone(t *testing.T) {
	twins := strings.ReplaceAll(pods, "{app: api}", "{app: web}")
	open := policy("db", `{podSelector: {matchLabels: {app: db}}, ingress: [{}]}`)
	web := policy("db", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]}`)
	matches := segment.Generic()
	matches.IPBlockMatchesPods = true
	for name, tc := range map[string]struct {
		text    string
		edge    rewrite.Edge
		profile segment.Profile
		want    string
	}{
		"not isolated":      {pods + web, edge("shop/web", "shop/api", segment.Ingress), segment.Generic(), "no NetworkPolicy isolates shop/api for ingress"},
		"other direction":   {pods + web, edge("shop/db", "shop/api", segment.Egress), segment.Generic(), "no NetworkPolicy isolates shop/db for egress"},
		"twins":             {twins + web, edge("shop/web", "shop/db", segment.Ingress), segment.Generic(), "labels cannot separate shop/web from shop/api"},
		"blocks match pods": {pods + open, edge("shop/web", "shop/db", segment.Ingress), matches, "which match pods too on this network"},
		"nothing enforced":  {pods + open, edge("shop/web", "shop/db", segment.Ingress), segment.None(), "does not enforce NetworkPolicies"},
		"nobody":            {pods + open, edge("shop/nobody", "shop/db", segment.Ingress), segment.Generic(), "no workload shop/Pod/nobody"},
		"itself":            {pods + open, edge("shop/db", "shop/db", segment.Ingress), segment.Generic(), "to itself"},
		"the Admin tier accepts": {pods + web + `
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: backups}
spec: {tier: Admin, priority: 1, subject: {namespaces: {}}, ingress: [{action: Accept, from: [{namespaces: {}}]}]}
`, edge("shop/web", "shop/db", segment.Ingress), segment.Generic(), "ClusterNetworkPolicy backups may accept it in the Admin tier"},
		"namespaces that nothing satisfies, for all that is known of them": {pods + `
apiVersion: v1
kind: Pod
metadata: {name: one, namespace: bare, labels: {app: one}}
---
apiVersion: v1
kind: Pod
metadata: {name: two, namespace: bare, labels: {app: two}}
---
apiVersion: v1
kind: Pod
metadata: {name: three, namespace: naked, labels: {app: three}}
---
` + policy("db", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: x}, matchExpressions: [{key: team, operator: DoesNotExist}]}}]}]}`),
			edge("bare/one", "shop/db", segment.Ingress), segment.Generic(), "contradicts itself"},
		"made by an operator, which undoes what is changed": {pods + strings.Replace(web, "namespace: shop}", "namespace: shop, ownerReferences: [{kind: Database, name: books, uid: u, controller: true}]}", 1),
			edge("shop/web", "shop/db", segment.Ingress), segment.Generic(), "change Database books, from which it is made"},
		"something that is not modelled": {pods + web + `
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: calico, namespace: shop}
spec: {}
`, edge("shop/web", "shop/db", segment.Ingress), segment.Generic(), "Calico policies are not modelled"},
	} {
		t.Run(name, func(t *testing.T) {
			res, _ := checkCut(t, decode(t, tc.text), tc.profile, []rewrite.Edge{tc.edge})
			o := res.Outcomes[0]
			if o.Cut || !strings.Contains(o.Reason, tc.want) || len(res.Changes) > 0 {
				t.Errorf("%+v\n%s", o, render(res))
			}
			if o.NotIsolated != strings.Contains(tc.want, "isolates") || (o.Quarantine != "") != (name == "twins") {
				t.Errorf("%+v", o)
			}
		})
	}
}

// TestNamesOfPorts keeps connections of rules that name ports: what a name means
// is up to each pod that is connected to.
func TestNamesOfPorts(t *testing.T) {
	const many = `
apiVersion: v1
kind: Pod
metadata: {name: many-0, namespace: shop, labels: {app: many}, ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: many, uid: u1, controller: true}]}
spec: {containers: [{name: c, ports: [{name: http, containerPort: 80}, {name: same, containerPort: 9000}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: many-1, namespace: shop, labels: {app: many}, ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: many, uid: u1, controller: true}]}
spec: {containers: [{name: c, ports: [{name: http, containerPort: 8080}, {name: same, containerPort: 9000}]}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: many, namespace: shop, uid: u1}
spec: {template: {metadata: {labels: {app: many}}}}
---
`
	tcp := func(from, to uint16) segment.Conn { return segment.Conn{Protocol: segment.TCP, From: from, To: to} }
	for name, tc := range map[string]struct {
		port string
		keep segment.Conn
		want string // ports that the rule has left
		fail bool
	}{
		"all of its meanings":     {"{port: http}, {port: 9999}", tcp(80, 8080), "- port: http\n", false},
		"none":                    {"{port: http}, {port: 443}", tcp(443, 443), "- port: 443\n    protocol: TCP\n", false},
		"one of two":              {"{port: http}, {port: 443}", tcp(80, 443), "", true},
		"the same on every pod":   {"{port: same}, {port: 443}", tcp(9000, 9001), "- port: same\n", false},
		"part of what is allowed": {"{port: 100, endPort: 200}", tcp(150, 300), "- endPort: 200\n    port: 150\n    protocol: TCP\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			e := edge("shop/web", "shop/many", segment.Ingress, tc.keep)
			e.Dst.Kind = "StatefulSet"
			text := pods + many + policy("many", "{podSelector: {matchLabels: {app: many}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: ["+tc.port+"]}]}")
			res, _ := checkCut(t, decode(t, text), segment.Generic(), []rewrite.Edge{e})
			if o := res.Outcomes[0]; o.Cut == tc.fail || tc.fail != strings.Contains(o.Reason, "several numbers") {
				t.Fatalf("%+v", o)
			}
			if got := render(res); !strings.Contains(got, tc.want) {
				t.Errorf("got:\n%s", got)
			}
		})
	}
}

// TestOneTakesNoOtherDown cuts two edges of which only one can be cut, at the same
// policy.
func TestOneTakesNoOtherDown(t *testing.T) {
	text := pods + "apiVersion: v1\nkind: Pod\nmetadata: {name: api2, namespace: shop, labels: {app: api}}\n---\n" +
		policy("inside", "{podSelector: {}, ingress: [{from: [{podSelector: {}}]}]}")
	res, _ := checkCut(t, decode(t, text), segment.Generic(), []rewrite.Edge{edge("shop/web", "shop/api", segment.Ingress), edge("shop/web", "shop/db", segment.Ingress)})
	if res.Outcomes[0].Cut || !strings.Contains(res.Outcomes[0].Reason, "shop/api from shop/api2") || !res.Outcomes[1].Cut || len(res.Changes) != 2 {
		t.Errorf("%+v\n%s", res.Outcomes, render(res))
	}
}

func TestContradictingEdges(t *testing.T) {
	set := decode(t, pods)
	m := modelOf(t, set, segment.Generic())
	e := edge("shop/web", "shop/db", segment.Ingress)
	_, err := rewrite.New(set, m, pick.New(m)).Cut(context.Background(), []rewrite.Edge{e, e})
	if ident.KindOf(err) != ident.KindUsage {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := rewrite.New(set, m, pick.New(m)).Cut(ctx, []rewrite.Edge{e}); err == nil {
		t.Error("a context that has ended is ignored")
	}
}

func TestNamesOfNewObjects(t *testing.T) {
	long := strings.Repeat("n", 250)
	text := pods + policy(long, `{podSelector: {}, ingress: [{from: [{podSelector: {}}]}]}`) +
		policy("inside", `{podSelector: {}, ingress: [{from: [{podSelector: {}}]}]}`) + policy("inside-without-web", `{podSelector: {}}`)
	res, _ := checkCut(t, decode(t, text), segment.Generic(), []rewrite.Edge{edge("shop/web", "shop/db", segment.Ingress)})
	var names []string
	for _, c := range res.Changes {
		names = append(names, c.New.Name)
	}
	if len(names) != 4 || names[1] != "inside-without-web-2" || len(names[3]) != 63 {
		t.Errorf("%q", names)
	}
}

func ExampleRewriter_Cut() {
	ctx := context.Background()
	set, err := manifest.Decode(ctx, []manifest.Input{{Name: "shop.yaml", Data: []byte(pods +
		policy("db", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {}}]}]}`))}}, manifest.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	model, err := k8s.Model(set, segment.Generic())
	if err != nil {
		fmt.Println(err)
		return
	}
	r := rewrite.New(set, model, pick.New(model))
	res, err := r.Cut(ctx, []rewrite.Edge{{Src: ref("shop/web"), Dst: ref("shop/db"), At: segment.Ingress}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range res.Changes {
		fmt.Println(c.New.Name, c.New.Spec.Ingress[0].From[0].PodSelector.MatchExpressions, c.Why)
		fmt.Println(c.NewPods)
	}
	// Output:
	// db [{app NotIn [web]}] it allowed connections from shop/web to shop/db
	// [a new pod in namespace shop that has app=web is not among the peers of NetworkPolicy shop/db, whoever creates it]
}
