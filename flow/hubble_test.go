package flow

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestRememberedEndpointsChangeNothing reads lines whose endpoints repeat, look
// alike, nest or are broken: all in one input, and each by an Aggregator of its own.
func TestRememberedEndpointsChangeNothing(t *testing.T) {
	book := NewBook(shop(), BookOptions{})
	var pool []string
	for _, pod := range []string{"web-abc", "api-abc", "db-abc", "gone"} {
		long := strings.Repeat(`"k8s:a=b",`, 12) + `"k8s:app={}"`
		pool = append(pool, fmt.Sprintf(`{"ID":7,"identity":9,"labels":[%s],"namespace":"shop","pod_name":%q}`, long, pod),
			fmt.Sprintf(`{"ID":7,"identity":9,"labels":[%s],"namespace":"shop","pod_name":%q,"workloads":[{"name":"web","kind":"Deployment"}]}`, long, pod))
	}
	pool = append(pool, `{}`, `null`, `{"identity":1}`, `{"namespace":"shop","namespace":"shop"}`, `{"namespace":"shop","pod_name":7}`, `{"a":[}`, `{"namespace":"shop"`, `[]`)
	alone := map[string]*Observed{} // by line
	rapid.Check(t, func(t *rapid.T) {
		var all strings.Builder
		sums := map[string]uint64{}
		faulty, records := uint64(0), uint64(0)
		for range rapid.IntRange(1, 20).Draw(t, "lines") {
			line := fmt.Sprintf(`{"flow":{"verdict":"FORWARDED","IP":{"source":"10.0.0.4","destination":"10.0.0.5"},"l4":{"TCP":{"source_port":40000,"destination_port":8443}},"source":%s,"destination":%s,"is_reply":false}}`+"\n",
				rapid.SampledFrom(pool).Draw(t, "source"), rapid.SampledFrom(pool).Draw(t, "destination"))
			all.WriteString(line)
			o := alone[line]
			if o == nil {
				a := NewAggregator(Options{Book: book})
				if err := a.Read(context.Background(), "one", strings.NewReader(line), Hubble); err != nil {
					t.Fatal(err)
				}
				o = a.Observed()
				alone[line] = o
			}
			faulty, records = faulty+o.Faulty, records+o.Records
			for _, e := range o.Edges {
				sums[e.Src.String()+" "+e.Dst.String()] += e.Count
			}
		}
		a := NewAggregator(Options{Book: book})
		for range 2 { // the second time all endpoints are known
			if err := a.Read(context.Background(), "all", strings.NewReader(all.String()), Hubble); err != nil {
				t.Fatal(err)
			}
		}
		o := a.Observed()
		if o.Faulty != 2*faulty || o.Records != 2*records || len(o.Edges) != len(sums) {
			t.Fatalf("%d faults of %d, %d records of %d, %d edges of %d\n%s", o.Faulty, 2*faulty, o.Records, 2*records, len(o.Edges), len(sums), all.String())
		}
		for _, e := range o.Edges {
			if sums[e.Src.String()+" "+e.Dst.String()]*2 != e.Count {
				t.Fatalf("%v, want %v\n%s", e, sums, all.String())
			}
		}
	})
}
