package flow

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/ident"
)

func TestAddressesByTime(t *testing.T) {
	history := []Tenure{
		{Address: addr("10.0.0.3"), From: at("2026-10-01T00:00:00Z"), Until: at("2026-10-10T00:00:00Z"), Owner: deployment("shop", "web")},
		{Address: addr("10.0.0.3"), From: at("2026-10-09T00:00:00Z"), Until: at("2026-10-20T00:00:00Z"), Owner: ident.Ref{Namespace: "shop", Name: "api"}},
		{Address: addr("10.0.9.9"), From: at("2026-10-01T00:00:00Z"), Owner: deployment("gone", "job")},
		{Address: addr("10.0.9.9"), Until: at("2026-10-01T00:00:00Z"), Owner: deployment("shop", "web")},
		{Address: addr("10.0.0.4"), From: at("2026-10-01T00:00:00Z"), Until: at("2026-10-02T00:00:00Z"), Owner: deployment("shop", "web")},
	}
	book := NewBook(shop(), BookOptions{History: history})
	if got := book.Unmatched(); len(got) != 1 || got[0] != deployment("gone", "job") {
		t.Errorf("unmatched %v", got)
	}
	tests := []struct{ name, from, until, ip, want string }{
		{"its owner then", "2026-10-05T00:00:00Z", "", "10.0.0.3", "shop/Deployment/web"},
		{"two had it", "2026-10-09T12:00:00Z", "", "10.0.0.3", "10.0.0.3/32"},
		{"the next owner", "2026-10-15T00:00:00Z", "", "10.0.0.3", "shop/Deployment/api"},
		{"the record spans two owners", "2026-10-05T00:00:00Z", "2026-10-15T00:00:00Z", "10.0.0.3", "10.0.0.3/32"},
		{"the record spans a time of nobody", "2026-10-15T00:00:00Z", "2026-10-25T00:00:00Z", "10.0.0.3", "10.0.0.3/32"},
		{"before its pod started", "2026-10-25T00:00:00Z", "", "10.0.0.3", "10.0.0.3/32"},
		{"a second before its pod started", "2026-10-31T23:59:59Z", "", "10.0.0.3", "shop/Deployment/db"},
		{"since its pod started", "2026-11-02T00:00:00Z", "", "10.0.0.3", "shop/Deployment/db"},
		{"an owner who is not in the input", "2026-11-02T00:00:00Z", "", "10.0.9.9", "gone/Deployment/job"},
		{"before that owner", "2026-09-02T00:00:00Z", "", "10.0.9.9", "shop/Deployment/web"},
		{"no time, several owners", "", "", "10.0.0.3", "10.0.0.3/32"},
		{"no time, one owner", "", "", "10.0.0.1", "shop/Deployment/web"},
		{"a pod without a start, and an owner before", "2026-10-01T12:00:00Z", "", "10.0.0.4", "10.0.0.4/32"},
		{"mapped into IPv6", "2026-11-02T00:00:00Z", "", "::ffff:10.0.0.1", "shop/Deployment/web"},
		{"a node", "2026-11-02T00:00:00Z", "", "192.168.1.1", "192.168.1.1/32"},
	}
	for _, x := range tests {
		t.Run(x.name, func(t *testing.T) {
			o := read(t, Options{Book: book}, CSV, "time,until,src,dst,port\n"+x.from+","+x.until+",shop/six,"+x.ip+",80\n")
			if len(o.Edges) != 1 || o.Edges[0].Dst.String() != x.want {
				t.Errorf("%s", lines(o))
			}
		})
	}
	// db's pod and the history say since when; the agent's address is its node's.
	if book.startsUnknown != 5 {
		t.Errorf("starts unknown: %d", book.startsUnknown)
	}
}

func TestAddressesOfFinishedPodsAndTwoClusters(t *testing.T) {
	e := shop()
	e.Pods[0].Phase = "Succeeded"
	o := read(t, Options{Book: NewBook(e, BookOptions{})}, CSV, "src,dst,port\n10.0.0.1,shop/api,80\n")
	if o.Edges[0].SrcPlace != PlaceUnknown {
		t.Errorf("a finished pod has no address: %s", lines(o))
	}
	other := &estate.Workload{Ref: ident.Ref{Cluster: "b", Namespace: "shop", Kind: "Deployment", Name: "web"}}
	e = shop()
	e.Workloads = append(e.Workloads, other)
	e.Pods = append(e.Pods, &estate.Pod{Cluster: "b", Namespace: "shop", Name: "web-b", Workload: other, IPs: []netip.Addr{addr("10.0.0.1")}})
	for cluster, want := range map[string]string{
		"":  "10.0.0.1/32 -> shop/Deployment/api 80/TCP",
		"b": "b:shop/Deployment/web -> 10.0.0.2/32 80/TCP",
	} {
		o := read(t, Options{Book: NewBook(e, BookOptions{Cluster: cluster})}, CSV, "src,dst,port\n10.0.0.1,10.0.0.2,80\n")
		if !strings.HasPrefix(lines(o), want) {
			t.Errorf("cluster %q: %s", cluster, lines(o))
		}
	}
	o = read(t, Options{Book: NewBook(e, BookOptions{})}, CSV, "src,dst,port\nshop/web,shop/api,80\nb:shop/web,shop/api,80\n")
	expect(t, o, `
		shop/web -> shop/Deployment/api 80/TCP n=1 from unknown
		b:shop/Deployment/web -> shop/Deployment/api 80/TCP n=1
		unplaced 1: shop/web: two workloads of the input have this name
		`)
}

