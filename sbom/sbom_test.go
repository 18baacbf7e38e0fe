package sbom_test

import (
	"fmt"
	"testing"

	"github.com/cofferdam-io/cofferdam/sbom"
)

func ExampleSubject_AddReferences() {
	var s sbom.Subject
	s.AddReferences("shop/web:1.4", "shop/web", "", "docker.io/shop/web:1.4", "not a reference:")
	s.AddReferences("shop/web:1.4", "shop/web:1.5")
	fmt.Println(s.References)
	// Output: [docker.io/shop/web:1.4 docker.io/shop/web:1.5]
}

func TestADigestIsNoReference(t *testing.T) {
	var s sbom.Subject
	s.AddReferences("sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")
	if len(s.References) != 0 {
		t.Errorf("%v", s.References)
	}
}
