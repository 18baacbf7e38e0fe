//go:build sigstore

package sigstore_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/internal/cli"
	"github.com/cofferdam-io/cofferdam/internal/testenv/oci"
	"github.com/cofferdam-io/cofferdam/internal/testenv/sigstore"
)

// exchange is a registry in which cosign and cofferdam find what the other signed.
type exchange struct {
	*sigstore.Stack
	r                             *oci.Registry
	dir, key, public, token, file string
	keyless, own                  []string // who is accepted, in the flags of both
}

func newExchange(t *testing.T) *exchange {
	t.Helper()
	x := &exchange{Stack: sigstore.Start(t), r: oci.New(t, oci.Options{Referrers: true}), dir: t.TempDir()}
	t.Setenv("COFFERDAM_CACHE", filepath.Join(x.dir, "cache"))
	t.Setenv("COSIGN_PASSWORD", "for tests")
	x.Cosign(t, "generate-key-pair", "--output-key-prefix", filepath.Join(x.dir, "cosign"))
	x.key, x.public = filepath.Join(x.dir, "cosign.key"), filepath.Join(x.dir, "cosign.pub")
	x.token, x.file = filepath.Join(x.dir, "token"), filepath.Join(x.dir, "artifact")
	for name, content := range map[string]string{x.token: x.Token(t, who), x.file: "what was built\n", x.predicate(): `{"checked": true}`} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	x.keyless = []string{"--certificate-identity", who, "--certificate-oidc-issuer", x.Issuer, "--trusted-root", x.TrustedRoot}
	x.own = []string{"--key", x.public}
	return x
}

func (x *exchange) predicate() string { return filepath.Join(x.dir, "predicate.json") }

// cofferdam runs the command, and wants an exit code.
func (x *exchange) cofferdam(t *testing.T, want int, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if got := cli.Run(context.Background(), args, strings.NewReader(""), &out, &errs); got != want {
		t.Fatalf("cofferdam %s: exit %d, want %d\n%s%s", strings.Join(args, " "), got, want, out.String(), errs.String())
	}
	return out.String()
}

const predicateType = "https://example.com/checked"

// TestImages has the real cosign sign and attest images, in bundles and in the format
// before them, and verify image judge them.
func TestImages(t *testing.T) {
	x := newExchange(t)
	services := []string{"--signing-config", x.Config(), "--trusted-root", x.TrustedRoot}
	old := []string{"--new-bundle-format=false", "--use-signing-config=false", "--tlog-upload=false"}
	for name, c := range map[string]struct {
		cosign []string
		accept []string
		format string
		token  bool
	}{
		"signed keyless":           {append([]string{"sign"}, services...), x.keyless, "bundle", true},
		"attested keyless":         {append([]string{"attest", "--predicate", x.predicate(), "--type", predicateType}, services...), x.keyless, "bundle", true},
		"signed with a key":        {append([]string{"sign", "--key", x.key}, services...), append([]string{"--trusted-root", x.TrustedRoot}, x.own...), "bundle", false},
		"signed, legacy .sig":      {append([]string{"sign", "--key", x.key}, old...), x.own, "simple-signing", false},
		"attested, legacy .att":    {append([]string{"attest", "--key", x.key, "--predicate", x.predicate(), "--type", predicateType}, old...), x.own, "dsse", false},
		"legacy, with a timestamp": {append([]string{"sign", "--key", x.key, "--timestamp-server-url", x.Stamper() + "/api/v1/timestamp"}, old...), append([]string{"--trusted-root", x.TrustedRoot, "--min-timestamps", "1"}, x.own...), "simple-signing", false},
	} {
		t.Run(name, func(t *testing.T) {
			repository := "shop/" + strings.NewReplacer(" ", "-", ",", "", ".", "").Replace(name)
			i := x.r.Image(t, repository, "1")
			image := x.r.Host + "/" + repository
			args := append([]string{c.cosign[0], "--allow-http-registry"}, c.cosign[1:]...)
			if c.token {
				args = append(args, "--identity-token", x.Token(t, who))
			}
			x.Cosign(t, append(args, image+"@"+i.Digest.String())...)
			out := x.cofferdam(t, 0, append([]string{"verify", "image", image + ":1", "--explain"}, c.accept...)...)
			if !strings.Contains(out, "("+c.format+")") {
				t.Errorf("not in the format %s:\n%s", c.format, out)
			}
			// Another key and another identity are refused, and so is a copy elsewhere.
			other := []string{"--certificate-identity", "nobody@example.com", "--certificate-oidc-issuer", x.Issuer, "--trusted-root", x.TrustedRoot}
			x.cofferdam(t, 3, append([]string{"verify", "image", image + ":1"}, other...)...)
		})
	}
}

