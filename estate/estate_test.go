package estate_test

import (
	"fmt"
	"testing"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/ident"
)

func member(ns, name string, labels map[string]string) *estate.Member {
	return &estate.Member{Ref: ident.Ref{Namespace: ns, Name: name, Kind: "Deployment"}, Labels: labels,
		NamespaceLabels: map[string]string{"kubernetes.io/metadata.name": ns, "zone": "inner"}, NamespaceDeclared: true}
}

func TestSelectors(t *testing.T) {
	m := member("shop", "web", map[string]string{"app": "web", "tier": "front"})
	m.Zone = "dmz"
	for text, want := range map[string]bool{
		"zone=dmz": true, "zone=other": false, "namespace=shop": true, "namespace=sho": false, "workload=shop/web": true, "workload=shop/Job/web": false,
		"app=web": true, "app==web": true, "app!=web": false, "app": true, "!app": false, "!canary": true, "canary": false, "missing!=x": true,
		"tier in (front,back)": true, "tier in (back)": false, "tier notin (back)": true, "missing notin (back)": true,
		"app=web,tier in (front, back),!canary": true, "app=web,tier=back": false,
	} {
		s, err := estate.ParseSelector(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got := s.Matches(m); got != want {
			t.Errorf("%q matches: %v, want %v", text, got, want)
		}
	}
	for _, bad := range []string{"", " ", "zone=", "namespace=", "workload=web", "workload=10.0.0.0/8", "a in b", "a in (b", "a of (b)", "a b", "-a=b", "a=b c", "a=,=b", "x/y/z=1"} {
		if s, err := estate.ParseSelector(bad); err == nil || ident.KindOf(err) != ident.KindUsage {
			t.Errorf("%q is read as %+v, %v", bad, s, err)
		}
	}
	if (estate.Selector{}).Matches(m) {
		t.Error("the zero selector selects something")
	}
}

func TestZones(t *testing.T) {
	d, err := estate.Declare(&estate.Config{
		Zones: []estate.Zone{
			{Name: "edge", Namespaces: []string{"shop"}, Selector: &estate.LabelSelector{MatchLabels: map[string]string{"app": "gateway"}}},
			{Name: "pods", Selector: &estate.LabelSelector{MatchExpressions: []estate.Requirement{{Key: "vault", Operator: "Exists"}}}, Criticality: "high"},
			{Name: "named", Namespaces: []string{"shop"}},
			{Name: "labelled", NamespaceSelector: &estate.LabelSelector{MatchLabels: map[string]string{"zone": "inner"}}},
		},
		Protected: []string{"zone=pods"}, Vital: []string{"namespace=shop"},
		Criticality: []estate.Criticality{{Select: "workload=shop/web", Level: "critical"}},
		Owners:      []estate.Owner{{Select: "namespace=shop", Owner: "team", Contact: "#team"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		ns, app string
		labels  map[string]string
		zone    string
	}{
		{"shop", "gw", map[string]string{"app": "gateway"}, "edge"}, {"shop", "web", nil, "named"}, {"shop", "v", map[string]string{"vault": ""}, "pods"},
		{"data", "db", nil, "labelled"},
	} {
		if zone, known := d.Zone(member(tc.ns, tc.app, tc.labels)); zone != tc.zone || !known {
			t.Errorf("%s/%s is in %s, known %v; want %s", tc.ns, tc.app, zone, known, tc.zone)
		}
	}
	lost := member("data", "db", nil)
	lost.NamespaceDeclared, lost.NamespaceLabels = false, nil
	if zone, known := d.Zone(lost); zone != estate.Unzoned || known {
		t.Errorf("labels that were not read decide: %s, known %v", zone, known)
	}
	web, v := member("shop", "web", nil), member("data", "v", nil)
	web.Zone, v.Zone = "named", "pods"
	if !d.Vital(web) || d.Vital(v) || !d.Protected(v) || d.Protected(web) || d.Criticality(web) != "critical" || d.Criticality(v) != "high" {
		t.Error("vital, protected or criticality is wrong")
	}
	if o, c := d.Owner(web); o != "team" || c != "#team" {
		t.Errorf("owner %q, %q", o, c)
	}
	v.Annotations = map[string]string{"team": "vault-team"}
	if o, _ := d.Owner(v); o != "vault-team" {
		t.Errorf("a workload's own mark is its owner where the file names none, got %q", o)
	}
	if _, err := estate.Declare(&estate.Config{Protected: []string{"zone="}}); ident.KindOf(err) != ident.KindInvalid {
		t.Errorf("a broken selector of the file: %v", err)
	}
}

func ExampleParseSelector() {
	s, err := estate.ParseSelector("tier in (front,back),!canary")
	fmt.Println(s.Matches(&estate.Member{Labels: map[string]string{"tier": "front"}}), err)
	// Output: true <nil>
}

func FuzzParseSelector(f *testing.F) {
	for _, s := range []string{"zone=a", "a in (b,c),!d", "workload=a/b", "a!=b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := estate.ParseSelector(text)
		if err != nil {
			if ident.KindOf(err) != ident.KindUsage {
				t.Errorf("%q: %v is no usage error", text, err)
			}
			return
		}
		s.Matches(member("a", "b", map[string]string{"a": "b"}))
	})
}
