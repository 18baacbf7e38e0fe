package sbom_test

import (
	"fmt"

	"github.com/cofferdam-io/cofferdam/sbom"
)

func ExampleSubject_AddReferences() {
	var s sbom.Subject
	s.AddReferences("shop/web:1.4", "shop/web", "", "docker.io/shop/web:1.4", "not a reference:")
	s.AddReferences("shop/web:1.4", "shop/web:1.5")
	fmt.Println(s.References)
	// Output: [docker.io/shop/web:1.4 docker.io/shop/web:1.5]
}
