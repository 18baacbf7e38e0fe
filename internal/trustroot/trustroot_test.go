package trustroot_test

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/trustroot"
)

var began = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// mirror is a TUF repository that is really signed, and served over HTTP.
type mirror struct {
	*httptest.Server
	mu     sync.Mutex
	files  map[string][]byte
	asked  int
	down   bool
	signer signature.Signer
	root   []byte
}

func newMirror(t *testing.T) *mirror {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	m := &mirror{files: map[string][]byte{}}
	if m.signer, err = signature.LoadSigner(key, crypto.Hash(0)); err != nil {
		t.Fatal(err)
	}
	public, err := metadata.KeyFromPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	root := metadata.Root(began.Add(365 * 24 * time.Hour))
	root.Signed.ConsistentSnapshot = true
	for _, role := range []string{"root", "targets", "snapshot", "timestamp"} {
		if err := root.Signed.AddKey(public, role); err != nil {
			t.Fatal(err)
		}
	}
	m.root = sign(t, m, root)
	m.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.asked++
		raw, ok := m.files[strings.TrimPrefix(r.URL.Path, "/")]
		switch {
		case m.down:
			http.Error(w, "down", http.StatusServiceUnavailable)
		case !ok:
			http.NotFound(w, r)
		default:
			_, _ = w.Write(raw)
		}
	}))
	t.Cleanup(m.Close)
	return m
}

func sign[T metadata.Roles](t *testing.T, m *mirror, d *metadata.Metadata[T]) []byte {
	t.Helper()
	if _, err := d.Sign(m.signer); err != nil {
		t.Fatal(err)
	}
	raw, err := d.ToBytes(false)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// publish signs a version of the trusted root that is good for a week from a time on.
func (m *mirror) publish(t *testing.T, version int64, at time.Time, content string) {
	t.Helper()
	end := at.Add(7 * 24 * time.Hour)
	file, err := metadata.TargetFile().FromBytes(trustroot.Target, []byte(content), "sha256")
	if err != nil {
		t.Fatal(err)
	}
	targets := metadata.Targets(end)
	targets.Signed.Version = version
	targets.Signed.Targets[trustroot.Target] = file
	snapshot := metadata.Snapshot(end)
	snapshot.Signed.Version = version
	snapshot.Signed.Meta["targets.json"] = metadata.MetaFile(version)
	stamp := metadata.Timestamp(end)
	stamp.Signed.Version = version
	stamp.Signed.Meta["snapshot.json"] = metadata.MetaFile(version)
	sum := sha256.Sum256([]byte(content))
	m.mu.Lock()
	defer m.mu.Unlock()
	m.files[fmt.Sprintf("%d.targets.json", version)] = sign(t, m, targets)
	m.files[fmt.Sprintf("%d.snapshot.json", version)] = sign(t, m, snapshot)
	m.files["timestamp.json"] = sign(t, m, stamp)
	m.files["targets/"+hex.EncodeToString(sum[:])+"."+trustroot.Target] = []byte(content)
}

func (m *mirror) set(down bool) (asked int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = down
	asked, m.asked = m.asked, 0
	return asked
}

// TestTrustedRoot lives through two weeks of a repository.
func TestTrustedRoot(t *testing.T) {
	m := newMirror(t)
	m.publish(t, 1, began, "first")
	r := trustroot.Repository{Mirror: m.URL, Root: m.root, Dir: t.TempDir()}
	ask := func(days float64) (string, string, error) {
		t.Helper()
		raw, notes, err := r.TrustedRoot(context.Background(), began.Add(time.Duration(days*24)*time.Hour))
		return string(raw), strings.Join(notes, "; "), err
	}
	m.set(true)
	if _, _, err := ask(0); ident.KindOf(err) != ident.KindIndeterminate || !strings.Contains(err.Error(), "503") {
		t.Errorf("nothing kept, nobody answers: %v", err)
	}
	m.set(false)
	for _, step := range []struct {
		day    float64
		do     func()
		want   string
		note   string
		silent bool // nothing is asked for
	}{
		{0, nil, "first", "", false},
		{1, func() { m.publish(t, 2, began.Add(24*time.Hour), "second") }, "first", "", true}, // not half-way yet
		{4, nil, "second", "", false},
		{5, func() { m.set(true) }, "second", "", true},
		{6.5, nil, "second", "could not be refreshed (HTTP status 503)", false},
		{7.5, nil, "second", "soon", false},
	} {
		if step.do != nil {
			step.do()
		}
		m.mu.Lock()
		m.asked = 0
		m.mu.Unlock()
		got, note, err := ask(step.day)
		m.mu.Lock()
		asked := m.asked
		m.mu.Unlock()
		if err != nil || got != step.want || !strings.Contains(note, step.note) || step.note == "" && note != "" || (asked == 0) != step.silent {
			t.Errorf("day %v: %q %q %v, %d asked; want %+v", step.day, got, note, err, asked, step)
		}
	}
	if got, _, err := ask(9); ident.KindOf(err) != ident.KindIndeterminate {
		t.Errorf("past its end: %q %v", got, err)
	}
	m.publish(t, 3, began.Add(9*24*time.Hour), "third")
	m.set(false)
	if got, note, err := ask(9); err != nil || got != "third" || note != "" {
		t.Errorf("back again: %q %q %v", got, note, err)
	}
}

// TestLies takes nothing that the repository's keys did not sign, whoever says it.
func TestLies(t *testing.T) {
	for name, lie := range map[string]func(t *testing.T, m *mirror){
		"another target": func(_ *testing.T, m *mirror) {
			for f := range m.files {
				if strings.HasPrefix(f, "targets/") {
					m.files[f] = []byte("forged")
				}
			}
		},
		"another's signature": func(t *testing.T, m *mirror) {
			o := newMirror(t)
			o.publish(t, 1, began, "forged")
			m.files = o.files
		},
		"an older version": func(t *testing.T, m *mirror) {
			m.files["timestamp.json"] = []byte(`{"signatures":[],"signed":{}}`)
		},
		"no end": func(_ *testing.T, m *mirror) { m.files["timestamp.json"] = make([]byte, 8<<20) },
	} {
		t.Run(name, func(t *testing.T) {
			m := newMirror(t)
			m.publish(t, 1, began, "honest")
			lie(t, m)
			raw, _, err := trustroot.Repository{Mirror: m.URL, Root: m.root, Dir: t.TempDir()}.TrustedRoot(context.Background(), began)
			if ident.KindOf(err) != ident.KindIndeterminate || raw != nil {
				t.Errorf("%q %v", raw, err)
			}
		})
	}
}

// TestKeptIsJudged does not believe its own disk either.
func TestKeptIsJudged(t *testing.T) {
	m := newMirror(t)
	m.publish(t, 1, began, "honest")
	r := trustroot.Repository{Mirror: m.URL, Root: m.root, Dir: t.TempDir()}
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
	if _, _, err := (trustroot.Repository{Mirror: m.URL, Root: m.root, Dir: t.TempDir()}).TrustedRoot(ctx, began); err == nil {
		t.Error("went on though nobody waits")
	}
	for _, bad := range []string{"ftp://x", "::", "https://"} {
		if _, _, err := (trustroot.Repository{Mirror: bad, Root: m.root, Dir: t.TempDir()}).TrustedRoot(context.Background(), began); ident.KindOf(err) != ident.KindUsage {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
