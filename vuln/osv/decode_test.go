package osv_test

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/vuln"
	"github.com/cofferdam-io/cofferdam/vuln/osv"
)

const one = `{"id":"GO-1","modified":"2026-01-02T03:04:05Z","aliases":["CVE-1"],"summary":"s","severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"}],
 "affected":[{"package":{"ecosystem":"Go","name":"example.org/m","purl":"pkg:golang/example.org/m"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.10"}]}],"versions":["1.0","1.10"],"database_specific":{"x":[1,{"y":2}]}}],
 "references":[{"type":"WEB","url":"https://example.org"}],"database_specific":{"severity":"HIGH"},"credits":[{"name":"n"}]}`

const oneYAML = `id: GO-1
modified: 2026-01-02T03:04:05Z
aliases: [CVE-1]
summary: s
severity:
- type: CVSS_V3
  score: CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H
affected:
- package: {ecosystem: Go, name: example.org/m, purl: "pkg:golang/example.org/m"}
  ranges:
  - type: SEMVER
    events:
    - introduced: 0
    - fixed: 1.10
  versions: [1.0, 1.10]
references:
- {type: WEB, url: https://example.org}
database_specific: {severity: HIGH}
`

func decode(t *testing.T, raw string) ([]*vuln.Advisory, []osv.Fault, error) {
	t.Helper()
	return osv.Decode(context.Background(), "f", []byte(raw), osv.Limits{})
}

