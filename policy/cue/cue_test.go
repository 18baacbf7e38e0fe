package cue_test

import (
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/policy/cue"
)

const statement = `{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://cosign.sigstore.dev/attestation/vuln/v1","predicate":{"scanner":{"uri":"trivy"},"at":"2026-11-20T06:00:00Z","n":[1,2]}}`

func TestEvaluate(t *testing.T) {
	for name, c := range map[string]struct{ source, want string }{
		"holds":         {`predicateType: "https://cosign.sigstore.dev/attestation/vuln/v1"`, ""},
		"does not":      {`predicateType: "other"`, "predicateType: conflicting values"},
		"a bound":       {"import \"time\"\nbefore: time.Parse(time.RFC3339, \"2027-01-01T00:00:00Z\")\npredicate: at: <before", ""},
		"past a bound":  {`predicate: at: <"2026-01-01"`, "predicate.at"},
		"a pattern":     {`predicate: scanner: uri: =~"^tri"`, ""},
		"a count":       {"import \"list\"\npredicate: n: list.MinItems(3)", "predicate.n"},
		"a definition":  {"#P: {scanner: uri: string, ...}\npredicate: #P", ""},
		"closed":        {"#P: {scanner: uri: string}\npredicate: #P", "field not allowed"},
		"what is not":   {`predicate: absent: string`, "predicate.absent: incomplete value string"},
		"may be absent": {`predicate: absent?: string`, ""},
		// What CUE calls tools is data: nothing runs, nothing is fetched.
		"a tool": {"import \"tool/exec\"\nr: exec.Run & {cmd: \"touch /tmp/owned\", $id: \"tool/exec.Run\"}\npredicate: at: \"never\"", "predicate.at"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := cue.Evaluate(c.source, []byte(statement))
			if err != nil || (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("%q %v", got, err)
			}
		})
	}
}

// What cannot be evaluated is an error and no answer.
func TestErrors(t *testing.T) {
	for name, c := range map[string]struct{ source, document, want string }{
		"syntax":        {"a: {\nb: ]", statement, "line 2, column"},
		"a reference":   {"a: nothing", statement, "line 1, column 4"},
		"a contrary":    {"a: 1 & 2", statement, "conflicting values"},
		"a module":      {"import \"example.com/x\"\na: x.y", statement, "example.com/x"},
		"a file":        {"import \"./x\"\na: x.y", statement, "import"},
		"document":      {"a: 1", "{", "the document"},
		"large":         {strings.Repeat("/", cue.MaxSource+1), statement, "larger"},
		"environment":   {"import \"os\"\na: os.Getenv(\"PATH\")", statement, "os"},
		"a file's text": {"a: _ @embed(file=\"/etc/passwd\",type=text)\npredicate: at: a", statement, ""},
	} {
		t.Run(name, func(t *testing.T) {
			refusal, err := cue.Evaluate(c.source, []byte(c.document))
			if err == nil && (c.want != "" || !strings.Contains(refusal, "incomplete")) || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%q %v", refusal, err)
			}
			if c.want != "" && c.document == statement && cue.Check(c.source) == nil {
				t.Error("Check finds nothing")
			}
		})
	}
}

// Policies over all authorities count what was found, and look at what they do not declare.
func TestOverAuthorities(t *testing.T) {
	const policy = `
import "struct"
import "list"
authorityMatches: {
	key: attestations: struct.MaxFields(1) & struct.MinFields(1)
	ci: signatures:    list.MaxItems(1) & list.MinItems(1)
	if len(authorityMatches.keyless.attestations) < 2 {
		few: 2
		few: "an attestation is missing"
	}
}
`
	for document, want := range map[string]string{
		`{"authorityMatches":{"key":{"attestations":{"a":[{}]}},"ci":{"signatures":[{"subject":"s"}]},"keyless":{"attestations":{"a":[{}],"b":[{}]}}}}`: "",
		`{"authorityMatches":{"key":{"attestations":{"a":[{}]}},"ci":{"signatures":[{"subject":"s"}]},"keyless":{"attestations":{"a":[{}]}}}}`:          "few",
		`{"authorityMatches":{"key":{"attestations":{"a":[{}]}},"ci":{"signatures":[{},{}]},"keyless":{"attestations":{"a":[{}],"b":[{}]}}}}`:           "signatures",
		`{"authorityMatches":{"key":{"attestations":{"a":[{}]}},"ci":{"signatures":[{}]}}}`:                                                             "keyless",
	} {
		refusal, err := cue.Evaluate(policy, []byte(document))
		if err != nil || (refusal == "") != (want == "") || !strings.Contains(refusal, want) {
			t.Errorf("%s: %q %v", document, refusal, err)
		}
	}
	if err := cue.Check(policy); err != nil {
		t.Error(err)
	}
}
