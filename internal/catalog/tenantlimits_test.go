package catalog_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// One tenant cannot take what all share.
func TestTenantLimits(t *testing.T) { onEngines(t, tenantLimits) }

func tenantLimits(t *testing.T, reopen func() store.Store) {
	ctx := context.Background()
	now := clockAt(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	c, end := open(t, reopen(), catalog.Options{Now: now.Now, Limits: catalog.Limits{Tenants: map[string]catalog.TenantLimits{
		"many":            {Documents: 3},
		"large":           {Bytes: 1000},
		"full":            {Artifacts: 2},
		"slow":            {AtOnce: 1},
		catalog.AnyTenant: {Documents: 1},
		"trusted":         {},
	}}})
	defer end()
	n := 0
	put := func(tenant string, doc []byte) error {
		_, err := c.Take(ctx, ci, catalog.Upload{Tenant: tenant, Body: bytes.NewReader(doc), Size: int64(len(doc))})
		return err
	}
	fresh := func(tenant string) error {
		n++
		return put(tenant, text(fmt.Sprint("app", n), fmt.Sprintf("pkg:npm/a@%d", n)))
	}
	busy := func(err error) time.Duration {
		t.Helper()
		var b *catalog.BusyError
		if !errors.As(err, &b) || b.After <= 0 {
			t.Fatalf("not told to come again: %v", err)
		}
		return b.After
	}
	for range 3 {
		if err := fresh("many"); err != nil {
			t.Fatal(err)
		}
	}
	after := busy(fresh("many"))
	if after > 21*time.Second {
		t.Errorf("three a minute, and the next is to come in %s", after)
	}
	now.forward(after - 100*time.Millisecond)
	busy(fresh("many"))
	now.forward(100 * time.Millisecond)
	if err := fresh("many"); err != nil {
		t.Errorf("came again when it was told to: %v", err)
	}
	busy(fresh("many"))

	if err := put("large", bytes.Repeat([]byte{' '}, 10_000)); ident.KindOf(err) == ident.KindIndeterminate {
		t.Errorf("one that is larger than a minute's is let in: %v", err)
	}
	if after := busy(fresh("large")); after < 8*time.Minute || after > 10*time.Minute {
		t.Errorf("after ten minutes' worth, %s", after)
	}

	for range 2 {
		if err := fresh("full"); err != nil {
			t.Fatal(err)
		}
	}
	if err := fresh("full"); ident.KindOf(err) != ident.KindRefused {
		t.Errorf("a third artifact of two: %v", err)
	}

	r, w := io.Pipe()
	first := make(chan error, 1)
	go func() {
		_, err := c.Take(ctx, ci, catalog.Upload{Tenant: "slow", Body: r, Size: -1})
		first <- err
	}()
	doc := text("slow", "pkg:npm/slow@1")
	if _, err := w.Write(doc[:10]); err != nil { // it is read: the upload is under way
		t.Fatal(err)
	}
	busy(fresh("slow"))
	if _, err := w.Write(doc[10:]); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), <-first); err != nil {
		t.Fatal(err)
	}
	if err := fresh("slow"); err != nil {
		t.Errorf("after the first has ended: %v", err)
	}

	if err := fresh("anybody"); err != nil {
		t.Fatal(err)
	}
	busy(fresh("anybody"))
	for range 5 {
		if err := fresh("trusted"); err != nil {
			t.Fatal(err)
		}
	}
}
