package clusterimage_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/policy/clusterimage"
	"github.com/cofferdam-io/cofferdam/policy/strict"
)

// material is what policies hold: made anew, so that no test depends on a key or on a
// certificate that ends one day.
type material struct{ key, rsa, private, leaf, root, chain, tsa string }

func newMaterial(t *testing.T) material {
	t.Helper()
	check := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	spki, err := x509.MarshalPKIXPublicKey(k.Public())
	check(err)
	private, err := x509.MarshalECPrivateKey(k)
	check(err)
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	check(err)
	now := time.Now()
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root", Organization: []string{"o"}}, NotBefore: now, NotAfter: now.Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	rootDER, err := x509.CreateCertificate(rand.Reader, root, root, k.Public(), k)
	check(err)
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "leaf"}, NotBefore: now, NotAfter: now.Add(time.Hour)}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, root, k.Public(), k)
	check(err)
	encoded := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	m := material{key: encoded("PUBLIC KEY", spki), rsa: encoded("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&r.PublicKey)), private: encoded("EC PRIVATE KEY", private),
		leaf: encoded("CERTIFICATE", leafDER), root: encoded("CERTIFICATE", rootDER)}
	m.chain, m.tsa = m.root, m.leaf+m.root
	return m
}

// block writes a text as a literal block after a field's name.
func block(name, text string) string {
	return name + ": |\n  " + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n  ") + "\n"
}

func encoded(name, text string) string {
	return name + ": " + base64.StdEncoding.EncodeToString([]byte(text)) + "\n"
}

func indent(n int, text string) string {
	pad := strings.Repeat(" ", n)
	return pad + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n"+pad) + "\n"
}

func read(t *testing.T, text string) (*clusterimage.Policy, *clusterimage.TrustRoot, []strict.Fault) {
	t.Helper()
	docs, err := manifest.Documents(context.Background(), manifest.Input{Name: "p.yaml", Data: []byte(text)}, manifest.Options{})
	if err != nil || len(docs) != 1 || docs[0].Err != nil {
		t.Fatalf("the test's own text: %v %+v\n%s", err, docs, text)
	}
	var faults []strict.Fault
	root := strict.Root(docs[0].Root, &faults)
	if strings.Contains(text, "kind: TrustRoot") {
		return nil, clusterimage.ReadTrustRoot(root, &faults), faults
	}
	return clusterimage.ReadPolicy(root, &faults), nil, faults
}

// expectation is an example of one field: refused and warned name a rule and the path
// that is blamed; both empty is accepted without a word.
type expectation struct {
	name, text       string
	refused, warned  string
	atLine, atColumn int // where set, the place of the first fault
}

func judge(t *testing.T, c expectation, faults []strict.Fault, usable bool) {
	t.Helper()
	var refused, warned []string
	for _, f := range faults {
		if f.Hint == "" || f.Message == "" || f.At.Line < 1 || f.At.Column < 1 {
			t.Errorf("a fault without place or remedy: %+v", f)
		}
		s := f.Rule + " " + f.Path
		if f.Warning {
			warned = append(warned, s)
		} else {
			refused = append(refused, s)
		}
	}
	if got := strings.Join(refused, "; "); got != c.refused {
		t.Errorf("refused:\n got %q\nwant %q\n%+v", got, c.refused, faults)
	}
	if got := strings.Join(warned, "; "); got != c.warned {
		t.Errorf("warned:\n got %q\nwant %q", got, c.warned)
	}
	if usable != (c.refused == "") {
		t.Errorf("usable: %v", usable)
	}
	if c.atLine > 0 && (faults[0].At.Line != c.atLine || faults[0].At.Column != c.atColumn) {
		t.Errorf("at %d:%d, want %d:%d", faults[0].At.Line, faults[0].At.Column, c.atLine, c.atColumn)
	}
}

const keyed = "keyless: {identities: [{issuer: https://i.example, subject: s}]}"

