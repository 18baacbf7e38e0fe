package ciliumv2_test

import (
	"fmt"

	kjson "sigs.k8s.io/json"

	"github.com/cofferdam-io/cofferdam/estate/manifest/ciliumv2"
)

func ExamplePolicy_Rules() {
	var p ciliumv2.Policy
	strict, err := kjson.UnmarshalStrict([]byte(`{"spec": {"endpointSelector": {}, "ingress": [{"fromEndpoints": [], "fromNode": 1}]}}`), &p)
	for _, r := range p.Rules() {
		in := r.Ingress[0]
		fmt.Println(in.FromEndpoints != nil, in.FromCIDR != nil, strict, err)
	}
	// Output: true false [unknown field "spec.ingress[0].fromNode"] <nil>
}
