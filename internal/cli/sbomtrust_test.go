package cli_test

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/internal/testenv/oci"
	"github.com/cofferdam-io/cofferdam/provenance"
	"github.com/cofferdam-io/cofferdam/verify/synth"
)

// TestTrustOfSBOMs: map, where and blast say who vouches for each SBOM, by what verify
// said before and by asking the registry now; and both come to the same.
func TestTrustOfSBOMs(t *testing.T) {
	d, err := synth.New(synth.Options{At: time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	r := lockedRegistry(t)
	const bundle = "application/vnd.dev.sigstore.bundle.v0.3+json"
	dir := t.TempDir()
	file := filesIn[string](t, dir)
	var pods strings.Builder
	images := map[string]string{}
	for _, name := range []string{"signed", "forged", "bare", "locked", "stranger"} {
		i := r.Image(t, "shop/"+name, "1")
		images[name] = r.Host + "/shop/" + name + "@" + i.Digest.String()
		document := `{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"metadata":{"component":{"type":"container","name":"` + r.Host + "/shop/" + name + `","version":"` + i.Digest.String() +
			`"}},"components":[{"type":"library","name":"lodash","version":"4.17.20","purl":"pkg:npm/lodash@4.17.20"}]}`
		var doc any
		if err := json.Unmarshal([]byte(document), &doc); err != nil {
			t.Fatal(err)
		}
		pretty, err := json.MarshalIndent(doc, "", "  ") // the file on disk has other bytes than the statement
		if err != nil {
			t.Fatal(err)
		}
		file("sbom/"+name+".cdx.json", string(pretty))
		pods.WriteString("---\napiVersion: v1\nkind: Pod\nmetadata: {name: " + name + ", namespace: shop}\nspec: {containers: [{name: c, image: '" + images[name] + "'}]}\nstatus: {phase: Running, containerStatuses: [{name: c, image: '" + images[name] + "', imageID: '" + images[name] + "'}]}\n")
		if name == "bare" || name == "locked" {
			continue
		}
		s := provenance.Statement{PredicateType: "https://cyclonedx.org/bom", Subjects: []provenance.Subject{provenance.SubjectOf(name, i.Digest)}, Predicate: []byte(document)}
		raw, err := s.Write()
		if err != nil {
			t.Fatal(err)
		}
		who := "ci@example.com"
		if name == "stranger" {
			who = "evil@example.com"
		}
		b, err := d.Sign(nil, synth.Signing{Subject: who, Issuer: "https://issuer.example", Statement: raw})
		if err != nil {
			t.Fatal(err)
		}
		written := synth.Write(b)
		if name == "forged" {
			other, err := d.Sign(nil, synth.Signing{Subject: who, Issuer: "https://issuer.example", Statement: []byte(strings.Replace(string(raw), "4.17.20", "4.17.21", 1))})
			if err != nil {
				t.Fatal(err)
			}
			b["dsseEnvelope"].(synth.Object)["signatures"] = other["dsseEnvelope"].(synth.Object)["signatures"]
			written = synth.Write(b)
		}
		r.Attach(t, i, bundle, oci.Layer{MediaType: bundle, Content: written})
	}
	manifests := file("estate/pods.yaml", pods.String())
	who := []string{"--certificate-identity", "ci@example.com", "--certificate-oidc-issuer", "https://issuer.example", "--trusted-root", file("root.json", string(d.TrustedRoot()))}
	t.Setenv("COFFERDAM_CACHE", t.TempDir())
	for name, image := range images {
		_, out, errs := run(t, nil, append([]string{"verify", "image", image, "-o", "json"}, who...)...)
		if out == "" {
			t.Fatal(errs)
		}
		file("said/"+name+".json", out)
	}
	estate := []string{"-f", manifests, "--sbom", filepath.Join(dir, "sbom")}
	now := append([]string{"--verify"}, who...)
	want := map[string]string{"signed": "verified", "forged": "invalid", "bare": "unsigned", "locked": "unchecked", "stranger": "invalid"}
	type sbom struct{ Trust, TrustReason, SignedBy string }
	check := func(t *testing.T, how, workload string, s sbom) {
		t.Helper()
		if s.Trust != want[workload] || (s.Trust == "verified") != (s.SignedBy == "ci@example.com") || (s.Trust == "verified") != (s.TrustReason == "") {
			t.Errorf("%s: %s: %+v, want %s", how, workload, s, want[workload])
		}
	}
	for how, flags := range map[string][]string{"offline": {"--sbom-trust", filepath.Join(dir, "said")}, "now": now} {
		var m struct {
			Workloads []struct {
				Workload struct{ Name string }
				Images   []struct{ SBOM sbom }
			}
			Coverage struct{ SBOMTrust map[string]int }
		}
		_, out, errs := run(t, nil, append(append([]string{"map", "-o", "json"}, estate...), flags...)...)
		if err := json.Unmarshal([]byte(out), &m); err != nil || len(m.Workloads) != len(want) {
			t.Fatalf("%v: %s%s", err, out, errs)
		}
		for _, w := range m.Workloads {
			check(t, how+" map", w.Workload.Name, w.Images[0].SBOM)
		}
		if c := m.Coverage.SBOMTrust; c["verified"] != 1 || c["invalid"] != 2 || c["unsigned"] != 1 || c["unchecked"] != 1 {
			t.Errorf("%s: %v", how, c)
		}
		for _, command := range []string{"where", "blast"} {
			var a struct {
				Sites, Affected []struct {
					Workload struct{ Name string }
					SBOM     sbom
				}
			}
			_, out, errs := run(t, nil, append(append([]string{command, "pkg:npm/lodash", "-o", "json"}, estate...), flags...)...)
			if err := json.Unmarshal([]byte(out), &a); err != nil {
				t.Fatalf("%v: %s%s", err, out, errs)
			}
			rows := slices.Concat(a.Affected, a.Sites)
			if len(rows) != len(want) {
				t.Fatalf("%s: %s", command, out)
			}
			for _, x := range rows {
				check(t, how+" "+command, x.Workload.Name, x.SBOM)
			}
		}
	}
	code, plan, errs := run(t, nil, append(append([]string{"contain", "pkg:npm/lodash", "--accept-unobserved", "--cni", "cilium", "-o", "json"}, estate...), "--sbom-trust", filepath.Join(dir, "said"))...)
	var p struct {
		Proof struct {
			Assumptions struct {
				Unknowns []struct{ Object, Reason string }
			}
		}
	}
	if err := json.Unmarshal([]byte(plan), &p); err != nil || code != 4 {
		t.Fatalf("contain: exit %d, %v: %s%s", code, err, plan, errs)
	}
	var doubts []string
	for _, u := range p.Proof.Assumptions.Unknowns {
		for name, image := range images {
			if u.Object == "SBOM of "+image && strings.HasPrefix(u.Reason, want[name]+": ") {
				doubts = append(doubts, name)
			}
		}
	}
	if slices.Sort(doubts); strings.Join(doubts, " ") != "bare forged locked stranger" {
		t.Errorf("contain: the plan's doubts: %v in %+v", doubts, p.Proof.Assumptions.Unknowns)
	}
	// What is to be typed next names those who vouch, too.
	_, next, _ := run(t, nil, append(append([]string{"contain", "pkg:npm/lodash", "--cni", "cilium", "--accept-unobserved"}, estate...), "--sbom-trust", filepath.Join(dir, "said"))...)
	if !strings.Contains(next, "--sbom-trust "+filepath.Join(dir, "said")) {
		t.Errorf("contain: %s", next)
	}
	for format, says := range map[string][]string{
		"wide":      {"WHO VOUCHES FOR THEM", "unsigned", "its signature was refused", "403", "SBOMs of images: 1 verified, 2 invalid, 1 unsigned, 1 unchecked"},
		"html":      {"SBOMs and who vouches for them", "ci@example.com", "nobody vouches for it at the image", "<b>1 of 5</b> SBOMs that somebody vouches for", "<b>2</b> SBOMs whose signature was refused", "calculated root does not match expected root"},
		"cyclonedx": {"matched by digest, verified: signed by ci@example.com", "unsigned: nobody vouches"},
		"spdx":      {"verified: signed by ci@example.com"},
	} {
		_, out, errs := run(t, nil, append(append([]string{"map", "-o", format}, estate...), now...)...)
		for _, s := range says {
			if !strings.Contains(out, s) {
				t.Errorf("%s: %q is not in\n%s%s", format, s, out, errs)
			}
		}
	}
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"nobody is named":       {[]string{"--verify"}, 2, "whose signature"},
		"named and not asked":   {who, 2, "--verify asks"},
		"both":                  {append([]string{"--sbom-trust", dir}, now...), 2, "leave one of them out"},
		"no such file":          {[]string{"--sbom-trust", filepath.Join(dir, "missing")}, 1, "no such file"},
		"another file":          {[]string{"--sbom-trust", file("other.json", `{"schemaVersion":"1"}`)}, 1, "no answer of verify"},
		"a folder without any":  {[]string{"--sbom-trust", filepath.Join(dir, "sbom")}, 1, "holds no verification"},
		"no digest":             {[]string{"--sbom-trust", file("bad.json", `{"schemaVersion":"1","verdict":"verified","image":"a:1","at":"2026-11-20T15:00:00Z","digests":["sha256:1"]}`)}, 1, "digest"},
		"verified, not by whom": {[]string{"--sbom-trust", file("worse.json", `{"schemaVersion":"1","verdict":"verified","results":[{"sbom":{"document":"sha256:`+strings.Repeat("0", 64)+`","trust":"verified"}}]}`)}, 1, "by whom"},
	} {
		code, out, errs := run(t, nil, append(append([]string{"map"}, estate...), c.args...)...)
		if code != c.code || !strings.Contains(errs, c.says) {
			t.Errorf("%s: exit %d %s%s", name, code, out, errs)
		}
	}
}
