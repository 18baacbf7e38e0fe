package predicate_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/provenance"
	"github.com/cofferdam-io/cofferdam/provenance/predicate"
)

func Example() {
	p, err := predicate.Read("https://slsa.dev/provenance/v1", []byte(`{"buildDefinition":{"buildType":"https://ci.example/t","externalParameters":{},
		"resolvedDependencies":[{"uri":"git+https://git.example/web","digest":{"gitCommit":"6f1d"}}]},"runDetails":{"builder":{"id":"https://ci.example"}}}`), predicate.Limits{})
	if build, ok := p.(*predicate.Provenance); ok {
		fmt.Println(build.Builder.ID, build.Dependencies[0].Digest("gitCommit"))
	}
	fmt.Println(err)
	// Output:
	// https://ci.example 6f1d
	// <nil>
}

var (
	yes, no = true, false
	at      = time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
)

func hashes(algorithm, value string) []provenance.Hash {
	return []provenance.Hash{{Algorithm: algorithm, Value: value}}
}

// cases are predicates as their specifications write them, and what is read.
var cases = []struct {
	predicateType, raw string
	want               predicate.Predicate
}{
	{"https://slsa.dev/provenance/v1", `{"buildDefinition":{"buildType":"t","externalParameters":{"a":1},"internalParameters":null,"resolvedDependencies":[{"uri":"u","name":"n","mediaType":"m","downloadLocation":"d","annotations":{"x":[]},"digest":{"sha256":"00"}}],"later":1},
		"runDetails":{"builder":{"id":"b","version":{"c":"1"},"builderDependencies":[{"uri":"v"}]},"metadata":{"invocationId":"i","startedOn":"2026-11-20T11:00:00+01:00","finishedOn":"2026-11-20T10:00:00Z","buildkit_hermetic":true},"byproducts":[{"name":"log"}]}}`,
		&predicate.Provenance{Version: "v1", BuildType: "t", External: []byte(`{"a":1}`), Builder: predicate.Builder{ID: "b", Version: map[string]string{"c": "1"}, Dependencies: []predicate.Resource{{URI: "v"}}},
			Invocation: predicate.Invocation{ID: "i", Started: at, Finished: at}, Byproducts: []predicate.Resource{{Name: "log"}}, Extensions: map[string][]byte{"buildkit_hermetic": []byte("true")},
			Dependencies: []predicate.Resource{{Name: "n", URI: "u", Digests: hashes("sha256", "00"), MediaType: "m", DownloadLocation: "d", Annotations: []byte(`{"x":[]}`)}}}},
	{"https://slsa.dev/provenance/v0.2", `{"builder":{"id":"b"},"buildType":"t","invocation":{"configSource":{"uri":"u","digest":{"sha1":"00"},"entryPoint":"e"},"parameters":{"p":1},"environment":{"e":2}},
		"metadata":{"buildInvocationID":"i","buildStartedOn":"2026-11-20T10:00:00Z","completeness":{"parameters":true,"environment":false,"materials":null},"reproducible":false},"materials":[{"uri":"m","digest":{"sha256":"11"}}]}`,
		&predicate.Provenance{Version: "v0.2", BuildType: "t", Builder: predicate.Builder{ID: "b"}, Config: &predicate.Resource{Name: "e", URI: "u", Digests: hashes("sha1", "00")}, External: []byte(`{"p":1}`), Internal: []byte(`{"e":2}`),
			Invocation: predicate.Invocation{ID: "i", Started: at}, Complete: predicate.Completeness{Parameters: &yes, Environment: &no}, Reproducible: &no, Dependencies: []predicate.Resource{{URI: "m", Digests: hashes("sha256", "11")}}}},
	{"https://slsa.dev/verification_summary/v1", `{"verifier":{"id":"v"},"timeVerified":"2026-11-20T10:00:00Z","resourceUri":"r","policy":{"uri":"p"},"inputAttestations":[{"uri":"a"}],"verificationResult":"PASSED","verifiedLevels":["SLSA_BUILD_LEVEL_3"],"dependencyLevels":{"SLSA_BUILD_LEVEL_1":7},"slsaVersion":"1.1"}`,
		&predicate.Summary{Verifier: "v", Verified: at, ResourceURI: "r", Policy: predicate.Resource{URI: "p"}, Inputs: []predicate.Resource{{URI: "a"}}, Passed: true, Levels: []string{"SLSA_BUILD_LEVEL_3"}, Dependencies: map[string]int64{"SLSA_BUILD_LEVEL_1": 7}, Version: "1.1"}},
	{provenance.CosignVuln, `{"invocation":{"uri":"i","builder.id":"b"},"scanner":{"uri":"s","version":"1","db":{"uri":"d","version":"2"},"result":{"r":[]}},"metadata":{"scanStartedOn":"2026-11-20T10:00:00Z","scanFinishedOn":"2026-11-20T10:00:00Z"}}`,
		&predicate.Scan{Scanner: "s", Version: "1", Database: "d", DatabaseVersion: "2", Started: at, Finished: at, Result: []byte(`{"r":[]}`), Invocation: "i", Builder: "b"}},
	{"https://in-toto.io/attestation/scai/v0.3", `{"attributes":[{"attribute":"A","target":{"name":"t"},"conditions":{"c":1},"evidence":{"uri":"e"}},{"attribute":"B","evidence":null}],"producer":{"uri":"p"}}`,
		&predicate.Attributes{Attributes: []predicate.Attribute{{Name: "A", Target: &predicate.Resource{Name: "t"}, Conditions: []byte(`{"c":1}`), Evidence: &predicate.Resource{URI: "e"}}, {Name: "B"}}, Producer: &predicate.Resource{URI: "p"}}},
	{"https://in-toto.io/attestation/scai/attribute-report/v0.2", `{"attributes":[{"attribute":"A"}]}`, &predicate.Attributes{Attributes: []predicate.Attribute{{Name: "A"}}}},
	{"https://in-toto.io/attestation/test-result/v0.1", `{"result":"WARNED","configuration":[{"name":"c"}],"url":"u","passedTests":["a"],"warnedTests":["b"],"failedTests":[]}`,
		&predicate.TestResult{Result: "WARNED", Configuration: []predicate.Resource{{Name: "c"}}, URL: "u", Passed: []string{"a"}, Warned: []string{"b"}}},
	{"https://in-toto.io/attestation/release/v0.1", `{"purl":"pkg:npm/a@1","releaseId":"7"}`, &predicate.Release{PURL: "pkg:npm/a@1", PackageID: "7"}},
	{"https://in-toto.io/attestation/release/v0.2", `{"purl":"pkg:npm/a@1","packageId":"7"}`, &predicate.Release{PURL: "pkg:npm/a@1", PackageID: "7"}},
	{"https://in-toto.io/attestation/runtime-trace/v0.2", `{"monitor":{"type":"m","configSource":{},"tracePolicy":{"p":1}},"monitoredProcess":{"hostID":"h","type":"t","event":"e"},
		"monitorLog":{"process":[{"x":1}],"network":[{"ip":"192.0.2.1","hostname":"n","port":443,"protocol":"tcp"},{"port":"many","ip":7}],"fileAccess":[{"name":"f"}]},"metadata":{"buildStartedOn":"2026-11-20T10:00:00Z"}}`,
		&predicate.Trace{Monitor: "m", Configuration: &predicate.Resource{}, Policy: []byte(`{"p":1}`), Host: "h", ProcessType: "t", Event: "e", Processes: [][]byte{[]byte(`{"x":1}`)}, NetworkLogged: true,
			Network: []predicate.Connection{{IP: "192.0.2.1", Hostname: "n", Protocol: "tcp", Port: 443}, {}}, Files: []predicate.Resource{{Name: "f"}}, Started: at}},
	{"https://example.com/unknown/v1", `{"a": 1}`, predicate.Unknown(`{"a": 1}`)},
	{"https://in-toto.io/attestation/release/v0.10", `{}`, predicate.Unknown(`{}`)},
}

