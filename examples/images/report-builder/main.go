// Report-builder collects closed orders and sums them up for the quarter.
package main

import (
	"database/sql"
	"log"
	"net/http"
	"os"

	_ "github.com/lib/pq"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/h2c"
	"gopkg.in/yaml.v3"
)

func main() {
	db, err := sql.Open("postgres", os.Getenv("LEDGER"))
	if err != nil {
		log.Fatal(err)
	}
	report := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var sum int64
		if err := db.QueryRowContext(r.Context(), "select sum(cents) from entry").Scan(&sum); err != nil {
			http.Error(w, "the ledger does not answer", http.StatusBadGateway)
			return
		}
		_ = yaml.NewEncoder(w).Encode(map[string]int64{"cents": sum})
	})
	log.Fatal(http.ListenAndServe(":9000", h2c.NewHandler(report, &http2.Server{})))
}
