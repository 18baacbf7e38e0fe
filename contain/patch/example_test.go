package patch_test

import (
	"fmt"

	"github.com/cofferdam-io/cofferdam/contain/patch"
	"github.com/cofferdam-io/cofferdam/estate"
)

func ExampleFile() {
	file := []byte(`# shop
kind: NetworkPolicy
metadata: {name: web}
spec:
  ingress:
  # the controller
  - from:
    - podSelector: {matchLabels: {app: nginx}}
  # everybody in the office
  - from:
    - ipBlock: {cidr: 10.0.0.0/8}
---
kind: Service
`)
	policy := estate.Source{File: "shop.yaml", Line: 2, Item: -1, Start: 7, End: 196}
	tree, err := patch.Object(file, policy)
	if err != nil {
		fmt.Println(err)
		return
	}
	spec := tree.(map[string]any)["spec"].(map[string]any)
	spec["ingress"] = spec["ingress"].([]any)[:1]
	changed, err := patch.File(file, policy, tree)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s", patch.Diff("shop.yaml", file, "shop.yaml", changed))
	// Output:
	// diff --git a/shop.yaml b/shop.yaml
	// --- a/shop.yaml
	// +++ b/shop.yaml
	// @@ -6,8 +6,5 @@
	//    # the controller
	//    - from:
	//      - podSelector: {matchLabels: {app: nginx}}
	// -  # everybody in the office
	// -  - from:
	// -    - ipBlock: {cidr: 10.0.0.0/8}
	//  ---
	//  kind: Service
}
