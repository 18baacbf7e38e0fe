package cli

import (
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/testenv/oci"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/verify/synth"
)

// What gates and verifications came to is in the server's journal where that is asked for:
// found by digest and time, with the answer, exported and verified; a server that is away
// changes no verdict.
func TestDecisionsAreRecorded(t *testing.T) {
	d, err := synth.New(synth.Options{At: time.Now().UTC().Truncate(time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	r := oci.New(t, oci.Options{Referrers: true})
	image := r.Image(t, "shop/web", "1")
	data := t.TempDir()
	s := served(t, "--data", data)
	b, err := d.Sign([]byte("a"), synth.Signing{Subject: "ci@example.com", Issuer: "https://issuer.example"})
	if err != nil {
		t.Fatal(err)
	}
	file, root := s.file("a.tar", "a"), s.file("root.json", string(d.TrustedRoot()))
	other := s.file("b.tar", "b")
	s.file("a.tar.sigstore.json", string(synth.Write(b)))
	s.file("b.tar.sigstore.json", string(synth.Write(b)))
	policy := s.file("policy.yaml", "apiVersion: cofferdam.dev/v1alpha1\nkind: VerificationPolicy\nmetadata: {name: signed}\nspec:\n  mode: Enforce\n  match: {images: ['**']}\n  rules:\n  - {name: vouched-for, expression: facts.size() > 0, message: an attestation, hint: attest it}\n")
	who := []string{"--certificate-identity", "ci@example.com", "--certificate-oidc-issuer", "https://issuer.example", "--trusted-root", root}
	record := []string{"--record", "--server", s.url}
	bundle := append([]string{"verify", "bundle", file, other}, who...)
	gate := []string{"gate", r.Host + "/shop/web:1", "--policy", policy, "--trusted-root", root, "--fail-on", "none"}
	verify := []string{"verify", "image", r.Host + "/shop/web:1", "--policy", policy, "--trusted-root", root}

	before := time.Now().Add(-time.Minute)
	plain, _ := s.run(3, bundle...)
	out, errs := s.run(3, append(bundle, record...)...)
	if out != plain || !strings.Contains(errs, "recorded by loopback as sha256:") {
		t.Errorf("%s\n%s\nunlike\n%s", out, errs, plain)
	}
	s.run(3, append(gate, record...)...)
	s.run(0, append(append(gate, "--warn-only"), record...)...)
	s.run(3, append(verify, record...)...)

	listed := func(want int, args ...string) (a report.Decisions) {
		t.Helper()
		out, _ := s.run(0, append([]string{"decisions", "--server", s.url, "-o", "json"}, args...)...)
		if err := json.Unmarshal([]byte(out), &a); err != nil || len(a.Items) != want {
			t.Errorf("%v: %v %s", args, err, out)
		}
		return a
	}
	all := listed(5)
	for i := range all.Items {
		x := &all.Items[i]
		if x.By != "loopback" || x.At.Before(before) || x.Recorded.Before(before) || x.Artifact.IsZero() || x.Policy.IsZero() || len(x.JudgedBy) == 0 || len(x.Reasons) == 0 {
			t.Errorf("%+v", x)
		}
	}
	about := listed(3, "--artifact", image.Digest.String())
	rootDigest, policyDigest := ident.SHA256(d.TrustedRoot()), ident.Digest{}
	if raw, err := os.ReadFile(policy); err == nil { // #nosec G304 -- made above
		policyDigest = ident.SHA256(raw)
	}
	for _, x := range about.Items {
		has := map[ident.Digest]bool{}
		for _, c := range x.JudgedBy {
			has[c.Digest] = true
		}
		if !has[rootDigest] || !has[policyDigest] {
			t.Errorf("%s was judged by %+v", x.What, x.JudgedBy)
		}
	}
	refused := listed(1, "--what", "verify-bundle", "--verdict", "refused")
	if x := refused.Items; len(x) == 1 && (x[0].Artifact != ident.SHA256([]byte("b")) || x[0].Subject != other || !strings.Contains(x[0].Reasons[0], "artifact-mismatch")) {
		t.Errorf("%+v", x)
	}
	listed(0, "--until", before.UTC().Format(time.RFC3339))
	listed(5, "--since", "1h")
	listed(2, "--limit", "2")
	out, _ = s.run(0, "decisions", "--server", s.url)
	if !strings.Contains(out, "failed, let pass") || !strings.Contains(out, "DECISIONS (5)") {
		t.Error(out)
	}

	// What was decided is measured: the gate that failed blocks the image's product, the one
	// that let it pass does not end that.
	out, _ = s.run(0, "indicators", "--server", s.url, "-o", "json")
	var numbers report.Indicators
	if err := json.Unmarshal([]byte(out), &numbers); err != nil || numbers.Groups[0].Gates == nil {
		t.Fatalf("%v %s", err, out)
	}
	if g := numbers.Groups[0].Gates; g.Failed != 1 || g.LetPass != 1 || len(g.Blocks) != 4 || g.Blocks[0].Open != 1 || g.Blocks[1].By != "sbom" || g.Blocks[1].Open != 1 || g.Blocks[2].Open != 0 || g.Blocks[3].Open != 1 {
		t.Errorf("%+v", g)
	}
	if out, _ = s.run(0, "indicators", "--server", s.url); !strings.Contains(out, "BLOCKED BY GATES (3)") {
		t.Error(out)
	}

	// The answer comes back byte for byte, and is recorded once.
	out, _ = s.run(0, "decisions", "show", "--server", s.url, refused.Items[0].Answer.String())
	if ident.SHA256([]byte(out)) != refused.Items[0].Answer {
		t.Error(out)
	}
	saved := s.file("bundle.json", out)
	out, _ = s.run(0, "decisions", "push", "--server", s.url, saved)
	if !strings.Contains(out, "2 decisions, 0 of them new") {
		t.Error(out)
	}
	s.run(3, "decisions", "push", "--server", s.url, s.file("other.json", `{"schemaVersion":"1"}`))
	s.run(1, "decisions", "show", "--server", s.url, ident.SHA256(nil).String())
	listed(5)

	// The journal names them, and an export of it verifies.
	token := filepath.Join(data, "admin.token")
	export := filepath.Join(s.dir, "journal.jsonl")
	s.run(0, "journal", "export", "--server", s.url, "--token-file", token, "--output-file", export)
	out, _ = s.run(0, "journal", "list", export, "--artifact", image.Digest.String())
	if !strings.Contains(out, "JOURNAL (3)") || !strings.Contains(out, "loopback") {
		t.Error(out)
	}
	if out, _ = s.run(4, "journal", "verify", export); !strings.HasPrefix(out, "HOLDS") { // not signed yet
		t.Error(out)
	}

	// A reader may not record; the verdict is told all the same.
	reader, _ := s.run(0, "token", "create", "--data", data, "--name", "r", "--roles", "reader", "-o", "json")
	var made struct{ Token string }
	if err := json.Unmarshal([]byte(reader), &made); err != nil {
		t.Fatal(err)
	}
	out, errs = s.run(1, append(append(bundle, record...), "--token", made.Token)...)
	if out != plain || !strings.Contains(errs, "the verdict stands, and is in no journal") || !strings.Contains(errs, "may not put document") {
		t.Errorf("%s\n%s", out, errs)
	}
	// Nor does an address at which something else answers change it.
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	stranger := &http.Server{Handler: http.NotFoundHandler(), ReadHeaderTimeout: time.Second}
	go stranger.Serve(ln) //nolint:errcheck // until it is closed
	defer stranger.Close()
	out, errs = s.run(1, append(bundle, "--record", "--server", "http://"+ln.Addr().String())...)
	if out != plain || !strings.Contains(errs, "the verdict stands") {
		t.Errorf("%s\n%s", out, errs)
	}
	for _, args := range [][]string{
		append(bundle, "--record"), // no server
		append(bundle, "--server", s.url),
		append(append(gate, record...), "--at", "2026-11-20T15:00:00Z"),
		{"decisions", "--server", s.url, "--artifact", "x"},
		{"decisions", "--server", s.url, "--what", "x"},
		{"decisions", "--server", s.url, "--verdict", "x"},
		{"decisions", "--server", s.url, "--limit", "0"},
		{"decisions", "forget"},
	} {
		s.run(2, args...)
	}
	listed(5)
}

// Blocks by SBOM gates are measured from what gates recorded: a release without an SBOM is held
// up until one that has one passes by no fewer criteria.
func TestBlocksAreMeasured(t *testing.T) {
	r := oci.New(t, oci.Options{Referrers: true})
	r.Image(t, "shop/web", "1")
	s := served(t, "--data", t.TempDir())
	policy := s.file("policy.yaml", "apiVersion: cofferdam.dev/v1alpha1\nkind: VerificationPolicy\nmetadata: {name: any}\nspec:\n  mode: Enforce\n  match: {images: ['**']}\n  rules:\n  - {name: any, expression: 'true', message: anything, hint: nothing}\n")
	gate := func(want int, tag string, more ...string) {
		t.Helper()
		s.run(want, append([]string{"gate", r.Host + "/shop/web:" + tag, "--policy", policy, "--fail-on", "none", "--record", "--server", s.url}, more...)...)
	}
	measured := func() *report.GateIndicator {
		t.Helper()
		out, _ := s.run(0, "indicators", "--server", s.url, "-o", "json")
		var a report.Indicators
		if err := json.Unmarshal([]byte(out), &a); err != nil || len(a.Groups) != 1 {
			t.Fatal(err, out)
		}
		return a.Groups[0].Gates
	}
	if g := measured(); g != nil {
		t.Errorf("%+v is known where nobody recorded anything", g)
	}
	gate(3, "1")
	if g := measured(); g.Failed != 1 || g.Passed != 0 || g.Blocks[1].By != "sbom" || g.Blocks[1].Began != 1 || g.Blocks[1].Open != 1 || g.Blocks[1].Ended != 0 {
		t.Errorf("%+v", g)
	}
	mended := r.Image(t, "shop/web", "2")
	r.Attach(t, mended, "application/vnd.cyclonedx+json", oci.Layer{MediaType: "application/vnd.cyclonedx+json", Content: []byte(`{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[]}`)})
	time.Sleep(1100 * time.Millisecond) // verdicts are to the second
	gate(0, "2", "--min-score", "1e-9") // another line than what failed
	if b := measured().Blocks[1]; b.Open != 1 || b.Otherwise != 1 || b.Ended != 0 {
		t.Errorf("a gate that asks for other things ended a block: %+v", b)
	}
	gate(0, "2")
	if b := measured().Blocks[1]; b.Began != 1 || b.Open != 0 || b.Ended != 1 || b.Excused != 0 || b.Took.Count != 1 || b.Took.MedianSeconds < 1 || b.Took.MedianSeconds > 600 {
		t.Errorf("%+v", b)
	}
}
