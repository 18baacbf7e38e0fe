package flow

import "testing"

// TestShapes reads records as later and earlier versions of the programs write
// them: members that came, went or changed their type. What is said is ours; who
// has which members is told by the projects' schemas and published records.
func TestShapes(t *testing.T) {
	const (
		web = `{"ID":7,"identity":4001,"cluster_name":"prod","namespace":"shop","labels":["k8s:app=web","k8s:io.kubernetes.pod.namespace=shop"],"pod_name":"web-abc","workloads":[{"name":"web","kind":"Deployment"}]}`
		api = `{"ID":8,"identity":4002,"cluster_name":"prod","namespace":"shop","labels":["k8s:app=api"],"pod_name":"api-abc"}`
	)
	tests := []struct {
		name   string
		format Format
		text   string
		want   string
	}{
		{"hubble of 1.19: emitter, both of reply, addresses before translation, policies, interface", Hubble,
			`{"flow":{"time":"2026-11-20T10:00:00.450463857Z","uuid":"60e8","emitter":{"name":"Hubble","version":"1.19.1+g00"},"verdict":"FORWARDED","ethernet":{"source":"ce:38:1f:4b:21:dd","destination":"fa:ce:3c:de:8b:f8"},"IP":{"source":"10.0.0.2","source_xlated":"10.96.0.2","destination":"10.0.0.1","ipVersion":"IPv4"},"l4":{"TCP":{"source_port":8443,"destination_port":60778,"flags":{"PSH":true,"ACK":true}}},"source":` + api + `,"destination":` + web + `,"Type":"L3_L4","node_name":"prod/node-1","node_labels":["kubernetes.io/os=linux"],"reply":true,"event_type":{"type":4},"traffic_direction":"EGRESS","trace_observation_point":"TO_ENDPOINT","trace_reason":"REPLY","is_reply":true,"interface":{"index":98,"name":"lxc8308"},"Summary":"TCP Flags: ACK, PSH"},"node_name":"prod/node-1","time":"2026-11-20T10:00:00.450463857Z"}
{"flow":{"time":"2026-11-20T10:00:00Z","verdict":"DROPPED","drop_reason":133,"drop_reason_desc":"POLICY_DENIED","IP":{"source":"10.0.0.1","destination":"10.0.0.3","ipVersion":"IPv4","encrypted":true},"l4":{"TCP":{"source_port":60778,"destination_port":5432,"flags":{"SYN":true}}},"source":` + web + `,"destination":{"namespace":"shop","pod_name":"db-abc"},"Type":"L3_L4","node_name":"prod/node-1","event_type":{"type":5},"traffic_direction":"INGRESS","policy_match_type":1,"ingress_denied_by":[{"name":"deny","namespace":"shop","revision":"3","kind":"CiliumNetworkPolicy"}],"is_reply":false,"Summary":"TCP Flags: SYN"}}
{"flow":{"time":"2026-11-20T10:00:01Z","verdict":"FORWARDED","IP":{"source":"10.0.0.1","destination":"10.0.0.2","ipVersion":"IPv4"},"tunnel":{"protocol":"VXLAN","IP":{"source":"192.168.1.1","destination":"192.168.1.2","ipVersion":"IPv4"},"l4":{"UDP":{"source_port":40000,"destination_port":8472}},"vni":7},"l4":{"TCP":{"source_port":60778,"destination_port":8443}},"source":` + web + `,"destination":` + api + `,"is_reply":false}}
`, `
			shop/Deployment/web -> shop/Deployment/api 8443/TCP n=1 replies=1
			shop/Deployment/web -> shop/Deployment/db 5432/TCP n=1 refused=1
			`},
		{"hubble of 1.9 indented, an L7 answer, the API server on a node and outside", Hubble,
			`{
  "time": "2026-11-20T10:00:00Z",
  "verdict": "FORWARDED",
  "IP": {"source": "10.9.9.9", "destination": "10.0.0.1", "ipVersion": "IPv4"},
  "l4": {"TCP": {"source_port": 59974, "destination_port": 8080, "flags": {"SYN": true}}},
  "source": {"identity": 1, "labels": ["reserved:host"]},
  "destination": {"ID": 2495, "identity": 2087, "namespace": "shop", "pod_name": "web-abc"},
  "Type": "L3_L4", "node_name": "minikube", "event_type": {"type": 4}, "Summary": "TCP Flags: SYN"
}
{"time":"2026-11-20T10:00:01Z","verdict":"FORWARDED","IP":{"source":"10.0.0.2","destination":"10.0.0.1"},"l4":{"TCP":{"source_port":8443,"destination_port":40000}},"source":` + api + `,"destination":` + web + `,"Type":"L7","l7":{"type":"RESPONSE","latency_ns":"1200","http":{"code":200,"method":"GET","url":"http://api/","protocol":"HTTP/1.1","headers":[{"key":"X","value":"\"source\":{"}]}},"is_reply":true}
{"time":"2026-11-20T10:00:02Z","verdict":"FORWARDED","IP":{"source":"10.0.0.1","destination":"172.18.0.2"},"l4":{"TCP":{"source_port":40000,"destination_port":6443}},"source":` + web + `,"destination":{"identity":7,"labels":["reserved:kube-apiserver","reserved:remote-node"]},"is_reply":false}
{"time":"2026-11-20T10:00:02Z","verdict":"FORWARDED","IP":{"source":"10.0.0.1","destination":"34.1.2.3"},"l4":{"TCP":{"source_port":40000,"destination_port":443}},"source":` + web + `,"destination":{"identity":7,"labels":["cidr:34.1.2.3/32","reserved:kube-apiserver","reserved:world"]},"is_reply":false}
`, `
			shop/Deployment/web -> shop/Deployment/api 8443/TCP replies=1
			shop/Deployment/web -> 172.18.0.2/32 6443/TCP n=1 to node
			shop/Deployment/web -> 34.1.2.3/32 443/TCP n=1 to outside
			10.9.9.9/32 -> shop/Deployment/web 8080/TCP n=1 from node
			`},
		{"istio JSON: numbers as text and as numbers, null for what is not there", Envoy,
			`{"authority":"api.shop:8443","bytes_received":"0","bytes_sent":"615","connection_termination_details":null,"downstream_local_address":"10.0.0.2:8443","downstream_remote_address":"10.0.0.1:45678","duration":"4","method":"GET","path":"/status/200","protocol":"HTTP/1.1","request_id":"a1","requested_server_name":null,"response_code":"200","response_code_details":"via_upstream","response_flags":"-","route_name":"default","start_time":"2026-11-20T10:30:45.123Z","upstream_cluster":"inbound|8443||","upstream_host":"10.0.0.2:8443","upstream_local_address":"127.0.0.6:44444","upstream_service_time":"3","upstream_transport_failure_reason":null,"user_agent":"curl/7.88.1","x_forwarded_for":null}
{"authority":null,"bytes_received":5,"bytes_sent":6,"duration":4,"downstream_local_address":"[fd00::6]:9000","downstream_remote_address":"10.0.0.1:45678","method":null,"path":null,"protocol":null,"response_code":0,"response_flags":"-","start_time":"2026-11-20T10:30:45.123Z","upstream_cluster":"outbound|9000||six.shop.svc.cluster.local","upstream_host":"[fd00::6]:9000","upstream_local_address":"10.0.0.1:51000","upstream_request_attempt_count":1}
`, `
			shop/Deployment/web -> shop/Deployment/api 8443/TCP n=1 bytes=615
			shop/Deployment/web -> shop/Deployment/six 9000/TCP n=1 bytes=11
			`},
		{"aws of version 8, in an order of its own, with fields that have nothing to say", AWS,
			`version vpc-id subnet-id instance-id interface-id account-id type srcaddr dstaddr srcport dstport pkt-srcaddr pkt-dstaddr protocol bytes packets start end action tcp-flags log-status region az-id sublocation-type sublocation-id pkt-src-aws-service pkt-dst-aws-service flow-direction traffic-path ecs-cluster-arn ecs-cluster-name ecs-service-name reject-reason
8 vpc-1 subnet-1 i-1 eni-1 123456789010 IPv4 10.0.0.1 10.0.0.2 43416 8443 10.0.0.1 10.0.0.2 6 568 8 1795600000 1795600060 ACCEPT 2 OK us-east-1 use1-az4 - - - - egress 1 - - - -
8 vpc-1 subnet-1 - eni-1 123456789010 IPv6 fd00::6 10.0.0.3 43416 5432 fd00::6 10.0.0.3 6 40 1 1795600000 1795600060 REJECT 2 OK us-east-1 use1-az4 - - - - ingress - - - - BPA
8 vpc-1 subnet-1 - eni-1 123456789010 - - - - - - - - - - 1795600000 1795600060 - - NODATA us-east-1 use1-az4 - - - - - - - - - -
`, `
			shop/Deployment/six -> shop/Deployment/db 5432/TCP n=1 refused=1 bytes=40
			shop/Deployment/web -> shop/Deployment/api 8443/TCP n=1 bytes=568
			ignored 1: times in which nothing was recorded
			`},
		{"gcp: 64-bit numbers as text, latencies, a gateway that reports, an entry that is no flow", GCP,
			`{"insertId":"1","jsonPayload":{"bytes_sent":"776","connection":{"dest_ip":"10.0.0.2","dest_port":8443,"protocol":6,"src_ip":"10.0.0.1","src_port":"40000"},"round_trip_time":{"median_msec":"1.2"},"rtt_msec":"1","reporter":"SRC_GATEWAY","network_service":{"dscp":0},"start_time":"2026-11-20T07:41:05.000000001Z","end_time":"2026-11-20T07:41:06Z","dest_gke_details":{"cluster":{"cluster_location":"europe-west1","cluster_name":"c"},"pod":{"pod_name":"api-abc","pod_namespace":"shop","pod_workload":{"workload_name":"api","workload_type":"DEPLOYMENT"}},"service":[{"service_name":"api","service_namespace":"shop"}]}},"logName":"projects/p/logs/compute.googleapis.com%2Fvpc_flows","receiveTimestamp":"2026-11-20T07:41:07Z","resource":{"labels":{"subnetwork_name":"default"},"type":"gce_subnetwork"},"timestamp":"2026-11-20T07:41:07Z"}
{"jsonPayload":{"connection":{"dest_ip":"10.0.0.2","dest_port":-1,"protocol":6,"src_ip":"10.0.0.1","src_port":40000}},"timestamp":"2026-11-20T07:41:07Z"}
{"textPayload":"hello","timestamp":"2026-11-20T07:41:07Z"}
`, `
			shop/Deployment/web -> shop/Deployment/api 8443/TCP n=1 bytes=776 guessed
			fault 2: a port is not 1 to 65535
			fault 3: no connection
			`},
		{"conntrack: security contexts, ids, offload, times of start, protocols without ports, address translation", Conntrack,
			`tcp      6 431970 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=49862 dport=8443 packets=11 bytes=1337 src=10.0.0.2 dst=10.0.0.1 sport=8443 dport=49862 packets=8 bytes=3 [ASSURED] mark=0 secctx=system_u:object_r:unlabeled_t:s0 delta-time=12 [start=Fri Nov 20 10:00:00 2026] use=1 id=4001098880
tcp      6 src=10.0.0.1 dst=10.0.0.3 sport=49863 dport=5432 src=10.0.0.3 dst=10.0.0.1 sport=5432 dport=49863 [OFFLOAD] mark=0 use=2
ipv6     10 tcp      6 300 ESTABLISHED src=fd00::6 dst=2606:4700::1 sport=49863 dport=443 src=2606:4700::1 dst=2001:db8::9 sport=443 dport=50001 [ASSURED] mark=0 zone=0 use=2
unknown  2 599 src=10.0.0.1 dst=224.0.0.22 [UNREPLIED] src=224.0.0.22 dst=10.0.0.1 mark=0 use=1
gre      47 179 src=10.0.0.1 dst=10.0.0.2 srckey=0x0 dstkey=0x1 src=10.0.0.2 dst=10.0.0.1 srckey=0x1 dstkey=0x0 [ASSURED] mark=0 use=1
`, `
			shop/Deployment/six -> 2606:4700::1/128 443/TCP n=1 to outside
			shop/Deployment/web -> shop/Deployment/api 8443/TCP n=1 bytes=1340
			shop/Deployment/web -> shop/Deployment/db 5432/TCP n=1
			ignored 1: protocol GRE
			ignored 1: protocol IGMP
			`},
	}
	book := NewBook(shop(), BookOptions{})
	for _, x := range tests {
		t.Run(x.name, func(t *testing.T) {
			o := read(t, Options{Book: book}, x.format, x.text)
			expect(t, o, x.want)
			if auto := read(t, Options{Book: book}, Auto, x.text); auto.Sources[0].Format != x.format {
				t.Errorf("detected as %s", auto.Sources[0].Format)
			}
		})
	}
}
