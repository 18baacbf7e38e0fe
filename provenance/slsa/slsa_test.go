package slsa_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/fact"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/provenance/predicate"
	"github.com/cofferdam-io/cofferdam/provenance/slsa"
)

const (
	table = `{"builders":[
		{"id":"https://ci.example/runner@*","level":3,"signers":[{"subject":"https://ci.example/jobs/*","issuer":"https://ci.example"}],"isolated":true,"hermetic":true},
		{"id":"https://ci.example/runner@old","level":2,"signers":[{"subject":"https://ci.example/jobs/*","issuer":"https://ci.example"}]},
		{"id":"https://lab.example","level":1}],
		"verifiers":[{"id":"https://check.example","signers":[{"key":"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}],"build":2,"source":3}]}`
	v1type = "https://slsa.dev/provenance/v1"
)

var (
	artifact = ident.SHA256([]byte("artifact"))
	platform = fact.Signer{Certificate: &fact.Certificate{Subject: "https://ci.example/jobs/release", Issuer: "https://ci.example",
		Extensions: map[string]string{"sourceRepositoryDigest": "6f1d"}}}
	secret  = fact.Signer{Key: &fact.Key{ID: ident.SHA256([]byte("repository secret"))}}
	checker = fact.Signer{Key: &fact.Key{ID: ident.SHA256([]byte("test"))}}
)

func v1(builder, more string) string {
	return `{"buildDefinition":{"buildType":"https://ci.example/t/v1","externalParameters":{"tag":"v1"},
		"resolvedDependencies":[{"uri":"git+https://git.example/shop/web@refs/heads/main","digest":{"gitCommit":"6f1d"}},{"uri":"pkg:docker/golang@1.26"},{"uri":"pkg:x","digest":{"md5":"00"}}]},
		"runDetails":{"builder":{"id":"` + builder + `"}` + more + `}}`
}

func said(predicateType, raw string, by fact.Signer) fact.Fact {
	return fact.Fact{Artifact: artifact, Claim: fact.Attestation, PredicateType: predicateType, Predicate: []byte(raw), Signer: by}
}

