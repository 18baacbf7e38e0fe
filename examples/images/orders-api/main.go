// Orders-api takes and lists orders.
package main

import (
	"context"
	"log"
	"net/http"
	"os"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/h2c"
)

func main() {
	bus, err := nats.Connect(os.Getenv("BROKER"))
	if err != nil {
		log.Fatal(err)
	}
	db, err := pgx.Connect(context.Background(), os.Getenv("DATABASE"))
	if err != nil {
		log.Fatal(err)
	}
	take := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := db.Exec(r.Context(), "insert into orders default values"); err != nil {
			http.Error(w, "later, please", http.StatusServiceUnavailable)
			return
		}
		_ = bus.Publish("orders.taken", nil)
	})
	log.Fatal(http.ListenAndServe(":8080", h2c.NewHandler(take, &http2.Server{})))
}
