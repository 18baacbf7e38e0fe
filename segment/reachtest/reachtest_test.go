package reachtest_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/segment/reachtest"
)

// TestSemantics runs one file for each trap of the specifications.
func TestSemantics(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) < 15 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txtar"), func(t *testing.T) {
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			r, err := reachtest.Run(context.Background(), f, data)
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range r.Failures {
				t.Errorf("%s:%d: %s\nexpected %s\nfound    %s\n  %s", x.File, x.Line, x.Text, x.Expected, x.Found, strings.Join(x.Why, "\n  "))
			}
		})
	}
}

const small = `eval t/a -> t/b tcp/80
expect %s
-- x.yaml --
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: t, labels: {app: a}}
spec: {containers: [{name: c, image: registry.example/c:1}]}
---
apiVersion: v1
kind: Pod
metadata: {name: b, namespace: t, labels: {app: b}}
spec: {containers: [{name: c, image: registry.example/c:1}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: b, namespace: t}
spec: {podSelector: {matchLabels: {app: b}}, ingress: [{ports: [{port: 80}]}]}
`

// TestExpectationsCanFail says that a wrong expectation is told, with the line,
// what was found, and why.
func TestExpectationsCanFail(t *testing.T) {
	for _, e := range []string{"deny", "unknown", "allow by NetworkPolicy t/other", "allow by NetworkPolicy t/b#1", "egress deny", "egress allow by NetworkPolicy t/b", "ingress allow by default"} {
		r, err := reachtest.Run(context.Background(), "t", []byte(fmt.Sprintf(small, e)))
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Failures) != 1 || r.Failures[0].Line != 2 || !strings.Contains(r.Failures[0].Found, "ingress allowed by NetworkPolicy t/b#0") || len(r.Failures[0].Why) == 0 {
			t.Errorf("%s: %+v", e, r.Failures)
		}
	}
	for _, s := range []string{"ports t/a -> t/b = all", "reach t/a = nothing", "exposed t/a internet", "cause foreign", "enforcement calico 3.31 (detected)", "idle guard"} {
		r, err := reachtest.Run(context.Background(), "t", []byte(strings.Replace(small, "eval t/a -> t/b tcp/80\nexpect %s", s, 1)))
		if err != nil || len(r.Failures) != 1 {
			t.Errorf("%s: %+v, %v", s, r, err)
		}
	}
}

func TestMalformed(t *testing.T) {
	for script, want := range map[string]string{
		"":                                     "no statement",
		"expect allow":                         "t:1: expect follows no eval",
		"eval t/a t/b tcp/80":                  "t:1: \"t/a t/b\" has no ->",
		"eval t/a -> t/b":                      "t:1:",
		"\nevaluate t/a":                       "t:2: \"evaluate\" is no statement",
		"eval t/a -> t/b tcp/80\nexpect maybe": "t:2: \"maybe\" is none of",
		"eval t/a -> t/b tcp/80\nexpect deny because": "where only by can stand",
		"eval t/a -> t/b tcp/80\nexpect deny by t/b":  "a kind and a name",
		"eval t/a -> t/gone tcp/80":                   "no workload or pod",
		"ports t/a -> t/b = http":                     "t:1:",
		"reach t/a":                                   "reach has no =",
		"exposed t/a":                                 "exposed needs",
		"cni":                                         "names nothing",
	} {
		data := script + "\n-- x.yaml --\n" + strings.SplitN(small, "-- x.yaml --\n", 2)[1]
		_, err := reachtest.Run(context.Background(), "t", []byte(data))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", script, err, want)
		}
	}
	if _, err := reachtest.Run(context.Background(), "t", []byte("eval t/a -> t/b tcp/80\n")); err == nil || !strings.Contains(err.Error(), "no manifests") {
		t.Error(err)
	}
	_, err := reachtest.Run(context.Background(), "t", []byte("-- x.yaml --\n{}\n--  test  --\n\nevaluate t/a\n"))
	if err == nil || !strings.Contains(err.Error(), "t:5:") {
		t.Errorf("a script after its files: %v, want line 5", err)
	}
}

// TestFaultsAreNamed says that a manifest that cannot be read is told of.
func TestFaultsAreNamed(t *testing.T) {
	r, err := reachtest.Run(context.Background(), "t", []byte(fmt.Sprintf(small, "allow")+"---\nkind: [\n"))
	if err != nil || len(r.Faults) != 1 || !strings.HasPrefix(r.Faults[0], "t/x.yaml:") {
		t.Errorf("%+v, %v", r, err)
	}
}

func FuzzRun(f *testing.F) {
	f.Add([]byte(fmt.Sprintf(small, "allow")))
	f.Add([]byte("-- test --\neval a/b -> c/d tcp/1\n-- x.yaml --\n{}"))
	f.Add([]byte("-- test  --"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := reachtest.Run(context.Background(), "t", data)
		if err == nil && r.Statements == 0 {
			t.Error("nothing was tested, and nothing said so")
		}
	})
}

func ExampleRun() {
	r, err := reachtest.Run(context.Background(), "report.txtar", []byte(fmt.Sprintf(small, "deny")))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range r.Failures {
		fmt.Printf("%s:%d: expected %s, found %s\n", f.File, f.Line, f.Expected, f.Found)
	}
	// Output: report.txtar:2: expected deny, found allowed: egress allowed by default, ingress allowed by NetworkPolicy t/b#0
}
