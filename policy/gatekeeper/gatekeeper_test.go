package gatekeeper_test

import (
	"context"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/policy/gatekeeper"
	"github.com/cofferdam-io/cofferdam/policy/strict"
)

func TestExplain(t *testing.T) {
	for name, c := range map[string]struct {
		text    string
		refuses bool
		says    string
	}{
		"signatures": {`apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: signed}
spec:
  targets:
  - target: admission.k8s.gatekeeper.sh
    rego: |
      package signed
      violation[{"msg": msg}] {
        images := [img | img = input.review.object.spec.containers[_].image]
        response := external_data({"provider": "cosign-gatekeeper-provider", "keys": images})
        response.errors[_]
      }
`, true, "cosign-gatekeeper-provider says of the images' signatures"},
		"in code": {`apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
spec: {targets: [{code: [{engine: Rego, source: {version: v1, rego: 'package a', libs: ['r := external_data( {"keys": k, "provider":"prices"})']}}]}]}
`, true, "by what the provider prices answers"},
		"of resources": {"apiVersion: templates.gatekeeper.sh/v1beta1\nkind: ConstraintTemplate\nspec: {targets: [{rego: 'package a'}]}\n", true, "asks nobody who signed"},
		"in CEL":       {"apiVersion: templates.gatekeeper.sh/v1\nkind: ConstraintTemplate\nspec: {targets: [{code: [{engine: K8sNativeValidation, source: {validations: []}}]}]}\n", true, "asks nobody who signed"},
		"constraint":   {"apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: Signed\nspec: {match: {}}\n", true, "that template's program"},
		"provider":     {"apiVersion: externaldata.gatekeeper.sh/v1beta1\nkind: Provider\nmetadata: {name: p}\n", false, "the provider p answers"},
		"a change":     {"apiVersion: mutations.gatekeeper.sh/v1\nkind: AssignImage\n", false, "refuses none"},
		"nothing":      {"apiVersion: templates.gatekeeper.sh/v1\nkind: ConstraintTemplate\n", true, "asks nobody"},
	} {
		t.Run(name, func(t *testing.T) {
			docs, err := manifest.Documents(context.Background(), manifest.Input{Name: name, Data: []byte(c.text)}, manifest.Options{MaxBytes: 1 << 20, MaxDocuments: 10})
			if err != nil || len(docs) != 1 {
				t.Fatal(docs, err)
			}
			if !gatekeeper.Is(docs[0].Root.Field("apiVersion").Text()) {
				t.Error("is not taken for Gatekeeper's")
			}
			var faults []strict.Fault
			notes := gatekeeper.Explain(strict.Root(docs[0].Root, &faults))
			if len(notes) != 1 || notes[0].Refuses != c.refuses || !strings.Contains(notes[0].Message, c.says) || notes[0].Hint == "" || len(faults) > 0 {
				t.Errorf("%+v %v", notes, faults)
			}
		})
	}
	if gatekeeper.Is("apps/v1") || gatekeeper.Is("gatekeeper.sh/v1") || gatekeeper.Is("") {
		t.Error("others' resources are taken for Gatekeeper's")
	}
}