// TestWriteSummary: what is written is read as the same, and what its specification
// requires is not left out.
func TestWriteSummary(t *testing.T) {
	s := predicate.Summary{Verifier: "https://shop.example/stages/staging", Verified: time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC), ResourceURI: "pkg:oci/web", Passed: true, Levels: []string{"SLSA_BUILD_LEVEL_UNEVALUATED"}, Version: "1.1",
		Policy: predicate.Resource{URI: "p.yaml", Digests: []provenance.Hash{{Algorithm: "sha256", Value: "00"}}}, Inputs: []predicate.Resource{{URI: "a"}}}
	raw, err := s.Write()
	if err != nil {
		t.Fatal(err)
	}
	got, err := predicate.Read(predicate.SummaryType, raw, predicate.Limits{})
	back, ok := got.(*predicate.Summary)
	if err != nil || !ok || back.Verifier != s.Verifier || !back.Verified.Equal(s.Verified) || !back.Passed || back.Policy.Digest("sha256") != "00" || len(back.Inputs) != 1 || back.Levels[0] != s.Levels[0] {
		t.Errorf("%v %+v", err, got)
	}
	s.Passed = false
	if raw, err = s.Write(); err != nil || !strings.Contains(string(raw), `"FAILED"`) {
		t.Errorf("%v %s", err, raw)
	}
	s.Verifier = ""
	if _, err := s.Write(); ident.KindOf(err) != ident.KindInvalid {
		t.Errorf("nobody's summary is written: %v", err)
	}
}

