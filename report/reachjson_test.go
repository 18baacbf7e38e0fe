package report

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/segment"
)

// TestReachListJSON holds the streamed document against the plain encoder's.
func TestReachListJSON(t *testing.T) {
	conns := []segment.Conn{{From: 1, To: 65535}, {Protocol: segment.UDP, From: 53, To: 53}}
	hostile := ident.Ref{Namespace: "a\"b\\<&>\u2028", Name: "x\x00\n", Kind: "Deployment"}
	edges := []segment.Edge{
		{Src: hostile, Dst: ident.Ref{CIDR: "10.0.0.0/8"}, Connections: conns, Verdict: segment.Allowed},
		{Src: hostile, Dst: ident.Ref{Cluster: "c", Namespace: "n", Name: "y"}, Connections: conns[:1], Verdict: segment.Unknown, Partial: true},
		{Src: ident.Ref{CIDR: "::/0"}, Dst: hostile, Connections: conns[1:], Verdict: segment.Allowed},
		{Src: hostile, Dst: hostile, Verdict: segment.Allowed, Connections: []segment.Conn{}},
	}
	for n := range len(edges) + 1 {
		a := &ReachList{SchemaVersion: "1", Edges: edges[:n], Unknowns: []inventory.Unknown{{Reason: `"edges": null`}}}
		var streamed, plain bytes.Buffer
		if err := Write(&streamed, a, Options{Format: "json"}); err != nil {
			t.Fatal(err)
		}
		if err := JSON(&plain, a); err != nil {
			t.Fatal(err)
		}
		var x, y any
		if err := json.Unmarshal(streamed.Bytes(), &x); err != nil {
			t.Fatalf("%v in\n%s", err, streamed.Bytes())
		}
		if err := json.Unmarshal(plain.Bytes(), &y); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(y, x); diff != "" {
			t.Errorf("%d edges: %s", n, diff)
		}
	}
}
