// Cart remembers what somebody was about to buy.
package main

import (
	"log"
	"net/http"
	"os"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
)

func main() {
	cache := redis.NewClient(&redis.Options{Addr: os.Getenv("CACHE")})
	http.HandleFunc("/cart", func(w http.ResponseWriter, r *http.Request) {
		id := uuid.NewString()
		if err := cache.Set(r.Context(), id, "", 24*time.Hour).Err(); err != nil {
			http.Error(w, "later, please", http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte(id))
	})
	log.Fatal(http.ListenAndServe(":8080", nil))
}
