// Package tuf makes TUF repositories for tests: really signed, served over HTTP, and
// packed as a resource carries them.
package tuf

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// Mirror is a TUF repository that is served over HTTP.
type Mirror struct {
	*httptest.Server
	Root    []byte // the first root
	Targets string // the folder of targets; "targets" unless it is set before Publish
	mu      sync.Mutex
	files   map[string][]byte
	asked   int
	down    bool
	signer  signature.Signer
}

// New makes a repository that is trusted for a year from a time on, and ends with the test.
func New(t testing.TB, began time.Time) *Mirror {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	m := &Mirror{files: map[string][]byte{}, Targets: "targets"}
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
	m.Root = sign(t, m, root)
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

func sign[T metadata.Roles](t testing.TB, m *Mirror, d *metadata.Metadata[T]) []byte {
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

// Publish signs a version of a target that is good for a week from a time on.
func (m *Mirror) Publish(t testing.TB, version int64, at time.Time, name, content string) {
	t.Helper()
	end := at.Add(7 * 24 * time.Hour)
	file, err := metadata.TargetFile().FromBytes(name, []byte(content), "sha256")
	if err != nil {
		t.Fatal(err)
	}
	targets := metadata.Targets(end)
	targets.Signed.Version = version
	targets.Signed.Targets[name] = file
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
	m.files[m.Targets+"/"+hex.EncodeToString(sum[:])+"."+name] = []byte(content)
}

// Down has the mirror answer nothing but errors, or all again.
func (m *Mirror) Down(down bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = down
}

// Asked returns how many requests there were since it was last called.
func (m *Mirror) Asked() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.asked
	m.asked = 0
	return n
}

// Edit changes the files, by their paths.
func (m *Mirror) Edit(change func(files map[string][]byte)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(m.files)
}

// Files are the repository's files by their paths.
func (m *Mirror) Files() map[string][]byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.files)
}

// Archive packs the repository below a folder, as tar -cz does.
func (m *Mirror) Archive(t testing.TB, folder string) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	w := tar.NewWriter(z)
	files := m.Files()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := w.WriteHeader(&tar.Header{Name: folder + name, Mode: 0o644, Size: int64(len(files[name]))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(files[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