// TestSigned has the real cosign verify what sign and attest made with the real services.
func TestSigned(t *testing.T) {
	x := newExchange(t)
	by := []string{"--identity-token", x.token, "--signing-config", x.Config(), "--trusted-root", x.TrustedRoot}
	image := func(name string) (tag, digest string) {
		i := x.r.Image(t, "ours/"+name, "1")
		return x.r.Host + "/ours/" + name + ":1", x.r.Host + "/ours/" + name + "@" + i.Digest.String()
	}
	t.Run("image, keyless", func(t *testing.T) {
		tag, digest := image("keyless")
		x.cofferdam(t, 0, append([]string{"sign", tag}, by...)...)
		x.Cosign(t, append([]string{"verify", "--allow-http-registry", digest}, x.keyless...)...)
	})
	t.Run("attestation, keyless", func(t *testing.T) {
		tag, digest := image("attested")
		x.cofferdam(t, 0, append([]string{"attest", tag, "--type", predicateType, "--predicate", x.predicate()}, by...)...)
		x.Cosign(t, append([]string{"verify-attestation", "--allow-http-registry", "--type", predicateType, digest}, x.keyless...)...)
	})
	// What is stated of a build and of what is in it, by the names that others know it by.
	t.Run("provenance and SBOM, in both formats", func(t *testing.T) {
		t.Setenv("JENKINS_URL", "https://jenkins.example/")
		t.Setenv("BUILD_URL", "https://jenkins.example/job/web/17/")
		t.Setenv("JOB_NAME", "web")
		document := filepath.Join(t.TempDir(), "sbom.json")
		if err := os.WriteFile(document, []byte(`{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[]}`), 0o600); err != nil {
			t.Fatal(err)
		}
		for kind, args := range map[string][]string{"slsaprovenance": nil, "cyclonedx": {"--predicate", document}} {
			name := map[string]string{"slsaprovenance": "https://slsa.dev/provenance/v1", "cyclonedx": "https://cyclonedx.org/bom"}[kind]
			tag, digest := image(kind)
			x.cofferdam(t, 0, slices.Concat([]string{"attest", tag, "--type", kind}, args, by)...)
			x.Cosign(t, append([]string{"verify-attestation", "--allow-http-registry", "--type", name, digest}, x.keyless...)...)
			tag, digest = image(kind + "-legacy")
			x.cofferdam(t, 0, slices.Concat([]string{"attest", "--legacy", "--key", x.key, tag, "--type", kind}, args)...)
			x.Cosign(t, "verify-attestation", "--allow-http-registry", "--new-bundle-format=false", "--insecure-ignore-tlog", "--key", x.public, "--type", name, digest)
		}
	})
	t.Run("file, keyless", func(t *testing.T) {
		x.cofferdam(t, 0, append([]string{"sign", x.file}, by...)...)
		x.Cosign(t, append([]string{"verify-blob", "--bundle", x.file + ".sigstore.json", x.file}, x.keyless...)...)
	})
	t.Run("image, with a key and the services", func(t *testing.T) {
		tag, digest := image("keyed")
		x.cofferdam(t, 0, "sign", tag, "--key", x.key, "--signing-config", x.Config(), "--trusted-root", x.TrustedRoot)
		x.Cosign(t, "verify", "--allow-http-registry", "--key", x.public, "--trusted-root", x.TrustedRoot, digest)
	})
	t.Run("image, legacy", func(t *testing.T) {
		tag, digest := image("legacy")
		x.cofferdam(t, 0, "sign", "--legacy", "--key", x.key, tag)
		x.Cosign(t, "verify", "--allow-http-registry", "--new-bundle-format=false", "--insecure-ignore-tlog", "--key", x.public, digest)
	})
	t.Run("instructions", func(t *testing.T) {
		tag, _ := image("released")
		x.cofferdam(t, 0, append([]string{"sign", tag}, by...)...)
		x.cofferdam(t, 0, append([]string{"attest", tag, "--type", predicateType, "--predicate", x.predicate()}, by...)...)
		x.instructed(t, 3, append([]string{tag}, x.keyless...)...)
		keyed, _ := image("released-keyed")
		x.cofferdam(t, 0, "sign", "--key", x.key, keyed)
		x.cofferdam(t, 0, "attest", "--key", x.key, "--type", predicateType, "--predicate", x.predicate(), keyed)
		x.instructed(t, 3, append([]string{keyed}, x.own...)...)
		old, _ := image("released-legacy")
		x.cofferdam(t, 0, "sign", "--legacy", "--key", x.key, old)
		x.cofferdam(t, 0, "attest", "--legacy", "--key", x.key, "--type", predicateType, "--predicate", x.predicate(), old)
		x.instructed(t, 3, append([]string{old}, x.own...)...)
	})
	t.Run("attestation, legacy", func(t *testing.T) {
		tag, digest := image("legacy-attested")
		x.cofferdam(t, 0, "attest", "--legacy", "--key", x.key, "--type", predicateType, "--predicate", x.predicate(), tag)
		x.Cosign(t, "verify-attestation", "--allow-http-registry", "--new-bundle-format=false", "--insecure-ignore-tlog", "--key", x.public, "--type", predicateType, digest)
	})
}

// instructed runs the commands that verify instructions writes for somebody else, cosign's
// with the real cosign.
func (x *exchange) instructed(t *testing.T, want int, args ...string) {
	t.Helper()
	var a struct{ Commands []struct{ Args []string } }
	if err := json.Unmarshal([]byte(x.cofferdam(t, 0, append([]string{"verify", "instructions", "-o", "json"}, args...)...)), &a); err != nil || len(a.Commands) != want {
		t.Fatalf("%v %+v", err, a)
	}
	for _, c := range a.Commands {
		if c.Args[0] == "cosign" {
			x.Cosign(t, c.Args[1:]...)
			continue
		}
		x.cofferdam(t, 0, c.Args[1:]...)
	}
}
