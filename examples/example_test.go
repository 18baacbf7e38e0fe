package examples_test

import (
	"fmt"
	"io/fs"

	"github.com/cofferdam-io/cofferdam/examples"
)

func ExampleEstate() {
	namespaces, err := fs.Glob(examples.Estate, "estate/manifests/*/namespace.yaml")
	if err != nil {
		fmt.Println(err)
		return
	}
	sboms, err := fs.Glob(examples.Estate, "estate/sbom/*.json")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(namespaces), "namespaces,", len(sboms), "SBOMs")
	// Output: 13 namespaces, 26 SBOMs
}
