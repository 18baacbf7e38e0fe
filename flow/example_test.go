package flow_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/flow"
	"github.com/cofferdam-io/cofferdam/ident"
)

func Example() {
	web := &estate.Workload{Ref: ident.Ref{Namespace: "shop", Kind: "Deployment", Name: "web"}}
	api := &estate.Workload{Ref: ident.Ref{Namespace: "shop", Kind: "Deployment", Name: "api"}}
	e := &estate.Estate{Workloads: []*estate.Workload{web, api}, Pods: []*estate.Pod{
		{Namespace: "shop", Name: "web-1", Workload: web, IPs: []netip.Addr{netip.MustParseAddr("10.0.0.1")}},
		{Namespace: "shop", Name: "api-1", Workload: api, IPs: []netip.Addr{netip.MustParseAddr("10.0.0.2")}},
	}}
	log := `2 123456789010 eni-1 10.0.0.1 10.0.0.2 40000 8443 6 20 4249 1795600000 1795600060 ACCEPT OK
2 123456789010 eni-1 10.0.0.2 10.0.0.1 8443 40000 6 18 9000 1795600000 1795600060 ACCEPT OK
2 123456789010 eni-1 10.0.0.1 10.0.0.9 40000 5432 6 20 4249 1795600000 1795600060 ACCEPT OK
`
	a := flow.NewAggregator(flow.Options{Book: flow.NewBook(e, flow.BookOptions{})})
	if err := a.Read(context.Background(), "vpc.log", strings.NewReader(log), flow.Auto); err != nil {
		fmt.Println(err)
		return
	}
	o := a.Observed()
	for _, e := range o.Edges {
		fmt.Println(e.Src, "->", e.Dst, e.Conn(), "records:", e.Count, "answers:", e.Replies, "guessed:", e.Guessed)
	}
	fmt.Println(strings.Join(o.Incomplete(), "\n"))
	// Output:
	// shop/Deployment/web -> shop/Deployment/api 8443/TCP records: 1 answers: 1 guessed: true
	// shop/Deployment/web -> 10.0.0.9/32 5432/TCP records: 1 answers: 0 guessed: true
	// 1 records have an end that is no certain workload's
}
