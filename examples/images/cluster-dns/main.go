// Cluster-dns answers names of the cluster and asks the upstream servers for the rest.
package main

import (
	"log"
	"os"

	"github.com/miekg/dns"
)

func main() {
	upstream := os.Getenv("UPSTREAM")
	client := new(dns.Client)
	dns.HandleFunc(".", func(w dns.ResponseWriter, q *dns.Msg) {
		if a, _, err := client.Exchange(q, upstream); err == nil {
			_ = w.WriteMsg(a)
		}
	})
	log.Fatal((&dns.Server{Addr: ":53", Net: "udp"}).ListenAndServe())
}
