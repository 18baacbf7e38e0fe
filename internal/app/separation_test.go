package app

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/internal/testenv/oci"
	"github.com/cofferdam-io/cofferdam/policy"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/verify/synth"
)

const exceptionOfRule = `apiVersion: cofferdam.dev/v1alpha1
kind: PolicyException
metadata: {name: late}
spec:
  ticket: SEC-1
  reason: the fix is late
  requestedBy: {issuer: "https://issuer.example", subject: dev@shop.example}
  rules: [rule]
  images: ["**"]
  expiresAt: "2026-12-01T00:00:00Z"
`

// TestSignersApproveNoException: whoever signed the image, under whatever trust, approves
// no exception for it; and where it is not known who signed it, approvals are in doubt.
func TestSignersApproveNoException(t *testing.T) {
	by := func(who string) synth.Signing { return synth.Signing{Subject: who, Issuer: signerIssuer} }
	const ann, ben = "ann@sec.example", "ben@sec.example"
	own := ownPolicy("false") + "  exceptions: {approvers: [{issuer: \"" + signerIssuer + "\", subject: \"*@sec.example\"}]}\n"
	authority := func(more string) string {
		return fmt.Sprintf("  - keyless: {url: \"https://fulcio.example\", identities: [{issuer: %q, subject: %q}]%s}\n", signerIssuer, ann, more)
	}
	private := clusterPolicy(authority(", trustRootRef: private") + "    ctlog: {url: \"" + synth.LogV2 + "\", trustRootRef: private}\n")
	static := clusterPolicy("  - static: {action: pass}\n")
	nothing := func(*vouching, oci.Image) {}
	privately := func(v *vouching, i oci.Image) { v.attach(i, v.sign(v.theirs, i.Raw, by(ann))) }
	for name, c := range map[string]struct {
		attach   func(v *vouching, i oci.Image)
		policies func(v *vouching) []string
		verdict  report.VerdictWord
		words    string
	}{
		"by nobody":                 {nothing, func(*vouching) []string { return nil }, report.Verified, "late (SEC-1)"},
		"by somebody else":          {func(v *vouching, i oci.Image) { v.attach(i, v.sign(v.ours, i.Raw, byCertificate)) }, func(*vouching) []string { return nil }, report.Verified, "late (SEC-1)"},
		"by her":                    {func(v *vouching, i oci.Image) { v.attach(i, v.sign(v.ours, i.Raw, by(ann))) }, func(*vouching) []string { return nil }, report.Refused, "1 of 2"},
		"by her, written otherwise": {func(v *vouching, i oci.Image) { v.attach(i, v.sign(v.ours, i.Raw, by("Ann+ci@SEC.example"))) }, func(*vouching) []string { return nil }, report.Refused, "1 of 2"},
		"under a TrustRoot that a policy asks for": {privately, func(v *vouching) []string { return []string{private, trustRootOf(v.theirs, "private")} }, report.Refused, "1 of 2"},
		"under a TrustRoot that none asks for":     {privately, func(v *vouching) []string { return []string{trustRootOf(v.theirs, "private")} }, report.Refused, "1 of 2"},
		"with less than is asked for usually": {func(v *vouching, i oci.Image) {
			s := by(ann)
			s.NoSCT = true
			v.attach(i, v.sign(v.ours, i.Raw, s))
		}, func(*vouching) []string { return []string{clusterPolicy(authority(", insecureIgnoreSCT: true"))} }, report.Refused, "1 of 2"},
		"under a TrustRoot that is not there": {privately, func(*vouching) []string { return []string{private} }, report.Refused, "in doubt"},
		"with a key that was not read": {nothing, func(*vouching) []string {
			return []string{clusterPolicy("  - static: {action: pass}\n  - key: {secretRef: {name: other}}\n")}
		}, report.Verified, "late (SEC-1)"},
		"by what is too large to read": {func(v *vouching, i oci.Image) { v.announce(i, v.reg.PutBlob(v.t, i.Repository, []byte("{}")), 1<<40) }, func(*vouching) []string { return []string{static} }, report.Refused, "in doubt"},
		"by what the registry keeps to itself": {func(v *vouching, _ oci.Image) {
			v.answer(func(w http.ResponseWriter, q *http.Request) {
				if strings.HasSuffix(q.URL.Path, ".sig") {
					w.WriteHeader(http.StatusForbidden)
				}
			})
		}, func(*vouching) []string { return []string{static} }, report.Indeterminate, "in doubt"},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVouching(t, true)
			i := v.reg.Image(t, "shop/web", "1.4")
			c.attach(v, i)
			in := v.inputs(i)
			in.Verify.Options.Identities = nil
			files := append(c.policies(v), own, exceptionOfRule)
			l := &Loader{}
			var err error
			if in.Policies, err = l.Policies(t.Context(), []string{v.file("policy.yaml", []byte(strings.Join(files, "---\n")))}, nil); err != nil {
				t.Fatal(err)
			}
			var approvals []string
			for _, who := range []string{ann, ben} {
				s := by(who)
				s.Statement = statementOf(policy.ApprovalPredicate, "{}", in.Policies.Exceptions[0].Digest)
				approvals = append(approvals, v.file(who+".json", v.sign(v.ours, nil, s)))
			}
			if err := l.Approve(t.Context(), approvals, in.Policies.Exceptions, in.Verify); err != nil {
				t.Fatal(err)
			}
			a := v.verify(in)
			if a.Verdict != c.verdict {
				t.Errorf("%s %s: %s", a.Verdict, a.Reason, a.Message)
			}
			for _, j := range a.Policy.Policies {
				if j.Policy == "own" && !strings.Contains(j.Rules[0].Exception, c.words) {
					t.Errorf("%q", j.Rules[0].Exception)
				}
			}
			if doubtful := c.words == "in doubt"; a.Policy.Indeterminate != doubtful {
				t.Errorf("indeterminate is %v", a.Policy.Indeterminate)
			}
		})
	}
}
