package trustroot_test

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/testenv/tuf"
	"github.com/cofferdam-io/cofferdam/internal/trustroot"
)

var began = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// TestTrustedRoot lives through two weeks of a repository.
func TestTrustedRoot(t *testing.T) {
	m := tuf.New(t, began)
	m.Publish(t, 1, began, trustroot.Target, "first")
	r := trustroot.Repository{Mirror: m.URL, Root: m.Root, Dir: t.TempDir()}
	ask := func(days float64) (string, string, error) {
		t.Helper()
		raw, notes, err := r.TrustedRoot(context.Background(), began.Add(time.Duration(days*24)*time.Hour))
		return string(raw), strings.Join(notes, "; "), err
	}
	m.Down(true)
	if _, _, err := ask(0); ident.KindOf(err) != ident.KindIndeterminate || !strings.Contains(err.Error(), "503") {
		t.Errorf("nothing kept, nobody answers: %v", err)
	}
	m.Down(false)
	for _, step := range []struct {
		day    float64
		do     func()
		want   string
		note   string
		silent bool // nothing is asked for
	}{
		{0, nil, "first", "", false},
		{1, func() { m.Publish(t, 2, began.Add(24*time.Hour), trustroot.Target, "second") }, "first", "", true}, // not half-way yet
		{4, nil, "second", "", false},
		{5, func() { m.Down(true) }, "second", "", true},
		{6.5, nil, "second", "could not be refreshed (HTTP status 503)", false},
		{7.5, nil, "second", "soon", false},
	} {
		if step.do != nil {
			step.do()
		}
		m.Asked()
		got, note, err := ask(step.day)
		asked := m.Asked()
		if err != nil || got != step.want || !strings.Contains(note, step.note) || step.note == "" && note != "" || (asked == 0) != step.silent {
			t.Errorf("day %v: %q %q %v, %d asked; want %+v", step.day, got, note, err, asked, step)
		}
	}
	if got, _, err := ask(9); ident.KindOf(err) != ident.KindIndeterminate {
		t.Errorf("past its end: %q %v", got, err)
	}
	m.Publish(t, 3, began.Add(9*24*time.Hour), trustroot.Target, "third")
	m.Down(false)
	if got, note, err := ask(9); err != nil || got != "third" || note != "" {
		t.Errorf("back again: %q %q %v", got, note, err)
	}
}

