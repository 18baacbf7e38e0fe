package postgres

import (
	"testing"

	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/internal/store/storetest"
	"github.com/cofferdam-io/cofferdam/internal/testenv/pg"
)

func openAt(t *testing.T, dsn string, c store.Coding) *Store {
	t.Helper()
	s, err := Open(t.Context(), dsn, Options{Coding: c})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	server := pg.Start(t)
	storetest.Run(t, func(t *testing.T, c store.Coding) store.Store { return openAt(t, server.Database(t), c) })
}
