package cli

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/testenv/oci"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/provenance"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/verify/synth"
)

// A server finds out itself who vouches for the documents of what runs, is told by others,
// takes the word of those whom it was told to, and says so of each.
func TestTrustOfServer(t *testing.T) {
	const bundle = "application/vnd.dev.sigstore.bundle.v0.3+json"
	d, err := synth.New(synth.Options{At: time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	r := oci.New(t, oci.Options{Referrers: true, Wrap: oci.Forbids("/v2/shop/locked/referrers/")})
	files := &shell{t: t, dir: t.TempDir()}
	root := files.file("root.json", string(d.TrustedRoot()))
	var pods strings.Builder
	var documents []string
	signed := ""
	for _, name := range []string{"signed", "stranger", "bare", "locked"} {
		i := r.Image(t, "shop/"+name, "1")
		image := r.Host + "/shop/" + name + "@" + i.Digest.String()
		doc := strings.Replace(imageSBOM(r.Host+"/shop/"+name, 0, "pkg:npm/lodash@4.17.20"), "sha256:"+strings.Repeat("0", 64), i.Digest.String(), 1)
		documents = append(documents, files.file(name+".json", strings.ReplaceAll(doc, ",", ",\n "))) // other bytes than the statement's
		pods.WriteString("---\napiVersion: v1\nkind: Pod\nmetadata: {name: " + name + ", namespace: shop}\nspec: {containers: [{name: app, image: '" + image + "'}]}\n")
		who, attested := map[string]string{"signed": "ci@example.com", "stranger": "evil@example.com"}[name], provenance.Statement{PredicateType: "https://cyclonedx.org/bom",
			Subjects: []provenance.Subject{provenance.SubjectOf(name, i.Digest)}, Predicate: []byte(doc)}
		if who == "" {
			continue
		}
		raw, err := attested.Write()
		if err != nil {
			t.Fatal(err)
		}
		b, err := d.Sign(nil, synth.Signing{Subject: who, Issuer: "https://issuer.example", Statement: raw})
		if err != nil {
			t.Fatal(err)
		}
		r.Attach(t, i, bundle, oci.Layer{MediaType: bundle, Content: synth.Write(b)})
		if name == "signed" {
			signed = image
		}
	}
	manifests := files.file("pods.yaml", pods.String())
	accept := []string{"--certificate-identity", "ci@example.com", "--certificate-oidc-issuer", "https://issuer.example", "--trusted-root", root}
	asked := func(t *testing.T, s *shell, args ...string) (map[string]inventory.SBOMMatch, report.TrustedSBOMs) {
		t.Helper()
		var a report.TrustedSBOMs
		out, errs := s.run(-1, append([]string{"trust", "-o", "json"}, args...)...)
		if err := json.Unmarshal([]byte(out), &a); err != nil {
			t.Fatalf("%v: %s%s", err, out, errs)
		}
		by := map[string]inventory.SBOMMatch{}
		for _, x := range a.Items {
			by[x.Name] = x.SBOM
		}
		return by, a
	}
	start := func(t *testing.T, config string) *shell {
		t.Helper()
		s := served(t, "--config", files.file(strings.ReplaceAll(t.Name(), "/", "-")+".yaml", config))
		t.Setenv("COFFERDAM_SERVER", s.url)
		t.Setenv("COFFERDAM_TOKEN", strings.TrimSpace(readText(t, s.dir+"/data/admin.token")))
		s.run(0, append([]string{"push", "-f", "prod=" + manifests}, documents...)...)
		return s
	}

	t.Run("asked by the server", func(t *testing.T) {
		s := start(t, "sbomTrust: {identities: [{identity: ci@example.com, issuer: 'https://issuer.example'}], trustedRoots: ["+root+"], interval: 50ms}\n")
		want := map[string]string{"signed": "verified", "stranger": "invalid", "bare": "unsigned", "locked": "unchecked"}
		var by map[string]inventory.SBOMMatch
		var a report.TrustedSBOMs
		for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
			by, a = asked(t, s)
			same := len(by) == len(want)
			for name, word := range want {
				same = same && by[name].Trust == word && by[name].TrustBy == "cofferdam"
			}
			if same {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("%+v", a)
			}
		}
		if x := by["signed"]; x.SignedBy != "ci@example.com" || x.TrustAt == "" || x.Match != "digest" || !strings.Contains(by["locked"].TrustReason, "403") || a.Counts.Verified != 1 || a.Counts.Invalid != 1 {
			t.Errorf("%+v", a)
		}
		// The answer of where is told the same.
		var w struct {
			Sites []struct {
				Workload struct{ Name string }
				SBOM     inventory.SBOMMatch
			}
		}
		out, _ := s.run(-1, "where", "pkg:npm/lodash", "--server", s.url, "-o", "json")
		if err := json.Unmarshal([]byte(out), &w); err != nil || len(w.Sites) != len(want) {
			t.Fatalf("%v: %s", err, out)
		}
		for _, x := range w.Sites {
			if x.SBOM.Trust != want[x.Workload.Name] || x.SBOM.TrustReason != by[x.Workload.Name].TrustReason {
				t.Errorf("%+v, and %+v", x, by[x.Workload.Name])
			}
		}
		// So is that of an estate's manifests, with the server's SBOMs.
		var b struct{ Coverage inventory.Coverage }
		out, _ = s.run(-1, "blast", "pkg:npm/lodash", "--server", s.url, "-f", manifests, "-o", "json")
		if err := json.Unmarshal([]byte(out), &b); err != nil || b.Coverage.SBOMTrust == nil || *b.Coverage.SBOMTrust != (inventory.TrustCount{Verified: 1, Unsigned: 1, Invalid: 1, Unchecked: 1}) {
			t.Fatalf("%v: %s", err, out)
		}
		if only, a := asked(t, s, "--only", "invalid,unsigned"); len(only) != 2 || a.Counts.Verified != 1 {
			t.Errorf("%+v", a)
		}
		if none, _ := asked(t, s, "--at", "2020-01-01T00:00:00Z"); len(none) != 0 {
			t.Errorf("%+v", none)
		}
		table, _ := s.run(3, "trust", "--fail-on", "invalid")
		for _, text := range []string{"INVALID: of 4 containers with an SBOM that run, 1 verified, 1 invalid, 1 unsigned, 1 unchecked", "ci@example.com", "nobody vouches for it"} {
			if !strings.Contains(table, text) {
				t.Errorf("%q is not in\n%s", text, table)
			}
		}
		s.run(2, "trust", "--only", "fine")
	})
	for _, c := range []struct{ name, config, want, reason string }{
		{"told by somebody whose word is taken", "sbomTrust: {uploaders: ['token:admin']}\n", "verified", ""},
		{"told by somebody else", "sbomTrust: {uploaders: ['token:other']}\n", "unchecked", "verified, signed by ci@example.com: token:admin says so, whose word this server does not take"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, c.config)
			if by, _ := asked(t, s); by["signed"].Trust != "unchecked" || by["signed"].TrustReason != "" {
				t.Errorf("before anybody said anything: %+v", by["signed"])
			}
			// Of a document that was found beside its image the same is said where it is described.
			beside := []byte(readText(t, documents[0]) + "\n")
			described := "/api/v1/documents/" + ident.SHA256(beside).String()
			if _, code, body := s.call(http.MethodPost, "/api/v1/documents?originHow=referrers-api&originImage="+url.QueryEscape(signed), "", beside); code != http.StatusCreated {
				t.Fatalf("%d %s", code, body)
			}
			before, _, body := s.call(http.MethodGet, described, "", nil)
			if !strings.Contains(body, `"trust":"unchecked"`) || before == "" {
				t.Errorf("before anybody said anything: %s", body)
			}
			said := s.file("said.json", "")
			s.run(0, append([]string{"verify", "image", signed, "-o", "json", "--output-file", said}, accept...)...)
			out, _ := s.run(0, "trust", "push", said)
			if believed := !strings.Contains(out, "told and not believed"); believed != (c.want == "verified") || !strings.Contains(out, "taken") {
				t.Errorf("%s", out)
			}
			if out, _ := s.run(0, "trust", "push", said); !strings.Contains(out, "there already") {
				t.Errorf("%s", out)
			}
			by, _ := asked(t, s)
			if x := by["signed"]; x.Trust != c.want || x.TrustReason != c.reason || x.TrustBy != "token:admin" || by["bare"].Trust != "unchecked" {
				t.Errorf("%+v", by)
			}
			word := `"trust":"` + c.want + `"`
			code := map[bool]int{true: http.StatusOK, false: http.StatusNotModified}[c.want != "unchecked"]
			if _, got, body := s.call(http.MethodGet, described, before, nil); got != code || code == http.StatusOK && !strings.Contains(body, word) {
				t.Errorf("%d %s", got, body)
			}
			if _, _, body := s.call(http.MethodGet, "/api/v1/history?digest="+signed[strings.Index(signed, "@")+1:], "", nil); strings.Count(body, word) != 1 {
				t.Errorf("history: %s", body)
			}
			for name, text := range map[string]string{"no answer": `{"schemaVersion":"1"}`, "no JSON": `{`, "of the future": regexp.MustCompile(`"at": "\d+-`).ReplaceAllString(readText(t, said), `"at": "2126-`)} {
				if out, errs := s.run(3, "trust", "push", s.file("bad.json", text)); !strings.Contains(out, "refused") {
					t.Errorf("%s: %s%s", name, out, errs)
				}
			}
		})
	}
	for name, config := range map[string]string{
		"both":           "sbomTrust: {keys: [a.pub], identities: [{identity: a, issuer: b}]}",
		"nobody":         "sbomTrust: {interval: 1h}",
		"no such key":    "sbomTrust: {keys: [missing.pub]}",
		"no time":        "sbomTrust: {identities: [{identity: a, issuer: b}], interval: often}",
		"no issuer":      "sbomTrust: {identities: [{identity: a}], trustedRoots: [" + root + "]}",
		"empty uploader": "sbomTrust: {uploaders: ['']}",
	} {
		if out, errs := files.run(-1, "serve", "--data", t.TempDir(), "--addr", "127.0.0.1:0", "--config", files.file("bad.yaml", config)); !strings.Contains(errs, "sbomTrust") && !strings.Contains(errs, "missing.pub") && !strings.Contains(errs, "issuer") {
			t.Errorf("%s: %s%s", name, out, errs)
		}
	}
}
