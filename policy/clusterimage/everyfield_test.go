package clusterimage_test

import (
	"bufio"
	"context"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/policy/strict"
)

// fields are those that examples have, by kind and path without indices: in a resource that
// is accepted, and as the place of a refusal.
type fields struct{ accepted, refused map[string]bool }

var index = regexp.MustCompile(`\[\d+\]`)

func (f *fields) note(t *testing.T, text string, faults []strict.Fault) {
	t.Helper()
	docs, err := manifest.Documents(context.Background(), manifest.Input{Name: "p.yaml", Data: []byte(text)}, manifest.Options{})
	if err != nil || len(docs) != 1 {
		t.Fatalf("%v", err)
	}
	root := docs[0].Root
	kind := root.Field("kind").Text() + " "
	for _, x := range faults {
		if !x.Warning {
			f.refused[kind+index.ReplaceAllString(x.Path, "[]")] = true
		}
	}
	if strict.Broken(faults) {
		return
	}
	var walk func(path string, v manifest.Value)
	walk = func(path string, v manifest.Value) {
		f.accepted[kind+path] = true
		for _, e := range v.Entries() {
			walk(strings.TrimPrefix(path+"."+e.Key, "."), e.Value)
		}
		for _, i := range v.Items() {
			walk(path+"[]", i)
		}
	}
	walk("", root)
}

