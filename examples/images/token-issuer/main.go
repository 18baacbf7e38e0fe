// Token-issuer hands out short-lived tokens over gRPC.
package main

import (
	"log"
	"net"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
)

func main() {
	l, err := net.Listen("tcp", ":9443")
	if err != nil {
		log.Fatal(err)
	}
	claims := jwt.RegisteredClaims{Issuer: "https://login.lanternfish.example", ExpiresAt: jwt.NewNumericDate(time.Now().Add(10 * time.Minute))}
	log.Print(jwt.NewWithClaims(jwt.SigningMethodHS256, claims).Method.Alg())
	s := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(s, health.NewServer())
	log.Fatal(s.Serve(l))
}
