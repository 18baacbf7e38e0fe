package ident_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cofferdam-io/cofferdam/ident"
)

const hex64 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

func ExampleParseRef() {
	who, err := ident.ParseRef("prod-1:payments/Deployment/api")
	fmt.Println(who.Cluster, who.Namespace, who.Kind, who.Name, err)
	// Output: prod-1 payments Deployment api <nil>
}

func TestParseDigest(t *testing.T) {
	for _, tc := range []struct{ in, want, fault string }{
		{"sha256:" + hex64, "sha256:" + hex64, ""},
		{"sha256:" + strings.ToUpper(hex64), "sha256:" + hex64, ""},
		{"sha512:" + hex64 + hex64, "sha512:" + hex64 + hex64, ""},
		{hex64, "", "no algorithm"},
		{"sha256:" + hex64[1:], "", "found 63"},
		{"sha256:" + hex64[1:] + "g", "", "character 71"},
		{"md5:d41d8cd98f00b204e9800998ecf8427e", "", "unknown algorithm"},
		{"", "", "no algorithm"},
		{strings.Repeat("x", 10_000), "", "…"},
	} {
		d, err := ident.ParseDigest(tc.in)
		if tc.fault == "" && (err != nil || d.String() != tc.want) {
			t.Errorf("ParseDigest(%q) = %q, %v", tc.in, d, err)
		}
		if tc.fault != "" && (err == nil || !strings.Contains(err.Error(), tc.fault) || len(err.Error()) > 300) {
			t.Errorf("ParseDigest(%.20q): error %v, want one with %q", tc.in, err, tc.fault)
		}
	}
}

func TestParseImageRef(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"nginx", "docker.io/library/nginx"},
		{"nginx:1.27", "docker.io/library/nginx:1.27"},
		{"grafana/grafana:11", "docker.io/grafana/grafana:11"},
		{"index.docker.io/library/redis:7", "docker.io/library/redis:7"},
		{"localhost/app:dev", "localhost/app:dev"},
		{"registry.example:5000/shop/web", "registry.example:5000/shop/web"},
		{"registry.example:5000/shop/web:1.4@sha256:" + hex64, "registry.example:5000/shop/web:1.4@sha256:" + hex64},
		{"docker-pullable://registry.example/shop/web@sha256:" + hex64, "registry.example/shop/web@sha256:" + hex64},
		{"Registry.Example/shop/web", "registry.example/shop/web"},
	} {
		r, err := ident.ParseImageRef(tc.in)
		if err != nil || r.String() != tc.want {
			t.Errorf("ParseImageRef(%q) = %q, %v; want %q", tc.in, r, err, tc.want)
		}
	}
	for _, bad := range []string{"", ":tag", "a//b", "UPPER/case", "web:", "web:-x", "web@sha256:12", "web@" + hex64, "a b", "../../etc/passwd", strings.Repeat("a", 2000)} {
		if r, err := ident.ParseImageRef(bad); err == nil {
			t.Errorf("ParseImageRef(%.30q) = %q, want an error", bad, r)
		}
	}
}

func TestParseRef(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want ident.Ref
	}{
		{"shop/web", ident.Ref{Namespace: "shop", Name: "web"}},
		{"c1:shop/web", ident.Ref{Cluster: "c1", Namespace: "shop", Name: "web"}},
		{"shop/Deployment/web", ident.Ref{Namespace: "shop", Kind: "Deployment", Name: "web"}},
		{"10.0.0.7", ident.Ref{CIDR: "10.0.0.7/32"}},
		{"::ffff:10.0.0.7", ident.Ref{CIDR: "10.0.0.7/32"}},
		{"10.0.0.7/8", ident.Ref{CIDR: "10.0.0.0/8"}},
		{"2001:db8::1", ident.Ref{CIDR: "2001:db8::1/128"}},
		{"internet", ident.Ref{CIDR: "internet"}},
	} {
		got, err := ident.ParseRef(tc.in)
		if err != nil || got != tc.want {
			t.Errorf("ParseRef(%q) = %+v, %v; want %+v", tc.in, got, err, tc.want)
		}
	}
	for _, bad := range []string{"", "web", "/web", "shop/", "a/b/c/d", "c:", "10.0.0.0/33", "fe80::1%eth0"} {
		if r, err := ident.ParseRef(bad); err == nil || ident.KindOf(err) != ident.KindUsage {
			t.Errorf("ParseRef(%q) = %+v, %v; want a usage error", bad, r, err)
		}
	}
}

