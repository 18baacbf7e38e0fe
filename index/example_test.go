package index_test

import (
	"context"
	"fmt"
	"slices"

	"github.com/cofferdam-io/cofferdam/index"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// Two artifacts hold lodash; one of them runs and has a version in the range.
func Example() {
	web := &sbom.Document{Components: []sbom.Component{{Name: "lodash", Version: "4.17.20", PURL: "pkg:npm/lodash@4.17.20"}}}
	api := &sbom.Document{Components: []sbom.Component{{Name: "lodash", Version: "4.17.21", PURL: "pkg:npm/lodash@4.17.21"}}}

	x := index.New()
	for seq, doc := range []*sbom.Document{web, api} { // as a store commits them
		keys := index.KeysOf(doc)
		ids, _, err := x.Lookup(keys, nil)
		if err != nil {
			fmt.Println(err)
			return
		}
		batch := index.Batch{Seq: uint64(seq) + 1}
		for i, id := range ids {
			if id == index.Unknown {
				ids[i] = x.Snapshot().Components() + uint32(len(batch.Keys))
				batch.Keys = append(batch.Keys, keys[i])
			}
		}
		slices.Sort(ids)
		batch.Documents = []index.Document{{ID: uint32(seq), Artifact: uint32(seq), Components: ids}}
		if err := x.Apply(batch); err != nil {
			fmt.Println(err)
			return
		}
	}

	q, _ := vuln.ParseComponentQuery("pkg:npm/lodash@<4.17.21")
	running := index.NewSet(0, 1)
	answer, err := x.Snapshot().Find(context.Background(), index.Query{Component: q, Within: []index.Set{running}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for artifact := range answer.Artifacts.All() {
		fmt.Println("artifact", artifact)
	}
	for _, id := range answer.Components {
		c, _, _ := x.Snapshot().Component(id)
		fmt.Println(c.PURL)
	}
	// Output:
	// artifact 0
	// pkg:npm/lodash@4.17.20
}
