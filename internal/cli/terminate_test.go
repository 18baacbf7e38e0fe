package cli_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// process is a server that was started as a user starts it.
type process struct {
	cmd *exec.Cmd
	url string
}

// startServer starts this test's program as cofferdam serve, and waits for its address.
func startServer(t *testing.T, args ...string) *process {
	t.Helper()
	return startServerWith(t, 0, args...)
}

// startServerWith is startServer of a program that may open so many files; 0: as this one.
func startServerWith(t *testing.T, files int, args ...string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Minute)
	t.Cleanup(stop)
	p := &process{cmd: exec.CommandContext(ctx, self)} // #nosec G204 -- this test's own program
	p.cmd.Args = append([]string{"cofferdam", "serve", "--addr", "127.0.0.1:0"}, args...)
	if files > 0 {
		named := filepath.Join(t.TempDir(), "cofferdam") // the name says what the program is
		if err := os.Symlink(self, named); err != nil {
			t.Fatal(err)
		}
		p.cmd = exec.CommandContext(ctx, "sh", append([]string{"-c", fmt.Sprintf(`ulimit -n %d && exec "$0" "$@"`, files), named}, p.cmd.Args[1:]...)...) // #nosec G204 -- as above
	}
	p.cmd.Env = append(os.Environ(), "COFFERDAM_CACHE="+t.TempDir())
	errs, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	})
	said := bufio.NewScanner(errs)
	for said.Scan() {
		if _, rest, ok := strings.Cut(said.Text(), "serving "); ok {
			p.url, _, _ = strings.Cut(rest, "/ (")
			go io.Copy(io.Discard, errs) //nolint:errcheck // until the process ends
			return p
		}
	}
	t.Fatal("serve does not answer")
	return nil
}

// end sends a signal and returns the exit code.
func (p *process) end(t *testing.T, s os.Signal) int {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
	_ = p.cmd.Wait() // the exit code says it
	return p.cmd.ProcessState.ExitCode()
}

// A server that is asked to end takes the uploads under way in, closes its streams of
// events, and exits 0, as whoever restarts it expects; a person's interrupt is 130.
func TestServeEndsInOrder(t *testing.T) {
	data := t.TempDir()
	p := startServer(t, "--data", data)
	host := strings.TrimPrefix(p.url, "http://")
	events, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	defer events.Close()
	fmt.Fprintf(events, "GET /api/v1/events HTTP/1.1\r\nHost: %s\r\n\r\n", host)
	stream := bufio.NewReader(events)
	if line, err := stream.ReadString('\n'); err != nil || !strings.Contains(line, "200") {
		t.Fatalf("%q, %v", line, err)
	}
	body := `{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"metadata":{"component":{"type":"container","bom-ref":"i","name":"late","version":"1"}},"components":[{"type":"library","bom-ref":"c","name":"a","version":"1","purl":"pkg:npm/a@1"}]}`
	upload, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	defer upload.Close()
	fmt.Fprintf(upload, "POST /api/v1/documents HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", host, len(body))
	answers := bufio.NewReader(upload)
	if line, err := answers.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") { // its handler reads
		t.Fatalf("%q, %v", line, err)
	}
	if line, err := answers.ReadString('\n'); err != nil || line != "\r\n" {
		t.Fatalf("%q, %v", line, err)
	}
	if _, err := io.WriteString(upload, body[:40]); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	// The stream ends with the signal; a new connection is refused; the upload goes on.
	if err := events.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, stream); err != nil {
		t.Errorf("the stream of events: %v", err)
	}
	for late := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) { // it closes its listener while streams end
		c, err := net.Dial("tcp", host)
		if err != nil {
			break
		}
		c.Close()
		if time.Now().After(late) {
			t.Fatal("a server that ends takes other connections")
		}
	}
	if _, err := io.WriteString(upload, body[40:]); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(answers, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(res.Body)
	if res.Body.Close(); err != nil || res.StatusCode != http.StatusCreated {
		t.Fatalf("the upload under way: %s %s, %v", res.Status, answer, err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}

	p = startServer(t, "--data", data)
	defer http.DefaultClient.CloseIdleConnections()
	found, err := http.Get(p.url + "/api/v1/search?component=pkg:npm/a@1")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(found.Body)
	if found.Body.Close(); err != nil || !strings.Contains(string(text), `"total":1`) {
		t.Errorf("what was acknowledged at the end is not there: %s, %v", text, err)
	}
	if code := p.end(t, os.Interrupt); code != 130 {
		t.Errorf("after an interrupt: exit %d", code)
	}
	p = startServer(t, "--data", filepath.Join(data, "other"))
	if code := p.end(t, syscall.SIGTERM); code != 0 {
		t.Errorf("at rest: exit %d", code)
	}
}
