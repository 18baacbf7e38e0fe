package flow

import (
	"net/netip"
	"testing"

	"github.com/cofferdam-io/cofferdam/estate"
)

// TestServicesBySlices: the address of a Service without a selector is the workload
// whose pods have the addresses of its slices, if it is one.
func TestServicesBySlices(t *testing.T) {
	slice := func(ports []estate.SlicePort, addrs ...string) *estate.EndpointSlice {
		s := &estate.EndpointSlice{Namespace: "shop", Name: "x", Service: "out", Ports: ports}
		for _, a := range addrs {
			s.Endpoints = append(s.Endpoints, estate.SliceEndpoint{Addresses: []netip.Addr{addr(a)}})
		}
		return s
	}
	sql := []estate.SlicePort{{Name: "sql", Protocol: "TCP", Port: 5432}}
	gone := slice(sql, "10.0.0.1")
	gone.Endpoints[0].Gone = true
	for _, tc := range []struct {
		name   string
		slices []*estate.EndpointSlice
		want   string
		port   uint16
	}{
		{"one workload", []*estate.EndpointSlice{slice(sql, "10.0.0.1")}, "shop/Deployment/web", 5432},
		{"two workloads", []*estate.EndpointSlice{slice(sql, "10.0.0.1", "10.0.0.3")}, "10.96.0.77/32", 80},
		{"something that is no pod, too", []*estate.EndpointSlice{slice(sql, "10.0.0.1", "192.0.2.9")}, "10.96.0.77/32", 80},
		{"two ports", []*estate.EndpointSlice{slice(sql, "10.0.0.1"), slice([]estate.SlicePort{{Name: "sql", Protocol: "TCP", Port: 5433}}, "10.0.0.1")}, "10.96.0.77/32", 80},
		{"a port of another name", []*estate.EndpointSlice{slice([]estate.SlicePort{{Name: "x", Protocol: "TCP", Port: 5432}}, "10.0.0.1")}, "10.96.0.77/32", 80},
		{"what serves no more", []*estate.EndpointSlice{gone}, "10.96.0.77/32", 80},
		{"a node's address", []*estate.EndpointSlice{slice(sql, "192.168.1.1")}, "10.96.0.77/32", 80},
		{"none", nil, "10.96.0.77/32", 80},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := shop()
			e.Services = append(e.Services, &estate.Service{Namespace: "shop", Name: "out", ClusterIPs: []string{"10.96.0.77"}, Ports: []estate.ServicePort{{Name: "sql", Port: 80, Protocol: "TCP"}}})
			e.Slices = tc.slices
			o := read(t, Options{Book: NewBook(e, BookOptions{})}, CSV, "time,src,dst,port\n2026-11-02T00:00:00Z,shop/six,10.96.0.77,80\n")
			if len(o.Edges) != 1 || o.Edges[0].Dst.String() != tc.want || o.Edges[0].Port != tc.port {
				t.Errorf("%s", lines(o))
			}
		})
	}
}
