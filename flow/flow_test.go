package flow

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// The records in these tests are small and were written by hand after the
// published descriptions of the formats (docs/flows.md names them).

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return t
}

func deployment(ns, name string) ident.Ref {
	return ident.Ref{Namespace: ns, Kind: "Deployment", Name: name}
}

// shop is an estate of three Deployments with a pod each, a database of two
// workloads behind one Service, a host-network agent and a node.
func shop() *estate.Estate {
	e := &estate.Estate{}
	add := func(ns, name, ip string, port uint16, labels map[string]string, started time.Time) *estate.Workload {
		spec := estate.PodSpec{}
		if port != 0 {
			spec.Containers = []estate.Container{{Name: "main", Ports: []estate.ContainerPort{{Name: "main", Port: port, Protocol: "TCP"}}}}
		}
		w := &estate.Workload{Ref: deployment(ns, name), Labels: labels, Template: &estate.PodTemplate{Labels: labels, Spec: spec}}
		p := &estate.Pod{Namespace: ns, Name: name + "-abc", Labels: labels, Workload: w, Phase: "Running", Started: started, IPs: []netip.Addr{addr(ip)}, Spec: spec}
		w.Pods = []*estate.Pod{p}
		e.Workloads, e.Pods = append(e.Workloads, w), append(e.Pods, p)
		return w
	}
	label := func(v string) map[string]string { return map[string]string{"app": v} }
	add("shop", "web", "10.0.0.1", 8080, label("web"), time.Time{})
	add("shop", "api", "10.0.0.2", 8443, label("api"), time.Time{})
	add("shop", "db", "10.0.0.3", 5432, label("db"), at("2026-11-01T00:00:00Z"))
	add("shop", "cache-a", "10.0.0.4", 6379, label("cache"), time.Time{})
	add("shop", "cache-b", "10.0.0.5", 6379, label("cache"), time.Time{})
	add("shop", "six", "fd00::6", 9000, label("six"), time.Time{})
	agent := add("kube-system", "agent", "192.168.1.1", 9100, label("agent"), time.Time{})
	agent.Pods[0].Spec.HostNetwork = true
	e.Nodes = []*estate.Node{{Name: "node-1", IPs: []netip.Addr{addr("192.168.1.1")}}}
	e.Services = []*estate.Service{
		{Namespace: "shop", Name: "api", Selector: label("api"), ClusterIPs: []string{"10.96.0.2"}, Ports: []estate.ServicePort{{Port: 443, Protocol: "TCP", TargetName: "main"}}},
		{Namespace: "shop", Name: "cache", Selector: label("cache"), ClusterIPs: []string{"10.96.0.4"}, Ports: []estate.ServicePort{{Port: 6379, Protocol: "TCP"}}},
		{Namespace: "shop", Name: "headless", Selector: label("db"), ClusterIPs: []string{"None"}, Ports: []estate.ServicePort{{Port: 5433, Protocol: "TCP"}}},
	}
	return e
}

func read(t testing.TB, o Options, format Format, text string) *Observed {
	t.Helper()
	a := NewAggregator(o)
	if err := a.Read(context.Background(), "test", strings.NewReader(text), format); err != nil {
		t.Fatal(err)
	}
	return a.Observed()
}

// lines writes an answer as a test expects it: edges, then what was lost.
func lines(o *Observed) string {
	var b strings.Builder
	for _, e := range o.Edges {
		fmt.Fprintf(&b, "%s -> %s %s", e.Src, e.Dst, e.Conn())
		for _, x := range []struct {
			on   bool
			text string
		}{
			{e.Count > 0, fmt.Sprintf(" n=%d", e.Count)}, {e.Replies > 0, fmt.Sprintf(" replies=%d", e.Replies)},
			{e.Refused > 0, fmt.Sprintf(" refused=%d", e.Refused)}, {e.Bytes > 0, fmt.Sprintf(" bytes=%d", e.Bytes)},
			{e.SrcPlace != PlaceWorkload, " from " + e.SrcPlace.String()}, {e.DstPlace != PlaceWorkload, " to " + e.DstPlace.String()},
			{e.Guessed, " guessed"}, {e.Folded, " folded"},
		} {
			if x.on {
				b.WriteString(x.text)
			}
		}
		b.WriteByte('\n')
	}
	for _, i := range o.Ignored {
		fmt.Fprintf(&b, "ignored %d: %s\n", i.Count, i.Reason)
	}
	for _, u := range o.Unplaced {
		fmt.Fprintf(&b, "unplaced %d: %s: %s\n", u.Count, u.Name, u.Reason)
	}
	for _, s := range o.Sources {
		for _, f := range s.Faults {
			fmt.Fprintf(&b, "fault %d: %s\n", f.Line, f.Reason)
		}
	}
	if o.Lost+o.Missed > 0 {
		fmt.Fprintf(&b, "lost %d missed %d\n", o.Lost, o.Missed)
	}
	return b.String()
}