func testSpecFields(t *testing.T, seen *fields) {
	const images = "images: [{glob: \"r.example/**\"}]\n"
	const who = "authorities:\n- " + keyed + "\n"
	cases := []expectation{
		{name: "the least", text: images + who},
		{name: "no images", text: who, refused: "missing spec.images"},
		{name: "empty images", text: "images: []\n" + who, refused: "missing spec.images", atLine: 6, atColumn: 3},
		{name: "images of another type", text: "images: all\n" + who, refused: "type spec.images"},
		{name: "glob missing", text: "images: [{}]\n" + who, refused: "missing spec.images[0].glob"},
		{name: "glob empty", text: "images: [{glob: \"\"}]\n" + who, refused: "glob spec.images[0].glob"},
		{name: "glob malformed", text: "images: [{glob: \"[\"}]\n" + who, refused: "glob spec.images[0].glob", atLine: 6, atColumn: 13},
		{name: "glob that matches nothing", text: "images: [{glob: \"https://r.example/**\"}]\n" + who, warned: "glob spec.images[0].glob"},
		{name: "glob in upper case", text: "images: [{glob: \"r.example/Shop/**\"}]\n" + who, warned: "glob spec.images[0].glob"},
		{name: "glob of Docker Hub", text: "images: [{glob: \"*\"}]\n" + who, warned: "glob spec.images[0].glob"},
		{name: "glob without tag", text: "images: [{glob: r.example/web}]\n" + who, warned: "glob spec.images[0].glob"},
		{name: "glob twice", text: "images: [{glob: \"**\"}, {glob: \"**\"}]\n" + who, warned: "glob spec.images[1].glob"},
		{name: "a field that is not known", text: "image: x\n" + images + who, refused: "unknown-field spec.image", atLine: 6, atColumn: 3},
		{name: "no authorities", text: images, refused: "missing spec.authorities"},
		{name: "empty authorities", text: images + "authorities: []\n", refused: "missing spec.authorities"},
		{name: "mode enforce", text: "mode: enforce\n" + images + who},
		{name: "mode warn", text: "mode: warn\n" + images + who},
		{name: "mode unknown", text: "mode: audit\n" + images + who, refused: "value spec.mode"},
		{name: "match", text: "match: [{resource: pods, version: v1}]\n" + images + who},
		{name: "match by labels", text: "match: [{resource: deployments, group: apps, version: \"*\", selector: {matchLabels: {a: b}, matchExpressions: [{key: k, operator: In, values: [v]}, {key: l, operator: Exists}]}}]\n" + images + who},
		{name: "match an unknown resource", text: "match: [{resource: apples, group: apps, version: v1}]\n" + images + who, refused: "resource spec.match[0].resource"},
		{name: "match a foreign resource", text: "match: [{resource: functions, group: f.example, version: v1}]\n" + images + who, warned: "resource spec.match[0].resource"},
		{name: "match nothing for want of a group", text: "match: [{resource: deployments, version: v1}]\n" + images + who, warned: "resource spec.match[0].group"},
		{name: "match nothing for want of a version", text: "match: [{resource: pods}]\n" + images + who, warned: "resource spec.match[0].version"},
		{name: "a selector alone", text: "match: [{selector: {matchLabels: {a: b}}}]\n" + images + who, refused: "resource spec.match[0].selector"},
		{name: "a selector with an operator that is none", text: "match: [{resource: pods, version: v1, selector: {matchExpressions: [{key: k, operator: Like, values: [v]}]}}]\n" + images + who,
			refused: "value spec.match[0].selector.matchExpressions[0].operator; conflict spec.match[0].selector.matchExpressions[0].values"},
		{name: "a selector without values", text: "match: [{resource: pods, version: v1, selector: {matchExpressions: [{key: k, operator: In}]}}]\n" + images + who,
			refused: "missing spec.match[0].selector.matchExpressions[0].values"},
		{name: "policy over all", text: "policy: {type: cue, data: \"a: 1\", fetchConfigFile: true, includeSpec: true, includeObjectMeta: true, includeTypeMeta: false}\n" + images + who},
		{name: "policy of an unknown language", text: "policy: {type: lua, data: x}\n" + images + who, refused: "value spec.policy.type"},
		{name: "policy without text", text: "policy: {type: rego}\n" + images + who, refused: "missing spec.policy"},
		{name: "policy with two texts", text: "policy: {type: rego, data: x, configMapRef: {name: x, key: k}}\n" + images + who, refused: "conflict spec.policy.configMapRef"},
		{name: "policy remote", text: "policy: {type: rego, remote: {url: https://p.example/x, sha256sum: " + strings.Repeat("0a", 32) + "}}\n" + images + who},
		{name: "policy remote without digest", text: "policy: {type: rego, remote: {url: https://p.example/x}}\n" + images + who, refused: "missing spec.policy.remote.sha256sum"},
		{name: "policy remote with half a digest", text: "policy: {type: rego, remote: {url: https://p.example/x, sha256sum: abc}}\n" + images + who, refused: "remote-policy spec.policy.remote.sha256sum"},
		{name: "policy remote in the clear", text: "policy: {type: rego, remote: {url: http://p.example/x, sha256sum: " + strings.Repeat("0a", 32) + "}}\n" + images + who, refused: "value spec.policy.remote.url"},
		{name: "policy of a config map", text: "policy: {type: cue, configMapRef: {name: x, namespace: ns, key: k}}\n" + images + who},
		{name: "policy of a config map without key", text: "policy: {type: cue, configMapRef: {name: x}}\n" + images + who, refused: "missing spec.policy.configMapRef.key"},
		{name: "static pass beside others", text: images + who + "- static: {action: pass}\n", warned: "authority spec.authorities[1].static"},
		{name: "static fail beside others", text: images + who + "- static: {action: fail, message: never}\n", warned: "authority spec.authorities[1].static"},
		{name: "two of one name", text: images + "authorities:\n- name: a\n  " + keyed + "\n- name: a\n  " + keyed + "\n", warned: "conflict spec.authorities[1]"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			text := "apiVersion: policy.sigstore.dev/v1beta1\nkind: ClusterImagePolicy\nmetadata:\n  name: p\nspec:\n" + indent(2, c.text)
			p, _, faults := read(t, text)
			judge(t, c, faults, p != nil)
			seen.note(t, text, faults)
		})
	}
}

