// Card-vault swaps card numbers for tokens.
package main

import (
	"crypto/rand"
	"log"
	"net/http"
	"os"

	"github.com/golang-jwt/jwt/v4"
	"golang.org/x/crypto/chacha20poly1305"
)

func main() {
	aead, err := chacha20poly1305.NewX([]byte(os.Getenv("VAULT_KEY")))
	if err != nil {
		log.Fatal(err)
	}
	key := []byte(os.Getenv("TOKEN_KEY"))
	http.HandleFunc("/seal", func(w http.ResponseWriter, r *http.Request) {
		claims := jwt.RegisteredClaims{}
		if _, err := jwt.ParseWithClaims(r.Header.Get("Authorization"), &claims, func(*jwt.Token) (any, error) { return key, nil }); err != nil {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		nonce := make([]byte, aead.NonceSize())
		_, _ = rand.Read(nonce)
		_, _ = w.Write(aead.Seal(nonce, nonce, []byte(r.PostFormValue("card")), nil))
	})
	log.Fatal(http.ListenAndServe(":8200", nil))
}