func TestHubbleOfSeveralClusters(t *testing.T) {
	flow := func(from, to string) string {
		return `{"verdict":"FORWARDED","l4":{"TCP":{"source_port":40000,"destination_port":8443}},"source":{"cluster_name":"` + from +
			`","namespace":"shop","pod_name":"web-abc"},"destination":{"cluster_name":"` + to + `","namespace":"shop","pod_name":"api-abc"},"is_reply":false,"node_name":"a/node-1"}` + "\n"
	}
	expect(t, read(t, Options{Book: NewBook(shop(), BookOptions{})}, Hubble, flow("a", "a")+flow("b", "a")), `
		shop/Deployment/web -> shop/Deployment/api 8443/TCP n=1
		b:shop/Pod/web-abc -> shop/Deployment/api 8443/TCP n=1 from unknown
		unplaced 1: b:shop/Pod/web-abc: no workload of the input has this name
		`)
	both := &estate.Estate{}
	for _, c := range []string{"a", "b"} {
		e := shop()
		for _, w := range e.Workloads {
			w.Ref.Cluster = c
		}
		for _, p := range e.Pods {
			p.Cluster = c
		}
		both.Workloads, both.Pods = append(both.Workloads, e.Workloads...), append(both.Pods, e.Pods...)
	}
	expect(t, read(t, Options{Book: NewBook(both, BookOptions{})}, Hubble, flow("a", "a")+flow("b", "a")), `
		a:shop/Deployment/web -> a:shop/Deployment/api 8443/TCP n=1
		b:shop/Deployment/web -> a:shop/Deployment/api 8443/TCP n=1
		`)
}

func TestGatewayLineWithABadTimeIsOneFault(t *testing.T) {
	o := read(t, Options{Book: NewBook(shop(), BookOptions{})}, Envoy, `{"start_time":"1999-11-20T21:26:18.409Z","upstream_host":"10.0.0.2:8443","upstream_cluster":"outbound|443||api","upstream_local_address":"10.0.0.1:50000","downstream_local_address":"10.0.0.1:8080","downstream_remote_address":"93.184.216.34:5555"}`)
	if o.Records != 0 || o.Faulty != 1 || len(o.Edges) != 0 {
		t.Errorf("%d records, %d faults: %s", o.Records, o.Faulty, lines(o))
	}
}

// TestAtAgreesWithEverySecond compares the resolution of an address with asking
// for every second of the record who had it.
func TestAtAgreesWithEverySecond(t *testing.T) {
	const sec = int64(time.Second)
	rapid.Check(t, func(t *rapid.T) {
		var e bookEntry
		for range rapid.IntRange(0, 4).Draw(t, "tenures") {
			from := rapid.Int64Range(0, 60).Draw(t, "from")
			until := from + rapid.Int64Range(0, 40).Draw(t, "long")
			e.tenures = append(e.tenures, tenure{from * sec, until * sec, int32(rapid.IntRange(0, 2).Draw(t, "end"))})
		}
		first := rapid.Int64Range(0, 60).Draw(t, "first")
		last := first + rapid.Int64Range(0, 30).Draw(t, "last")
		// Every owner at any second of the record, two seconds more on either side.
		owners := map[int32]bool{}
		for _, x := range e.tenures {
			for s := first - 2; s <= last+2; s++ {
				if x.from/sec <= s && s <= x.until/sec {
					owners[x.end] = true
				}
			}
		}
		whole := slices.ContainsFunc(e.tenures, func(x tenure) bool { return x.from/sec-2 <= first && last <= x.until/sec+2 })
		got, _ := e.at(first*sec, last*sec)
		switch {
		case len(owners) == 1 && whole:
			if !owners[got] {
				t.Fatalf("owner %d of %v, want %v", got, e.tenures, owners)
			}
		case got >= 0:
			t.Fatalf("owner %d though %v had it, whole %t: %v", got, owners, whole, e.tenures)
		}
	})
}

func TestReadAddresses(t *testing.T) {
	ts, faults, err := ReadAddresses("a.csv", strings.NewReader("\uFEFFaddress,from,until,owner\n\n# a remark\n"+
		"10.0.0.1,2026-11-01T00:00:00Z,,shop/Deployment/web\n"+
		"\"::ffff:10.0.0.2\",,2026-11-01T00:00:00+01:00,shop/api\n"+
		"10.0.0.3,,,nobody\n10.0.0.3,2026-11-02T00:00:00Z,2026-11-01T00:00:00Z,shop/api\n10.0.0,,,shop/api\n10.0.0.3,0000-01-01T00:00:00Z,,shop/api\n10.0.0.3,,shop/api"))
	if err != nil || len(ts) != 2 || len(faults) != 5 {
		t.Fatalf("%v %v %v", ts, faults, err)
	}
	if ts[0].Address != addr("10.0.0.1") || !ts[0].Until.IsZero() || !ts[0].From.Equal(at("2026-11-01T00:00:00Z")) || ts[1].Address != addr("10.0.0.2") || !ts[1].Until.Equal(at("2026-10-31T23:00:00Z")) {
		t.Errorf("%v", ts)
	}
	for _, f := range faults {
		if f.Line < 6 || f.Reason == "" {
			t.Errorf("%+v", f)
		}
	}
	for _, bad := range []string{"address,from\n", "a line\n", "address,owner\n" + strings.Repeat("x", 5000)} {
		if _, _, err := ReadAddresses("a.csv", strings.NewReader(bad)); err == nil {
			t.Errorf("%.20q: no error", bad)
		}
	}
}
