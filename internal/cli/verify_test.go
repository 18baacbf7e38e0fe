package cli_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/verify/synth"
)

// TestVerifyBundle runs the command as a user does: what verifies, what is refused, and
// what could not be checked are told apart by words and by the exit code.
func TestVerifyBundle(t *testing.T) {
	at := time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)
	d, err := synth.New(synth.Options{At: at})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filesIn[[]byte](t, dir)
	sign := func(content string) []byte {
		t.Helper()
		b, err := d.Sign([]byte(content), synth.Signing{Subject: "ci@example.com", Issuer: "https://issuer.example", Extensions: map[int]string{12: "https://git.example/shop"}})
		if err != nil {
			t.Fatal(err)
		}
		return synth.Write(b)
	}
	root := file("root.json", d.TrustedRoot())
	a, b := file("a.tar", []byte("a")), file("b.tar", []byte("b"))
	bundle := file("a.tar.sigstore.json", sign("a"))
	file("b.tar.sigstore.json", sign("not b"))
	broken := file("broken.json", []byte("{"))
	missing := filepath.Join(dir, "missing")
	distrust := file("distrust.yaml", []byte("distrust:\n- subject: ci@example.com\n  why: the runner was broken into\n"))
	who := []string{"--certificate-identity", "ci@example.com", "--certificate-oidc-issuer", "https://issuer.example"}
	ok := append([]string{"--bundle", bundle, "--trusted-root", root}, who...)
	t.Setenv("COFFERDAM_CACHE", t.TempDir())
	for name, c := range map[string]struct {
		args         []string
		code         int
		says, stderr string
	}{
		"good":                    {append([]string{a}, ok...), 0, "VERIFIED", ""},
		"good by digest":          {append([]string{"sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"}, ok...), 0, "VERIFIED", ""},
		"good by extension":       {append([]string{a, "--certificate-extension", "sourceRepositoryURI=https://git.example/shop"}, ok...), 0, "VERIFIED", ""},
		"explained":               {append([]string{a, "--explain"}, ok...), 0, "log: entry", ""},
		"bundle beside the file":  {append([]string{a, "--trusted-root", root}, who...), 0, "VERIFIED", ""},
		"another repository":      {append([]string{a, "--certificate-extension", "sourceRepositoryURI=https://git.example/fork"}, ok...), 3, "extension-mismatch", ""},
		"several":                 {append([]string{a, b, "--trusted-root", root}, who...), 3, "2 artifacts: 1 verified, 1 refused, 0 indeterminate", ""},
		"another file":            {append([]string{b}, ok...), 3, "artifact-mismatch", ""},
		"distrusted":              {append([]string{a, "--distrust", distrust}, ok...), 3, "broken into", ""},
		"malformed bundle":        {append([]string{a, "--bundle", broken, "--trusted-root", root}, who...), 3, "malformed-bundle", ""},
		"malformed root":          {append([]string{a, "--bundle", bundle, "--trusted-root", broken}, who...), 3, "malformed-trusted-root", ""},
		"malformed key":           {[]string{a, "--bundle", bundle, "--key", broken}, 3, "malformed-key", ""},
		"key for a certificate":   {[]string{a, "--bundle", bundle, "--key", publicKey(t, file)}, 3, "wrong-material", ""},
		"no such file":            {append([]string{missing}, ok...), 1, "COULD NOT CHECK", ""},
		"no such bundle":          {append([]string{a, "--bundle", missing, "--trusted-root", root}, who...), 1, "COULD NOT CHECK", ""},
		"no such root":            {append([]string{a, "--bundle", bundle, "--trusted-root", missing}, who...), 1, "", "no such file"},
		"two of three, one lost":  {append([]string{a, b, missing, "--trusted-root", root}, who...), 1, "1 verified, 1 refused, 1 indeterminate", ""},
		"nobody accepted":         {[]string{a, "--bundle", bundle}, 2, "", "whose signature"},
		"key and identity":        {append([]string{a, "--key", root}, ok...), 2, "", "not both"},
		"no issuer":               {[]string{a, "--bundle", bundle, "--trusted-root", root, "--certificate-identity", "x"}, 2, "", "no issuer"},
		"no expression":           {[]string{a, "--bundle", bundle, "--trusted-root", root, "--certificate-identity-regexp", "(", "--certificate-oidc-issuer", "x"}, 2, "", "regular expression"},
		"no such extension":       {append([]string{a, "--certificate-extension", "repo=x"}, ok...), 2, "", "sourceRepositoryURI"},
		"a bundle for two":        {append([]string{a, b}, ok...), 2, "", "one artifact"},
		"a key of a cloud":        {[]string{a, "--bundle", bundle, "--key", "awskms:///x"}, 1, "", "cofferdam-kms-awskms"},
		"image is not there yet":  {[]string{}, 2, "", "needs a FILE"},
		"distrust that is broken": {append([]string{a, "--distrust", broken}, ok...), 1, "", "neither YAML"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errs := run(t, nil, append([]string{"verify", "bundle"}, c.args...)...)
			if code != c.code || !strings.Contains(out, c.says) || !strings.Contains(errs, c.stderr) {
				t.Errorf("exit %d\n%s\n%s\nwant %d, %q, %q", code, out, errs, c.code, c.says, c.stderr)
			}
		})
	}
	for _, f := range []string{"json", "yaml", "sarif", "junit", "markdown"} {
		code, out, errs := run(t, nil, append([]string{"verify", "bundle", a, b, missing, "-o", f, "--trusted-root", root}, who...)...)
		if code != 1 || !strings.Contains(out, "artifact-mismatch") && f != "markdown" {
			t.Errorf("%s: exit %d\n%s\n%s", f, code, out, errs)
		}
	}
	_, out, _ := run(t, nil, append([]string{"verify", "bundle", b, "-o", "json"}, ok...)...)
	var answer struct {
		Verdict, Class string
		Results        []struct{ Verdict, Class, Reason, Message, Hint string }
	}
	if err := json.Unmarshal([]byte(out), &answer); err != nil || answer.Verdict != "refused" || answer.Class != "refused" || answer.Results[0].Reason != "artifact-mismatch" || answer.Results[0].Hint == "" {
		t.Errorf("%v\n%s", err, out)
	}
	_, out, _ = run(t, nil, append([]string{"verify", "bundle", missing, "-o", "json"}, ok...)...)
	if err := json.Unmarshal([]byte(out), &answer); err != nil || answer.Class != "indeterminate" {
		t.Errorf("%v\n%s", err, out)
	}
}

func publicKey(t *testing.T, file func(string, []byte) string) string {
	t.Helper()
	return file("key.pub", []byte("-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n"))
}

// TestVerifyNoRoot never calls an unreachable root refused.
func TestVerifyNoRoot(t *testing.T) {
	silent := httptest.NewServer(http.NotFoundHandler())
	defer silent.Close()
	t.Setenv("HTTPS_PROXY", silent.URL)
	t.Setenv("COFFERDAM_CACHE", t.TempDir())
	d, err := synth.New(synth.Options{At: time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	b, err := d.Sign([]byte("a"), synth.Signing{Subject: "ci@example.com", Issuer: "https://issuer.example"})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "a")
	if err := os.WriteFile(name+".sigstore.json", synth.Write(b), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte("a"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := run(t, nil, "verify", "bundle", name, "--certificate-identity", "ci@example.com", "--certificate-oidc-issuer", "https://issuer.example", "-o", "json")
	if code != 1 || !strings.Contains(out, `"class": "indeterminate"`) || !strings.Contains(out, "no trusted root") {
		t.Errorf("exit %d\n%s\n%s", code, out, errs)
	}
}
