package cli_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/testenv/keyring"
	"github.com/cofferdam-io/cofferdam/internal/testenv/oci"
	"github.com/cofferdam-io/cofferdam/verify"
	"github.com/cofferdam-io/cofferdam/verify/synth"
)

// What Tekton Chains writes: the type of its statements, and predicates in the shapes of
// its formatters slsa/v1 (SLSA v0.2, of a TaskRun) and slsa/v2alpha4 (SLSA v1, of a
// PipelineRun that was fetched by Git).
const (
	chainsStatement = `{"_type":"https://in-toto.io/Statement/v0.1","predicateType":%q,"subject":[{"name":"%s/%s","digest":{"sha256":%q}}],"predicate":%s}`
	chainsTaskRun   = `{"builder":{"id":"https://tekton.dev/chains/v2"},"buildType":"tekton.dev/v1/TaskRun",
		"invocation":{"configSource":{},"parameters":{"CHAINS-GIT_URL":"https://git.example/shop/web"},"environment":{"labels":{"app.kubernetes.io/managed-by":"tekton-pipelines"}}},
		"buildConfig":{"steps":[{"entryPoint":"/kaniko/executor","arguments":["--dockerfile=Dockerfile"],"environment":{"container":"build","image":"oci://registry.example/kaniko@sha256:28ff94e63e4058afc3f15b4c11c08cf3b54fa91faa646a4bbac90380cd7158df"},"annotations":null}]},
		"metadata":{"buildStartedOn":"2026-11-20T14:50:00Z","buildFinishedOn":"2026-11-20T14:58:00Z","completeness":{"parameters":false,"environment":false,"materials":false},"reproducible":false},
		"materials":[{"uri":"oci://registry.example/kaniko","digest":{"sha256":"28ff94e63e4058afc3f15b4c11c08cf3b54fa91faa646a4bbac90380cd7158df"}},
			{"uri":"git+https://git.example/shop/web","digest":{"sha1":"6f1d3f9d3c3b1f6a4e0e8a2b7c5d4e3f2a1b0c9d"}}]}`
	chainsPipelineRun = `{"buildDefinition":{"buildType":"https://tekton.dev/chains/v2/slsa","externalParameters":{"runSpec":{"pipelineRef":{"resolver":"git","params":[{"name":"url","value":"https://git.example/shop/ci"}]},
			"params":[{"name":"git-url","value":"https://git.example/shop/web"}],"taskRunTemplate":{"serviceAccountName":"builder"}},
			"buildConfigSource":{"ref":"sha1:0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c","repository":"git+https://git.example/shop/ci","path":"pipelines/build.yaml"}},
		"internalParameters":{"tekton-pipelines-feature-flags":{"EnableAPIFields":"beta"}},
		"resolvedDependencies":[{"uri":"git+https://git.example/shop/ci","digest":{"sha1":"0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c"},"name":"pipeline"},
			{"uri":"oci://registry.example/git-init","digest":{"sha256":"28ff94e63e4058afc3f15b4c11c08cf3b54fa91faa646a4bbac90380cd7158df"}},
			{"uri":"git+https://git.example/shop/web","digest":{"sha1":"6f1d3f9d3c3b1f6a4e0e8a2b7c5d4e3f2a1b0c9d"},"name":"inputs/result"}]},
		"runDetails":{"builder":{"id":"https://tekton.dev/chains/v2"},"metadata":{"invocationId":"1aa04ff2-9c2a-47f5-9c75-ed43d259649a","startedOn":"2026-11-20T14:50:00Z","finishedOn":"2026-11-20T14:58:00Z"},
			"byproducts":[{"name":"pipelineRunResults/IMAGE_URL","content":"InJlZ2lzdHJ5LmV4YW1wbGUvc2hvcC93ZWIi","mediaType":"application/json"}]}}`
	provenanceV02 = "https://slsa.dev/provenance/v0.2"
	provenanceV1  = "https://slsa.dev/provenance/v1"
	chainsWho     = "https://kubernetes.io/namespaces/tekton-chains/serviceaccounts/tekton-chains-controller"
	chainsIssuer  = "https://kubernetes.default.svc.cluster.local"
)

