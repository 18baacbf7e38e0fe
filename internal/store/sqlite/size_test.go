package sqlite

import (
	"math/rand/v2"
	"testing"

	"github.com/cofferdam-io/cofferdam/internal/store/storetest"
)

func TestSizes(t *testing.T) {
	s := openIn(t, t.TempDir(), coding)
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	key := make([]byte, 20_000)
	for i, r := 0, rand.New(rand.NewPCG(1, 2)); i < len(key); i++ {
		key[i] = byte(r.Uint32())
	}
	storetest.Commit(t, s, storetest.Doc(1, string(key)))
	sizes, err := s.Sizes(t.Context())
	if err != nil || sizes["dictionary"] < 20_000 || sizes["dictionary"] > 40_000 || sizes["key_hash"] < 1 || sizes["named"] < 1 {
		t.Errorf("%v, %v", sizes, err)
	}
}
