package feeds

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The limits of archives hold, each refusal says which one, and what was read before it is
// kept.
func TestLimitsOfArchives(t *testing.T) {
	member := func(i int) string {
		return fmt.Sprintf(`{"id":"A-%d","modified":"2026-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"Go","name":"example.com/m"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}]}]}`, i)
	}
	archive := func(n int, text func(i int) string) []byte {
		var buf bytes.Buffer
		z := zip.NewWriter(&buf)
		for i := range n {
			w, err := z.Create(fmt.Sprintf("%d.json", i))
			if err == nil {
				_, err = w.Write([]byte(text(i)))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return buf.Bytes()
	}
	empty := func(int) string { return "" }
	one := int64(len(member(1)))
	for name, c := range map[string]struct {
		raw     []byte
		limits  archiveLimits
		records int
		says    string // of the only problem; "" is none
	}{
		"as many as may be":         {archive(3, member), archiveLimits{3, 3 * one}, 3, ""},
		"one member more":           {archive(4, member), archiveLimits{3, 9 * one}, 0, "all.zip!: the archive has more than 3 members"},
		"one byte more":             {archive(3, member), archiveLimits{3, 3*one - 1}, 2, fmt.Sprintf("all.zip!: the archive inflates beyond %d bytes: \"2.json\" and what follows was not read", 3*one-1)},
		"a bomb in the middle":      {archive(3, func(i int) string { return member(i) + strings.Repeat(" ", i%2<<22) }), archiveLimits{3, 64 << 20}, 2, "all.zip!1.json: the member inflates beyond 1048576 bytes"},
		"members that hold nothing": {archive(200, empty), archiveLimits{100, one}, 0, "all.zip!: the archive has more than 100 members"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "all.zip"), c.raw, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "own.json"), []byte(member(99)), 0o600); err != nil {
				t.Fatal(err)
			}
			cache := &Cache{Dir: filepath.Join(dir, ".cache"), limits: c.limits}
			note, problems, err := cache.Update(context.Background(), Request{From: []string{dir}, At: time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)})
			if err != nil || note.Advisories != c.records+1 {
				t.Fatalf("%v: %d records, want %d and one beside", err, note.Advisories, c.records)
			}
			switch {
			case c.says == "" && len(problems) > 0, c.says != "" && len(problems) != 1:
				t.Errorf("%v", problems)
			case c.says != "" && !strings.HasSuffix(problems[0].Where+": "+problems[0].Message, c.says):
				t.Errorf("%v, want %s", problems, c.says)
			}
			if names, err := filepath.Glob(filepath.Join(dir, "..", "*.json")); err != nil || len(names) > 0 {
				t.Errorf("%v %v", names, err)
			}
		})
	}
}
