package sqlite

import (
	"testing"

	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/internal/store/storetest"
)

func BenchmarkStore(b *testing.B) {
	storetest.Bench(b, func(b *testing.B, c store.Coding) store.Store {
		s, err := Open(b.Context(), b.TempDir(), Options{Coding: c})
		if err != nil {
			b.Fatal(err)
		}
		return s
	})
}
