package flow

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/estate"
)

// The estate of the benchmarks: 2,000 workloads of five pods each.
const (
	benchWorkloads = 2000
	benchPods      = 5
)

func benchAddr(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(1 + i>>16), byte(i >> 8), byte(i)})
}

func benchEstate() *estate.Estate {
	e := &estate.Estate{}
	for i := range benchWorkloads {
		ns, name := fmt.Sprintf("team-%d", i%40), fmt.Sprintf("service-%d", i)
		spec := estate.PodSpec{Containers: []estate.Container{{Name: "main", Ports: []estate.ContainerPort{{Port: benchPort(i), Protocol: "TCP"}}}}}
		w := &estate.Workload{Ref: deployment(ns, name), Template: &estate.PodTemplate{Spec: spec}}
		e.Workloads = append(e.Workloads, w)
		for p := range benchPods {
			pod := &estate.Pod{Namespace: ns, Name: fmt.Sprintf("%s-5d8f7c9b6d-%05d", name, p), Workload: w, Phase: "Running", IPs: []netip.Addr{benchAddr(i*benchPods + p)}, Spec: spec}
			w.Pods, e.Pods = append(w.Pods, pod), append(e.Pods, pod)
		}
	}
	return e
}

func benchPort(i int) uint16 { return uint16(8000 + i%50) }

// benchLines makes n lines of a format: each workload opens to about forty
// others, a tenth of the lines has an end outside.
func benchLines(format Format, n int) []byte {
	rng := rand.New(rand.NewPCG(1, uint64(format)))
	var b strings.Builder
	if format == CSV {
		b.WriteString("time,src,dst,protocol,port,count,bytes\n")
	}
	for i := range n {
		from := rng.IntN(benchWorkloads)
		to := (from*7 + rng.IntN(40)*31) % benchWorkloads
		src, dst := benchAddr(from*benchPods+rng.IntN(benchPods)), benchAddr(to*benchPods+rng.IntN(benchPods))
		if rng.IntN(10) == 0 {
			dst = netip.AddrFrom4([4]byte{93, 184, byte(rng.IntN(4)), byte(1 + rng.IntN(200))})
		}
		sport, dport := 32768+rng.IntN(28000), int(benchPort(to))
		reply := rng.IntN(2) == 0 && format != CSV && format != Conntrack
		at := time.Unix(1795600000+int64(i/100), int64(rng.IntN(1e9))).UTC()
		if reply {
			src, dst, sport, dport = dst, src, dport, sport
		}
		switch format {
		case AWS:
			fmt.Fprintf(&b, "2 123456789010 eni-0123456789abcdef0 %s %s %d %d 6 20 4249 %d %d ACCEPT OK\n", src, dst, sport, dport, at.Unix(), at.Unix()+60)
		case CSV:
			fmt.Fprintf(&b, "%s,%s,%s,TCP,%d,1,4249\n", at.Format(time.RFC3339), src, dst, dport)
		case Conntrack:
			fmt.Fprintf(&b, "[%d.%d]\t    [NEW] tcp      6 120 SYN_SENT src=%s dst=%s sport=%d dport=%d [UNREPLIED] src=%s dst=%s sport=%d dport=%d\n",
				at.Unix(), at.Nanosecond()/1000, src, dst, sport, dport, dst, src, dport, sport)
		case Envoy:
			fmt.Fprintf(&b, `[%s] "GET /v1/items/%d HTTP/1.1" 200 - via_upstream - "-" 0 135 4 4 "-" "go-http-client/1.1" "8e8a7b1c-5a3e-9d6c-9f0a-%012d" "api:8080" "%s:%d" outbound|8080||api.shop.svc.cluster.local %s:%d 10.96.0.9:8080 %s:%d - default`+"\n",
				at.Format("2006-01-02T15:04:05.000Z07:00"), i, i, dst, dport, src, sport, src, sport+1)
		case GCP:
			fmt.Fprintf(&b, `{"insertId":"1xq%d","jsonPayload":{"bytes_sent":"776","connection":{"dest_ip":"%s","dest_port":%d,"protocol":6,"src_ip":"%s","src_port":%d},"end_time":"%s","packets_sent":"6","reporter":"SRC","src_instance":{"project_id":"p","region":"europe-west1","vm_name":"gke-a","zone":"europe-west1-b"},"src_vpc":{"project_id":"p","subnetwork_name":"default","vpc_name":"default"},"start_time":"%s"},"logName":"projects/p/logs/compute.googleapis.com%%2Fvpc_flows","resource":{"labels":{"location":"europe-west1-b","project_id":"p","subnetwork_id":"1","subnetwork_name":"default"},"type":"gce_subnetwork"},"timestamp":"%s"}`+"\n",
				i, dst, dport, src, sport, at.Format(time.RFC3339Nano), at.Format(time.RFC3339Nano), at.Format(time.RFC3339Nano))
		case Hubble:
			hubbleLine(&b, i, at, src, dst, sport, dport, reply)
		}
	}
	return []byte(b.String())
}

// hubbleLine writes a flow as the exporter does, with the members of a real one.
func hubbleLine(b *strings.Builder, i int, at time.Time, src, dst netip.Addr, sport, dport int, reply bool) {
	end := func(a netip.Addr) string {
		x := a.As4()
		n := int(x[1]-1)<<16 | int(x[2])<<8 | int(x[3])
		if x[0] != 10 {
			return `{"identity":2,"labels":["reserved:world"]}`
		}
		w := n / benchPods
		return fmt.Sprintf(`{"ID":%d,"identity":%d,"cluster_name":"prod","namespace":"team-%d","labels":["k8s:app.kubernetes.io/name=service-%d","k8s:app.kubernetes.io/part-of=shop","k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name=team-%d","k8s:io.cilium.k8s.policy.cluster=prod","k8s:io.cilium.k8s.policy.serviceaccount=default","k8s:io.kubernetes.pod.namespace=team-%d"],"pod_name":"service-%d-5d8f7c9b6d-%05d","workloads":[{"name":"service-%d","kind":"Deployment"}]}`,
			n, 40000+w, w%40, w, w%40, w%40, w, n%benchPods, w)
	}
	stamp := at.Format(time.RFC3339Nano)
	fmt.Fprintf(b, `{"flow":{"time":"%s","uuid":"0b1c2d3e-5a3e-4d6c-9f0a-%012d","verdict":"FORWARDED","ethernet":{"source":"d6:6d:b8:ae:0f:65","destination":"36:7c:4a:98:0a:d0"},"IP":{"source":"%s","destination":"%s","ipVersion":"IPv4"},"l4":{"TCP":{"source_port":%d,"destination_port":%d,"flags":{"PSH":true,"ACK":true}}},"source":%s,"destination":%s,"Type":"L3_L4","node_name":"prod/node-7","node_labels":["kubernetes.io/arch=amd64","kubernetes.io/os=linux"],"event_type":{"type":4,"sub_type":3},"traffic_direction":"EGRESS","trace_observation_point":"TO_STACK","trace_reason":"ESTABLISHED","is_reply":%t,"Summary":"TCP Flags: ACK, PSH"},"node_name":"prod/node-7","time":"%s"}`+"\n",
		stamp, i, src, dst, sport, dport, end(src), end(dst), reply, stamp)
}