func TestRefRoundTrip(t *testing.T) {
	name := rapid.StringMatching(`[a-z]([a-z0-9-]{0,10}[a-z0-9])?`)
	rapid.Check(t, func(t *rapid.T) {
		r := ident.Ref{Namespace: name.Draw(t, "ns"), Name: name.Draw(t, "name")}
		if rapid.Bool().Draw(t, "kind") {
			r.Kind = "Deployment"
		}
		if rapid.Bool().Draw(t, "cluster") {
			r.Cluster = name.Draw(t, "cluster")
		}
		got, err := ident.ParseRef(r.String())
		if err != nil || got != r {
			t.Fatalf("%+v wrote %q and read %+v, %v", r, r, got, err)
		}
		if !got.Matches(r) || got.Compare(r) != 0 {
			t.Fatalf("%+v does not match itself", r)
		}
	})
}

func TestRefMatches(t *testing.T) {
	web := ident.Ref{Cluster: "c1", Namespace: "shop", Name: "web", Kind: "Deployment"}
	for in, want := range map[string]bool{
		"shop/web": true, "c1:shop/web": true, "shop/deployment/web": true,
		"c2:shop/web": false, "shop/Job/web": false, "shop/api": false, "10.0.0.0/8": false,
	} {
		r, err := ident.ParseRef(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Matches(web); got != want {
			t.Errorf("%q matches %v: %v, want %v", in, web, got, want)
		}
	}
}

func TestSeverity(t *testing.T) {
	for score, want := range map[float64]ident.Severity{0: ident.SeverityNone, 0.1: ident.SeverityLow, 3.9: ident.SeverityLow,
		4: ident.SeverityMedium, 6.9: ident.SeverityMedium, 7: ident.SeverityHigh, 8.9: ident.SeverityHigh, 9: ident.SeverityCritical,
		10: ident.SeverityCritical, 10.1: ident.SeverityUnknown, -1: ident.SeverityUnknown} {
		if got := ident.SeverityOfScore(score); got != want {
			t.Errorf("score %v is %v, want %v", score, got, want)
		}
	}
	if s, ok := ident.ParseSeverity("MODERATE"); s != ident.SeverityMedium || !ok {
		t.Errorf("MODERATE is %v, %v", s, ok)
	}
	if s, ok := ident.ParseSeverity("dreadful"); s != ident.SeverityUnknown || ok {
		t.Errorf("dreadful is %v, %v", s, ok)
	}
}

func TestErrorKeepsCauseAndKind(t *testing.T) {
	e := ident.Errorf(ident.KindLimit, "reading it: %w", io.ErrUnexpectedEOF).At("a.yaml:3").WithHint("shorten %s", "it")
	wrapped := fmt.Errorf("outer: %w", e)
	if ident.KindOf(wrapped) != ident.KindLimit || !errors.Is(wrapped, io.ErrUnexpectedEOF) {
		t.Errorf("kind %v, chain %v", ident.KindOf(wrapped), wrapped)
	}
	if e.Error() != "a.yaml:3: reading it: unexpected EOF" || e.Hint != "shorten it" {
		t.Errorf("%q, hint %q", e.Error(), e.Hint)
	}
	if ident.KindOf(io.EOF) != ident.KindFailure {
		t.Error("a foreign error is a failure")
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"shop/web", "c:shop/Deployment/web", "10.0.0.0/8", "nginx:1@sha256:" + hex64, "docker://x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if r, err := ident.ParseRef(s); err == nil {
			again, err := ident.ParseRef(r.String())
			if err != nil || again != r {
				t.Fatalf("%q read as %+v, which reads back as %+v, %v", s, r, again, err)
			}
		}
		if r, err := ident.ParseImageRef(s); err == nil {
			again, err := ident.ParseImageRef(r.String())
			if err != nil || again != r {
				t.Fatalf("%q read as %+v, which reads back as %+v, %v", s, r, again, err)
			}
		}
	})
}
