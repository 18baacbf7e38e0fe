// Edge-proxy forwards HTTP/1.1 and HTTP/2 requests to the Service that a route names.
package main

import (
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/h2c"
)

func main() {
	upstream, err := url.Parse(os.Getenv("UPSTREAM"))
	if err != nil {
		log.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(upstream)
	log.Fatal(http.ListenAndServe(":8080", h2c.NewHandler(proxy, &http2.Server{})))
}
