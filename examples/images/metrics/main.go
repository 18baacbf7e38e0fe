// Metrics collects and shows measurements.
package main

import (
	"log"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

func main() {
	up := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "up"}, []string{"job"})
	prometheus.MustRegister(up)
	http.Handle("/metrics", promhttp.Handler())
	log.Fatal(http.ListenAndServe(":9090", nil))
}
