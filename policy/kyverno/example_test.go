package kyverno_test

import (
	"context"
	"fmt"

	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/policy/kyverno"
	"github.com/cofferdam-io/cofferdam/policy/strict"
)

func ExampleConvert() {
	docs, err := manifest.Documents(context.Background(), manifest.Input{Name: "policy.yaml", Data: []byte(`
apiVersion: policies.kyverno.io/v1
kind: ImageValidatingPolicy
metadata: {name: signed}
spec:
  attestors:
  - name: release
    cosign: {key: {kms: "awskms:///alias/release"}}
  validations:
  - expression: images.containers.map(i, verifyImageSignatures(i, [attestors.release])).all(e, e > 0)
  - expression: images.containers.all(i, i.contains("@sha256:"))
`)}, manifest.Options{})
	if err != nil {
		panic(err)
	}
	var faults []strict.Fault
	out := kyverno.Convert(strict.Root(docs[0].Root, &faults))
	for i := range out.Policies {
		text, err := out.Policies[i].YAML()
		if err != nil {
			panic(err)
		}
		fmt.Print(string(text))
	}
	for _, n := range out.Notes {
		fmt.Println(n.Effect, n.Path)
	}
	// Output:
	// # stands for spec.validations[0].expression of signed
	// apiVersion: policy.sigstore.dev/v1beta1
	// kind: ClusterImagePolicy
	// metadata:
	//   name: signed
	// spec:
	//   mode: enforce
	//   images:
	//     - glob: '**'
	//   authorities:
	//     - name: release
	//       key:
	//         kms: awskms:///alias/release
	//       ctlog:
	//         url: https://rekor.sigstore.dev
	// missing spec.validations[1].expression
	// stricter spec.validations
}
