package decode_test

import (
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/policy"
)

const ours = `apiVersion: cofferdam.dev/v1alpha1
kind: VerificationPolicy
metadata:
  name: ours
spec:
  mode: Enforce
  match:
    images: ["r.example/**"]
    namespaces: ["prod-*"]
    namespaceSelector: {matchLabels: {env: prod}}
    selector: {matchExpressions: [{key: app, operator: Exists}]}
  variables:
  - name: signed
    expression: facts.signedBy("https://i.example", "s").signatures()
  rules:
  - name: signature
    expression: |
      signed.size() > 0
      && image.tag != "latest"
    message: a signature by our build system
    found: '"facts: " + string(facts.size())'
    hint: sign it
  freshness:
  - name: scan
    predicateType: https://cosign.sigstore.dev/attestation/vuln
    maxAge: 24h
    from: [{issuer: https://i.example, subject: s}]
    hint: scan it
  exceptions:
    approvers:
    - {issuer: https://i.example, subject: "*@sec.example"}
    - {key: sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef}
    required: 2
`

const due = `apiVersion: cofferdam.dev/v1alpha1
kind: VerificationPolicy
metadata:
  name: due
spec:
  mode: Enforce
  remediation:
    deadlineDays: {exploited: 3, critical: 7.5}
    serverAcceptances: true
    hint: mend it
`

const exception = `apiVersion: cofferdam.dev/v1alpha1
kind: PolicyException
metadata: {name: log4j}
spec:
  ticket: SEC-1
  reason: the fix breaks the ledger
  requestedBy: {issuer: https://i.example, subject: dev@shop.example}
  policies: [ours]
  rules: [no-severe]
  images: ["r.example/shop/web**"]
  namespaces: [prod-*]
  findings: [CVE-2021-44228]
  expiresAt: "2026-12-01T00:00:00Z"
`

func TestOurKindsAreRead(t *testing.T) {
	files := read(ours, exception)
	if w := words(files); len(w) > 0 {
		t.Fatalf("%v", w)
	}
	p, e := files[0].Objects[0].Policy, files[1].Objects[0].Exception
	if p.Name != "ours" || p.Mode != policy.Enforce || len(p.Checks) != 2 || len(p.Exceptions.Approvers) != 2 || p.Exceptions.Approvers[1].Key.IsZero() {
		t.Errorf("%+v", p)
	}
	if e.Ticket != "SEC-1" || e.Findings[0] != "CVE-2021-44228" || e.ExpiresAt.Year() != 2026 || e.Requester.Subject != "dev@shop.example" {
		t.Errorf("%+v", e)
	}
	files = read(due)
	if w := words(files); len(w) > 0 {
		t.Fatalf("%v", w)
	}
	if c := files[0].Objects[0].Policy.Checks; len(c) != 1 || c[0].Name != "remediation" || c[0].Hint != "mend it" || c[0].Expected != "no finding beyond its deadline (exploited 3 days, critical 7.5 days)" {
		t.Errorf("%+v", c)
	}
	// The digest is of what it says, not of how it is written, and of all that it says.
	if again := read(strings.Replace(exception, "  ticket: SEC-1\n  reason: the fix breaks the ledger\n", "  reason: 'the fix breaks the ledger'\n  ticket: SEC-1 # new\n", 1))[0].Objects[0].Exception; again.Digest != e.Digest {
		t.Error("another digest of the same exception")
	}
	for _, change := range [][2]string{{"log4j", "other"}, {"SEC-1", "SEC-2"}, {"2026-12-01", "2027-12-01"}, {"web**", "**"}, {"44228", "44229"}} {
		if again := read(strings.Replace(exception, change[0], change[1], 1))[0].Objects[0].Exception; again.Digest == e.Digest {
			t.Errorf("the same digest with %s", change[1])
		}
	}
}

