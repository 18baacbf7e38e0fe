package sqlite

import (
	"strings"
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
	storetest.Commit(t, s, storetest.Doc(1, strings.Repeat("k", 20_000)))
	sizes, err := s.Sizes(t.Context())
	if err != nil || sizes["component"] < 20_000 || sizes["component"] > 40_000 || sizes["component_hash"] < 1 || sizes["named"] < 1 {
		t.Errorf("%v, %v", sizes, err)
	}
}