// TestEveryField runs the examples, and fails for a field of the API without one that is
// accepted and one that is refused.
func TestEveryField(t *testing.T) {
	seen := &fields{map[string]bool{}, map[string]bool{}}
	for name, run := range map[string]func(*testing.T, *fields){"spec": testSpecFields, "authority": testAuthorityFields, "trust root": testTrustRootFields, "types": testWrongTypes} {
		t.Run(name, func(t *testing.T) { run(t, seen) })
	}
	list, err := os.Open("testdata/fields.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer list.Close()
	n := 0
	for lines := bufio.NewScanner(list); lines.Scan(); {
		field := lines.Text()
		if strings.HasPrefix(field, "#") {
			continue
		}
		n++
		if !seen.accepted[field] {
			t.Errorf("%s: no example has it and is accepted", field)
		}
		if !seen.refused[field] {
			t.Errorf("%s: no example is refused for it", field)
		}
	}
	if n < 78 {
		t.Errorf("the list has %d fields only", n)
	}
}

// wrong is in the place of a text, of a yes or no, and of a list.
const wrong = "{of: another type}"

// testWrongTypes has what the other examples leave out, accepted, and every field that takes
// any text with what is none.
func testWrongTypes(t *testing.T, seen *fields) {
	m := newMaterial(t)
	const root = `{"signed":{"_type":"root"},"signatures":[{"keyid":"a","sig":"b"}]}`
	good := mirror(t, "timestamp.json", "snapshot.json", "targets.json", "files/r.json")
	cip := func(spec string) string {
		return "apiVersion: policy.sigstore.dev/v1beta1\nkind: ClusterImagePolicy\nmetadata: {name: p}\nspec:\n  images: [{glob: \"**\"}]\n" + indent(2, strings.ReplaceAll(spec, "WRONG", wrong))
	}
	trust := func(spec string) string {
		return "apiVersion: policy.sigstore.dev/v1alpha1\nkind: TrustRoot\nmetadata: {name: t}\nspec:\n" + indent(2, strings.ReplaceAll(spec, "WRONG", wrong))
	}
	who := func(ca string) string {
		return "authorities: [{keyless: {identities: [{issuer: i, subject: s}], ca-cert: " + ca + "}}]"
	}
	attesting := func(policy string) string {
		return "authorities: [{" + keyed + ", attestations: [{name: x, predicateType: https://p.example, policy: {type: cue, " + policy + "}}]}]"
	}
	digest := strings.Repeat("0a", 32)
	for name, c := range map[string]struct {
		text    string
		refused int
	}{
		"certificate at a KMS":      {cip(who("{kms: gcpkms://k, hashAlgorithm: sha512}")), 0},
		"certificate in a secret":   {cip(who("{secretRef: {name: s, namespace: cosign-system}}")), 0},
		"remote, of an attestation": {cip(attesting("remote: {url: https://p.example/x, sha256sum: " + digest + "}")), 0},
		"config map, too":           {cip(attesting("configMapRef: {name: x, namespace: ns, key: k}")), 0},
		"repository":                {trust("repository:\n  targets: files\n  trustedRootTarget: r.json\n" + indent(2, encoded("root", root)+encoded("mirrorFS", good))), 0},

		"certificate of wrong types": {cip(who("{kms: WRONG, hashAlgorithm: WRONG, secretRef: {name: WRONG, namespace: WRONG}}")), 4},
		"remote of wrong types":      {cip(attesting("remote: {url: WRONG, sha256sum: WRONG}")), 2},
		"config map of wrong types":  {cip(attesting("configMapRef: {name: WRONG, namespace: WRONG, key: WRONG}")), 3},
		"policy of wrong types":      {cip("authorities: [{" + keyed + ", attestations: [{name: x, predicateType: https://p.example, policy: {type: WRONG, data: WRONG}}]}]"), 2},
		"spec of wrong types": {cip("match: [{group: WRONG, version: WRONG, resource: pods, selector: {matchLabels: [a], matchExpressions: [{key: WRONG, operator: In, values: [v]}]}}]\n" +
			"policy: {type: cue, data: WRONG, configMapRef: {name: WRONG, namespace: WRONG, key: k}, fetchConfigFile: x, includeSpec: x, includeObjectMeta: x, includeTypeMeta: x}\nauthorities: [{static: {action: pass}}]"), 11},
		"authority of wrong types": {cip("authorities: [{name: WRONG, keyless: {trustRootRef: WRONG, insecureIgnoreSCT: WRONG, identities: [{issuer: WRONG, subject: WRONG}, {issuer: i, subjectRegExp: WRONG}]}, source: [{tagPrefix: WRONG}]," +
			" ctlog: {trustRootRef: WRONG}, rfc3161timestamp: {trustRootRef: WRONG}}]"), 9},
		"key of wrong types":         {cip("authorities: [{key: {secretRef: {name: s, namespace: WRONG}}}]"), 1},
		"static of wrong types":      {cip("authorities: [{static: {action: fail, message: WRONG}}]"), 1},
		"remote root of wrong types": {trust("remote:\n  mirror: https://tuf.example\n  targets: WRONG\n  trustedRootTarget: WRONG\n" + indent(2, encoded("root", root))), 2},
		"repository of wrong types":  {trust("repository:\n  root: WRONG\n  targets: WRONG\n  trustedRootTarget: WRONG\n" + indent(2, encoded("mirrorFS", good))), 3},
		"keys of wrong types": {trust("sigstoreKeys:\n  timestampAuthorities:\n  - subject: {organization: WRONG, commonName: WRONG}\n    uri: WRONG\n" + indent(4, encoded("certChain", m.tsa)) +
			"  ctLogs: [{baseURL: WRONG, hashAlgorithm: sha-256, publicKey: WRONG}]"), 5},
	} {
		t.Run(name, func(t *testing.T) {
			p, root, faults := read(t, c.text)
			var n int
			for _, f := range faults {
				if !f.Warning {
					n++
				}
				if f.Hint == "" || f.Message == "" || f.At.Line < 1 {
					t.Errorf("a fault without place or remedy: %+v", f)
				}
			}
			if usable := p != nil || root != nil; usable != (c.refused == 0) || n < c.refused || usable && n > 0 {
				t.Errorf("usable %v, %d of %d faults: %+v", usable, n, c.refused, faults)
			}
			seen.note(t, c.text, faults)
		})
	}
}
