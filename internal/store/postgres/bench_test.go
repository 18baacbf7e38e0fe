package postgres

import (
	"testing"

	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/internal/store/storetest"
	"github.com/cofferdam-io/cofferdam/internal/testenv/pg"
)

func BenchmarkStore(b *testing.B) {
	server := pg.Start(b)
	storetest.Bench(b, func(b *testing.B, c store.Coding) store.Store {
		s, err := Open(b.Context(), server.Database(b), Options{Coding: c})
		if err != nil {
			b.Fatal(err)
		}
		return s
	})
}
