package vuln_test

import (
	"context"
	"fmt"

	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
)

func Example() {
	advisory := &vuln.Advisory{
		ID: "GO-2023-2102", Aliases: []string{"CVE-2023-39325"},
		Affected: []vuln.Affected{{
			Ecosystem: "Go", Name: "golang.org/x/net",
			Ranges: []vuln.Range{{Type: vuln.RangeSemver, Events: []vuln.Event{{Introduced: "0"}, {Fixed: "0.17.0"}}}},
		}},
	}
	db, err := vuln.NewDatabase([]*vuln.Advisory{advisory}, vuln.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	document := &sbom.Document{Components: []sbom.Component{
		{Name: "net", PURL: "pkg:golang/golang.org/x/net@v0.15.0"},
		{Name: "go", PURL: "pkg:golang/github.com/json-iterator/go@v1.1.12"},
		{Name: "libc", Version: "2.36"},
	}}
	report, err := vuln.Scan(context.Background(), []*sbom.Document{document}, db, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range report.Findings {
		fmt.Println(f.ID, f.PURL, f.Range, "→", f.Fix)
	}
	for _, u := range report.Unmatched {
		fmt.Println(u.Name, "is unmatched:", u.Reason)
	}
	// Output:
	// CVE-2023-39325 pkg:golang/golang.org/x/net@v0.15.0 < 0.17.0 → upgrade golang.org/x/net to v0.17.0
	// libc is unmatched: it has no package URL
}

func ExampleParseComponentQuery() {
	q, err := vuln.ParseComponentQuery("pkg:npm/lodash@<4.17.21")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, purl := range []string{"pkg:npm/lodash@4.17.20", "pkg:npm/lodash@4.17.21", "pkg:npm/lodash@latest"} {
		match, known := q.Match(&sbom.Component{PURL: purl}, sbom.Distro{})
		fmt.Println(purl, match, known)
	}
	// Output:
	// pkg:npm/lodash@4.17.20 true true
	// pkg:npm/lodash@4.17.21 false true
	// pkg:npm/lodash@latest false false
}
