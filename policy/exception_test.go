package policy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/fact"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/policy"
)

var exceptionDigest = ident.SHA256([]byte("exception"))

const people = "https://accounts.example"

func approved(who string) fact.Fact {
	return attested(exceptionDigest, policy.ApprovalPredicate, "{}", by(people, who), noon.Add(-time.Hour))
}

// granted is an exception that counts; tests take something away.
func granted() policy.Exception {
	return policy.Exception{Name: "e", Digest: exceptionDigest, Ticket: "SEC-1", Requester: policy.Identity{Issuer: people, Subject: "dev@shop.example"}, ExpiresAt: noon.Add(24 * time.Hour),
		Images: []string{"r.example/**"}, Approvals: []fact.Fact{approved("ann@sec.example"), approved("ben@sec.example")}}
}

func TestExceptions(t *testing.T) {
	approval := policy.Approval{Approvers: []policy.Identity{{Issuer: people, Subject: "*@sec.example"}, {Issuer: people, Subject: "dev@shop.example"}, {Issuer: ci, Subject: "**"}}}
	// ofBranch is an approval by a workflow, the one that signed the image where no branch is said.
	ofBranch := func(branch string) fact.Fact {
		who := "https://git.example/sec/approve/.ci/approve.yml@refs/heads/" + branch
		if name, _, _ := strings.Cut(workflow, "@refs/"); branch == "" {
			who = name + "@refs/heads/other"
		}
		return attested(exceptionDigest, policy.ApprovalPredicate, "{}", by(ci, who), noon.Add(-time.Hour))
	}
	// Ann also has a key, of which the policy may say that it is hers.
	annsKey, annAtHome := ident.SHA256([]byte("a key of Ann's")), policy.Identity{Issuer: "https://home.example", Subject: "ann@home.example"}
	keyed := attested(exceptionDigest, policy.ApprovalPredicate, "{}", fact.Signer{Key: &fact.Key{ID: annsKey}}, noon.Add(-time.Hour))
	strangers := policy.Approval{Approvers: append([]policy.Identity{{Key: annsKey}}, approval.Approvers...)}
	known := strangers
	known.People = [][]policy.Identity{{{Issuer: people, Subject: "ben@sec.example"}, {Issuer: ci, Subject: "ben"}}, {{Issuer: people, Subject: "ann@sec.example"}, annAtHome, {Key: annsKey}}}
	withKey := func(e *policy.Exception) { e.Approvals[1] = keyed }
	forged := approved("ben@sec.example")
	forged.Artifact = image
	late := approved("ben@sec.example")
	late.Times = []fact.Time{{At: noon.Add(time.Hour)}}
	otherType := approved("ben@sec.example")
	otherType.PredicateType = scan
	for name, c := range map[string]struct {
		change   func(*policy.Exception)
		approval policy.Approval
		mode     policy.Mode
		want     policy.Result
		words    string
	}{
		"counts":             {nil, approval, policy.Enforce, policy.Excused, "e (SEC-1) until 2026-11-21T12:00:00Z"},
		"ended":              {func(e *policy.Exception) { e.ExpiresAt = noon }, approval, policy.Enforce, policy.Broken, "it ended"},
		"without end":        {func(e *policy.Exception) { e.ExpiresAt = time.Time{} }, approval, policy.Enforce, policy.Broken, "no end"},
		"ended, audited":     {func(e *policy.Exception) { e.ExpiresAt = noon }, approval, policy.Audit, policy.Broken, "it ended"},
		"unapproved":         {func(e *policy.Exception) { e.Approvals = nil }, approval, policy.Enforce, policy.Broken, "0 of 2 approvals"},
		"unapproved, warned": {func(e *policy.Exception) { e.Approvals = nil }, approval, policy.Warn, policy.Excused, "e ("},
		"half":               {func(e *policy.Exception) { e.Approvals = e.Approvals[:1] }, approval, policy.Enforce, policy.Broken, "1 of 2"},
		"twice the same":     {func(e *policy.Exception) { e.Approvals[1] = e.Approvals[0] }, approval, policy.Enforce, policy.Broken, "1 of 2"},
		"one is enough":      {func(e *policy.Exception) { e.Approvals = e.Approvals[:1] }, policy.Approval{Approvers: approval.Approvers, Required: 1}, policy.Enforce, policy.Excused, ""},
		"nobody may":         {nil, policy.Approval{}, policy.Enforce, policy.Broken, "names nobody"},
		"a stranger":         {func(e *policy.Exception) { e.Approvals[1] = approved("eve@evil.example") }, approval, policy.Enforce, policy.Broken, "1 of 2"},
		"the requester":      {func(e *policy.Exception) { e.Approvals[1] = approved("dev@shop.example") }, approval, policy.Enforce, policy.Broken, "1 of 2"},
		"who signed the image": {func(e *policy.Exception) {
			e.Approvals[1] = attested(exceptionDigest, policy.ApprovalPredicate, "{}", by(ci, workflow), noon)
		}, approval, policy.Enforce, policy.Broken, "1 of 2"},
		"the requester, at another issuer": {func(e *policy.Exception) {
			e.Requester = policy.Identity{Issuer: "https://login.example", Subject: "ben@sec.example"}
		}, approval, policy.Enforce, policy.Broken, "1 of 2"},
		"the requester, written otherwise":      {func(e *policy.Exception) { e.Requester.Subject = "Ben+ops@sec.example" }, approval, policy.Enforce, policy.Broken, "1 of 2"},
		"one person, written otherwise":         {func(e *policy.Exception) { e.Approvals[1] = approved("Ann@sec.example") }, approval, policy.Enforce, policy.Broken, "1 of 2"},
		"one person, with a tag":                {func(e *policy.Exception) { e.Approvals[1] = approved("ann+2@sec.example") }, approval, policy.Enforce, policy.Broken, "1 of 2"},
		"one workflow, at two branches":         {func(e *policy.Exception) { e.Approvals = []fact.Fact{ofBranch("a"), ofBranch("b")} }, approval, policy.Enforce, policy.Broken, "1 of 2"},
		"who signed the image, on a branch":     {func(e *policy.Exception) { e.Approvals[1] = ofBranch("") }, approval, policy.Enforce, policy.Broken, "1 of 2"},
		"a certificate and a key":               {withKey, strangers, policy.Enforce, policy.Excused, ""},
		"both of one person":                    {withKey, known, policy.Enforce, policy.Broken, "1 of 2"},
		"both of one person, written otherwise": {func(e *policy.Exception) { e.Approvals = []fact.Fact{keyed, approved("Ann+x@sec.example")} }, known, policy.Enforce, policy.Broken, "1 of 2"},
		"a key beside somebody else":            {func(e *policy.Exception) { e.Approvals[0] = keyed }, known, policy.Enforce, policy.Excused, ""},
		"the requester, with a key": {func(e *policy.Exception) {
			e.Approvals[0], e.Requester = keyed, policy.Identity{Issuer: people, Subject: "Ann@sec.example"}
		}, known, policy.Enforce, policy.Broken, "1 of 2"},
		"the requester by key, with a certificate": {func(e *policy.Exception) { e.Requester = policy.Identity{Key: annsKey} }, known, policy.Enforce, policy.Broken, "1 of 2"},
		"the requester, elsewhere":                 {func(e *policy.Exception) { e.Requester = annAtHome }, known, policy.Enforce, policy.Broken, "1 of 2"},
		"of something else":                        {func(e *policy.Exception) { e.Approvals[1] = forged }, approval, policy.Enforce, policy.Broken, "1 of 2"},
		"of another kind":                          {func(e *policy.Exception) { e.Approvals[1] = otherType }, approval, policy.Enforce, policy.Broken, "1 of 2"},
		"not yet":                                  {func(e *policy.Exception) { e.Approvals[1] = late }, approval, policy.Enforce, policy.Broken, "1 of 2"},
		"without digest":                           {func(e *policy.Exception) { e.Digest = ident.Digest{} }, approval, policy.Enforce, policy.Broken, "0 of 2"},
		"another policy":                           {func(e *policy.Exception) { e.Policies = []string{"q"} }, approval, policy.Enforce, policy.Broken, ""},
		"this policy":                              {func(e *policy.Exception) { e.Policies = []string{"p"} }, approval, policy.Enforce, policy.Excused, ""},
		"another rule":                             {func(e *policy.Exception) { e.Rules = []string{"s"} }, approval, policy.Enforce, policy.Broken, ""},
		"another image":                            {func(e *policy.Exception) { e.Images = []string{"r.example/other*"} }, approval, policy.Enforce, policy.Broken, ""},
		"no image":                                 {func(e *policy.Exception) { e.Images = nil }, approval, policy.Enforce, policy.Broken, ""},
		"another namespace":                        {func(e *policy.Exception) { e.Namespaces = []string{"lab"} }, approval, policy.Enforce, policy.Broken, ""},
		"this namespace":                           {func(e *policy.Exception) { e.Namespaces = []string{"sh*"} }, approval, policy.Enforce, policy.Excused, ""},
		"of a finding":                             {func(e *policy.Exception) { e.Findings = []string{"CVE-2026-0001"} }, approval, policy.Enforce, policy.Broken, ""},
	} {
		t.Run(name, func(t *testing.T) {
			e := granted()
			if c.change != nil {
				c.change(&e)
			}
			s := rule("false")
			s.Mode, s.Exceptions = c.mode, c.approval
			v := compile(t, s).Evaluate(prepare(t, input()), policy.Context{At: noon, Namespace: policy.Namespace{Name: "shop"}, Exceptions: []policy.Exception{e}})
			r := v.Rules[0]
			if r.Result != c.want || !strings.Contains(r.Exception, c.words) {
				t.Errorf("%s, %q", r.Result, r.Exception)
			}
			if c.mode == policy.Enforce && (v.Decision == policy.Pass) != (c.want == policy.Excused) {
				t.Errorf("%s is %s", c.want, v.Decision)
			}
		})
	}
}