// TestTektonChains has verify image and gate judge images by what Tekton Chains attaches
// to them, in both of its encodings, with a key and as its service account, by the policy
// of examples/tekton-chains.
func TestTektonChains(t *testing.T) {
	d, err := synth.New(synth.Options{At: time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	r := oci.New(t, oci.Options{Referrers: true})
	keys := keyring.All(t)
	file := filesIn[[]byte](t, t.TempDir())
	t.Setenv("COFFERDAM_CACHE", t.TempDir())
	example := func(name, old, now string) string {
		raw, err := os.ReadFile("../../examples/tekton-chains/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(raw), old) {
			t.Fatalf("%s has no %s", name, old)
		}
		return file(name, []byte(strings.Replace(string(raw), old, now, 1)))
	}
	policy := example("policy.yaml", "registry.example", r.Host)
	public := file("chains.pub", keyring.Public(t, keys["p256"]))
	of := keyID(t, keyring.Public(t, keys["p256"]))
	builders := example("builders.yaml", "  signers:\n", "  signers:\n  - key: "+of.String()+"\n")
	root := file("root.json", d.TrustedRoot())

	const bundle = "application/vnd.dev.sigstore.bundle.v0.3+json"
	key := synth.Signing{Key: keys["p256"], NoLog: true, NoStamp: true}
	other := synth.Signing{Key: keys["p384"], NoLog: true, NoStamp: true}
	account := synth.Signing{Subject: chainsWho, Issuer: chainsIssuer, FirstLog: true, NoStamp: true}
	unlogged := account
	unlogged.NoLog = true
	statement := func(predicateType, predicate string) func(oci.Image) []byte {
		return func(i oci.Image) []byte {
			return fmt.Appendf(nil, chainsStatement, predicateType, r.Host, i.Repository, i.Digest.Hex(), predicate)
		}
	}
	v02, v1 := statement(provenanceV02, chainsTaskRun), statement(provenanceV1, chainsPipelineRun)
	for name, c := range map[string]struct {
		attested func(oci.Image) []byte
		of       bool // another image's is attached
		by       synth.Signing
		bundled  bool // encoding-format: sigstore-bundle
		signer   []string
		code     int
		says     string
	}{
		"v0.2, dsse, key":              {attested: v02, by: key, says: "passed  pinned"},
		"v1, dsse, key":                {attested: v1, by: key, says: "passed  source"},
		"v0.2, bundle, key":            {attested: v02, by: key, bundled: true, says: "passed  built-by-tekton"},
		"v1, bundle, key":              {attested: v1, by: key, bundled: true, says: "passed  source"},
		"v1, service account, logged":  {attested: v1, by: account, says: "passed  built-by-tekton"},
		"v1, service account, bundled": {attested: v1, by: account, bundled: true, says: "passed  built-by-tekton"},
		"another key":                  {attested: v1, by: other, code: 3, says: "failed  built-by-tekton"},
		"of another image":             {attested: v1, of: true, by: key, code: 3, says: "the statement is about something else"},
		"no log":                       {attested: v1, by: unlogged, code: 3, says: "log"},
		"other source":                 {attested: statement(provenanceV1, strings.ReplaceAll(chainsPipelineRun, "git.example/shop/web", "git.example/elsewhere")), by: key, code: 3, says: "failed  source"},
		"other builder":                {attested: statement(provenanceV1, strings.Replace(chainsPipelineRun, "dev/chains/v2\"},\"meta", "dev/chains/v3\"},\"meta", 1)), by: key, code: 3, says: "failed  built-by-tekton"},
		"a task by its tag":            {attested: statement(provenanceV1, strings.Replace(chainsPipelineRun, `"digest":{"sha256":"28ff94e63e4058afc3f15b4c11c08cf3b54fa91faa646a4bbac90380cd7158df"}`, `"digest":{}`, 1)), by: key, code: 3, says: "failed  pinned"},
	} {
		t.Run(name, func(t *testing.T) {
			repository := "shop/" + strings.NewReplacer(" ", "-", ",", "", ".", "").Replace(name)
			i := r.Image(t, repository, "1")
			about := i
			if c.of {
				about = r.Image(t, repository, "2")
			}
			s := c.by
			s.Statement = c.attested(about)
			if c.bundled {
				b, err := d.Sign(nil, s)
				if err != nil {
					t.Fatal(err)
				}
				r.Attach(t, i, bundle, oci.Layer{MediaType: bundle, Content: synth.Write(b)})
			} else {
				layer, notes, err := d.Cosign(nil, s)
				if err != nil {
					t.Fatal(err)
				}
				r.Cosign(t, i, ".att", oci.Layer{MediaType: "application/vnd.dsse.envelope.v1+json", Content: layer, Annotations: notes})
				payload, notes, err := d.Cosign(synth.Payload(i.Digest.String()), c.by)
				if err != nil {
					t.Fatal(err)
				}
				r.Cosign(t, i, ".sig", oci.Layer{MediaType: "application/vnd.dev.cosign.simplesigning.v1+json", Content: payload, Annotations: notes})
			}
			r.Attach(t, i, "application/vnd.cyclonedx+json", oci.Layer{MediaType: "application/vnd.cyclonedx+json", Content: []byte(webSBOM)})
			by := []string{"--key", public, "--trusted-root", root, "--builders", builders, "--policy", policy}
			code, out, errs := run(t, nil, append([]string{"verify", "image", r.Host + "/" + repository + ":1"}, by...)...)
			if code != c.code || !strings.Contains(out+errs, c.says) {
				t.Errorf("verify image: exit %d, want %d and %q: %s%s", code, c.code, c.says, out, errs)
			}
			if code, out, errs = run(t, nil, append([]string{"gate", r.Host + "/" + repository + ":1", "--fail-on", "none"}, by...)...); code != c.code {
				t.Errorf("gate: exit %d, want %d: %s%s", code, c.code, out, errs)
			}
		})
	}
}

// keyID is what a table of builders calls a key.
func keyID(t *testing.T, public []byte) ident.Digest {
	t.Helper()
	k, err := verify.ParseKey("key", public)
	if err != nil {
		t.Fatal(err)
	}
	return k.ID
}
