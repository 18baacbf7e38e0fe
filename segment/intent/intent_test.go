package intent_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
	"github.com/cofferdam-io/cofferdam/segment/intent"
)

// shop is web -> api -> db, each let in by a policy on its port; lab is open.
func shop(t testing.TB) (*segment.Graph, []estate.Member) {
	t.Helper()
	m := &segment.Model{Profile: segment.Generic(), Namespaces: []segment.Namespace{{Name: "shop", Declared: true}, {Name: "lab", Declared: true}}}
	var members []estate.Member
	add := func(ns int, app, zone string) {
		ref := ident.Ref{Namespace: m.Namespaces[ns].Name, Kind: "Deployment", Name: app}
		labels := map[string]string{"app": app}
		m.Workloads = append(m.Workloads, segment.Workload{Ref: ref})
		m.Endpoints = append(m.Endpoints, segment.Endpoint{Ref: ref, Workload: len(m.Workloads) - 1, Namespace: ns, Labels: labels})
		members = append(members, estate.Member{Ref: ref, Zone: zone, Labels: labels})
	}
	add(0, "web", "public")
	add(0, "api", "internal")
	add(0, "db", "restricted")
	add(1, "toy", "public")
	let := func(to, from string, port uint16) {
		p := segment.Policy{Kind: "NetworkPolicy", Namespace: "shop", Name: to, Tier: segment.NetworkPolicyTier, Isolates: [2]bool{segment.Ingress: true},
			Subject: segment.PodSelector{InNamespace: "shop", Pods: segment.MatchLabels(map[string]string{"app": to})}}
		r := segment.Rule{Ports: []segment.PortMatch{{From: port, To: port}}}
		if from != "" {
			r.Peers = []segment.Peer{{Kind: segment.PeerPods, Pods: segment.PodSelector{InNamespace: "shop", Pods: segment.MatchLabels(map[string]string{"app": from})}}}
		}
		p.Rules[segment.Ingress] = []segment.Rule{r}
		m.Policies = append(m.Policies, p)
	}
	let("web", "", 443)
	let("api", "web", 8443)
	let("db", "api", 5432)
	m.Entries = []segment.Entry{{Workload: 0, Kind: "LoadBalancer", Object: "Service shop/web", Conns: []segment.Conn{{From: 443, To: 443}}}}
	g, err := segment.Build(context.Background(), m)
	if err != nil {
		t.Fatal(err)
	}
	return g, members
}

func TestCheck(t *testing.T) {
	g, members := shop(t)
	for _, c := range []struct {
		rule string
		want intent.Outcome
		says string // of the first violation
	}{
		{"deny internet -> zone=restricted", intent.Holds, ""},
		{"deny internet -> zone=public", intent.Fails, "internet shop/web 443/TCP"},
		{"deny internet -> zone=public tcp/80", intent.Holds, ""},
		{"deny internet -> lab/toy", intent.Holds, ""}, // the policies would let it in, but no way leads there
		{"deny internet -> zone=restricted transitively", intent.Fails, "internet shop/db 5432/TCP"},
		{"deny zone=public -> zone=restricted", intent.Holds, ""},
		{"deny zone=public -> zone=restricted transitively", intent.Fails, "shop/web shop/db 5432/TCP"},
		{"deny lab/toy -> shop/api", intent.Holds, ""},
		{"deny shop/web -> shop/api", intent.Fails, "shop/web shop/api 8443/TCP"},
		{"deny shop/web -> shop/api tcp/8000-8442 8444/tcp udp", intent.Holds, ""},
		{"deny shop/web -> shop/api tcp/8000-9000", intent.Fails, "shop/web shop/api 8443/TCP"},
		{"deny shop/api -> internet", intent.Fails, ""},
		{"allow shop/web -> shop/api tcp/8443", intent.Holds, ""},
		{"allow shop/web -> shop/api", intent.Holds, ""},
		{"allow shop/web -> shop/api tcp/8443 tcp/9", intent.Fails, "shop/web shop/api 9/TCP"},
		{"allow lab/toy -> shop/api", intent.Fails, ""},
		{"allow app in (web,api) -> shop/db tcp/5432", intent.Fails, "shop/web shop/db 5432/TCP"},
		{"allow only shop/web -> shop/api tcp/8443", intent.Holds, ""},
		{"allow only shop/api -> shop/db", intent.Holds, ""},
		{"allow only shop/web -> shop/db", intent.Fails, "shop/web shop/db"},
		{"allow only internet -> shop/web tcp/443", intent.Fails, "lab/toy shop/web 443/TCP"},
		{"deny zone=nowhere -> shop/db", intent.Empty, ""},
		{"deny shop/web -> shop/gone", intent.Empty, ""},
	} {
		rules, err := intent.Parse("rules", []byte(c.rule))
		if err != nil {
			t.Errorf("%s: %v", c.rule, err)
			continue
		}
		res, err := intent.Check(context.Background(), g, members, rules)
		if err != nil {
			t.Fatal(err)
		}
		if res[0].Outcome != c.want {
			t.Errorf("%s: %s, want %s: %+v", c.rule, res[0].Outcome, c.want, res[0].Violations)
			continue
		}
		if got := first(res[0]); !strings.HasPrefix(got, c.says) || (c.want == intent.Fails) != (got != "") {
			t.Errorf("%s: %q, want %q", c.rule, got, c.says)
		}
	}
}

