// Payments-api takes payments and books them in the ledger.
package main

import (
	"context"
	"log"
	"net/http"
	"os"

	"github.com/golang-jwt/jwt/v5"
	"github.com/jackc/pgx/v5"
)

func main() {
	key := []byte(os.Getenv("TOKEN_KEY"))
	db, err := pgx.Connect(context.Background(), os.Getenv("DATABASE"))
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("/pay", func(w http.ResponseWriter, r *http.Request) {
		_, err := jwt.Parse(r.Header.Get("Authorization"), func(*jwt.Token) (any, error) { return key, nil }, jwt.WithValidMethods([]string{"HS256"}))
		if err != nil {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		if _, err := db.Exec(r.Context(), "insert into payment default values"); err != nil {
			http.Error(w, "later, please", http.StatusServiceUnavailable)
		}
	})
	log.Fatal(http.ListenAndServeTLS(":8443", "/tls/tls.crt", "/tls/tls.key", nil))
}