func testAuthorityFields(t *testing.T, seen *fields) {
	m := newMaterial(t)
	const arn = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	cases := []expectation{
		{name: "nobody", text: "name: a\n", refused: "missing spec.authorities[0]"},
		{name: "both", text: keyed + "\nkey: {kms: gcpkms://k}\n", refused: "conflict spec.authorities[0].keyless"},
		{name: "key", text: "key:\n" + indent(2, block("data", m.key))},
		{name: "RSA key", text: "key:\n" + indent(2, block("data", m.rsa))},
		{name: "two keys", text: "key:\n" + indent(2, block("data", m.key+m.rsa)), warned: "key spec.authorities[0].key.data"},
		{name: "no key", text: "key: {}\n", refused: "missing spec.authorities[0].key"},
		{name: "two sources of a key", text: "key: {kms: gcpkms://k, secretRef: {name: s}}\n", refused: "conflict spec.authorities[0].key.kms"},
		{name: "key that is no PEM", text: "key: {data: hello}\n", refused: "key spec.authorities[0].key.data"},
		{name: "private key", text: "key:\n" + indent(2, block("data", m.private)), refused: "insecure spec.authorities[0].key.data"},
		{name: "certificate as key", text: "key:\n" + indent(2, block("data", m.leaf)), refused: "key spec.authorities[0].key.data"},
		{name: "hash", text: "key: {kms: gcpkms://k, hashAlgorithm: SHA512}\n"},
		{name: "unknown hash", text: "key: {kms: gcpkms://k, hashAlgorithm: md5}\n", refused: "key spec.authorities[0].key.hashAlgorithm"},
		{name: "secret", text: "key: {secretRef: {name: s, namespace: cosign-system}}\n"},
		{name: "secret elsewhere", text: "key: {secretRef: {name: s, namespace: shop}}\n", warned: "key spec.authorities[0].key.secretRef.namespace"},
		{name: "secret without name", text: "key: {secretRef: {namespace: cosign-system}}\n", refused: "missing spec.authorities[0].key.secretRef.name"},
		{name: "kms of AWS", text: "key: {kms: \"awskms:///" + arn + "\"}\n"},
		{name: "kms of AWS at an endpoint", text: "key: {kms: \"awskms://localhost:4566/" + arn + "\"}\n"},
		{name: "kms of AWS at no endpoint", text: "key: {kms: \"awskms://localhost/" + arn + "\"}\n", refused: "kms spec.authorities[0].key.kms"},
		{name: "kms of AWS by id", text: "key: {kms: \"awskms:///1234abcd-12ab-34cd-56ef-1234567890ab\"}\n", refused: "kms spec.authorities[0].key.kms"},
		{name: "kms not filled in", text: "key: {kms: \"awskms:///arn:aws:kms:<region>\"}\n", refused: "kms spec.authorities[0].key.kms"},
		{name: "kms unknown", text: "key: {kms: \"mykms://k\"}\n", refused: "kms spec.authorities[0].key.kms"},
		{name: "keyless", text: keyed + "\n"},
		{name: "keyless with URL", text: "keyless: {url: https://f.example, trustRootRef: r, identities: [{issuer: i, subject: s}]}\n"},
		{name: "keyless with a URL that is none", text: "keyless: {url: fulcio, identities: [{issuer: i, subject: s}]}\n", refused: "value spec.authorities[0].keyless.url"},
		{name: "keyless with certificate", text: "keyless:\n  identities: [{issuer: i, subject: s}]\n  ca-cert:\n" + indent(4, block("data", m.root))},
		{name: "keyless with broken certificate", text: "keyless:\n  identities: [{issuer: i, subject: s}]\n  ca-cert:\n" + indent(4, block("data", m.root[:40])), refused: "key spec.authorities[0].keyless.ca-cert.data"},
		{name: "keyless with both", text: "keyless: {url: https://f.example, ca-cert: {secretRef: {name: x}}, identities: [{issuer: i, subject: s}]}\n", refused: "conflict spec.authorities[0].keyless.ca-cert"},
		{name: "keyless without SCT", text: "keyless: {insecureIgnoreSCT: true, identities: [{issuer: i, subject: s}]}\n", warned: "insecure spec.authorities[0].keyless.insecureIgnoreSCT"},
		{name: "keyless with SCT said so", text: "keyless: {insecureIgnoreSCT: false, identities: [{issuer: i, subject: s}]}\n"},
		{name: "keyless for anybody", text: "keyless: {}\n", refused: "missing spec.authorities[0].keyless.identities"},
		{name: "issuer twice", text: "keyless: {identities: [{issuer: i, issuerRegExp: ^i$, subject: s}]}\n", refused: "conflict spec.authorities[0].keyless.identities[0].issuerRegExp"},
		{name: "no subject", text: "keyless: {identities: [{issuer: i}]}\n", refused: "missing spec.authorities[0].keyless.identities[0]"},
		{name: "no issuer", text: "keyless: {identities: [{subject: i}]}\n", refused: "missing spec.authorities[0].keyless.identities[0]"},
		{name: "expressions", text: "keyless: {identities: [{issuerRegExp: ^https://i$, subjectRegExp: ^s@x$}]}\n"},
		{name: "broken expression", text: "keyless: {identities: [{issuerRegExp: \"***\", subject: s}]}\n", refused: "identity spec.authorities[0].keyless.identities[0].issuerRegExp"},
		{name: "expression for everybody", text: "keyless: {identities: [{issuer: i, subjectRegExp: .*}]}\n", warned: "identity spec.authorities[0].keyless.identities[0].subjectRegExp"},
		{name: "expression without begin", text: "keyless: {identities: [{issuerRegExp: i.example$, subject: s}]}\n", warned: "identity spec.authorities[0].keyless.identities[0].issuerRegExp"},
		{name: "expression without end", text: "keyless: {identities: [{issuerRegExp: ^https://i, subject: s}]}\n", warned: "identity spec.authorities[0].keyless.identities[0].issuerRegExp"},
		{name: "static pass", text: "static: {action: pass}\n"},
		{name: "static fail", text: "static: {action: fail, message: not here}\n"},
		{name: "static with nothing", text: "static: {}\n", refused: "missing spec.authorities[0].static.action"},
		{name: "static unknown", text: "static: {action: maybe}\n", refused: "value spec.authorities[0].static.action"},
		{name: "static with what it ignores", text: "static: {action: pass}\nctlog: {}\nsource: [{oci: r.example/s}]\nattestations: [{name: x, predicateType: https://p.example/v1}]\nrfc3161timestamp: {trustRootRef: t}\n",
			refused: "conflict spec.authorities[0].source; conflict spec.authorities[0].ctlog; conflict spec.authorities[0].attestations; conflict spec.authorities[0].rfc3161timestamp"},
		{name: "source", text: keyed + "\nsource: [{oci: \"r.example:5000/signatures\", tagPrefix: x-, signaturePullSecrets: [{name: s}]}]\n"},
		{name: "source with a tag", text: keyed + "\nsource: [{oci: \"r.example/s:1\"}]\n", refused: "value spec.authorities[0].source[0].oci"},
		{name: "source with a nameless secret", text: keyed + "\nsource: [{signaturePullSecrets: [{}]}]\n", refused: "missing spec.authorities[0].source[0].signaturePullSecrets[0].name"},
		{name: "two sources", text: keyed + "\nsource: [{oci: r.example/s}, {oci: r.example/t}]\n", refused: "limit spec.authorities[0].source"},
		{name: "ctlog", text: keyed + "\nctlog: {url: https://rekor.example, trustRootRef: r}\n"},
		{name: "ctlog of a name", text: keyed + "\nctlog: {url: rekor}\n", refused: "value spec.authorities[0].ctlog.url"},
		{name: "ctlog unknown field", text: keyed + "\nctlog: {uri: x}\n", refused: "unknown-field spec.authorities[0].ctlog.uri"},
		{name: "timestamp", text: keyed + "\nrfc3161timestamp: {trustRootRef: t}\n"},
		{name: "timestamp of nobody", text: keyed + "\nrfc3161timestamp: {}\n", warned: "trust-root spec.authorities[0].rfc3161timestamp"},
		{name: "format", text: keyed + "\nsignatureFormat: bundle\n"},
		{name: "format of a key", text: "key: {kms: gcpkms://k}\nsignatureFormat: bundle\n", warned: "authority spec.authorities[0].signatureFormat"},
		{name: "format unknown", text: keyed + "\nsignatureFormat: new\n", refused: "value spec.authorities[0].signatureFormat"},
		{name: "attestation", text: keyed + "\nattestations: [{name: x, predicateType: https://slsa.dev/provenance/v1, policy: {type: rego, data: x}}]\n"},
		{name: "attestation with a short type", text: keyed + "\nattestations: [{name: x, predicateType: spdxjson}]\n", warned: "deprecated spec.authorities[0].attestations[0].predicateType"},
		{name: "attestation without anything", text: keyed + "\nattestations: [{}]\n", refused: "missing spec.authorities[0].attestations[0].name; missing spec.authorities[0].attestations[0].predicateType"},
		{name: "attestations of one name", text: keyed + "\nattestations: [{name: x, predicateType: https://p.example/1}, {name: x, predicateType: https://p.example/2}]\n", warned: "conflict spec.authorities[0].attestations[1]"},
		{name: "attestation with what belongs above", text: keyed + "\nattestations: [{name: x, predicateType: https://p.example/1, policy: {type: cue, data: x, includeSpec: true}}]\n",
			refused: "conflict spec.authorities[0].attestations[0].policy.includeSpec"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			text := "apiVersion: policy.sigstore.dev/v1alpha1\nkind: ClusterImagePolicy\nmetadata: {name: p}\nspec:\n  images: [{glob: \"**\"}]\n  authorities:\n  -\n" + indent(4, c.text)
			p, _, faults := read(t, text)
			judge(t, c, faults, p != nil)
			seen.note(t, text, faults)
		})
	}
}