// A signature by a key that could not be read may be of whoever approves with a key, or
// has one beside the certificate that approves.
func TestApprovalsInDoubt(t *testing.T) {
	key := ident.SHA256([]byte("a key of Ann's"))
	ann := policy.Identity{Issuer: people, Subject: "ann@sec.example"}
	for name, c := range map[string]struct {
		people  [][]policy.Identity
		keyOnly bool
		want    policy.Result
	}{
		"of anybody":                    {nil, false, policy.Broken},
		"of a key":                      {nil, true, policy.Excused},
		"of a key that Ann may have":    {[][]policy.Identity{{ann, {Key: key}}}, true, policy.Broken},
		"of a key, Ann has other names": {[][]policy.Identity{{ann, {Issuer: ci, Subject: "ann"}}}, true, policy.Excused},
	} {
		s := rule("false")
		s.Exceptions = policy.Approval{Approvers: []policy.Identity{{Issuer: people, Subject: "*@sec.example"}}, People: c.people}
		in := input()
		in.Unjudged = []policy.Unjudged{{Why: "it is malformed", KeyOnly: c.keyOnly}}
		if v := compile(t, s).Evaluate(prepare(t, in), policy.Context{At: noon, Exceptions: []policy.Exception{granted()}}); v.Rules[0].Result != c.want || strings.Contains(v.Rules[0].Exception, "in doubt") != (c.want == policy.Broken) {
			t.Errorf("%s: %+v", name, v.Rules)
		}
	}
}

