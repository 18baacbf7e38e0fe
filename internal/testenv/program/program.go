// Package program starts servers for tests: programs that listen on a loopback port
// until the test ends.
//
// It is imported by the other environments of tests only, and installs nothing.
//
//	port := program.FreePort(t)
//	program.Start(t, program.Command{Path: bin, Args: []string{"serve", "--port", port}, Dir: dir, Answers: "http://127.0.0.1:" + port + "/healthz"})
package program

import (
	"bytes"
	"context"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// Command is a server and how to see that it runs.
type Command struct {
	Path    string
	Args    []string
	Dir     string // where it runs
	Answers string // the URL that answers, whatever it says, once the server is there
}

// Start starts a server and waits, for a minute at the most, until it answers. It is
// killed when the test ends; where the test failed, what it said is logged.
func Start(t testing.TB, c Command) {
	t.Helper()
	name := filepath.Base(c.Path)
	ctx, cancel := context.WithCancel(context.Background())
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, c.Path, c.Args...) // #nosec G204 -- a test's own program
	cmd.Stdout, cmd.Stderr, cmd.Dir = &said, &said, c.Dir
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
			t.Logf("%s: %s", name, said.String())
		}
	})
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	late := time.After(time.Minute)
	for {
		q, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Answers, nil)
		if err != nil {
			t.Fatal(err)
		}
		if res, err := http.DefaultClient.Do(q); err == nil {
			_ = res.Body.Close()
			return
		}
		select {
		case <-tick.C:
		case <-ended:
			t.Fatalf("%s ended: %s", name, said.String())
		case <-late:
			t.Fatalf("%s does not answer", name)
		}
	}
}

// FreePort is a port of the loopback address that nothing listens on, and that the system
// gives to nobody else while the test runs: only who names it can listen there.
func FreePort(t testing.TB) string {
	t.Helper()
	port, end, err := reserve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(end)
	return strconv.Itoa(port)
}
