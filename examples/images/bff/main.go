// Bff is the backend for the mobile apps: HTTP/2 in, gRPC and JSON out.
package main

import (
	"crypto/tls"
	"log"
	"net/http"
	"os"

	"github.com/golang-jwt/jwt/v4"
	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

func main() {
	orders, err := grpc.Dial(os.Getenv("ORDERS"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	defer orders.Close()
	key := []byte(os.Getenv("TOKEN_KEY"))
	mux := http.NewServeMux()
	mux.HandleFunc("/orders", func(w http.ResponseWriter, r *http.Request) {
		_, err := jwt.Parse(r.Header.Get("Authorization"), func(*jwt.Token) (any, error) { return key, nil })
		if err != nil {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte(orders.GetState().String()))
	})
	srv := &http.Server{Addr: ":8443", Handler: mux, TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12}}
	if err := http2.ConfigureServer(srv, &http2.Server{MaxConcurrentStreams: 250}); err != nil {
		log.Fatal(err)
	}
	log.Fatal(srv.ListenAndServeTLS("/tls/tls.crt", "/tls/tls.key"))
}
