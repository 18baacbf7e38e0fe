package report_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/evidence"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/report"
)

func written(t *testing.T, answer any) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := report.JSON(&b, answer); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// What gates and verifications say of each artifact is read, with why.
func TestReadDecisions(t *testing.T) {
	image, at := ident.SHA256([]byte("image")), "2026-11-22T10:00:00Z"
	by := []report.PolicyFile{{File: "policy.yaml", Digest: ident.SHA256([]byte("policy"))}}
	gate := &report.ImageGate{SchemaVersion: "1", Image: "r.example/web:1", Digest: image, At: at, Result: report.GateFailed, WarnOnly: true, JudgedBy: by, Checks: []report.GateCheck{
		{Name: "sbom", Result: report.GatePassed, Found: "1 document"}, {Name: "p/signed", Result: report.GateFailed, Expected: "a signature", Found: "none"}, {Name: "p/told", Result: report.GateFailed, Told: true}}}
	verified := &report.ImageVerification{SchemaVersion: "1", Image: "r.example/web:1", At: at, Digests: []string{image.String()}, Verdict: report.Refused, Reason: "nothing-signed", Message: "nothing is attached"}
	bundles := &report.Verification{SchemaVersion: "1", At: at}
	bundles.Add(report.Verdict{Artifact: "a.tar", Digest: image, Verdict: report.Verified})
	bundles.Add(report.Verdict{Artifact: "b.tar", Verdict: report.Indeterminate, Message: "no such file"})
	for name, c := range map[string]struct {
		answer any
		want   []evidence.Decision
	}{
		"gate": {gate, []evidence.Decision{{What: "gate", Verdict: "failed", Artifact: image, Subject: "r.example/web:1", Passed: true,
			Reasons: []string{"p/signed: failed; expected a signature; found none", "told only: p/told: failed", "sbom: passed; found 1 document"}}}},
		"image":  {verified, []evidence.Decision{{What: "verify-image", Verdict: "refused", Artifact: image, Subject: "r.example/web:1", Reasons: []string{"nothing-signed: nothing is attached"}}}},
		"bundle": {bundles, []evidence.Decision{{What: "verify-bundle", Verdict: "verified", Artifact: image, Subject: "a.tar"}, {What: "verify-bundle", Verdict: "indeterminate", Subject: "b.tar", Reasons: []string{"indeterminate: no such file"}}}},
	} {
		raw := written(t, c.answer)
		got, err := report.ReadDecisions(raw)
		if err != nil || len(got) != len(c.want) {
			t.Errorf("%s: %+v, %v", name, got, err)
			continue
		}
		for i, w := range c.want {
			g := got[i]
			if g.What != w.What || g.Verdict != w.Verdict || g.Artifact != w.Artifact || g.Subject != w.Subject || g.Passed != w.Passed || strings.Join(g.Reasons, "|") != strings.Join(w.Reasons, "|") ||
				g.Answer != ident.SHA256(raw) || g.At.Format(time.RFC3339) != at || g.Why != evidence.ReasonsDigest(w.Reasons) || (name == "gate") != (len(g.JudgedBy) == 1 && !g.Policy.IsZero()) {
				t.Errorf("%s: %+v\nwant %+v", name, g, w)
			}
			if failed := strings.Join(g.FailedChecks(), " "); (name == "gate") != (failed == "p/signed") || name != "gate" && failed != "" {
				t.Errorf("%s failed by %q", name, failed)
			}
		}
	}
	many := *gate
	many.Checks = nil
	for range 60 {
		many.Checks = append(many.Checks, report.GateCheck{Name: strings.Repeat("é", 300), Result: report.GateFailed})
	}
	got, err := report.ReadDecisions(written(t, &many))
	if err != nil || len(got[0].Reasons) != 50 || got[0].More != 10 || len(got[0].Reasons[0]) > 400 || !strings.HasSuffix(got[0].Reasons[0], "…") {
		t.Errorf("%+v, %v", got, err)
	}
	for name, raw := range map[string]string{
		"another answer":    `{"schemaVersion":"1","findings":[]}`,
		"no answer":         `[]`,
		"another version":   strings.Replace(string(written(t, gate)), `"1"`, `"2"`, 1),
		"no time":           strings.Replace(string(written(t, gate)), at, "", 1),
		"another word":      strings.Replace(string(written(t, gate)), `"result": "failed"`, `"result": "splendid"`, 1),
		"a gate's word":     strings.Replace(string(written(t, verified)), `"verdict": "refused"`, `"verdict": "passed"`, 1),
		"not a digest":      strings.Replace(string(written(t, verified)), image.String(), "sha256:beef", 1),
		"cut":               string(written(t, gate)[:200]),
		"a time of nowhere": strings.Replace(string(written(t, gate)), "2026-11-22T", "0001-11-22T", 1),
	} {
		if got, err := report.ReadDecisions([]byte(raw)); err == nil {
			t.Errorf("%s is read as %+v", name, got)
		}
	}
}

func FuzzReadDecisions(f *testing.F) {
	f.Add([]byte(`{"schemaVersion":"1","image":"r/a:1","at":"2026-11-22T10:00:00Z","result":"passed","checks":[]}`))
	f.Add([]byte(`{"schemaVersion":"1","at":"2026-11-22T10:00:00Z","verdict":"verified","results":[{"artifact":"a","verdict":"verified"}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		list, err := report.ReadDecisions(raw)
		if err == nil && len(list) == 0 {
			t.Error("read, and nothing is decided")
		}
		for i := range list {
			if _, _, ok := evidence.ParseDecision(list[i].Name("shop", "ci")); !ok {
				t.Errorf("%+v has the name %q", list[i], list[i].Name("shop", "ci"))
			}
		}
	})
}