func parse(t testing.TB) *slsa.Table {
	t.Helper()
	tab, err := slsa.ParseTable([]byte(table))
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

func Example() {
	tab, err := slsa.ParseTable([]byte(table))
	if err != nil {
		fmt.Println(err)
		return
	}
	a := slsa.Assess(artifact, []fact.Fact{said(v1type, v1("https://ci.example/runner@old", ""), platform)}, tab, nil)
	fmt.Println(a.Build.Level, a.Source.Commit, a.Source.Confirmed)
	for _, r := range a.Build.Reasons {
		fmt.Println(r.Level, r.Holds, r.Text)
	}
	// Output:
	// 2 6f1d yes
	// 1 true provenance v1 names this artifact, the builder https://ci.example/runner@old and how it was built
	// 2 true the builder, which the table trusts for level 2, signed it itself (by https://ci.example/jobs/release, vouched for by https://ci.example)
	// 3 false the table trusts the builder https://ci.example/runner@old for level 2 only: one build may touch another there, or the key
}

func TestLevels(t *testing.T) {
	selfHosted := fact.Signer{Certificate: &fact.Certificate{Subject: platform.Certificate.Subject, Issuer: platform.Certificate.Issuer, Extensions: map[string]string{"runnerEnvironment": "self-hosted"}}}
	stranger := fact.Signer{Certificate: &fact.Certificate{Subject: platform.Certificate.Subject, Issuer: "https://other.example"}}
	other := said(v1type, v1("https://ci.example/runner@v2", ""), platform)
	other.Artifact = ident.SHA256([]byte("another"))
	signature := said("", "", platform)
	signature.Claim = fact.Signature
	summary := func(result, level, verifier string) string {
		return `{"verifier":{"id":"` + verifier + `"},"resourceUri":"pkg:oci/web","verificationResult":"` + result + `","verifiedLevels":["` + level + `"]}`
	}
	const vsa = "https://slsa.dev/verification_summary/v1"
	for _, tc := range []struct {
		name    string
		facts   []fact.Fact
		noTable bool
		level   int
		source  int
		says    string // in the last reason, or a note
	}{
		{name: "nothing", says: "no provenance"},
		{name: "a signature alone", facts: []fact.Fact{signature}, says: "no provenance"},
		{name: "trusted for 3", facts: []fact.Fact{said(v1type, v1("https://ci.example/runner@v2", ""), platform)}, level: 3, says: "keep builds apart"},
		{name: "the longer entry counts", facts: []fact.Fact{said(v1type, v1("https://ci.example/runner@old", ""), platform)}, level: 2, says: "level 2 only"},
		{name: "a key where an identity signs", facts: []fact.Fact{said(v1type, v1("https://ci.example/runner@v2", ""), secret)}, level: 1, says: "repository's secrets"},
		{name: "another issuer", facts: []fact.Fact{said(v1type, v1("https://ci.example/runner@v2", ""), stranger)}, level: 1, says: "repository's secrets"},
		{name: "self-hosted", facts: []fact.Fact{said(v1type, v1("https://ci.example/runner@v2", ""), selfHosted)}, level: 2, says: "self-hosted"},
		{name: "for 1 only", facts: []fact.Fact{said(v1type, v1("https://lab.example", ""), platform)}, level: 1, says: "level 1 only"},
		{name: "a builder like it", facts: []fact.Fact{said(v1type, v1("https://lab.example.evil", ""), platform)}, level: 1, says: "not in the table"},
		{name: "no table", facts: []fact.Fact{said(v1type, v1("https://ci.example/runner@v2", ""), platform)}, noTable: true, level: 1, says: "no table"},
		{name: "of another artifact", facts: []fact.Fact{other}, says: "another artifact"},
		{name: "of no version that is read", facts: []fact.Fact{said("https://slsa.dev/provenance/v0.1", `{}`, platform)}, says: "v0.2 and v1 are"},
		{name: "malformed", facts: []fact.Fact{said(v1type, `{"runDetails":{"builder":{"id":7}}}`, platform)}, says: "cannot be read"},
		{name: "no builder", facts: []fact.Fact{said(v1type, v1("", ""), platform)}, says: "builder.id"},
		{name: "v0.2", facts: []fact.Fact{said("https://slsa.dev/provenance/v0.2", `{"builder":{"id":"https://ci.example/runner@v2"},"buildType":"x"}`, platform)}, level: 3, says: "keep builds apart"},
		{name: "the better of two", facts: []fact.Fact{said(v1type, v1("https://lab.example", ""), platform), said(v1type, v1("https://ci.example/runner@v2", ""), platform)}, level: 3, says: "keep builds apart"},
		{name: "the worse of two", facts: []fact.Fact{said(v1type, v1("https://ci.example/runner@v2", ""), platform), said(v1type, v1("https://lab.example", ""), platform)}, level: 3, says: "at level 1"},
		{name: "a summary, believed up to 2", facts: []fact.Fact{said(vsa, summary("PASSED", "SLSA_BUILD_LEVEL_3", "https://check.example"), checker)}, level: 2, says: "which the table trusts"},
		{name: "a summary about the source", facts: []fact.Fact{said(vsa, summary("PASSED", "SLSA_SOURCE_LEVEL_4", "https://check.example"), checker)}, source: 3, says: "no provenance"},
		{name: "a summary that failed", facts: []fact.Fact{said(vsa, summary("FAILED", "SLSA_BUILD_LEVEL_3", "https://check.example"), checker)}, says: "fails its policy"},
		{name: "a summary in another's name", facts: []fact.Fact{said(vsa, summary("PASSED", "SLSA_BUILD_LEVEL_3", "https://check.example"), platform)}, says: "sign others"},
		{name: "a summary by nobody", facts: []fact.Fact{said(vsa, summary("PASSED", "SLSA_BUILD_LEVEL_3", "https://who.example"), checker)}, says: "not in the table"},
		{name: "a level that is none", facts: []fact.Fact{said(vsa, summary("PASSED", "SLSA_BUILD_LEVEL_33", "https://check.example"), checker)}, says: "no provenance"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tab := parse(t)
			if tc.noTable {
				tab = nil
			}
			a := slsa.Assess(artifact, tc.facts, tab, nil)
			texts := append(slices.Clone(a.Notes), a.Build.Reasons[len(a.Build.Reasons)-1].Text)
			if a.Build.Level != tc.level || a.Source.Level != tc.source || !strings.Contains(strings.Join(texts, "\n"), tc.says) {
				t.Errorf("level %d, source %d, %v; %+v", a.Build.Level, a.Source.Level, a.Notes, a.Build.Reasons)
			}
		})
	}
}