func TestFaultsOfOurKinds(t *testing.T) {
	for name, c := range map[string]struct{ text, from, to, want string }{
		"mode":              {ours, "mode: Enforce", "mode: enforce", "value 6:3 spec.mode"},
		"no mode":           {ours, "  mode: Enforce\n", "", "missing 5:1 spec.mode"},
		"unknown field":     {ours, "    hint: sign it", "    hints: sign it", "warning missing 16:5 spec.rules[0]; unknown-field 22:5 spec.rules[0].hints"},
		"no rules":          {strings.Split(ours, "  variables:")[0], "", "", "missing 5:1 spec.rules"},
		"in a block":        {ours, "&& image.tag", "&& image.tags", "expression 19:15 spec.rules[0].expression"},
		"in quotes":         {ours, "string(facts.size())", "facts.size()", "expression 21:23 spec.rules[0].found"},
		"in a plain scalar": {ours, `facts.signedBy("https://i.example", "s")`, `facts.signedBy(1, "s")`, "expression 14:31 spec.variables[0].expression"},
		"a cycle":           {ours, `facts.signedBy("https://i.example", "s").signatures()`, "signed", "expression 14:5 spec.variables[0].expression"},
		"in an expression and elsewhere": {ours, "&& image.tag != \"latest\"\n    message:", "&& image.tags != \"latest\"\n    mesage:",
			"missing 16:5 spec.rules[0].message; expression 19:15 spec.rules[0].expression; unknown-field 20:5 spec.rules[0].mesage"},
		"no expression, and a type elsewhere": {ours, `found: '"facts: " + string(facts.size())'`, "found: facts.size()\n  - name: empty\n    message: m",
			"warning missing 16:5 spec.rules[0]; expression 21:12 spec.rules[0].found; missing 22:5 spec.rules[1].expression"},
		"a variable without expression": {ours, `    expression: facts.signedBy("https://i.example", "s").signatures()`, `    expresion: facts`, "missing 13:5 spec.variables[0].expression; unknown-field 14:5 spec.variables[0].expresion"},
		"one person, one identity":      {ours, "    required: 2", "    people: [{name: ann, identities: [{issuer: a, subject: b}]}]", "approval 33:14 spec.exceptions.people[0]"},
		"nobody's identities":           {ours, "    required: 2", "    people: [{identities: [{issuer: a, subject: b}, {issuer: a}]}]", "missing 33:14 spec.exceptions.people[0].name; missing 33:53 spec.exceptions.people[0].identities[1]"},
		"no age":                        {ours, "maxAge: 24h", "maxAge: daily", "freshness 26:5 spec.freshness[0].maxAge"},
		"anybody's scan":                {ours, "    from: [{issuer: https://i.example, subject: s}]\n", "", "warning freshness 24:5 spec.freshness[0]"},
		"half an identity":              {ours, "{issuer: https://i.example, subject: s}", "{issuer: https://i.example}", "missing 27:12 spec.freshness[0].from[0]"},
		"nothing is ever overdue":       {due, "{exploited: 3, critical: 7.5}", "{}", "missing 8:5 spec.remediation.deadlineDays"},
		"no deadlines":                  {due, "    deadlineDays: {exploited: 3, critical: 7.5}\n", "", "missing 7:3 spec.remediation.deadlineDays"},
		"deadlines of nothing":          {due, "exploited: 3, critical: 7.5", "dire: 3, critical: -1, high: soon", "remediation 8:20 spec.remediation.deadlineDays.dire; remediation 8:29 spec.remediation.deadlineDays.critical; type 8:43 spec.remediation.deadlineDays.high"},
		"a deadline that is misspelt":   {due, "deadlineDays", "deadlines", "missing 7:3 spec.remediation.deadlineDays; unknown-field 8:5 spec.remediation.deadlines"},
		"a name that a rule has":        {due, "remediation:", "freshness: [{name: remediation, predicateType: t, maxAge: 1h, from: [{key: \"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"}]}]\n  remediation:", "expression 8:3 spec.remediation"},
		"everybody":                     {ours, `"*@sec.example"`, `"**"`, "warning identity 31:7 spec.exceptions.approvers[0]"},
		"key and identity":              {ours, "- {key:", "- {issuer: x, key:", "conflict 32:19 spec.exceptions.approvers[1].key"},
		"no key":                        {ours, "sha256:0123456789abcdef0", "md5:0", "value 32:8 spec.exceptions.approvers[1].key"},
		"alone":                         {ours, "required: 2", "required: 1", "warning approval 33:5 spec.exceptions.required"},
		"no count":                      {ours, "required: 2", "required: -2", "value 33:5 spec.exceptions.required"},
		"a glob of nothing":             {ours, `["r.example/**"]`, `["r.example/A/**", "https://x/**", "*"]`, "warning glob 8:14 spec.match.images[0]; warning glob 8:32 spec.match.images[1]; warning glob 8:48 spec.match.images[2]"},
		"a malformed glob":              {ours, `["r.example/**"]`, `["r.example/[a]"]`, "glob 8:14 spec.match.images[0]"},
		"no end":                        {exception, "  expiresAt: \"2026-12-01T00:00:00Z\"\n", "", "missing 4:1 spec.expiresAt"},
		"an end that is none":           {exception, "2026-12-01T00:00:00Z", "soon", "expiry 13:3 spec.expiresAt"},
		"no image":                      {exception, `["r.example/shop/web**"]`, "[]", "missing 10:3 spec.images"},
		"no requester":                  {exception, "  requestedBy: {issuer: https://i.example, subject: dev@shop.example}\n", "", "missing 4:1 spec.requestedBy"},
		"excuses all":                   {strings.Replace(exception, "  rules: [no-severe]\n", "", 1), "[CVE-2021-44228]", "[]", "warning expiry 4:1 spec.rules"},
		"a blank ticket":                {exception, "ticket: SEC-1", "ticket: ' '", "missing 5:3 spec.ticket"},
		"an empty reason":               {exception, "reason: the fix breaks the ledger", "reason: ''", "missing 6:3 spec.reason"},
		"every image":                   {exception, `["r.example/shop/web**"]`, `["**"]`, "warning scope 10:3 spec.images"},
		"another version":               {ours, "v1alpha1", "v1", "value 1:1 apiVersion"},
		"another kind of ours":          {ours, "VerificationPolicy", "Policy", "value 2:1 kind"},
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(c.text, c.from) {
				t.Fatal("the test changes nothing")
			}
			files := read(strings.Replace(c.text, c.from, c.to, 1))
			got := strings.Join(words(files), "; ")
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}
