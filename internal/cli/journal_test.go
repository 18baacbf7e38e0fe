package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/report"
)

// Who keeps a server's journal elsewhere can show later what was rewritten, by
// commands alone.
func TestJournalOfServer(t *testing.T) {
	data := t.TempDir()
	pub, token := filepath.Join(data, "journal.pub"), filepath.Join(data, "admin.token")
	export := filepath.Join(t.TempDir(), "journal.jsonl")
	t.Run("the server", func(t *testing.T) {
		s := served(t, "--data", data)
		t.Setenv("COFFERDAM_SERVER", s.url)
		s.run(0, "push", s.file("a.cdx.json", imageSBOM("shop/web", 1, "pkg:npm/a@1")), s.file("b.cdx.json", imageSBOM("shop/api", 2, "pkg:npm/b@1")))
		s.run(1, "push", s.file("c.json", "{"))
		s.run(2, "journal", "export") // takes an administrator

		out, _ := s.run(0, "journal", "list", "--token-file", token, "--action", "document.", "-o", "json")
		var list report.Journal
		if err := json.Unmarshal([]byte(out), &list); err != nil || len(list.Records) != 3 || list.Records[0].Actor != "loopback" || list.Records[0].Object != "document/0" || list.Records[0].After == "" {
			t.Errorf("%v %+v", err, list)
		}
		out, _ = s.run(0, "journal", "list", "--token-file", token, "--actor", "loopback", "--limit", "1")
		if !strings.Contains(out, "JOURNAL (1)") || !strings.Contains(out, "2 earlier ones are not listed") {
			t.Error(out)
		}
		// The end is signed once a minute: until then nothing proves it.
		out, _ = s.run(4, "journal", "verify", "--token-file", token)
		if !strings.HasPrefix(out, "HOLDS") || !strings.Contains(out, "no signature was verified") {
			t.Error(out)
		}
	})
	t.Run("the server, signed when it ended", func(t *testing.T) {
		s := served(t, "--data", data)
		t.Setenv("COFFERDAM_SERVER", s.url)
		out, _ := s.run(0, "journal", "verify", "--token-file", token, "--key", pub)
		if !strings.HasPrefix(out, "HOLDS") || !strings.Contains(out, "1 signed by a known key, 0 by others") || !strings.Contains(out, "signed through") {
			t.Error(out)
		}
		s.run(0, "journal", "export", "--token-file", token, "--output-file", export)
	})
	text, err := os.ReadFile(export)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(text), "\n")
	var checkpoint struct{ Checkpoint string }
	if err := json.Unmarshal([]byte(lines[1]), &checkpoint); err != nil {
		t.Fatal(err)
	}
	s := &shell{t: t, dir: t.TempDir()}
	file, note := s.file("export.jsonl", string(text)), s.file("kept.note", checkpoint.Checkpoint)
	s.run(0, "journal", "verify", file, "--key", pub)
	unsigned := s.file("unsigned.jsonl", lines[0]+strings.Join(lines[2:], ""))
	s.run(4, "journal", "verify", unsigned, "--key", pub)
	s.run(0, "journal", "verify", unsigned, "--key", pub, "--checkpoint", note)
	s.run(3, "journal", "verify", s.file("cut.jsonl", strings.Join(lines[:3], "")), "--key", pub)
	changed := s.file("changed.jsonl", lines[0]+strings.Join(lines[3:], ""))
	out, _ := s.run(3, "journal", "verify", changed, "-o", "json")
	var a report.JournalVerification
	if err := json.Unmarshal([]byte(out), &a); err != nil || a.Holds || !strings.Contains(a.Problem, "from record 1 on: record 2 stands in its place") {
		t.Errorf("%v %s", err, out)
	}
	s.run(3, "journal", "list", changed)
	for _, c := range []struct {
		code int
		args []string
	}{
		{3, []string{"verify", s.file("none", "hello")}},
		{3, []string{"verify", file, "--key", file}},                                             // no key
		{3, []string{"verify", file, "--key", pub, "--checkpoint", s.file("none.note", "none")}}, // no checkpoint
		{2, []string{"verify", file, "--checkpoint", note}},
		{2, []string{"verify", file, "--server", "http://127.0.0.1:1"}},
		{2, []string{"verify", file, file}},
		{1, []string{"verify", filepath.Join(s.dir, "absent")}},
		{2, []string{"list", file, "--limit", "0"}},
		{2, []string{"show"}},
	} {
		s.run(c.code, append([]string{"journal"}, c.args...)...)
	}
}
