package notation_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/notaryproject/notation-core-go/signature"
	"github.com/notaryproject/notation-plugin-framework-go/cli"
	"github.com/notaryproject/notation-plugin-framework-go/plugin"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/notation"
	"github.com/cofferdam-io/cofferdam/verify"
	"github.com/cofferdam-io/cofferdam/verify/synth"
)

// TestMain makes this program a plugin, if it is started as one: by the Notary Project's
// own framework for plugins, which reads requests and writes answers and errors.
func TestMain(m *testing.M) {
	name, is := strings.CutPrefix(filepath.Base(os.Args[0]), "notation-")
	if !is || strings.HasSuffix(name, ".test") {
		os.Exit(m.Run())
	}
	switch _, behaviour, _ := strings.Cut(name, "example."); {
	case behaviour == "floods":
		_, _ = os.Stdout.Write(bytes.Repeat([]byte("x"), 4<<20))
	case behaviour == "chats":
		fmt.Println("hello")
	case behaviour == "counts":
		f, err := os.OpenFile("asked", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			panic(err)
		}
		_, _ = io.Copy(f, os.Stdin)
		_ = f.Close()
		fmt.Print("{}")
	case behaviour == "dies":
		fmt.Fprintln(os.Stderr, "panic: of the plugin")
		os.Exit(2)
	case behaviour == "environment":
		fmt.Fprintf(os.Stderr, `{"errorCode":"ERROR","errorMessage":%q}`, strings.Join(os.Environ(), " "))
		os.Exit(1)
	case behaviour == "hangs" && os.Args[1] == string(plugin.CommandVerifySignature):
		time.Sleep(time.Minute)
	default:
		c, err := cli.New(profiles{name: name, behaviour: behaviour})
		if err != nil {
			panic(err)
		}
		c.Execute(context.Background(), os.Args)
	}
}

// profiles judges as AWS Signer's plugin does: the signature's profile is among the
// trusted identities, and the file that its configuration names does not have its job.
type profiles struct {
	plugin.Plugin
	name, behaviour string
}

const profile, job = "com.amazonaws.signer.signingProfileVersion", "com.amazonaws.signer.signingJob"

func (p profiles) GetMetadata(context.Context, *plugin.GetMetadataRequest) (*plugin.GetMetadataResponse, error) {
	m := &plugin.GetMetadataResponse{Name: p.name, Description: "for tests", Version: "1.2.0", URL: "https://plugin.example", SupportedContractVersions: []string{plugin.ContractVersion},
		Capabilities: []plugin.Capability{plugin.CapabilityTrustedIdentityVerifier, plugin.CapabilityRevocationCheckVerifier}}
	switch p.behaviour {
	case "lies":
		m.Name = "com.other"
	case "old":
		m.Version = "0.9.0"
	case "new":
		m.SupportedContractVersions = []string{"2.0"}
	case "signs":
		m.Capabilities = []plugin.Capability{plugin.CapabilityEnvelopeGenerator}
	}
	return m, nil
}

func (p profiles) VerifySignature(_ context.Context, q *plugin.VerifySignatureRequest) (*plugin.VerifySignatureResponse, error) {
	given := q.Signature.CriticalAttributes.ExtendedAttributes
	text, _ := given[profile].(string)
	switch {
	case p.behaviour == "denied":
		return nil, plugin.NewError(plugin.ErrorCodeAccessDenied, "log in first")
	case text == "":
		return nil, plugin.NewValidationError("no profile")
	}
	revoked, err := os.ReadFile(q.PluginConfig["revoked"])
	if err != nil {
		return nil, err
	}
	a := &plugin.VerifySignatureResponse{VerificationResults: map[plugin.Capability]*plugin.VerificationResult{}, ProcessedAttributes: []any{profile, job}}
	for _, c := range q.TrustPolicy.SignatureVerification {
		switch r := (plugin.VerificationResult{}); c {
		case plugin.CapabilityTrustedIdentityVerifier:
			r.Success = slices.Contains(q.TrustPolicy.TrustedIdentities, text[:strings.LastIndex(text, "/")])
			r.Reason = "of the profile " + text
			a.VerificationResults[c] = &r
		case plugin.CapabilityRevocationCheckVerifier:
			r.Success = !strings.Contains(string(revoked), given[job].(string))
			r.Reason = "the list of jobs that were revoked"
			a.VerificationResults[c] = &r
		}
	}
	if p.behaviour == "forgets" {
		a.ProcessedAttributes = []any{profile}
	}
	return a, nil
}

// install puts this program into a folder of plugins under a name, as a file of its own.
func install(t *testing.T, dir, name string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(dir, name, "notation-"+name)
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		t.Fatal(err)
	}
	if os.Link(self, at) == nil {
		return at
	}
	from, err := os.Open(self)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close() //nolint:errcheck // it was only read
	to, err := os.OpenFile(at, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(to, from)
	if err = errors.Join(err, to.Close()); err != nil {
		t.Fatal(err)
	}
	return at
}