func mirror(t *testing.T, names ...string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, n := range names {
		if err := w.WriteHeader(&tar.Header{Name: n, Mode: 0o600, Size: 2}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func testTrustRootFields(t *testing.T, seen *fields) {
	m := newMaterial(t)
	const root = `{"signed":{"_type":"root"},"signatures":[{"keyid":"a","sig":"b"}]}`
	good := mirror(t, "repository/timestamp.json", "repository/1.snapshot.json", "repository/targets.json", "repository/targets/trusted_root.json")
	ca := func(chain string) string {
		return "- subject: {organization: o, commonName: c}\n  uri: https://ca.example\n" + indent(2, encoded("certChain", chain))
	}
	log := func(key string) string {
		return "- baseURL: https://log.example\n  hashAlgorithm: sha-256\n" + indent(2, encoded("publicKey", key))
	}
	keys := func(lines string) string { return "sigstoreKeys:\n" + indent(2, lines) }
	authorities := "certificateAuthorities:\n" + ca(m.chain)
	cases := []expectation{
		{name: "nothing", text: "{}\n", refused: "missing spec"},
		{name: "remote", text: "remote:\n  mirror: https://tuf.example\n  targets: t\n  trustedRootTarget: r.json\n" + indent(2, encoded("root", root))},
		{name: "remote without mirror", text: "remote:\n" + indent(2, encoded("root", root)), refused: "missing spec.remote.mirror"},
		{name: "remote without root", text: "remote: {mirror: https://tuf.example}\n", refused: "missing spec.remote.root"},
		{name: "remote with a root that is no base64", text: "remote: {mirror: https://tuf.example, root: \"{}\"}\n", refused: "trust-root spec.remote.root"},
		{name: "remote with an unsigned root", text: "remote:\n  mirror: https://tuf.example\n" + indent(2, encoded("root", `{"signed":{"_type":"root"}}`)), refused: "trust-root spec.remote.root"},
		{name: "remote with a root of another type", text: "remote:\n  mirror: https://tuf.example\n" + indent(2, encoded("root", `{"signed":{"_type":"targets"},"signatures":[{}]}`)), refused: "trust-root spec.remote.root"},
		{name: "repository", text: "repository:\n" + indent(2, encoded("root", root)+encoded("mirrorFS", good))},
		{name: "repository with other targets", text: "repository:\n  targets: files\n" + indent(2, encoded("root", root)+encoded("mirrorFS", good)), refused: "trust-root spec.repository.mirrorFS"},
		{name: "repository without metadata", text: "repository:\n" + indent(2, encoded("root", root)+encoded("mirrorFS", mirror(t, "targets/x"))), refused: "trust-root spec.repository.mirrorFS"},
		{name: "repository that is no archive", text: "repository:\n" + indent(2, encoded("root", root)+encoded("mirrorFS", "x")), refused: "trust-root spec.repository.mirrorFS"},
		{name: "repository without files", text: "repository:\n" + indent(2, encoded("root", root)), refused: "missing spec.repository.mirrorFS"},
		{name: "two of them", text: "remote: {}\n" + keys(authorities), refused: "conflict spec.sigstoreKeys; missing spec.remote.root; missing spec.remote.mirror"},
		{name: "keys", text: keys(authorities + "timestampAuthorities:\n" + ca(m.tsa) + "tLogs:\n" + log(m.key) + "ctLogs:\n" + log(m.key))},
		{name: "keys of nobody", text: keys("tLogs:\n" + log(m.key)), refused: "missing spec.sigstoreKeys"},
		{name: "PEM instead of base64", text: keys("certificateAuthorities:\n- subject: {organization: o, commonName: c}\n  uri: https://ca.example\n" + indent(2, block("certChain", m.chain))), refused: "trust-root spec.sigstoreKeys.certificateAuthorities[0].certChain"},
		{name: "no certificate", text: keys("certificateAuthorities:\n" + ca("hello")), refused: "trust-root spec.sigstoreKeys.certificateAuthorities[0].certChain"},
		{name: "a leaf among authorities", text: keys("certificateAuthorities:\n" + ca(m.tsa)), refused: "trust-root spec.sigstoreKeys.certificateAuthorities[0].certChain"},
		{name: "two leaves of a timestamp authority", text: keys("timestampAuthorities:\n" + ca(m.leaf+m.tsa)), refused: "trust-root spec.sigstoreKeys.timestampAuthorities[0].certChain"},
		{name: "no root at the end", text: keys("timestampAuthorities:\n" + ca(m.leaf)), warned: "trust-root spec.sigstoreKeys.timestampAuthorities[0].certChain"},
		{name: "an authority without anything", text: keys("certificateAuthorities: [{}]\n"),
			refused: "missing spec.sigstoreKeys.certificateAuthorities[0].subject; missing spec.sigstoreKeys.certificateAuthorities[0].uri; missing spec.sigstoreKeys.certificateAuthorities[0].certChain"},
		{name: "a subject without names", text: keys("certificateAuthorities:\n- subject: {}\n  uri: https://ca.example\n" + indent(2, encoded("certChain", m.chain))),
			refused: "missing spec.sigstoreKeys.certificateAuthorities[0].subject.organization; missing spec.sigstoreKeys.certificateAuthorities[0].subject.commonName"},
		{name: "a log without anything", text: keys(authorities + "tLogs: [{}]\n"), refused: "missing spec.sigstoreKeys.tLogs[0].baseURL; missing spec.sigstoreKeys.tLogs[0].hashAlgorithm; missing spec.sigstoreKeys.tLogs[0].publicKey"},
		{name: "a log of another hash", text: keys(authorities + "ctLogs:\n" + strings.Replace(log(m.key), "sha-256", "md5", 1)), refused: "trust-root spec.sigstoreKeys.ctLogs[0].hashAlgorithm"},
		{name: "a log without a key", text: keys(authorities + "tLogs:\n" + log("hello")), refused: "trust-root spec.sigstoreKeys.tLogs[0].publicKey"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			text := "apiVersion: policy.sigstore.dev/v1alpha1\nkind: TrustRoot\nmetadata: {name: t}\nspec:\n" + indent(2, c.text)
			_, root, faults := read(t, text)
			judge(t, c, faults, root != nil)
			seen.note(t, text, faults)
		})
	}
}

// A gzip that unpacks to more than a repository may be is given up on, not unpacked.
func TestMirrorBomb(t *testing.T) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(z)
	if err := w.WriteHeader(&tar.Header{Name: "bomb", Mode: 0o600, Size: 40 << 20}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 40<<20)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("apiVersion: policy.sigstore.dev/v1alpha1\nkind: TrustRoot\nmetadata: {name: t}\nspec:\n  repository:\n%s%s",
		indent(4, encoded("root", `{"signed":{"_type":"root"},"signatures":[{}]}`)), indent(4, encoded("mirrorFS", b.String())))
	_, root, faults := read(t, text)
	if root != nil || len(faults) != 1 || !strings.Contains(faults[0].Message, "larger") {
		t.Errorf("%+v", faults)
	}
}
