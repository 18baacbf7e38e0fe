package registry_test

import (
	"context"
	"fmt"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/registry"
)

func Example() {
	c, err := registry.New(registry.Options{Limits: registry.Limits{Attempts: 1}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	image, _ := ident.ParseImageRef("127.0.0.1:1/shop/web:1.4") // where nobody answers
	found, err := c.SBOMs(context.Background(), image, registry.Search{}, func(d *registry.Document) error {
		fmt.Println(d.Origin.How, len(d.Bytes), d.Fault)
		return nil
	})
	if err == nil {
		err = found.None()
	}
	fmt.Println("could not check:", ident.KindOf(err) == ident.KindIndeterminate)
	// Output: could not check: true
}