// An exception for a vulnerability excuses that one and no other.
func TestExceptionsOfFindings(t *testing.T) {
	s := rule(`findings.all(f, !f.atLeast("high") || f.excepted)`)
	s.Exceptions = policy.Approval{Approvers: []policy.Identity{{Issuer: people, Subject: "*@sec.example"}}}
	p := compile(t, s)
	e := granted()
	for name, c := range map[string]struct {
		findings []string
		more     []policy.Finding
		void     bool
		want     policy.Decision
	}{
		"by id":      {[]string{"CVE-2026-0001"}, nil, false, policy.Pass},
		"by alias":   {[]string{"GHSA-x"}, nil, false, policy.Pass},
		"another":    {[]string{"CVE-2026-0002"}, nil, false, policy.Deny},
		"one of two": {[]string{"CVE-2026-0001"}, []policy.Finding{{ID: "CVE-2026-0003"}}, false, policy.Deny},
		"void":       {[]string{"CVE-2026-0001"}, nil, true, policy.Deny},
	} {
		in := input()
		in.Findings = append(in.Findings, c.more...)
		x := e
		x.Findings = c.findings
		if c.void {
			x.Approvals = nil
		}
		if v := p.Evaluate(prepare(t, in), policy.Context{At: noon, Exceptions: []policy.Exception{x}}); v.Decision != c.want {
			t.Errorf("%s: %+v", name, v)
		}
	}
}