// TestLies takes nothing that the repository's keys did not sign, whoever says it.
func TestLies(t *testing.T) {
	for name, lie := range map[string]func(t *testing.T, m *tuf.Mirror){
		"another target": func(_ *testing.T, m *tuf.Mirror) {
			m.Edit(func(files map[string][]byte) {
				for f := range files {
					if strings.HasPrefix(f, "targets/") {
						files[f] = []byte("forged")
					}
				}
			})
		},
		"another's signature": func(t *testing.T, m *tuf.Mirror) {
			o := tuf.New(t, began)
			o.Publish(t, 1, began, trustroot.Target, "forged")
			m.Edit(func(files map[string][]byte) { maps.Copy(files, o.Files()) })
		},
		"an older version": func(t *testing.T, m *tuf.Mirror) {
			m.Edit(func(files map[string][]byte) { files["timestamp.json"] = []byte(`{"signatures":[],"signed":{}}`) })
		},
		"no end": func(_ *testing.T, m *tuf.Mirror) {
			m.Edit(func(files map[string][]byte) { files["timestamp.json"] = make([]byte, 8<<20) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := tuf.New(t, began)
			m.Publish(t, 1, began, trustroot.Target, "honest")
			lie(t, m)
			raw, _, err := trustroot.Repository{Mirror: m.URL, Root: m.Root, Dir: t.TempDir()}.TrustedRoot(context.Background(), began)
			if ident.KindOf(err) != ident.KindIndeterminate || raw != nil {
				t.Errorf("%q %v", raw, err)
			}
		})
	}
}

// TestKeptIsJudged does not believe its own disk either.
func TestKeptIsJudged(t *testing.T) {
	m := tuf.New(t, began)
	m.Publish(t, 1, began, trustroot.Target, "honest")
	r := trustroot.Repository{Mirror: m.URL, Root: m.Root, Dir: t.TempDir()}
	if _, _, err := r.TrustedRoot(context.Background(), began); err != nil {
		t.Fatal(err)
	}
	forged := 0
	err := filepath.Walk(r.Dir, func(p string, st os.FileInfo, err error) error {
		if err == nil && !st.IsDir() && strings.Contains(p, "targets") && !strings.HasSuffix(p, "targets.json") {
			forged++
			return os.WriteFile(p, []byte("forged"), 0o600)
		}
		return err
	})
	if err != nil || forged == 0 {
		t.Fatalf("%d files, %v", forged, err)
	}
	if raw, _, err := r.TrustedRoot(context.Background(), began); err != nil || string(raw) != "honest" {
		t.Errorf("the mirror is up: %q %v", raw, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := (trustroot.Repository{Mirror: m.URL, Root: m.Root, Dir: t.TempDir()}).TrustedRoot(ctx, began); err == nil {
		t.Error("went on though nobody waits")
	}
	for _, bad := range []string{"ftp://x", "::", "https://"} {
		if _, _, err := (trustroot.Repository{Mirror: bad, Root: m.Root, Dir: t.TempDir()}).TrustedRoot(context.Background(), began); ident.KindOf(err) != ident.KindUsage {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// TestCarried judges a repository by its files as one that is asked: what is not signed,
// not there or over is no trusted root.
func TestCarried(t *testing.T) {
	m := tuf.New(t, began)
	m.Targets = "files"
	m.Publish(t, 1, began, "r.json", "carried")
	below := func(folder string) map[string][]byte {
		out := map[string][]byte{}
		for name, raw := range m.Files() {
			out[folder+name] = raw
		}
		return out
	}
	stranger := tuf.New(t, began)
	forged := below("")
	for name := range forged {
		if strings.HasPrefix(name, "files/") {
			forged[name] = []byte("forgery")
		}
	}
	lost := below("")
	delete(lost, "1.snapshot.json")
	late := began.Add(8 * 24 * time.Hour)
	for name, c := range map[string]struct {
		files         map[string][]byte
		root          []byte
		targets, file string
		at            time.Time
		want          string
	}{
		"flat":                    {below(""), m.Root, "files", "r.json", began, "carried"},
		"below a folder":          {below("repository/"), m.Root, "files", "r.json", began, "carried"},
		"another folder of files": {below(""), m.Root, "targets", "r.json", began, ""},
		"another target":          {below(""), m.Root, "files", "trusted_root.json", began, ""},
		"a forged target":         {forged, m.Root, "files", "r.json", began, ""},
		"another's root":          {below(""), stranger.Root, "files", "r.json", began, ""},
		"without its snapshot":    {lost, m.Root, "files", "r.json", began, ""},
		"past its end":            {below(""), m.Root, "files", "r.json", late, ""},
		"nothing":                 {nil, m.Root, "files", "r.json", began, ""},
		"no root":                 {below(""), []byte("{}"), "files", "r.json", began, ""},
	} {
		t.Run(name, func(t *testing.T) {
			raw, err := trustroot.Carried{Root: c.root, Files: c.files, Targets: c.targets, File: c.file}.TrustedRoot(c.at)
			if string(raw) != c.want || (err == nil) != (c.want != "") || err != nil && ident.KindOf(err) != ident.KindIndeterminate {
				t.Errorf("%q %v", raw, err)
			}
		})
	}
	if m.Asked()+stranger.Asked() > 0 {
		t.Error("the network was asked")
	}
}

// TestOtherTargets: a mirror may keep its targets in another folder, and the root under
// another name.
func TestOtherTargets(t *testing.T) {
	m := tuf.New(t, began)
	m.Targets = "files"
	m.Publish(t, 1, began, "r.json", "elsewhere")
	r := trustroot.Repository{Mirror: m.URL, Root: m.Root, Dir: t.TempDir(), Targets: "files", File: "r.json"}
	if raw, _, err := r.TrustedRoot(context.Background(), began); err != nil || string(raw) != "elsewhere" {
		t.Errorf("%q %v", raw, err)
	}
}

// FuzzCarried hands over files of a repository that nobody signed.
func FuzzCarried(f *testing.F) {
	m := tuf.New(f, began)
	m.Publish(f, 1, began, trustroot.Target, "honest")
	files := m.Files()
	f.Add(m.Root, files["timestamp.json"], files["1.snapshot.json"], files["1.targets.json"])
	f.Add([]byte("{}"), []byte("{}"), []byte("{}"), []byte(`{"signed":{}}`))
	f.Fuzz(func(t *testing.T, root, stamp, snapshot, targets []byte) {
		all := m.Files()
		for name := range all {
			if strings.HasPrefix(name, "targets/") {
				all[name] = []byte("forged")
			}
		}
		all["timestamp.json"], all["1.snapshot.json"], all["1.targets.json"], all["2.root.json"] = stamp, snapshot, targets, root
		if raw, err := (trustroot.Carried{Root: m.Root, Files: all}).TrustedRoot(began); err == nil {
			t.Errorf("%q", raw)
		}
	})
}
