package kyverno_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/policy/kyverno"
	"github.com/cofferdam-io/cofferdam/policy/strict"
)

const pub = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8nXRh950IZbRj8Ra/N9sbqOPZrfM
5/KAQN0/KjHcorm/J5yctVd7iEcnessRQjU917hmKO6JWVGHpDguIyakZA==
-----END PUBLIC KEY-----`

// policyOf is a resource around a spec; indent keeps PEM blocks in their place.
func policyOf(spec string) string {
	return "apiVersion: policies.kyverno.io/v1\nkind: ImageValidatingPolicy\nmetadata: {name: signed}\nspec:\n" + spec
}

const attestors = `  attestors:
  - name: ci
    cosign:
      keyless: {identities: [{issuer: https://ci.example, subjectRegExp: '^https://ci\.example/shop/'}]}
  - name: release
    cosign: {key: {kms: 'gcpkms://projects/p/locations/l/keyRings/r/cryptoKeys/k'}}
  - name: notary
    notary: {certs: {value: x}}
  attestations:
  - {name: sbom, intoto: {type: https://cyclonedx.org/bom}}
  - {name: scan, referrer: {type: application/vnd.example.scan}}
  matchImageReferences: [{glob: 'ghcr.io/shop/*'}, {glob: 'docker.io/shop/?x*'}]
`

func validating(expressions ...string) string {
	var b strings.Builder
	b.WriteString(attestors + "  validations:\n")
	for _, e := range expressions {
		fmt.Fprintf(&b, "  - {expression: %q, message: 'not signed'}\n", e)
	}
	return b.String()
}

func convert(t testing.TB, text string) (kyverno.Conversion, []strict.Fault) {
	t.Helper()
	docs, err := manifest.Documents(context.Background(), manifest.Input{Name: "p.yaml", Data: []byte(text)}, manifest.Options{})
	if err != nil || len(docs) != 1 || docs[0].Err != nil {
		t.Fatalf("%v %+v", err, docs)
	}
	root := docs[0].Root
	if !kyverno.Is(root.Field("apiVersion").Text(), root.Field("kind").Text()) {
		t.Fatal("it is none of Kyverno's")
	}
	var faults []strict.Fault
	return kyverno.Convert(strict.Root(root, &faults)), faults
}

// told is a policy in a line.
func told(t testing.TB, p *kyverno.Policy) string {
	t.Helper()
	b, err := p.YAML()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(strings.SplitN(string(b), "authorities:", 2)[1]), " ")
}

const (
	ci      = "- name: ci keyless: url: https://fulcio.sigstore.dev identities: - issuer: https://ci.example subjectRegExp: ^https://ci\\.example/shop/ ctlog: url: https://rekor.sigstore.dev"
	release = "- name: release key: kms: gcpkms://projects/p/locations/l/keyRings/r/cryptoKeys/k ctlog: url: https://rekor.sigstore.dev"
	withBOM = " attestations: - name: sbom predicateType: https://cyclonedx.org/bom"
)

// Each form of an expression becomes what it asks for, or is said to be missing.
func TestExpressions(t *testing.T) {
	for _, c := range []struct {
		expression string
		want       []string // authorities of each policy; none: nothing was turned
	}{
		{"images.containers.map(image, verifyImageSignatures(image, [attestors.ci])).all(e, e > 0)", []string{ci}},
		{"images.containers.map(i, verifyImageSignatures(i, [attestors['ci']])).all(n, n >= 1)", []string{ci}},
		{"images.containers.all(i, verifyImageSignatures(i, [attestors.ci]) > 0)", []string{ci}},
		{"(images.containers + images.initContainers + images.ephemeralContainers).map(i, verifyImageSignatures(i, [attestors.ci])).all(e, e > 0)", []string{ci}},
		{"images.containers.map(i, verifyImageSignatures(i, [attestors.ci, attestors.release])).all(e, e > 0)", []string{ci + " " + release}},
		{"images.containers.map(i, verifyImageSignatures(i, [attestors.ci, attestors.release])).all(e, e == 2)", []string{ci, release}},
		{"images.containers.map(i, verifyImageSignatures(i, [attestors.ci, attestors.release])).all(e, e > 1)", []string{ci, release}},
		{"images.containers.map(i, verifyAttestationSignatures(i, attestations.sbom, [attestors.ci])).all(e, e > 0)", []string{ci + withBOM}},
		{"images.containers.all(i, verifyImageSignatures(i, [attestors.ci]) > 0) && images.containers.all(i, verifyAttestationSignatures(i, attestations.sbom, [attestors.release]) > 0)", []string{ci, release + withBOM}},
		{"images.containers.map(i, verifyImageSignatures(i, [attestors.ci, attestors.notary])).all(e, e > 0)", []string{ci}},
		// What asks for something else, or for less than it seems to.
		{"images.containers.map(i, verifyImageSignatures(i, [attestors.ci, attestors.release])).all(e, e == 1)", nil},
		{"images.containers.map(i, verifyImageSignatures(i, [attestors.ci])).all(e, e >= 0)", nil},
		{"images.containers.map(i, verifyImageSignatures(i, [attestors.ci])).all(e, e > -1)", nil},
		{"images.containers.map(i, verifyImageSignatures(i, [attestors.ci])).exists(e, e > 0)", nil},
		{"images.containers.map(i, verifyImageSignatures(i, [attestors.ci])).all(e, f > 0)", nil},
		{"images.containers.map(i, verifyImageSignatures(j, [attestors.ci])).all(e, e > 0)", nil},
		{"images.containers.map(i, verifyImageSignatures(i, [attestors.ci, attestors.ci])).all(e, e > 1)", nil},
		{"images.containers.map(i, verifyImageSignatures(i, [attestors.ci, attestors.release, attestors.notary])).all(e, e > 1)", nil},
		{"images.containers.map(i, verifyImageSignatures(i, [])).all(e, e > 0)", nil},
		{"images.containers.map(i, verifyImageSignatures(i, [attestors.nobody])).all(e, e > 0)", nil},
		{"images.containers.map(i, verifyImageSignatures(i, [attestors.notary])).all(e, e > 0)", nil},
		{"images.other.map(i, verifyImageSignatures(i, [attestors.ci])).all(e, e > 0)", nil},
		{"images.containers.all(i, verifyAttestationSignatures(i, attestations.scan, [attestors.ci]) > 0)", nil},
		{"images.containers.all(i, verifyImageSignatures(i, [attestors.ci]) > 0) || true", nil},
		{"images.containers.all(i, verifyImageSignatures(i, [attestors.ci]) > 0) && object.x == 1", nil},
		{"images.containers.map(i, extractPayload(i, attestations.sbom).bomFormat == 'CycloneDX').all(e, e)", nil},
		{"images.containers.map(i, has(i.x)).all(e, e > 0)", nil},
		{"images.containers.map(", nil},
		{"", nil},
	} {
		out, faults := convert(t, policyOf(validating(c.expression)))
		if len(faults) > 0 {
			t.Errorf("%s: %+v", c.expression, faults[0])
		}
		var got []string
		for i := range out.Policies {
			got = append(got, told(t, &out.Policies[i]))
		}
		if strings.Join(got, "|") != strings.Join(c.want, "|") {
			t.Errorf("%s:\ngot  %q\nwant %q", c.expression, got, c.want)
		}
		missing := false
		for _, n := range out.Notes {
			missing = missing || n.Effect == kyverno.Missing && strings.HasPrefix(n.Path, "spec.validations")
		}
		if missing == (c.want != nil) {
			t.Errorf("%s: said to be missing: %v\n%+v", c.expression, missing, out.Notes)
		}
	}
}

// Every field has its note, or its place in what comes out.
func TestFields(t *testing.T) {
	const signed = "images.containers.map(i, verifyImageSignatures(i, [attestors.a])).all(e, e > 0)"
	for name, c := range map[string]struct {
		spec   string
		want   string // in the resource
		effect kyverno.Effect
		note   string // path: message
	}{
		"key with data":        {spec: "cosign: {key: {data: \"" + strings.ReplaceAll(pub, "\n", "\\n") + "\", hashAlgorithm: sha512}}", want: "hashAlgorithm: sha512"},
		"key unlogged":         {spec: "cosign: {key: {data: x}, ctlog: {insecureIgnoreTlog: true}}", want: "key: data: x"},
		"its own log":          {spec: "cosign: {key: {data: x}, ctlog: {url: https://log.example}}", want: "ctlog: url: https://log.example"},
		"roots":                {spec: "cosign: {keyless: {roots: PEM, identities: [{issuer: i, subject: s}]}}", want: "ca-cert: data: PEM"},
		"no SCT":               {spec: "cosign: {keyless: {identities: [{issuer: i, subject: s}]}, ctlog: {insecureIgnoreSCT: true}}", want: "insecureIgnoreSCT: true"},
		"open subject":         {spec: "cosign: {keyless: {identities: [{issuer: i}]}}", want: "subjectRegExp: .*", effect: kyverno.Neutral, note: "names no subject"},
		"source":               {spec: "cosign: {key: {data: x}, source: {repository: r.example/sigs, tagPrefix: p, PullSecrets: [{name: s}]}}", want: "source: - oci: r.example/sigs tagPrefix: p signaturePullSecrets: - name: s"},
		"keyless without log":  {spec: "cosign: {keyless: {identities: [{issuer: i, subject: s}]}, ctlog: {insecureIgnoreTlog: true}}", want: "ctlog:", effect: kyverno.Stricter, note: "asks for a transparency log"},
		"log key":              {spec: "cosign: {key: {data: x}, ctlog: {rekorPubKey: k}}", effect: kyverno.Missing, note: "no attestor"},
		"timestamps":           {spec: "cosign: {key: {data: x}, ctlog: {tsaCertChain: k}}", effect: kyverno.Missing, note: "no attestor"},
		"tuf":                  {spec: "cosign: {key: {data: x}, tuf: {mirror: https://m.example}}", effect: kyverno.Missing, note: "no attestor"},
		"annotations":          {spec: "cosign: {key: {data: x}, annotations: {a: b}}", effect: kyverno.Missing, note: "no attestor"},
		"certificate":          {spec: "cosign: {certificate: {cert: {value: c}}}", effect: kyverno.Missing, note: "no attestor"},
		"key by expression":    {spec: "cosign: {key: {expression: variables.k}}", effect: kyverno.Missing, note: "no attestor"},
		"nothing":              {spec: "cosign: {}", effect: kyverno.Missing, note: "no attestor"},
		"warn":                 {spec: "cosign: {key: {data: x}}\n  validationActions: [Warn, Audit]", effect: kyverno.Neutral, note: "mode: warn"},
		"ignored failures":     {spec: "cosign: {key: {data: x}}\n  failurePolicy: Ignore", effect: kyverno.Stricter, note: "failures were ignored"},
		"conditions":           {spec: "cosign: {key: {data: x}}\n  matchConditions: [{name: a, expression: 'true'}]", effect: kyverno.Stricter, note: "condition is left out"},
		"a selection":          {spec: "cosign: {key: {data: x}}\n  matchConstraints: {namespaceSelector: {matchLabels: {a: b}}}", effect: kyverno.Stricter, note: "selection is left out"},
		"no selection":         {spec: "cosign: {key: {data: x}}\n  matchConstraints: {namespaceSelector: {}, matchPolicy: Exact, resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods]}]}", want: "name: a"},
		"another resource":     {spec: "cosign: {key: {data: x}}\n  matchConstraints: {resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [widgets]}]}", effect: kyverno.Missing, note: "widgets"},
		"images elsewhere":     {spec: "cosign: {key: {data: x}}\n  images: [{name: x, expression: '[object.image]'}]", effect: kyverno.Missing, note: "images of fields"},
		"JSON":                 {spec: "cosign: {key: {data: x}}\n  evaluation: {mode: JSON}", effect: kyverno.Missing, note: "no Kubernetes resource"},
		"tags refused":         {spec: "cosign: {key: {data: x}}\n  validationConfigurations: {mutateDigest: false}", effect: kyverno.Missing, note: "named by a tag"},
		"images by expression": {spec: "cosign: {key: {data: x}}\n  matchImageReferences: [{glob: a/*}, {expression: 'true'}]", effect: kyverno.Stricter, note: "judge all images"},
		"only containers":      {spec: "cosign: {key: {data: x}}", effect: kyverno.Stricter, note: "images of containers only"},
	} {
		t.Run(name, func(t *testing.T) {
			out, faults := convert(t, policyOf("  attestors:\n  - name: a\n    "+c.spec+"\n  validations: [{expression: '"+signed+"'}]\n"))
			if len(faults) > 0 {
				t.Fatalf("%+v", faults[0])
			}
			if c.want != "" {
				if len(out.Policies) != 1 || !strings.Contains(told(t, &out.Policies[0]), c.want) || !out.Complete() {
					t.Errorf("%+v", out)
				}
			}
			found := c.note == ""
			for _, n := range out.Notes {
				found = found || n.Effect == c.effect && strings.Contains(n.Message, c.note)
			}
			if !found || out.Complete() == (c.effect == kyverno.Missing) {
				t.Errorf("complete: %v, %+v", out.Complete(), out.Notes)
			}
		})
	}
	if out, _ := convert(t, strings.Replace(policyOf("  attestors: [{name: a, cosign: {key: {data: x}}}]\n  validations: []\n"), "kind: Image", "kind: NamespacedImage", 1)); len(out.Notes) == 0 || out.Notes[0].Effect != kyverno.Stricter {
		t.Errorf("%+v", out.Notes)
	}
	if _, faults := convert(t, policyOf("  attestor: []\n")); len(faults) == 0 {
		t.Error("a field that is not known is not told")
	}
}

// The globs that come out match at least what the old ones did.
func TestGlobs(t *testing.T) {
	out, _ := convert(t, policyOf(validating("images.containers.all(i, verifyImageSignatures(i, [attestors.ci]) > 0)")))
	b, err := out.Policies[0].YAML()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"glob: ghcr.io/shop/**", "glob: index.docker.io/shop/**x**", "mode: enforce", "name: signed\n", "# stands for spec.validations[0].expression of signed: not signed"} {
		if !strings.Contains(string(b), want) {
			t.Errorf("%q is not in\n%s", want, b)
		}
	}
}

// A comment of the old policy stays a comment.
func TestMessagesStayInTheComment(t *testing.T) {
	out, _ := convert(t, policyOf(attestors+"  validations: [{expression: 'images.containers.all(i, verifyImageSignatures(i, [attestors.ci]) > 0)', message: \"a\\nkind: Evil\\u2028b\"}]\n"))
	b, err := out.Policies[0].YAML()
	if err != nil || strings.Contains(string(b), "\nkind: Evil") || strings.Contains(string(b), "\u2028") {
		t.Errorf("%v\n%s", err, b)
	}
}

func FuzzConvert(f *testing.F) {
	f.Add(policyOf(validating("images.containers.map(i, verifyImageSignatures(i, [attestors.ci])).all(e, e > 0)")))
	f.Add(policyOf(validating("images.containers.all(i, verifyAttestationSignatures(i, attestations['sbom'], [attestors.release]) >= 1) && true")))
	f.Fuzz(func(t *testing.T, text string) {
		docs, err := manifest.Documents(context.Background(), manifest.Input{Name: "p", Data: []byte(text)}, manifest.Options{MaxBytes: 1 << 20, MaxDocuments: 10})
		if err != nil {
			return
		}
		for _, d := range docs {
			if d.Err != nil || d.Root.Kind() != manifest.Map {
				continue
			}
			var faults []strict.Fault
			out := kyverno.Convert(strict.Root(d.Root, &faults))
			for i := range out.Policies {
				b, err := out.Policies[i].YAML()
				if err != nil {
					t.Fatal(err)
				}
				if again, err := manifest.Documents(context.Background(), manifest.Input{Name: "q", Data: b}, manifest.Options{}); err != nil || len(again) != 1 || again[0].Err != nil {
					t.Fatalf("%v\n%s", err, b)
				}
			}
		}
	})
}
