package sqlite_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/internal/store/sqlite"
)

func Example() {
	dir, err := os.MkdirTemp("", "catalogue")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	encode := func(dst []byte, ids []uint32) []byte {
		for _, id := range ids {
			dst = binary.LittleEndian.AppendUint32(dst, id)
		}
		return dst
	}
	s, err := sqlite.Open(ctx, dir, sqlite.Options{Coding: store.Coding{Encode: encode}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	g := store.NewGroup(s, store.GroupOptions{})
	defer g.Close()
	for range 2 { // the second time it is known
		r, err := g.Put(ctx, store.Intake{
			Mutation: store.Mutation{Actor: "ci@example.test", Time: time.Unix(1772366400, 0)},
			Tenant:   "shop", Original: ident.SHA256([]byte("an SBOM")), Size: 7, Data: []byte("its bytes, compressed"), Format: "spdx-2.3",
			Subject: store.Subject{Name: "registry.example.test/shop/cart", Version: "1.4"},
			Keys:    []string{"pkg:golang/golang.org/x/net@v0.15.0", "pkg:golang/golang.org/x/sys@v0.12.0"},
		})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println("document", r.Document, "at", r.Seq, "known:", r.Duplicate, "new components:", len(r.Added))
	}
	// Output:
	// document 0 at 1 known: false new components: 2
	// document 0 at 1 known: true new components: 0
}