const (
	arn    = "arn:aws:signer:us-west-2:111122223333:/signing-profiles/web"
	policy = `{"version":"1.0","trustPolicies":[{"name":"aws","registryScopes":["*"],"signatureVerification":{"level":"strict"},"trustStores":["signingAuthority:aws-signer-ts"],"trustedIdentities":["` + arn + `"]}]}`
)

// TestPlugins has signatures like AWS Signer's judged with real programs.
func TestPlugins(t *testing.T) {
	at := time.Now().UTC().Truncate(time.Second)
	n, err := synth.NewNotary(synth.NotaryOptions{At: at})
	if err != nil {
		t.Fatal(err)
	}
	d := ident.SHA256([]byte("manifest"))
	dir := t.TempDir()
	list := filepath.Join(dir, "revoked")
	if err := os.WriteFile(list, []byte("arn:aws:signer:x:/signing-jobs/666\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, b := range []string{"good", "floods", "chats", "dies", "hangs", "lies", "old", "new", "signs", "denied", "forgets"} {
		install(t, dir, "com.example."+b)
	}
	p, err := verify.ParseNotationPolicy([]byte(policy))
	if err != nil {
		t.Fatal(err)
	}
	o := verify.NotationOptions{Policy: p, At: at, Plugins: &notation.Plugins{Dir: dir, Environ: os.Environ(), Time: 20 * time.Second}, PluginConfig: map[string]string{"revoked": list}}
	if o.Stores, err = stores(n); err != nil {
		t.Fatal(err)
	}
	const unknown = "indeterminate"
	for name, c := range map[string]struct {
		plugin, profile, job string
		change               func(*verify.NotationOptions)
		want                 verify.Reason
		says                 string
	}{
		"good":              {"good", arn + "/1", "7", nil, "", ""},
		"another profile":   {"good", arn + "2/1", "7", nil, verify.PluginRefused, "of the profile"},
		"revoked":           {"good", arn + "/1", "666", nil, verify.PluginRefused, "revoked"},
		"an error":          {"denied", arn + "/1", "7", nil, unknown, "log in first (ACCESS_DENIED)"},
		"its own validator": {"good", "", "7", nil, unknown, "VALIDATION_ERROR"},
		"an attribute left": {"forgets", arn + "/1", "7", nil, verify.BadAttribute, "signingJob"},
		"floods":            {"floods", arn + "/1", "7", nil, unknown, "more than 1048576 bytes"},
		"chats":             {"chats", arn + "/1", "7", nil, unknown, "does not say what it is"},
		"dies":              {"dies", arn + "/1", "7", nil, unknown, "of the plugin"},
		"hangs":             {"hangs", arn + "/1", "7", func(o *verify.NotationOptions) { o.Plugins = &notation.Plugins{Dir: dir, Time: 3 * time.Second} }, unknown, "within 3s"},
		"lies":              {"lies", arn + "/1", "7", nil, unknown, "calls itself"},
		"old":               {"old", arn + "/1", "7", nil, unknown, "1.0.0 at least"},
		"new":               {"new", arn + "/1", "7", nil, unknown, "contract"},
		"signs":             {"signs", arn + "/1", "7", nil, unknown, "does not verify"},
		"missing":           {"missing", arn + "/1", "7", nil, unknown, "not installed"},
		"no such folder":    {"good", arn + "/1", "7", func(o *verify.NotationOptions) { o.Plugins = &notation.Plugins{Dir: dir + "/none"} }, unknown, "not installed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			raw, kind, err := n.Sign(d.String(), synth.NotationSigning{Authority: true, Attributes: []signature.Attribute{
				{Key: "io.cncf.notary.verificationPlugin", Critical: true, Value: "com.example." + c.plugin}, {Key: "io.cncf.notary.verificationPluginMinVersion", Critical: true, Value: "1.0.0"},
				{Key: profile, Critical: true, Value: c.profile}, {Key: job, Critical: true, Value: "arn:aws:signer:x:/signing-jobs/" + c.job}}})
			if err != nil {
				t.Fatal(err)
			}
			mine := o
			if c.change != nil {
				c.change(&mine)
			}
			j, err := verify.NewNotation(mine)
			if err != nil {
				t.Fatal(err)
			}
			f, err := j.Signature(t.Context(), raw, kind, "registry.example/shop/web", d)
			var r *verify.Refusal
			got := verify.Reason("")
			if errors.As(err, &r) {
				got = r.Reason
			} else if err != nil && ident.KindOf(err) == ident.KindIndeterminate {
				got = unknown
			}
			if got != c.want || (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Fatalf("%v (%s), want %q, %q", err, got, c.want, c.says)
			}
			if err == nil && (f.Signer.X509.Plugin.Version != "1.2.0" || f.Signer.X509.Plugin.Attributes[profile] != c.profile) {
				t.Errorf("%+v", f.Signer.X509.Plugin)
			}
		})
	}
}

