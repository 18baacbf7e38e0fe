package graph_test

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report/graph"
	"github.com/cofferdam-io/cofferdam/segment"
)

func shop(name string) *inventory.Map {
	web := ident.Ref{Namespace: "shop", Name: name, Kind: "Deployment"}
	db := ident.Ref{Namespace: "data", Name: "db", Kind: "StatefulSet"}
	conn := []segment.Conn{{Protocol: segment.TCP, From: 5432, To: 5432}}
	return &inventory.Map{
		Workloads: []inventory.WorkloadRow{{Workload: web, Zone: "dmz", Exposure: segment.ExposedInternet}, {Workload: db, Zone: "restricted"}},
		Edges: []segment.Edge{
			{Src: web, Dst: db, Connections: conn, Verdict: segment.Allowed},
			{Src: db, Dst: web, Connections: conn, Verdict: segment.Unknown},
			{Src: ident.Ref{CIDR: "0.0.0.0/0"}, Dst: web, Connections: conn, Verdict: segment.Allowed},
		},
	}
}

func Example() {
	_ = graph.Mermaid(os.Stdout, shop("web"))
	// Output:
	// flowchart LR
	//   outside(["outside the cluster"])
	//   subgraph z0["zone dmz"]
	//     subgraph z0_0["shop"]
	//       w0["web (exposed)"]
	//     end
	//   end
	//   subgraph z1["zone restricted"]
	//     subgraph z1_0["data"]
	//       w1["db"]
	//     end
	//   end
	//   w0 ==>|"5432/TCP"| w1
	//   w1 -.->|"unknown: 5432/TCP"| w0
	//   outside -->|"5432/TCP"| w0
}

func TestDOT(t *testing.T) {
	var b bytes.Buffer
	if err := graph.DOT(&b, shop("web")); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`w0 -> w1 [label="5432/TCP", penwidth=2];`, `w1 -> w0 [label="unknown: 5432/TCP", style=dashed, penwidth=2];`, `outside -> w0`, `label="zone dmz"`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %s in\n%s", want, b.String())
		}
	}
}

// TestRestricted: a connection to a workload that a selector leaves out is drawn
// to the one node that stands for all of them, and not lost.
func TestRestricted(t *testing.T) {
	m := shop("web")
	m.Workloads = m.Workloads[:1]
	m.Coverage.Selector = "app=web"
	var dot, mermaid bytes.Buffer
	if err := graph.DOT(&dot, m); err != nil {
		t.Fatal(err)
	}
	if err := graph.Mermaid(&mermaid, m); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`others [shape=ellipse`, `w0 -> others [label="5432/TCP"];`, `others -> w0 [label="unknown: 5432/TCP", style=dashed];`} {
		if !strings.Contains(dot.String(), want) {
			t.Errorf("no %s in\n%s", want, dot.String())
		}
	}
	if !strings.Contains(mermaid.String(), `w0 -->|"5432/TCP"| others`) {
		t.Errorf("%s", mermaid.String())
	}
}

// FuzzLabels: whatever a workload is called, it stays inside its quotes.
func FuzzLabels(f *testing.F) {
	for _, s := range []string{"web", `"]; click w0 "javascript:alert(1)`, "a\nb", `\"`, "<b>", "#quot;", "\u202e"} {
		f.Add(s)
	}
	quoted := regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	f.Fuzz(func(t *testing.T, name string) {
		m := shop(name)
		var dot, mermaid, plain bytes.Buffer
		if err := graph.DOT(&dot, m); err != nil {
			t.Fatal(err)
		}
		if err := graph.Mermaid(&mermaid, m); err != nil {
			t.Fatal(err)
		}
		if err := graph.DOT(&plain, shop("x")); err != nil {
			t.Fatal(err)
		}
		if got, want := quoted.ReplaceAllString(dot.String(), "Q"), quoted.ReplaceAllString(plain.String(), "Q"); got != want {
			t.Errorf("the label left its quotes:\n%s", dot.String())
		}
		if n, w := strings.Count(mermaid.String(), "\n"), 15; n != w && !strings.Contains(name, "zzz") {
			t.Errorf("%d lines, want %d:\n%s", n, w, mermaid.String())
		}
		for _, line := range strings.Split(mermaid.String(), "\n") {
			if strings.Count(line, `"`)%2 != 0 {
				t.Errorf("quotes do not pair: %s", line)
			}
		}
	})
}