func TestFormsMeanTheSame(t *testing.T) {
	want, faults, err := decode(t, one)
	if err != nil || len(faults) > 0 || len(want) != 1 {
		t.Fatal(want, faults, err)
	}
	if f := want[0].Affected[0].Ranges[0].Events[1].Fixed; f != "1.10" || want[0].DatabaseSeverity != "HIGH" || want[0].Severity[0].Base != 7.5 {
		t.Errorf("%+v", want[0])
	}
	line := strings.ReplaceAll(one, "\n", " ")
	forms := map[string]struct {
		raw string
		n   int
	}{
		"YAML":               {oneYAML, 1},
		"YAML stream":        {oneYAML + "---\n" + oneYAML, 2},
		"byte order mark":    {"\ufeff" + one, 1},
		"array":              {"[" + one + "," + one + "]", 2},
		"lines":              {line + "\n" + line + "\n\n" + line, 3},
		"line without break": {line, 1},
	}
	for name, form := range forms {
		got, faults, err := decode(t, form.raw)
		if err != nil || len(faults) > 0 || len(got) != form.n {
			t.Errorf("%s: %d records, %v, %v", name, len(got), faults, err)
			continue
		}
		for _, a := range got {
			if diff := cmp.Diff(want[0], a); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
	}
}

func TestBrokenRecordsCostOnlyThemselves(t *testing.T) {
	line := strings.ReplaceAll(one, "\n", " ")
	tests := map[string]struct {
		raw            string
		records, fault int
		says           string
	}{
		"line of garbage":        {line + "\nnonsense\n" + line, 2, 1, ":2"},
		"line cut short":         {line + "\n" + line[:80] + "\n" + line, 2, 1, ":2"},
		"item without id":        {"[" + one + `,{"modified":"x","affected":[]},` + one + "]", 2, 1, "no id"},
		"item that is no object": {"[3," + one + "]", 1, 1, "no object"},
		"array cut short":        {"[" + one + "," + one[:100], 1, 1, "rest of the array"},
		"duplicate name":         {"[" + one + `,{"id":"A","id":"B","affected":[]}]`, 1, 1, "twice"},
		"stream of YAML":         {oneYAML + "---\n- a\n---\n" + oneYAML, 2, 1, "mapping"},
		"two pretty records":     {one + "\n" + one, 1, 1, "follows the record"},
	}
	for name, tt := range tests {
		got, faults, err := decode(t, tt.raw)
		if err != nil || len(got) != tt.records || len(faults) != tt.fault {
			t.Errorf("%s: %d records, %v, %v", name, len(got), faults, err)
			continue
		}
		if !strings.Contains(faults[0].Error(), tt.says) {
			t.Errorf("%s: %v lacks %q", name, faults[0], tt.says)
		}
	}
}

func TestBrokenAffectedIsKeptUnparsable(t *testing.T) {
	pkg := `"package":{"ecosystem":"npm","name":"p"}`
	for name, aff := range map[string]string{
		"events of two keys":   `{` + pkg + `,"ranges":[{"type":"SEMVER","events":[{"introduced":"0","fixed":"1"}]}]}`,
		"events of no key":     `{` + pkg + `,"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{}]}]}`,
		"version is a number":  `{` + pkg + `,"ranges":[{"type":"SEMVER","events":[{"introduced":0}]}]}`,
		"no events":            `{` + pkg + `,"ranges":[{"type":"SEMVER"}]}`,
		"unknown type":         `{` + pkg + `,"ranges":[{"type":"CALVER","events":[{"introduced":"0"}]}]}`,
		"ranges is an object":  `{` + pkg + `,"ranges":{}}`,
		"versions is a string": `{` + pkg + `,"versions":"1.0"}`,
		"package lacks a name": `{"package":{"ecosystem":"npm"},"versions":["1"]}`,
		"no package":           `{"versions":["1"]}`,
		"no object":            `7`,
	} {
		got, faults, err := decode(t, `{"id":"X","affected":[`+aff+`]}`)
		if err != nil || len(got) != 1 || len(faults) == 0 || !faults[0].Kept || faults[0].Record != "X" {
			t.Errorf("%s: %v, %v, %v", name, got, faults, err)
			continue
		}
		if a := got[0].Affected[0]; a.Unparsable == "" || !strings.HasPrefix(faults[0].Pointer, "/affected/0") {
			t.Errorf("%s: %+v, %v", name, a, faults[0])
		}
	}
}

func TestRefused(t *testing.T) {
	tests := map[string]struct {
		raw  string
		kind ident.Kind
	}{
		"empty":              {"", ident.KindUnsupported},
		"other object":       {`{"bomFormat":"CycloneDX"}`, ident.KindUnsupported},
		"RustSec":            {"```toml\n[advisory]\nid = \"RUSTSEC-2020-0001\"\n```\n# Text", ident.KindUnsupported},
		"XML":                {"<oval_definitions/>", ident.KindUnsupported},
		"cut short":          {one[:200], ident.KindInvalid},
		"no id":              {`{"affected":[]}`, ident.KindInvalid},
		"not UTF-8":          {"{\"id\":\"\xff\"}", ident.KindInvalid},
		"YAML not UTF-8":     {"id: \xff", ident.KindInvalid},
		"text":               {"just a sentence", ident.KindUnsupported},
		"anchors":            {"id: &a X\nsummary: *a\naffected: []\n", ident.KindInvalid},
		"YAML twice a key":   {"id: X\nid: Y\naffected: []\n", ident.KindInvalid},
		"deep JSON":          {`{"id":"X","affected":` + strings.Repeat("[", 100_000), ident.KindInvalid},
		"deep YAML":          {"id: X\naffected: " + strings.Repeat("[", 5_000) + strings.Repeat("]", 5_000), ident.KindInvalid},
		"broken archive":     {"PK\x03\x04 and then nothing", ident.KindInvalid},
		"YAML broken syntax": {"id: X\n\taffected: [", ident.KindInvalid},
	}
	for name, tt := range tests {
		got, _, err := decode(t, tt.raw)
		if err == nil || len(got) > 0 || ident.KindOf(err) != tt.kind {
			t.Errorf("%s: %d records, kind %d, %v", name, len(got), ident.KindOf(err), err)
		}
	}
}

func archive(t testing.TB, members map[string]string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for name, text := range members {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestArchive(t *testing.T) {
	raw := archive(t, map[string]string{
		"GO-1.json": one, "deep/er/PYSEC-1.yaml": oneYAML, "README.md": "# no record", "../../etc/x.json": one,
		"broken.json": "{", "other.json": `{"a":1}`, "bad\nname.json": "{",
	})
	got, faults, err := osv.Decode(context.Background(), "all.zip", raw, osv.Limits{})
	if err != nil || len(got) != 3 || len(faults) != 3 {
		t.Fatalf("%d records, %v, %v", len(got), faults, err)
	}
	for _, f := range faults {
		if w := f.Where(); !strings.HasPrefix(w, "all.zip!") || strings.Contains(w, "\n") {
			t.Errorf("%q", w)
		}
	}
	for _, a := range got {
		if !strings.HasPrefix(a.Source, "all.zip!") {
			t.Errorf("source %q", a.Source)
		}
	}
}

func TestLimits(t *testing.T) {
	ctx := context.Background()
	blank := `{"id":"BOMB","affected":[],"details":"` + strings.Repeat(" ", 8<<20) + `"}`
	bomb := archive(t, map[string]string{"bomb.json": blank, "good.json": one})
	got, faults, err := osv.Decode(ctx, "bomb.zip", bomb, osv.Limits{})
	if err != nil || len(got) != 1 || len(faults) != 1 || !strings.Contains(faults[0].Message, "inflates") {
		t.Errorf("ratio: %d records, %v, %v", len(got), faults, err)
	}
	if _, _, err := osv.Decode(ctx, "bomb.zip", bomb, osv.Limits{Ratio: 1 << 30, ArchiveBytes: 1 << 20}); ident.KindOf(err) != ident.KindLimit {
		t.Errorf("archive bytes: %v", err)
	}
	if _, _, err := osv.Decode(ctx, "bomb.zip", bomb, osv.Limits{Entries: 1}); ident.KindOf(err) != ident.KindLimit {
		t.Errorf("entries: %v", err)
	}
	if _, _, err := osv.Decode(ctx, "f", []byte(one), osv.Limits{RecordBytes: 100}); ident.KindOf(err) != ident.KindLimit {
		t.Errorf("record bytes: %v", err)
	}
	if _, _, err := osv.Decode(ctx, "f", []byte("["+strings.Repeat(one+",", 20)+one+"]"), osv.Limits{Entries: 20}); ident.KindOf(err) != ident.KindLimit {
		t.Errorf("records: %v", err)
	}
	done, cancel := context.WithCancel(ctx)
	cancel()
	if _, _, err := osv.Decode(done, "f", []byte(one), osv.Limits{}); err == nil {
		t.Error("a cancelled decode went on")
	}
}

func TestTruncation(t *testing.T) {
	for _, raw := range []string{one, oneYAML, "[" + one + "]", string(archive(t, map[string]string{"a.json": one}))} {
		for n := range raw {
			if _, _, err := decode(t, raw[:n]); err == nil && raw[0] == '{' {
				t.Fatalf("cut at %d of %d: accepted", n, len(raw))
			}
		}
	}
}

func ExampleDecode() {
	raw := []byte(`{"id":"GHSA-35jh-r3h4-6jhm","aliases":["CVE-2021-23337"],"affected":[{
		"package":{"ecosystem":"npm","name":"lodash"},
		"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"4.17.21"}]}]}]}`)
	advisories, faults, err := osv.Decode(context.Background(), "lodash.json", raw, osv.Limits{})
	fmt.Println(advisories[0].ID, advisories[0].Affected[0].Name, len(faults), err)
	// Output: GHSA-35jh-r3h4-6jhm lodash 0 <nil>
}