// TestFind: what a signature may have run is in the operator's folder, and nowhere else.
func TestFind(t *testing.T) {
	dir := t.TempDir()
	good := install(t, dir, "com.example.good")
	inside := func(name string) string { return filepath.Join(dir, name, "notation-"+name) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"linked", "dull", "open", "nested"} {
		must(os.MkdirAll(filepath.Join(dir, name), 0o755))
	}
	must(os.Symlink(good, inside("linked")))
	must(os.Symlink(filepath.Join(dir, "com.example.good"), filepath.Join(dir, "com.example.alias")))
	must(os.WriteFile(inside("dull"), []byte("#!/bin/true\n"), 0o644))
	must(os.WriteFile(inside("open"), []byte("#!/bin/true\n"), 0o755))
	must(os.Chmod(inside("open"), 0o757))
	must(os.Mkdir(inside("nested"), 0o755))
	p := &notation.Plugins{Dir: dir}
	for name, says := range map[string]string{
		"": "no name", "..": "no name", ".": "no name", "../x": "no name", "a/b": "no name", `a\b`: "no name", "a b": "no name", "a\x00": "no name", "-x": "no name", strings.Repeat("a", 129): "no name", "com.example.good\n": "no name",
		"linked": "is a link", "com.example.alias": "is a link", "nested": "is a link", "dull": "not executable", "open": "anybody may write", "none": "not installed",
	} {
		if _, err := p.Ask(t.Context(), name, verify.PluginMetadata, nil); err == nil || ident.KindOf(err) != ident.KindIndeterminate || !strings.Contains(err.Error(), says) {
			t.Errorf("%.20q: %v, want %q", name, err, says)
		}
	}
	if raw, err := p.Ask(t.Context(), "com.example.good", verify.PluginMetadata, []byte("{}")); err != nil || !strings.Contains(string(raw), `"1.2.0"`) {
		t.Errorf("%s %v", raw, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Ask(ctx, "com.example.good", verify.PluginMetadata, []byte("{}")); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestEnvironment: plugins see what their cloud needs, and no secrets of others.
func TestEnvironment(t *testing.T) {
	environ := []string{"PATH=/bin", "AWS_REGION=x", "AZURE_X=y", "GITHUB_TOKEN=s", "COFFERDAM_TOKEN=s", "COFFERDAM_NOTATION_X=z", "NAMED=n"}
	for name, want := range map[string]string{
		"com.amazonaws.signer.notation.plugin": "PATH=/bin AWS_REGION=x COFFERDAM_NOTATION_X=z", "x": "PATH=/bin COFFERDAM_NOTATION_X=z",
	} {
		if got := strings.Join(notation.Environment(name, environ), " "); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
	dir := t.TempDir()
	install(t, dir, "com.example.environment")
	p := &notation.Plugins{Dir: dir, Environ: append(environ, "COFFERDAM_NOTATION_ENV=NAMED")}
	if _, err := p.Ask(t.Context(), "com.example.environment", verify.PluginMetadata, nil); err == nil || strings.Contains(err.Error(), "TOKEN") || !strings.Contains(err.Error(), "NAMED=n") {
		t.Errorf("%v", err)
	}
}

func stores(n *synth.Notary) (map[string][]*x509.Certificate, error) {
	certs, err := verify.ParseStoreCertificates("signingAuthority", n.Root())
	return map[string][]*x509.Certificate{"signingAuthority:aws-signer-ts": certs}, err
}

// TestAskedOnce: one signature that is attached a hundred times has its plugin run once.
func TestAskedOnce(t *testing.T) {
	dir := t.TempDir()
	at := install(t, dir, "com.example.counts")
	p := &notation.Plugins{Dir: dir}
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			if raw, err := p.Ask(t.Context(), "com.example.counts", verify.PluginVerify, []byte{"ab"[i%2]}); err != nil || string(raw) != "{}" {
				t.Errorf("%s %v", raw, err)
			}
		})
	}
	all.Wait()
	if asked, err := os.ReadFile(filepath.Join(filepath.Dir(at), "asked")); err != nil || len(asked) != 2 {
		t.Errorf("%q %v", asked, err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Ask(gone, "com.example.counts", verify.PluginVerify, []byte("c")); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if raw, err := p.Ask(t.Context(), "com.example.counts", verify.PluginVerify, []byte("c")); err != nil || string(raw) != "{}" {
		t.Errorf("what nobody waited for is remembered: %s %v", raw, err)
	}
}