func expect(t *testing.T, o *Observed, want string) {
	t.Helper()
	want = strings.TrimLeft(strings.ReplaceAll(want, "\t", ""), "\n")
	if got := lines(o); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestFormats(t *testing.T) {
	tests := []struct {
		name   string
		format Format
		text   string
		want   string
	}{
		{"hubble, the initiator's packets and the answers", Hubble,
			`{"flow":{"time":"2026-11-20T10:00:00.1Z","verdict":"FORWARDED","IP":{"source":"10.0.0.1","destination":"10.0.0.2","ipVersion":"IPv4"},"l4":{"TCP":{"source_port":40000,"destination_port":8443,"flags":{"SYN":true}}},"source":{"ID":1,"identity":100,"namespace":"shop","labels":["k8s:app=web"],"pod_name":"web-abc","workloads":[{"name":"web","kind":"Deployment"}]},"destination":{"namespace":"shop","pod_name":"api-abc"},"Type":"L3_L4","node_name":"node-1","is_reply":false,"Summary":"TCP Flags: SYN"},"node_name":"node-1","time":"2026-11-20T10:00:00.1Z"}
{"flow":{"time":"2026-11-20T10:00:00.2Z","verdict":"FORWARDED","IP":{"source":"10.0.0.2","destination":"10.0.0.1"},"l4":{"TCP":{"source_port":8443,"destination_port":40000}},"source":{"namespace":"shop","pod_name":"api-abc"},"destination":{"namespace":"shop","pod_name":"web-abc"},"is_reply":true}}
`, "shop/Deployment/web -> shop/Deployment/api 8443/TCP n=1 replies=1\n"},
		{"hubble without wrapper, dropped, pods that are gone, the world, a node, other events", Hubble,
			`{"time":"2026-11-20T10:00:00Z","verdict":"DROPPED","IP":{"source":"10.0.0.99","destination":"10.0.0.3"},"l4":{"TCP":{"source_port":40000,"destination_port":5432,"flags":{"SYN":true}}},"source":{"namespace":"shop","pod_name":"web-gone","workloads":[{"name":"web","kind":"Deployment"}]},"destination":{"namespace":"shop","pod_name":"db-abc"},"Type":"L3_L4"}
{"time":"2026-11-20T10:00:01Z","verdict":"FORWARDED","IP":{"source":"10.0.0.1","destination":"93.184.216.34"},"l4":{"UDP":{"source_port":40000,"destination_port":443}},"source":{"namespace":"shop","pod_name":"web-abc"},"destination":{"identity":2,"labels":["reserved:world"]},"is_reply":false}
{"time":"2026-11-20T10:00:02Z","verdict":"FORWARDED","IP":{"source":"10.9.9.9","destination":"10.0.0.1"},"l4":{"TCP":{"source_port":40000,"destination_port":8080}},"source":{"identity":6},"destination":{"namespace":"shop","pod_name":"web-abc"},"is_reply":false}
{"time":"2026-11-20T10:00:03Z","verdict":"FORWARDED","IP":{"source":"10.0.0.9","destination":"10.0.0.1"},"l4":{"TCP":{"source_port":40000,"destination_port":8080}},"source":{"namespace":"old","pod_name":"job-x"},"destination":{"namespace":"shop","pod_name":"web-abc"},"is_reply":false}
{"time":"2026-11-20T10:00:03Z","verdict":"FORWARDED","IP":{"source":"10.0.0.2","destination":"10.0.0.1"},"l4":{"ICMPv4":{"type":8}},"is_reply":false}
{"time":"2026-11-20T10:00:03Z","verdict":"TRACED","Type":"SOCK","IP":{"source":"10.0.0.2","destination":"10.0.0.1"},"l4":{"TCP":{"source_port":1,"destination_port":2}}}
{"node_status":{"state_change":"NODE_CONNECTED","node_names":["node-1"]}}
{"lost_events":{"source":"HUBBLE_RING_BUFFER","num_events_lost":"12"}}
`, `
			old/Pod/job-x -> shop/Deployment/web 8080/TCP n=1 from unknown
			shop/Deployment/web -> shop/Deployment/db 5432/TCP n=1 refused=1
			shop/Deployment/web -> 93.184.216.34/32 443/UDP n=1 to outside
			10.9.9.9/32 -> shop/Deployment/web 8080/TCP n=1 from node
			ignored 2: events that are no flows
			ignored 1: protocol ICMP
			ignored 1: socket calls, of which the packets have records of their own
			unplaced 1: old/Pod/job-x: no workload of the input has this name
			lost 0 missed 12
			`},
		{"hubble does not say which side opened it: flags, else ports", Hubble,
			`{"verdict":"FORWARDED","time":"2026-11-20T10:00:00Z","IP":{"source":"10.0.0.2","destination":"10.0.0.1"},"l4":{"TCP":{"source_port":8443,"destination_port":40000,"flags":{"SYN":true,"ACK":true}}}}
{"verdict":"FORWARDED","time":"2026-11-20T10:00:00Z","IP":{"source":"10.0.0.3","destination":"10.0.0.1"},"l4":{"TCP":{"source_port":5432,"destination_port":40000,"flags":{"ACK":true}}}}
`, `
			shop/Deployment/web -> shop/Deployment/api 8443/TCP replies=1
			shop/Deployment/web -> shop/Deployment/db 5432/TCP replies=1 guessed
			`},
		{"istio text, told by the caller's and by the server's sidecar", Envoy,
			`[2026-11-20T21:26:18.409Z] "GET /status/418 HTTP/1.1" 418 - via_upstream - "-" 10 135 4 4 "-" "curl/7.73.0" "84961386" "api:443" "10.0.0.2:8443" outbound|443||api.shop.svc.cluster.local 10.0.0.1:37652 10.96.0.2:443 10.0.0.1:46520 - default
[2026-11-20T21:26:18.409Z] "GET /a"b HTTP/1.1" 418 - via_upstream - "-" 0 135 3 1 "-" "curl "7" "84961386" "api:443" "10.0.0.2:8443" inbound|8443|| 127.0.0.6:41854 10.0.0.2:8443 10.0.0.1:37652 outbound_.443_._.api.shop.svc.cluster.local default
[2026-11-20T21:26:19.409Z] "- - -" 0 UF,URX - - "-" 0 0 3 - "-" "-" "-" "-" "10.0.0.3:5432" outbound|5432||db.shop.svc.cluster.local - 10.0.0.3:5432 10.0.0.1:37653 - -
[2026-11-20T21:26:19.409Z] "- - -" 0 UH - - "-" 0 0 3 - "-" "-" "-" "-" "-" BlackHoleCluster - 203.0.113.9:5432 10.0.0.1:37653 - -
[2026-11-20T21:26:19.409Z] "GET / HTTP/1.1" 503 NC - - "-" 0 0 3 - "-" "-" "-" "-" "-" - - 10.96.0.9:80 10.0.0.1:37653 - -
2026-11-20T21:26:19.409Z info some remark
`, `
			shop/Deployment/web -> shop/Deployment/api 8443/TCP n=2 bytes=145
			shop/Deployment/web -> shop/Deployment/db 5432/TCP n=1 refused=1
			shop/Deployment/web -> 203.0.113.9/32 5432/TCP n=1 refused=1 to unknown
			ignored 1: no connection was made or tried
			unplaced 1: 203.0.113.9: no workload of the input has this address
			fault 6: no access log line: 2026-11-20T21:26:19.409Z info some remark
			`},
		{"istio JSON, a gateway: two connections in one line", Envoy,
			`{"start_time":"2026-11-20T21:26:18.409Z","duration":4,"bytes_sent":"5","upstream_host":"10.0.0.2:8443","upstream_cluster":"outbound|443||api.shop.svc.cluster.local","upstream_local_address":"10.0.0.1:50000","downstream_local_address":"10.0.0.1:8080","downstream_remote_address":"93.184.216.34:5555","response_flags":"-","protocol":"HTTP/2"}
{"start_time":"2026-11-20T21:26:18.409Z","upstream_host":null}
`, `
			shop/Deployment/web -> shop/Deployment/api 8443/TCP n=1 bytes=5
			93.184.216.34/32 -> shop/Deployment/web 8080/TCP n=1 bytes=5 from outside
			fault 2: no downstream_remote_address: a log without Istio's fields does not say who called
			`},
		{"aws default, both directions, refused, others", AWS,
			`version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status
2 123456789010 eni-1 10.0.0.1 10.0.0.2 40000 8443 6 20 4249 1795600000 1795600060 ACCEPT OK
2 123456789010 eni-1 10.0.0.2 10.0.0.1 8443 40000 6 20 100 1795600000 1795600060 ACCEPT OK
2 123456789010 eni-1 10.0.0.1 10.0.0.3 40001 5432 6 1 40 1795600000 1795600060 REJECT OK
2 123456789010 eni-1 10.0.0.1 10.0.0.3 0 0 1 1 40 1795600000 1795600060 ACCEPT OK
2 123456789010 eni-1 - - - - - - - 1795600000 1795600060 - NODATA
2 123456789010 eni-1 - - - - - - - 1795600000 1795600060 - SKIPDATA
2 123456789010 eni-1 10.0.0.1 10.0.0.3 40001 0 6 1 40 1795600000 1795600060 ACCEPT OK
2 123456789010 eni-1 10.0.0.1 10.0.0.3 40001 5432 6 1 40 1795600060 1795600000 ACCEPT OK
2 123456789010 eni-1 10.0.0.1 10.0.0.3 40001
`, `
			shop/Deployment/web -> shop/Deployment/api 8443/TCP n=1 replies=1 bytes=4349 guessed
			shop/Deployment/web -> shop/Deployment/db 5432/TCP n=1 refused=1 bytes=40 guessed
			ignored 2: times in which nothing was recorded
			ignored 1: protocol ICMP
			fault 8: a port is not 1 to 65535: 2 123456789010 eni-1 10.0.0.1 10.0.0.3 40001 0 6 1 40 1795600000 1795600060 ACCE...
			fault 9: the end is before the start
			fault 10: a record of another number of fields: 2 123456789010 eni-1 10.0.0.1 10.0.0.3 40001
			lost 0 missed 1
			`},
		{"aws custom: flags tell the opener, packet addresses the pod", AWS,
			`srcaddr dstaddr srcport dstport protocol start end action tcp-flags pkt-srcaddr pkt-dstaddr flow-direction
192.168.1.1 192.168.1.9 50000 50001 6 1795600000 1795600060 ACCEPT 2 10.0.0.1 10.0.0.2 egress
192.168.1.9 192.168.1.1 50001 50000 6 1795600000 1795600060 ACCEPT 19 10.0.0.2 10.0.0.1 ingress
192.168.1.9 192.168.1.1 50000 50001 6 1795600000 1795600060 ACCEPT 0 10.0.0.2 10.0.0.1 ingress
`, `
			shop/Deployment/web -> shop/Deployment/api 50000/TCP replies=1 guessed
			shop/Deployment/web -> shop/Deployment/api 50001/TCP n=1 replies=1
			`},
		{"gcp: entries of Cloud Logging, ends by address, contradicted names", GCP,
			`[
  {"insertId": "a", "jsonPayload": {"connection": {"src_ip": "10.0.0.1", "src_port": 40000, "dest_ip": "10.0.0.2", "dest_port": 8443, "protocol": 6},
    "bytes_sent": "776", "packets_sent": "6", "reporter": "SRC", "start_time": "2026-11-20T07:41:05.000000001Z", "end_time": "2026-11-20T07:41:06Z"}},
  {"jsonPayload": {"connection": {"src_ip": "10.0.0.77", "src_port": 40000, "dest_ip": "10.0.0.2", "dest_port": 8443, "protocol": 6}, "reporter": "SRC",
    "start_time": "2026-11-20T07:41:05Z", "end_time": "2026-11-20T07:41:06Z",
    "src_gke_details": {"cluster": {"cluster_name": "c"}, "pod": {"pod_name": "web-gone", "pod_namespace": "shop", "pod_workload": {"workload_name": "web", "workload_type": "DEPLOYMENT"}}}}},
  {"jsonPayload": {"connection": {"src_ip": "10.0.0.1", "src_port": 40000, "dest_ip": "10.0.0.2", "dest_port": 8443, "protocol": 6}, "reporter": "SRC",
    "start_time": "2026-11-20T07:41:05Z", "end_time": "2026-11-20T07:41:06Z",
    "src_gke_details": {"pod": {"pod_name": "db-abc", "pod_namespace": "shop"}}}}
]`, `
			shop/Deployment/web -> shop/Deployment/api 8443/TCP n=2 bytes=776 guessed
			10.0.0.1/32 -> shop/Deployment/api 8443/TCP n=1 from unknown guessed
			unplaced 1: 10.0.0.1: the record's name and its address are of different workloads
			`},
		{"conntrack: the Service's address is replaced by who answered", Conntrack,
			`tcp      6 431999 ESTABLISHED src=10.0.0.1 dst=10.96.0.4 sport=40000 dport=6379 packets=5 bytes=400 src=10.0.0.5 dst=10.0.0.1 sport=6379 dport=40000 packets=4 bytes=300 [ASSURED] mark=0 use=1
ipv4     2 udp      17 25 src=10.0.0.1 dst=8.8.8.8 sport=5353 dport=53 [UNREPLIED] src=8.8.8.8 dst=192.168.1.1 sport=53 dport=5353 mark=0 zone=0 use=2
tcp      6 119 SYN_SENT src=10.0.0.1 dst=10.0.0.3 sport=40001 dport=5432 [UNREPLIED] src=10.0.0.3 dst=10.0.0.1 sport=5432 dport=40001 mark=0 use=1
icmp     1 29 src=10.0.0.1 dst=10.0.0.2 type=8 code=0 id=1 src=10.0.0.2 dst=10.0.0.1 type=0 code=0 id=1 mark=0 use=1
tcp      6 9 TIME_WAIT src=127.0.0.1 dst=127.0.0.1 sport=1 dport=2 src=127.0.0.1 dst=127.0.0.1 sport=2 dport=1 [ASSURED] use=1
conntrack v1.4.7 (conntrack-tools): 5 flow entries have been shown.
`, `
			shop/Deployment/web -> shop/Deployment/cache-b 6379/TCP n=1 bytes=700
			shop/Deployment/web -> shop/Deployment/db 5432/TCP n=1 refused=1
			shop/Deployment/web -> 8.8.8.8/32 53/UDP n=1 to outside
			ignored 1: events that are no flows
			ignored 1: protocol ICMP
			ignored 1: within one host, over its loopback address
			`},
		{"conntrack events with times", Conntrack,
			"[1795600000.5     ]\t    [NEW] tcp      6 120 SYN_SENT src=10.0.0.1 dst=10.96.0.2 sport=40000 dport=443 [UNREPLIED] src=10.0.0.2 dst=10.0.0.1 sport=8443 dport=40000\n" +
				"[1795600001.000001]\t[DESTROY] tcp      6 src=10.0.0.1 dst=10.96.0.2 sport=40000 dport=443 src=10.0.0.2 dst=10.0.0.1 sport=8443 dport=40000 [ASSURED]\n",
			"shop/Deployment/web -> shop/Deployment/api 8443/TCP n=2\n"},
		{"csv: names, addresses, Services, faults", CSV,
			`time,src,dst,protocol,port,count,bytes,verdict
2026-11-20T10:00:00Z,shop/web,shop/Deployment/api,TCP,8443,5,100,
2026-11-20T10:00:00Z,10.0.0.1,10.96.0.2,tcp,443,1,,allowed
2026-11-20T10:00:00Z,10.0.0.1,10.96.0.4,tcp,6379,1,,
2026-11-20T10:00:00Z,"shop/web-abc",::ffff:10.0.0.3,,5432,1,,refused
1795600000,fd00::6,internet,6,443,1,,
2026-11-20T10:00:00Z,shop/web,192.168.1.1,tcp,9100,1,,
2026-11-20T10:00:00Z,shop/nobody,shop/web,tcp,8080,1,,
2026-11-20T10:00:00Z,1.1.1.1,8.8.8.8,udp,53,1,,
0000-11-20T10:00:00Z,shop/web,shop/api,tcp,8443,1,,
2026-11-20T10:00:00Z,shop/web,shop/api,tcp,70000,1,,
2026-11-20T10:00:00Z,shop/web,shop/api,icmp,8,1,,
2026-11-20T10:00:00Z,shop/web,shop/api,1,8,1,,
2026-11-20T10:00:00Z,shop/web,sh` + "\x00" + `op,tcp,80,1,,
2026-11-20T10:00:00Z,shop/web,shop/api,tcp,8443
`, `
			shop/nobody -> shop/Deployment/web 8080/TCP n=1 from unknown
			shop/Deployment/six -> internet 443/TCP n=1 to outside folded
			shop/Deployment/web -> shop/Deployment/api 8443/TCP n=6 bytes=100
			shop/Deployment/web -> shop/Deployment/db 5432/TCP n=1 refused=1
			shop/Deployment/web -> 10.96.0.4/32 6379/TCP n=1 to unknown
			shop/Deployment/web -> 192.168.1.1/32 9100/TCP n=1 to node
			ignored 1: neither end is a workload of the input
			ignored 1: protocol ICMP
			unplaced 1: shop/nobody: no workload of the input has this name
			unplaced 1: 10.96.0.4: a Service with no workload behind it that is certain
			fault 10: time is neither of RFC 3339 nor seconds since 1970: 0000-11-20T10:00:00Z
			fault 11: port is not 1 to 65535: 70000
			fault 12: protocol is not TCP, UDP, SCTP or a number of IANA: icmp
			fault 14: an end is neither ns/name, ns/Kind/name nor an address: sh?op
			fault 15: a line of another number of columns than the headings
			`},
		{"ndjson", NDJSON,
			`{"time":"2026-11-20T10:00:00+01:00","src":"shop/web","dst":"shop/api","protocol":"SCTP","port":8443,"count":2}
{"src":"shop/web","dst":"shop/api","port":"8443"}
{"src":"shop/web","dst":"shop/api","port":[1]}
{"src":"shop/web","dst":"sho
`, `
			shop/Deployment/web -> shop/Deployment/api 8443/TCP n=1
			shop/Deployment/web -> shop/Deployment/api 8443/SCTP n=2
			fault 3: a field that is neither text nor a number: port
			fault 4: not JSON: line 1, column 29 (/dst): the input ends inside a string
			`},
	}
	book := NewBook(shop(), BookOptions{})
	for _, x := range tests {
		t.Run(x.name, func(t *testing.T) {
			o := read(t, Options{Book: book}, x.format, x.text)
			expect(t, o, x.want)
			auto := read(t, Options{Book: book}, Auto, x.text)
			if auto.Sources[0].Format != x.format {
				t.Errorf("detected as %s", auto.Sources[0].Format)
			}
			var b bytes.Buffer
			z := gzip.NewWriter(&b)
			_, _ = z.Write([]byte(x.text))
			_ = z.Close()
			expect(t, read(t, Options{Book: book}, x.format, b.String()), x.want)
			if n := o.Records + o.Faulty; n == 0 {
				t.Error("nothing was counted")
			}
		})
	}
}

func TestConnNames(t *testing.T) {
	e := Edge{Protocol: segment.UDP, Port: 53}
	if got := e.Conn().String(); got != "53/UDP" {
		t.Error(got)
	}
}
