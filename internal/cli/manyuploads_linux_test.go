package cli_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
)

// manyDocument is small, and unlike every other.
func manyDocument(i int) []byte {
	return fmt.Appendf(nil, `{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"metadata":{"component":{"type":"container","bom-ref":"i","name":"registry.example/many/%d","version":"1"}},"components":[{"type":"library","bom-ref":"c","name":"p%d","version":"1.%d","purl":"pkg:npm/p%d@1.%d"}]}`, i, i%97, i, i%97, i)
}

// together is how many connections are open at the same moment: ten thousand, where this
// process may have as many.
func together(t *testing.T) int {
	t.Helper()
	n := 10_000
	if memoryFactor > 1 {
		n = 2_000
	}
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		t.Fatal(err)
	}
	if most := int(min(files.Cur, 1<<20)) - 200; n > most {
		t.Logf("this process may have %d files open: %d uploads at once instead of %d (ulimit -n)", files.Cur, most, n)
		n = most
	}
	return n
}

// begin opens a connection and sends an upload but for its last bytes.
func begin(host string, doc []byte) (net.Conn, error) {
	c, err := net.Dial("tcp", host)
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(c, "POST /api/v1/documents HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", host, len(doc), doc[:len(doc)-40])
	return c, err
}

// finish sends the last bytes and returns the answer, and whether that is to come again. It
// closes the connection.
func finish(c net.Conn, doc []byte) (code int, later bool, err error) {
	defer c.Close() //nolint:errcheck // the answer was read, or the server was killed
	if err := c.SetDeadline(time.Now().Add(5 * time.Minute)); err != nil {
		return 0, false, err
	}
	if _, err := c.Write(doc[len(doc)-40:]); err != nil {
		return 0, false, err
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0, false, err
	}
	defer res.Body.Close() //nolint:errcheck // of a connection that is closed
	said, err := io.ReadAll(res.Body)
	return res.StatusCode, toldLater(res.StatusCode, res.Header.Get("Retry-After"), string(said)), err
}

// peak is how many MiB a process has taken at the most. What is told of it once it ended
// begins with what this process had when it started it (see leavePeak).
func (p *process) peak(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Error(err)
	}
	_, said, _ := strings.Cut(string(status), "VmHWM:")
	var kib int
	if _, err := fmt.Sscan(said, &kib); err != nil {
		t.Error(err)
	}
	return kib >> 10
}

// toldLater reports whether an upload was told to come again: in so many words, or since it
// stood still for too long, as it does where the machine lets this program stand still.
func toldLater(code int, retryAfter, said string) bool {
	return (code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable) && retryAfter != "" ||
		code == http.StatusUnprocessableEntity && strings.Contains(said, "stood still")
}

// Ten thousand uploads that are under way at the same moment in a server as a user starts
// it: each is taken in, or told to come again, and is taken in then. Then as many again, in
// the middle of which the server is killed: what either acknowledged is there afterwards,
// byte for byte.
func TestTenThousandUploadsAtOnce(t *testing.T) {
	n, data := together(t), t.TempDir()
	p := startServer(t, "--data", data, "--log-level", "error")
	acknowledged := make([]atomic.Bool, 2*n)
	refused := atomic.Int64{}
	// wave sends n uploads; those from held on send their last bytes once go on is closed.
	wave := func(from, held int, goOn <-chan struct{}, answered func()) (failed int64) {
		host := p.url[len("http://"):]
		open := make([]net.Conn, n)
		var wg sync.WaitGroup
		gate := make(chan struct{}, 256) // of connections that the kernel has not accepted
		for i := range open {
			gate <- struct{}{}
			wg.Go(func() {
				defer func() { <-gate }()
				var err error
				if open[i], err = begin(host, manyDocument(from+i)); err != nil {
					t.Errorf("upload %d cannot begin: %v", from+i, err)
				}
			})
		}
		if wg.Wait(); t.Failed() {
			t.FailNow()
		}
		lost := atomic.Int64{}
		for i, c := range open {
			wg.Go(func() {
				if i >= held {
					<-goOn
				}
				switch code, later, err := finish(c, manyDocument(from+i)); {
				case err != nil:
					lost.Add(1)
				case code == http.StatusCreated:
					acknowledged[from+i].Store(true)
					answered()
				case later:
					refused.Add(1)
					answered()
				default:
					t.Errorf("upload %d: %d", from+i, code)
				}
			})
		}
		wg.Wait()
		return lost.Load()
	}

	began := time.Now()
	if lost := wave(0, n, nil, func() {}); lost > 0 {
		t.Errorf("%d of %d uploads had no answer", lost, n)
	}
	took, first := time.Since(began), refused.Load()
	var again sync.WaitGroup
	for w := range 16 { // who was told to come again does
		again.Go(func() {
			for i := w; i < n && !t.Failed(); i += 16 {
				if acknowledged[i].Load() {
					continue
				}
				code := 0
				c, err := begin(p.url[len("http://"):], manyDocument(i))
				if err == nil {
					code, _, err = finish(c, manyDocument(i))
				}
				if err != nil || code != http.StatusCreated {
					t.Errorf("upload %d comes again: %d, %v", i, code, err)
				}
				acknowledged[i].Store(true)
			}
		})
	}
	if again.Wait(); t.Failed() {
		t.FailNow()
	}

	// It is killed after a third of the answers, and some uploads are under way until then.
	var count atomic.Int64
	peak, killed := 0, make(chan struct{})
	lost := wave(n, n-n/20, killed, func() {
		if count.Add(1) == int64(n/3) {
			peak = p.peak(t)
			_ = p.cmd.Process.Kill()
			_ = p.cmd.Wait()
			close(killed)
		}
	})
	// An upload that waits takes 40 kB, half of it the connection's buffers and stack, and
	// as much again gathers until it is collected.
	if most := memoryFactor * (128 + n/8); peak > most {
		t.Errorf("the server took %d MiB, want at most %d", peak, most)
	}

	p = startServer(t, "--data", data, "--log-level", "error")
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}, Timeout: time.Minute}
	defer client.CloseIdleConnections()
	var wg sync.WaitGroup
	total := atomic.Int64{}
	for w := range 16 {
		wg.Go(func() {
			for i := w; i < 2*n; i += 16 {
				if !acknowledged[i].Load() {
					continue
				}
				total.Add(1)
				doc := manyDocument(i)
				res, err := client.Get(p.url + "/api/v1/documents/" + ident.SHA256(doc).String() + "/content")
				if err != nil {
					t.Error(err)
					return
				}
				got, err := io.ReadAll(res.Body)
				if res.Body.Close(); err != nil || !bytes.Equal(got, doc) {
					t.Errorf("upload %d was acknowledged, and is lost: %s %.100s, %v", i, res.Status, got, err)
				}
			}
		})
	}
	wg.Wait()
	if total.Load() < int64(n) || lost < int64(n/20) {
		t.Errorf("%d of %d uploads were acknowledged, %d of the last %d had no answer", total.Load(), 2*n, lost, n)
	}
	t.Logf("%d uploads at once: %d taken in and %d told to come again in %.1f s; of as many again %d without an answer, the server killed; %d acknowledged are there byte for byte; peak %d MiB", n, int64(n)-first, first, took.Seconds(), lost, total.Load(), peak)
}
