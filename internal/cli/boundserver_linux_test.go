package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/testenv/pg"
)

// Many small uploads under way at the same moment, to a server whose database is
// PostgreSQL, and to one that may open few files, as where nobody raised the usual bound:
// each is taken in or told to come again, and what is acknowledged is there after a kill,
// byte for byte. Sent again, each document is there once.
func TestUploadsToBoundServers(t *testing.T) {
	n := 1_000
	if os.Getenv("COFFERDAM_LONG") != "" {
		n = together(t)
	}
	for name, c := range map[string]struct {
		postgres bool
		files    int // that the server may open; 0: as this process
		memory   int // MiB at its peak
	}{
		"PostgreSQL":        {postgres: true, memory: 128 + n/8},
		"SQLite, few files": {files: 600, memory: 448},
	} {
		t.Run(name, func(t *testing.T) {
			args := []string{"--data", t.TempDir(), "--log-level", "error"}
			if c.postgres {
				args = append(args, "--db", pg.Start(t).Database(t))
			}
			p := startServerWith(t, c.files, args...)
			u := uploads{stored: make([]bool, n)}
			opened := p.watchFiles()
			u.all(t, strings.TrimPrefix(p.url, "http://"))
			files, peak := opened(), p.peak(t)
			_ = p.cmd.Process.Kill()
			_ = p.cmd.Wait() // killed
			t.Logf("%d of %d stored, %d told to come again, %d without an answer; peak %d MiB, %d files", u.taken.Load(), n, u.later.Load(), u.cut.Load(), peak, files)
			if peak > c.memory*memoryFactor {
				t.Errorf("the server took %d MiB, and %d are its bound", peak, c.memory)
			}
			if c.files > 0 && files > c.files-100 { // its own, and the places for connections
				t.Errorf("%d files were open, and %d may be", files, c.files)
			}
			if u.taken.Load() == 0 {
				t.Fatal("nothing was stored")
			}
			u.check(t, startServer(t, args...).url)
		})
	}
}

// watchFiles looks at the process until it is told to stop, and returns the most files that
// it had open.
func (p *process) watchFiles() func() int {
	stop, most := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			if open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid)); err == nil {
				n = max(n, len(open))
			}
			select {
			case <-stop:
				most <- n
				return
			case <-tick.C:
			}
		}
	}()
	return func() int {
		close(stop)
		return <-most
	}
}

// uploads are documents, and what a server said of each.
type uploads struct {
	stored            []bool
	taken, later, cut atomic.Int64
}

// all sends every document but its last bytes, and once all are under way those.
func (u *uploads) all(t *testing.T, host string) {
	var under, ended sync.WaitGroup
	last, all := make(chan struct{}), make(chan struct{})
	under.Add(len(u.stored))
	for i := range u.stored {
		ended.Go(func() {
			c, err := begin(host, manyDocument(i))
			under.Done()
			if err != nil {
				u.cut.Add(1)
				return
			}
			<-last
			switch code, later, err := finish(c, manyDocument(i)); {
			case err != nil:
				u.cut.Add(1)
			case code == http.StatusCreated:
				u.stored[i] = true
				u.taken.Add(1)
			case later:
				u.later.Add(1)
			default:
				t.Errorf("document %d: %d", i, code)
			}
		})
	}
	go func() {
		under.Wait()
		close(all)
	}()
	select {
	case <-all:
	case <-time.After(10 * time.Second): // a server that takes fewer connections lets others wait for a place
	}
	close(last)
	ended.Wait()
	<-all
}

// check reads everything that was acknowledged from a server, sends the others again, and
// wants each document once.
func (u *uploads) check(t *testing.T, url string) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}, Timeout: time.Minute}
	defer client.CloseIdleConnections()
	ask := func(method, path string, doc []byte) (int, []byte, error) {
		q, err := http.NewRequestWithContext(t.Context(), method, url+path, bytes.NewReader(doc))
		if err != nil {
			return 0, nil, err
		}
		res, err := client.Do(q)
		if err != nil {
			return 0, nil, err
		}
		defer res.Body.Close()
		said, err := io.ReadAll(res.Body)
		return res.StatusCode, said, err
	}
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := w; i < len(u.stored); i += 8 {
				doc := manyDocument(i)
				if !u.stored[i] { // it may be there: its answer was lost
					if code, said, err := ask(http.MethodPost, "/api/v1/documents", doc); err != nil || code != http.StatusCreated && code != http.StatusOK {
						t.Errorf("document %d, sent again: %d %.200s, %v", i, code, said, err)
					}
				}
				if code, said, err := ask(http.MethodGet, "/api/v1/documents/"+ident.SHA256(doc).String()+"/content", nil); err != nil || !bytes.Equal(said, doc) {
					t.Errorf("document %d was acknowledged, and is not there as it was: %d %.200s, %v", i, code, said, err)
				}
			}
		})
	}
	wg.Wait()
	code, said, err := ask(http.MethodGet, "/api/v1/search?name=p&match=prefix&limit=1", nil)
	var found struct{ Total int }
	if err == nil {
		err = json.Unmarshal(said, &found)
	}
	if err != nil || code != http.StatusOK || found.Total != len(u.stored) {
		t.Errorf("of %d documents there are %d: %d %.200s, %v", len(u.stored), found.Total, code, said, err)
	}
}
