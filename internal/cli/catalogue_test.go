package cli

import (
	"database/sql"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// A backup that was taken while the server runs is a catalogue with what was pushed until
// then, whose journal the server's key vouches for.
func TestCatalogueBackup(t *testing.T) {
	data := t.TempDir()
	pub := filepath.Join(data, "journal.pub")
	t.Run("the first start", func(t *testing.T) {
		s := served(t, "--data", data)
		t.Setenv("COFFERDAM_SERVER", s.url)
		s.run(0, "push", s.file("a.cdx.json", imageSBOM("shop/web", 1, "pkg:npm/a@1")))
	})
	s := served(t, "--data", data)
	t.Setenv("COFFERDAM_SERVER", s.url)
	file := filepath.Join(s.dir, "backup.db")
	out, _ := s.run(0, "catalogue", "backup", "--data", data, file)
	if !strings.HasPrefix(out, "BACKED UP") || !strings.Contains(out, "keep journal.key and journal.pub with your secrets") {
		t.Error(out)
	}
	if st, err := os.Stat(file); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", st, err)
	}
	s.run(0, "push", s.file("b.cdx.json", imageSBOM("shop/api", 2, "pkg:npm/b@1"))) // after it

	restored := filepath.Join(s.dir, "restored")
	out, _ = s.run(0, "catalogue", "restore", "--data", restored, file)
	if !strings.HasPrefix(out, "RESTORED") || !strings.Contains(out, ": 1 document, journal through record ") || !strings.Contains(out, "there is no journal.key in the folder") {
		t.Error(out)
	}
	s.run(3, "catalogue", "restore", "--data", restored, file) // there is one already
	out, _ = s.run(0, "catalogue", "audit", "--data", restored, "--key", pub)
	if !strings.HasPrefix(out, "HOLDS") || !strings.Contains(out, "1 document as they say") || !strings.Contains(out, "checkpoints  1 signed by a known key, 0 by others") {
		t.Error(out)
	}
	out, _ = s.run(4, "catalogue", "audit", "--data", data) // beside the server that uses it
	if !strings.HasPrefix(out, "HOLDS") || !strings.Contains(out, "2 documents") || !strings.Contains(out, "no signature was verified") {
		t.Error(out)
	}

	// Damage and what is no backup are refused, and leave nothing behind.
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"half": whole[:len(whole)/2], "empty": {}, "text": []byte(strings.Repeat("no database ", 100))} {
		dir := filepath.Join(s.dir, "from-"+name)
		s.run(1, "catalogue", "restore", "--data", dir, s.file(name+".db", string(b)))
		if list, err := os.ReadDir(dir); err != nil || len(list) > 0 {
			t.Errorf("%s left %v %v", name, list, err)
		}
	}
	s.run(1, "catalogue", "backup", "--data", filepath.Join(s.dir, "nowhere"), file)
	if _, err := os.Stat(filepath.Join(s.dir, "nowhere")); err == nil {
		t.Error("asking for a backup made a data folder")
	}
	s.run(1, "catalogue", "backup", "--data", data, filepath.Join(s.dir, "no", "folder.db"))
	s.run(2, "catalogue", "backup", file)
	s.run(2, "catalogue", "audit", "--data", data, "--checkpoint", file)

	// Who changes the database behind the journal's back is found out.
	tampered := filepath.Join(s.dir, "tampered")
	s.run(0, "catalogue", "restore", "--data", tampered, file)
	db, err := sql.Open("sqlite", filepath.Join(tampered, "catalogue.db"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), "UPDATE document SET actor = 'token:somebody-else'"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if out, _ := s.run(3, "catalogue", "audit", "--data", tampered, "--key", pub); !strings.HasPrefix(out, "BROKEN") {
		t.Error(out)
	}

	t.Run("a server on it", func(t *testing.T) {
		s := served(t, "--data", restored)
		t.Setenv("COFFERDAM_SERVER", s.url)
		if out, _ := s.run(0, "search", "a"); !strings.Contains(out, "shop/web") {
			t.Error(out)
		}
	})
}

// Documents that were dropped leave room, which the file gives back beside a server that
// goes on: nothing that is left changes.
func TestCatalogueCompact(t *testing.T) {
	data := t.TempDir()
	s := served(t, "--data", data)
	t.Setenv("COFFERDAM_SERVER", s.url)
	kept := s.file("a.cdx.json", imageSBOM("shop/web", 1, "pkg:npm/a@1"))
	s.run(0, "push", kept)
	var list []string
	for i := range 3000 {
		list = append(list, "pkg:npm/p"+strconv.Itoa(i)+"@"+strconv.Itoa(i*i))
	}
	broken := imageSBOM("shop/broken", 2, list...)
	s.run(1, "push", s.file("b.cdx.json", broken[:len(broken)-3])) // into quarantine
	admin, err := os.ReadFile(filepath.Join(data, "admin.token"))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(data, "catalogue.db")
	bytes := regexp.MustCompile(`: (\d+) bytes became (\d+)\n`)
	compact := func() (before, after int) {
		t.Helper()
		out, _ := s.run(0, "catalogue", "compact", "--data", data)
		m := bytes.FindStringSubmatch(out)
		if !strings.HasPrefix(out, "COMPACTED") || m == nil {
			t.Fatal(out)
		}
		before, _ = strconv.Atoi(m[1])
		after, _ = strconv.Atoi(m[2])
		return before, after
	}
	compact()
	s.run(0, "documents", "quarantine", "--drop", "2", "--token", strings.TrimSpace(string(admin)))
	before, after := compact()
	if after >= before {
		t.Errorf("%d bytes became %d", before, after)
	}
	if st, err := os.Stat(file); err != nil || st.Size() != int64(after) {
		t.Errorf("the file has %v, want %d, %v", st.Size(), after, err)
	}
	if out, _ := s.run(0, "search", "a"); !strings.Contains(out, "shop/web") {
		t.Error(out)
	}
	s.run(0, "push", s.file("c.cdx.json", imageSBOM("shop/api", 3, "pkg:npm/c@1")))
	if out, _ := s.run(4, "catalogue", "audit", "--data", data); !strings.HasPrefix(out, "HOLDS") || !strings.Contains(out, "2 documents") {
		t.Error(out)
	}
	s.run(2, "catalogue", "compact")
	s.run(2, "catalogue", "compact", "--data", data, "more")
	s.run(1, "catalogue", "compact", "--data", filepath.Join(s.dir, "nowhere"))
}