func first(r intent.Result) string {
	if len(r.Violations) == 0 {
		return ""
	}
	v := r.Violations[0]
	return fmt.Sprintf("%s %s %v", v.From.Short(), v.To.Short(), v.Connections[0])
}

func TestUnknownIsNoPass(t *testing.T) {
	g, members := shop(t)
	m := *g.Model()
	m.Taints = []segment.Taint{{Object: "Foreign x", Reason: "it is not modelled", Namespace: "shop", CanAllow: true, CanDeny: true,
		Gress: [2]bool{true, true}, Tier: segment.AdminTier}}
	tainted, err := segment.Build(context.Background(), &m)
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range []string{"deny lab/toy -> shop/db", "allow shop/web -> shop/api tcp/8443", "deny zone=public -> zone=restricted transitively"} {
		rules, err := intent.Parse("rules", []byte(rule))
		if err != nil {
			t.Fatal(err)
		}
		res, err := intent.Check(context.Background(), tainted, members, rules)
		if err != nil || res[0].Outcome != intent.Unknown {
			t.Errorf("%s: %+v, %v", rule, res, err)
		}
	}
}

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"":                                              "holds no rule",
		"# only a comment":                              "holds no rule",
		"deny a/b":                                      "rules:1:1: \"deny a/b\" has no ->",
		"\n\nforbid a/b -> c/d":                         "rules:3:1: \"forbid a/b\" begins with none of",
		"x: err deny a/b -> c/d":                        "rules:1:4: \"err deny a/b\" begins with none of",
		"x: note a/b -> c/d":                            "rules:1:9: \"a/b\" begins with none of",
		"deny -> c/d":                                   "rules:1:6: a side of the rule is empty",
		"allow only -> c/d":                             "rules:1:12: a side of the rule is empty",
		"\u00a0 é: deny a/b -> zone=":                   "rules:1:18: ",
		"deny a/b ->":                                   "empty",
		"allow a/b -> c/d transitively":                 "rules:1:18: only deny",
		"deny a/b -> c/d tcp/1 transitively":            "rules:1:17: a way of several hops has no ports of its own",
		"deny internet -> 10.0.0.0/8":                   "both sides are outside",
		"allow only a/b -> internet":                    "allow only",
		"deny zone= -> c/d":                             "zone",
		"x: deny a/b -> c/d\nx: deny c/d -> a/b":        "rules:2:1: the name x is taken by line 1",
		"deny a/b -> \xff":                              "UTF-8",
		"deny " + strings.Repeat("a", 5000) + " -> b/c": "longer than",
	} {
		_, err := intent.Parse("rules", []byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v, want %q", text, err, want)
		}
	}
	rules, err := intent.Parse("rules", []byte("pci: allow only shop/web -> payments/api tcp/8443 # why\n\ndeny c1:a/b -> app in (x,y),!canary 80/tcp udp/1-9\n"))
	if err != nil {
		t.Fatal(err)
	}
	if r := rules[0]; r.ID != "pci" || r.Verb != intent.AllowOnly || r.Line != 1 || len(r.Ports) != 1 {
		t.Errorf("%+v", r)
	}
	if r := rules[0]; !r.Named || r.Severity != intent.Error || r.Column != 1 || r.From.Column != 17 || r.To.Column != 29 {
		t.Errorf("%+v", r)
	}
	for text, want := range map[string]intent.Severity{"x: warning deny a/b -> c/d": intent.Warning, "note   allow only a/b -> c/d": intent.Note, "error deny a/b -> c/d": intent.Error} {
		rules, err := intent.Parse("rules", []byte("\n  "+text))
		if err != nil || rules[0].Severity != want || rules[0].Column != 3 || rules[0].From.Text != "a/b" || rules[0].To.Text != "c/d" ||
			[]rune("  " + text)[rules[0].To.Column-1] != 'c' || []rune("  " + text)[rules[0].From.Column-1] != 'a' {
			t.Errorf("%s: %+v, %v", text, rules, err)
		}
	}
	if r := rules[1]; r.ID != "line 3" || r.To.Text != "app in (x,y),!canary" || len(r.Ports) != 2 || r.Ports[1].To != 9 {
		t.Errorf("%+v", r)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"deny internet -> zone=restricted", "x: allow only a/b -> c/d tcp/1-2", "deny a=b,c in (d) -> 10.0.0.0/8 transitively", "->", "deny ->->", ":"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		rules, err := intent.Parse("rules", data)
		if err == nil && len(rules) == 0 {
			t.Error("no rules and no error")
		}
	})
}

func ExampleCheck() {
	rules, err := intent.Parse("rules.txt", []byte("deny internet -> zone=restricted\ndeny zone=public -> zone=restricted transitively\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	g, members := shop(&testing.T{})
	results, err := intent.Check(context.Background(), g, members, rules)
	for _, r := range results {
		fmt.Println(r.Outcome+":", r.Rule.Text)
		for _, v := range r.Violations {
			for _, h := range v.Path {
				fmt.Println("  ", h.From.Short(), "->", h.To.Short(), h.Connections[0])
			}
		}
	}
	fmt.Println(err)
	// Output:
	// holds: deny internet -> zone=restricted
	// fails: deny zone=public -> zone=restricted transitively
	//    shop/web -> shop/api 8443/TCP
	//    shop/api -> shop/db 5432/TCP
	// <nil>
}
