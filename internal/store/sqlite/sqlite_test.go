package sqlite

import (
	"testing"

	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/internal/store/storetest"
)

func openIn(t *testing.T, dir string, c store.Coding) *Store {
	t.Helper()
	s, err := Open(t.Context(), dir, Options{Coding: c})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T, c store.Coding) store.Store { return openIn(t, t.TempDir(), c) })
}

func TestTwin(t *testing.T) {
	storetest.Twin(t, func(t *testing.T, c store.Coding) store.Store { return openIn(t, t.TempDir(), c) })
}