// TestTektonSource: of what Tekton Chains names, the source is what was built, and never
// the repository that the pipeline's definition came from.
func TestTektonSource(t *testing.T) {
	const (
		v2   = `{"buildDefinition":{"buildType":"https://tekton.dev/chains/v2/slsa","externalParameters":{"runSpec":{}},"resolvedDependencies":[%s]},"runDetails":{"builder":{"id":"https://tekton.dev/chains/v2"}}}`
		v02  = `{"builder":{"id":"https://tekton.dev/chains/v2"},"buildType":"tekton.dev/v1/PipelineRun","invocation":{"configSource":{"uri":"git+https://git.example/ci","digest":{"sha1":"0c0c"},"entryPoint":"p.yaml"}},"materials":[%s]}`
		ci   = `{"name":"pipeline","uri":"git+https://git.example/ci","digest":{"sha1":"0c0c"}}`
		task = `{"name":"pipelineTask","uri":"git+https://git.example/tasks","digest":{"sha1":"7a7a"}}`
		step = `{"uri":"oci://registry.example/git-init","digest":{"sha256":"28ff94e63e4058afc3f15b4c11c08cf3b54fa91faa646a4bbac90380cd7158df"}}`
		web  = `{"name":"inputs/result","uri":"git+https://git.example/web","digest":{"sha1":"6f1d"}}`
	)
	for name, c := range map[string]struct{ kind, raw, repository, commit string }{
		"after the definitions": {v1type, fmt.Sprintf(v2, ci+","+task+","+step+","+web), "https://git.example/web", "6f1d"},
		"nothing but them":      {v1type, fmt.Sprintf(v2, ci+","+task+","+step), "", ""},
		"v0.2":                  {"https://slsa.dev/provenance/v0.2", fmt.Sprintf(v02, step+","+ci+","+web), "https://git.example/web", "6f1d"},
		"v0.2, nothing but it":  {"https://slsa.dev/provenance/v0.2", fmt.Sprintf(v02, step+","+ci), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := slsa.Assess(artifact, []fact.Fact{said(c.kind, c.raw, platform)}, parse(t), nil)
			if a.Build.Level != 1 || a.Source.Repository != c.repository || a.Source.Commit != c.commit {
				t.Errorf("level %d, source %s %s", a.Build.Level, a.Source.Repository, a.Source.Commit)
			}
		})
	}
}

func TestSignals(t *testing.T) {
	sbom := ident.SHA256([]byte("sbom"))
	byproduct := func(d ident.Digest) string {
		return `,"byproducts":[{"name":"web.spdx.json","digest":{"sha256":"` + d.Hex() + `"}}]`
	}
	claimed := `,"metadata":{"buildkit_hermetic":true}`
	trace := func(network string) string {
		return `{"monitor":{"type":"https://monitor.example"},"monitoredProcess":{"hostID":"https://ci.example","event":"1"},"monitorLog":{` + network + `}}`
	}
	const traceType = "https://in-toto.io/attestation/runtime-trace/v0.2"
	build := func(by fact.Signer, more string) fact.Fact {
		return said(v1type, v1("https://ci.example/runner@old", more), by)
	}
	for _, tc := range []struct {
		name               string
		facts              []fact.Fact
		hermetic, isolated slsa.Answer
		link               slsa.Answer
		confirmed          slsa.Answer
	}{
		{"plain", []fact.Fact{build(platform, "")}, slsa.Unknown, slsa.Unknown, slsa.No, slsa.Yes},
		{"the table", []fact.Fact{said(v1type, v1("https://ci.example/runner@v2", ""), platform)}, slsa.Yes, slsa.Yes, slsa.No, slsa.Yes},
		{"the table, signed by others", []fact.Fact{said(v1type, v1("https://ci.example/runner@v2", ""), secret)}, slsa.Unknown, slsa.Unknown, slsa.No, slsa.Unknown},
		{"claimed by the builder", []fact.Fact{build(platform, claimed)}, slsa.Yes, slsa.Unknown, slsa.No, slsa.Yes},
		{"claimed by others", []fact.Fact{build(secret, claimed)}, slsa.Unknown, slsa.Unknown, slsa.No, slsa.Unknown},
		{"a monitor saw nothing", []fact.Fact{build(platform, ""), said(traceType, trace(`"network":[]`), platform)}, slsa.Yes, slsa.Unknown, slsa.No, slsa.Yes},
		{"a monitor that does not look", []fact.Fact{build(platform, ""), said(traceType, trace(`"network":null`), platform)}, slsa.Unknown, slsa.Unknown, slsa.No, slsa.Yes},
		{"a monitor saw something", []fact.Fact{build(platform, claimed), said(traceType, trace(`"network":[{"ip":"192.0.2.1","port":443}]`), secret)}, slsa.No, slsa.Unknown, slsa.No, slsa.Yes},
		{"attributes", []fact.Fact{said("https://in-toto.io/attestation/scai/v0.3", `{"attributes":[{"attribute":"HERMETIC_BUILD"},{"attribute":"isolated"}]}`, platform)}, slsa.Yes, slsa.Yes, slsa.Unknown, ""},
		{"the SBOM", []fact.Fact{build(platform, byproduct(sbom))}, slsa.Unknown, slsa.Unknown, slsa.Yes, slsa.Yes},
		{"another SBOM", []fact.Fact{build(platform, byproduct(artifact))}, slsa.Unknown, slsa.Unknown, slsa.No, slsa.Yes},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := slsa.Assess(artifact, tc.facts, parse(t), []ident.Digest{sbom})
			if a.Hermetic.Answer != tc.hermetic || a.Isolated.Answer != tc.isolated || a.SBOM.Answer != tc.link || a.Source.Confirmed != tc.confirmed {
				t.Errorf("hermetic %+v, isolated %+v, SBOM %+v, source %+v", a.Hermetic, a.Isolated, a.SBOM, a.Source)
			}
			if tc.confirmed != "" && (a.Dependencies.Total != 3 || a.Dependencies.Pinned != 1 || len(a.Dependencies.Unpinned) != 2 || a.Source.Repository != "https://git.example/shop/web" || a.Source.Ref != "refs/heads/main") {
				t.Errorf("dependencies %+v, source %+v", a.Dependencies, a.Source)
			}
		})
	}
	forged := platform
	forged.Certificate = &fact.Certificate{Subject: platform.Certificate.Subject, Issuer: platform.Certificate.Issuer, Extensions: map[string]string{"sourceRepositoryDigest": "ffff"}}
	if a := slsa.Assess(artifact, []fact.Fact{build(forged, "")}, parse(t), nil); a.Source.Confirmed != slsa.No {
		t.Errorf("a certificate of another commit: %+v", a.Source)
	}
}