func TestRead(t *testing.T) {
	for _, tc := range cases {
		got, err := predicate.Read(tc.predicateType, []byte(tc.raw), predicate.Limits{})
		if err != nil {
			t.Errorf("%s: %v", tc.predicateType, err)
			continue
		}
		if d := cmp.Diff(tc.want, got, cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".result" }, cmp.Ignore())); d != "" {
			t.Errorf("%s: %s", tc.predicateType, d)
		}
	}
}

func TestWhatIsRefused(t *testing.T) {
	const v1 = "https://slsa.dev/provenance/v1"
	for _, tc := range []struct {
		predicateType, raw string
		kind               ident.Kind
		says               string
	}{
		{v1, ``, ident.KindInvalid, ""},
		{v1, `null`, ident.KindInvalid, "buildType"},
		{v1, `[]`, ident.KindInvalid, "object"},
		{v1, `{"buildDefinition":{"buildType":"t","externalParameters":{}},"runDetails":{"builder":{}}}`, ident.KindInvalid, "builder.id"},
		{v1, `{"buildDefinition":{"buildType":"t"},"runDetails":{"builder":{"id":"b"}}}`, ident.KindInvalid, "externalParameters"},
		{v1, `{"runDetails":{"builder":{"id":"b","id":"c"}}}`, ident.KindInvalid, "twice"},
		{v1, `{"buildDefinition":{"externalParameters":{"a":1,"a":2}}}`, ident.KindInvalid, "twice"},
		{v1, `{"runDetails":{"builder":{"id":1}}}`, ident.KindInvalid, "due"},
		{v1, `{"runDetails":{"metadata":{"startedOn":"yesterday"}}}`, ident.KindInvalid, "RFC 3339"},
		{v1, `{"buildDefinition":{"resolvedDependencies":[{},{},{}]}}`, ident.KindLimit, "more than 2 items"},
		{v1, strings.Repeat(" ", 501), ident.KindLimit, "more than 500"},
		{"https://slsa.dev/verification_summary/v1", `{"verifier":{"id":"v"},"resourceUri":"r","verificationResult":"passed"}`, ident.KindInvalid, "verificationResult"},
		{provenance.CosignVuln, `{}`, ident.KindInvalid, "scanner.uri"},
		{"https://in-toto.io/attestation/scai/v0.3", `{"attributes":[]}`, ident.KindInvalid, "attributes"},
		{"https://in-toto.io/attestation/scai/v0.3", `{"attributes":[null]}`, ident.KindInvalid, "attribute"},
		{"https://in-toto.io/attestation/test-result/v0.1", `{"result":"passed"}`, ident.KindInvalid, "result"},
		{"https://in-toto.io/attestation/release/v0.1", `{}`, ident.KindInvalid, "purl"},
		{"https://in-toto.io/attestation/runtime-trace/v0.1", `{"monitor":{"type":"m"}}`, ident.KindInvalid, "monitoredProcess"},
	} {
		p, err := predicate.Read(tc.predicateType, []byte(tc.raw), predicate.Limits{Bytes: 500, Items: 2})
		if err == nil || ident.KindOf(err) != tc.kind || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s %.80s: %v, %v", tc.predicateType, tc.raw, p, err)
		}
	}
}

// FuzzRead: what is read can be read again, and is the same; nothing is both.
func FuzzRead(f *testing.F) {
	for _, tc := range cases {
		f.Add(tc.predicateType, []byte(tc.raw))
	}
	f.Fuzz(func(t *testing.T, predicateType string, raw []byte) {
		p, err := predicate.Read(predicateType, raw, predicate.Limits{Bytes: 1 << 16, Items: 100})
		if (p == nil) == (err == nil) {
			t.Fatalf("%v, %v", p, err)
		}
		if build, ok := p.(*predicate.Provenance); ok && (build.Builder.ID == "" || build.BuildType == "") {
			t.Fatalf("provenance without a builder: %+v", build)
		}
	})
}
