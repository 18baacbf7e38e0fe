package record_test

import (
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/fact"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/provenance/record"
)

var (
	web  = ident.SHA256([]byte("web"))
	noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
)

func logged(what, predicate string, at time.Time, extensions map[string]string) fact.Fact {
	f := fact.Fact{Artifact: web, Claim: fact.Attestation, PredicateType: what, Predicate: []byte(predicate), Log: []fact.LogEntry{{Log: "https://rekor.example", Index: 7, Kind: "dsse 0.0.1", Proof: true}},
		Signer: fact.Signer{Certificate: &fact.Certificate{Subject: "https://ci.example/release", Issuer: "https://ci.example", Extensions: extensions}}}
	if !at.IsZero() {
		f.Times = []fact.Time{{Source: fact.FromLog, At: at.Add(time.Minute)}, {Source: fact.FromAuthority, At: at}}
	}
	return f
}

const (
	slsa  = "https://slsa.dev/provenance/v1"
	built = `{"buildDefinition":{"buildType":"https://ci.example/t","externalParameters":{},"resolvedDependencies":[{"uri":"git+https://git.example/web@main","digest":{"gitCommit":"6f1d"}},{"uri":"pkg:x"}]},
		"runDetails":{"builder":{"id":"https://ci.example/runner"},"metadata":{"invocationId":"run-7","startedOn":"2026-11-20T11:50:00Z","finishedOn":"2026-11-20T11:58:00Z"}}}`
)

func run(commit string) map[string]string {
	return map[string]string{"sourceRepositoryURI": "https://git.example/web", "sourceRepositoryDigest": commit, "runInvocationURI": "https://ci.example/runs/7"}
}

func TestOf(t *testing.T) {
	sbom := logged("https://cyclonedx.org/bom", "{}", noon.Add(time.Hour), nil)
	unlogged := logged(slsa, built, noon, nil)
	unlogged.Log = nil
	other := logged(slsa, built, noon, nil)
	other.Artifact = ident.SHA256([]byte("other"))
	r := record.Of(web, []fact.Fact{logged("https://late.example", "{}", time.Time{}, nil), sbom, logged(slsa, built, noon, run("6f1d")), unlogged, other})
	if len(r.Entries) != 3 || r.Entries[0].What != slsa || r.Entries[1].What != "https://cyclonedx.org/bom" || !r.Entries[2].At.IsZero() || r.Missing != 1 || len(r.Conflicts) > 0 {
		t.Errorf("%+v", r)
	}
	if e := r.Entries[0]; !e.At.Equal(noon) || e.By != fact.FromAuthority || e.Run == nil || e.Run.Invocation != "https://ci.example/runs/7" || e.Logs[0].Index != 7 {
		t.Errorf("%+v", e)
	}
	if len(r.Builds) != 1 || r.Builds[0].Builder != "https://ci.example/runner" || r.Builds[0].Invocation != "run-7" || len(r.Builds[0].Inputs) != 2 || r.Builds[0].Inputs[0].Digest != "gitCommit:6f1d" || r.Builds[0].Inputs[1].Digest != "" {
		t.Errorf("%+v", r.Builds)
	}
}

// TestConflicts: what was logged and contradicts itself is said.
func TestConflicts(t *testing.T) {
	for name, c := range map[string]struct {
		facts []fact.Fact
		says  string // "": nothing
	}{
		"agree":                     {[]fact.Fact{logged(slsa, built, noon, run("6f1d"))}, ""},
		"another commit ran":        {[]fact.Fact{logged(slsa, built, noon, run("0bad"))}, "commit 0bad ran"},
		"signed before it was over": {[]fact.Fact{logged(slsa, built, noon.Add(-time.Hour), run("6f1d"))}, "the build finished at"},
		"two runs":                  {[]fact.Fact{logged("https://a.example", "{}", noon, run("6f1d")), logged("https://a.example", "{}", noon, run("7a7a"))}, "two runs say https://a.example"},
		"of other repositories":     {[]fact.Fact{logged("https://a.example", "{}", noon, run("6f1d")), logged("https://a.example", "{}", noon, map[string]string{"sourceRepositoryURI": "https://git.example/b", "sourceRepositoryDigest": "7a7a"})}, ""},
		"cannot be read":            {[]fact.Fact{logged(slsa, `{"runDetails":7}`, noon, nil)}, "cannot be read"},
		"no commit at all":          {[]fact.Fact{logged(slsa, strings.ReplaceAll(built, `"gitCommit":"6f1d"`, ""), noon, run("0bad"))}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := record.Of(web, c.facts).Conflicts
			if (len(got) == 0) != (c.says == "") || !strings.Contains(strings.Join(got, "; "), c.says) {
				t.Errorf("%q", got)
			}
		})
	}
}
