package evidence_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/evidence"
	"github.com/cofferdam-io/cofferdam/ident"
)

func decision(at time.Time) *evidence.Decision {
	return &evidence.Decision{What: "gate", Verdict: "not-checked", At: at, Artifact: ident.SHA256([]byte("image")), Policy: ident.SHA256([]byte("policy")),
		Why: evidence.ReasonsDigest([]string{"no"}), Answer: ident.SHA256([]byte("answer"))}
}

// A decision's name says all of it, and another decision has another name.
func TestDecisionNames(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 0, 0, 999, time.UTC)
	names := map[string]string{}
	for what, change := range map[string]func(d *evidence.Decision, tenant, by *string){
		"it":        func(*evidence.Decision, *string, *string) {},
		"tenant":    func(_ *evidence.Decision, tenant, _ *string) { *tenant = "a/b %" },
		"actor":     func(_ *evidence.Decision, _, by *string) { *by = "token:other" },
		"what":      func(d *evidence.Decision, _, _ *string) { d.What = "a/b" },
		"verdict":   func(d *evidence.Decision, _, _ *string) { d.Verdict = "passed" },
		"time":      func(d *evidence.Decision, _, _ *string) { d.At = at.Add(time.Second) },
		"artifact":  func(d *evidence.Decision, _, _ *string) { d.Artifact = ident.Digest{} },
		"policy":    func(d *evidence.Decision, _, _ *string) { d.Policy = ident.Digest{} },
		"reasons":   func(d *evidence.Decision, _, _ *string) { d.Why = evidence.ReasonsDigest(nil) },
		"answer":    func(d *evidence.Decision, _, _ *string) { d.Answer = ident.SHA256(nil) },
		"no tenant": func(_ *evidence.Decision, tenant, _ *string) { *tenant = "" },
	} {
		d, tenant, by := decision(at), "shop", "token:ci"
		change(d, &tenant, &by)
		name := d.Name(tenant, by)
		if other, twice := names[name]; twice {
			t.Errorf("%s and %s are both %s", what, other, name)
		}
		names[name] = what
		for _, text := range []string{name, evidence.DecisionPrefix + name} {
			got, from, ok := evidence.ParseDecision(text)
			d.At = d.At.Truncate(time.Second)
			if !ok || from != tenant || got.What != d.What || got.Verdict != d.Verdict || !got.At.Equal(d.At) || got.Artifact != d.Artifact || got.Policy != d.Policy || got.Why != d.Why || got.Answer != d.Answer {
				t.Errorf("%s: %s is read as %+v of %q", what, text, got, from)
			}
		}
		if !strings.HasPrefix(name, evidence.DecisionsFrom(tenant, d.At)) || !strings.HasPrefix(name, evidence.DecisionsFrom(tenant, time.Time{})) {
			t.Errorf("%s is not among those of its tenant and time", name)
		}
	}
	var sorted []string
	for _, after := range []time.Duration{0, time.Second, time.Hour, 24 * time.Hour, 400 * 24 * time.Hour} {
		sorted = append(sorted, decision(at.In(time.FixedZone("", 7200)).Add(after)).Name("shop", "ci"))
	}
	if !slices.IsSorted(sorted) {
		t.Errorf("names do not sort by time: %q", sorted)
	}
}

// The same policies in other folders, in another order or named twice are the same.
func TestPolicyDigest(t *testing.T) {
	a, b := evidence.Criterion{Name: "a.yaml", Digest: ident.SHA256([]byte("a"))}, evidence.Criterion{Name: "b.yaml", Digest: ident.SHA256([]byte("b"))}
	moved := evidence.Criterion{Name: "/else/a.yaml", Digest: a.Digest}
	want := evidence.PolicyDigest([]evidence.Criterion{a, b})
	if got := evidence.PolicyDigest([]evidence.Criterion{b, moved, a}); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if evidence.PolicyDigest([]evidence.Criterion{a}) == want || !evidence.PolicyDigest(nil).IsZero() {
		t.Error("other policies have the same digest, or none have one")
	}
}

func FuzzParseDecision(f *testing.F) {
	name := decision(time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)).Name("shop", "ci")
	for _, s := range []string{name, evidence.DecisionPrefix + name, "", "document/17", strings.Replace(name, "Z", "+02:00", 1), strings.Replace(name, "shop", "%zz", 1), strings.Repeat("/", 8), name + "/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, tenant, ok := evidence.ParseDecision(s)
		if !ok {
			return
		}
		// What is read is what is written again, but for who it was.
		again := d.Name(tenant, "")
		if b, from, ok := evidence.ParseDecision(again); !ok || from != tenant || b.Name(tenant, "") != again {
			t.Errorf("%q is read as %q", s, again)
		}
	})
}

// A gate that an exception let pass says so in its reasons.
func TestExcused(t *testing.T) {
	d := evidence.Decision{What: evidence.ByGate, Verdict: evidence.GatePassed, Reasons: []string{"sbom: passed; found 1 document", "p/r: passed; found " + evidence.Excepted("SEC-1")}}
	if !d.Excused() {
		t.Error("passed by no exception")
	}
	d.Verdict = evidence.GateFailed
	if d.Excused() {
		t.Error("failed by an exception")
	}
	if d.Verdict, d.Reasons = evidence.GatePassed, d.Reasons[:1]; d.Excused() {
		t.Error("passed by an exception that nobody named")
	}
}
