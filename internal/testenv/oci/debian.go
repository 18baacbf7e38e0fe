package oci

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/cofferdam-io/cofferdam/internal/testenv/program"
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
	host := "127.0.0.1:" + program.FreePort(t)
	config := "version: 0.1\nlog: {level: error}\nstorage: {inmemory: {}}\nhttp: {addr: \"" + host + "\"}\n"
	file := filepath.Join(dir, "config.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	program.Start(t, program.Command{Path: bin, Args: []string{"serve", file}, Dir: dir, Answers: "http://" + host + "/v2/"})
	return &Registry{Host: host, send: http.DefaultClient.Do}
}