func TestTablesThatAreRefused(t *testing.T) {
	signer := `"signers":[{"subject":"a","issuer":"b"}]`
	for raw, says := range map[string]string{
		``:                                    "",
		`{}`:                                  "empty",
		`{"builders":[]}`:                     "empty",
		`{"bilders":[]}`:                      "unknown member",
		`{"builders":[{"id":"x"}]}`:           "no level",
		`{"builders":[{"level":1}]}`:          "no id",
		`{"builders":[{"id":"*","level":1}]}`: "no id",
		`{"builders":[{"id":"x","level":2}]}`: "no signers",
		`{"builders":[{"id":"x","level":4,` + signer + `}]}`:                           "no level of the Build track",
		`{"builders":[{"id":"x","level":"3",` + signer + `}]}`:                         "",
		`{"builders":[{"id":"x","level":1},{"id":"x","level":1}]}`:                     "twice",
		`{"builders":[{"id":"x","level":2,"signers":[{"subject":"a"}]}]}`:              "one identity or one key",
		`{"builders":[{"id":"x","level":2,"signers":[{"subject":"*","issuer":"b"}]}]}`: "one identity or one key",
		`{"builders":[{"id":"x","level":2,"signers":[{"key":"md5:00"}]}]}`:             "no digest",
		`{"builders":[{"id":"x","level":2,"level":3,` + signer + `}]}`:                 "twice",
		`{"verifiers":[{"id":"x",` + signer + `}]}`:                                    "lacks",
		`{"verifiers":[{"id":"x","source":5,` + signer + `}]}`:                         "Source track",
	} {
		_, err := slsa.ParseTable([]byte(raw))
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

// FuzzAssess: whatever is claimed, nobody beyond the table comes above level 1.
func FuzzAssess(f *testing.F) {
	f.Add(table, v1type, v1("https://ci.example/runner@v2", ""))
	f.Add(table, "https://in-toto.io/attestation/scai/v0.3", `{"attributes":[{"attribute":"HERMETIC_BUILD"}]}`)
	f.Fuzz(func(t *testing.T, rawTable, predicateType, raw string) {
		tab, _ := slsa.ParseTable([]byte(rawTable))
		nobody := fact.Signer{Key: &fact.Key{ID: ident.SHA256([]byte(rawTable + "nobody"))}}
		a := slsa.Assess(artifact, []fact.Fact{said(predicateType, raw, nobody)}, tab, nil)
		if a.Build.Level > 1 || a.Source.Level > 0 || a.Hermetic.Answer == slsa.Yes || a.Isolated.Answer == slsa.Yes {
			t.Fatalf("%+v", a)
		}
		if p, err := predicate.Read(predicateType, []byte(raw), predicate.Limits{}); err == nil && p == nil {
			t.Fatal("neither a predicate nor an error")
		}
	})
}
