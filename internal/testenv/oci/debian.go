package oci

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Debian starts Debian's docker-registry (distribution 2.8, which has no referrers API)
// on a loopback port, which keeps everything in memory; it ends with the test.
// Where it is not installed the test skips and says so.
func Debian(t testing.TB) *Registry {
	t.Helper()
	bin, err := exec.LookPath("docker-registry")
	if err != nil {
		t.Skip("docker-registry is not installed: it is Debian's docker-registry")
	}
	dir := t.TempDir()
	host := freePort(t)
	config := "version: 0.1\nlog: {level: error}\nstorage: {inmemory: {}}\nhttp: {addr: \"" + host + "\"}\n"
	file := filepath.Join(dir, "config.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var log bytes.Buffer
	cmd := exec.CommandContext(ctx, bin, "serve", file) // #nosec G204 -- a program of the system
	cmd.Stdout, cmd.Stderr, cmd.Dir = &log, &log, dir
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // it is killed
		close(ended)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		http.DefaultClient.CloseIdleConnections()
		if t.Failed() {
			t.Logf("docker-registry: %s", log.String())
		}
	})
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	late := time.After(time.Minute)
	for {
		q, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+"/v2/", nil)
		if err != nil {
			t.Fatal(err)
		}
		if res, err := http.DefaultClient.Do(q); err == nil {
			_ = res.Body.Close()
			return &Registry{Host: host, send: http.DefaultClient.Do}
		}
		select {
		case <-tick.C:
		case <-ended:
			t.Fatalf("docker-registry ended: %s", log.String())
		case <-late:
			t.Fatal("docker-registry does not answer")
		}
	}
}

func freePort(t testing.TB) string {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // it only kept the port
	return l.Addr().String()
}
