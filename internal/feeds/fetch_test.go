package feeds_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/internal/feeds"
)

func noWait(ctx context.Context, _ time.Duration) error { return ctx.Err() }

// TestUnreliableMirrors: what passes is waited for, what was cut off is gone on with, and
// what is not what the mirror itself says is never taken.
func TestUnreliableMirrors(t *testing.T) {
	members := map[string]string{"GO-1.json": record("GO-1", "Go", "2026-01-01T00:00:00Z"), "filler.txt": strings.Repeat("x", 1<<16)}
	whole := zipped(t, members)
	members["GO-2.json"] = record("GO-2", "Go", "2026-01-02T00:00:00Z")
	later := zipped(t, members)
	sum := sha256.Sum256(whole)
	digest := "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
	half := len(whole) / 2
	const one = "GO-1@01"
	send := func(w http.ResponseWriter, raw []byte, headers ...string) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		_, _ = w.Write(raw)
	}
	// cut promises the whole and sends half.
	cut := func(w http.ResponseWriter, headers ...string) {
		w.Header().Set("Content-Length", fmt.Sprint(len(whole)))
		send(w, whole[:half], headers...)
	}
	fail := func(w http.ResponseWriter, code int, after string) {
		if after != "" {
			w.Header().Set("Retry-After", after)
		}
		w.WriteHeader(code)
	}
	for _, c := range []struct {
		name   string
		answer func(n int, w http.ResponseWriter, r *http.Request)
		want   string // records, or of the error
		asked  int
		waits  string
	}{
		{"busy, then there", func(n int, w http.ResponseWriter, _ *http.Request) {
			if n <= 2 {
				fail(w, http.StatusServiceUnavailable, "")
				return
			}
			send(w, whole)
		}, one, 3, "1s 2s"},
		{"asks to wait", func(n int, w http.ResponseWriter, _ *http.Request) {
			if n == 1 {
				fail(w, http.StatusTooManyRequests, "7")
				return
			}
			send(w, whole)
		}, one, 2, "7s"},
		{"asks to wait for long", func(_ int, w http.ResponseWriter, _ *http.Request) { fail(w, http.StatusTooManyRequests, "3600") }, "429", 1, ""},
		{"never there", func(_ int, w http.ResponseWriter, _ *http.Request) { fail(w, http.StatusBadGateway, "") }, "502", 5, "1s 2s 4s 8s"},
		{"has none", func(_ int, w http.ResponseWriter, _ *http.Request) { fail(w, http.StatusNotFound, "") }, "404", 1, ""},
		{"cut short, gone on with", func(n int, w http.ResponseWriter, r *http.Request) {
			if n == 1 {
				cut(w, "ETag", `"a"`)
				return
			}
			if got := r.Header.Get("Range") + r.Header.Get("If-Range"); got != fmt.Sprintf(`bytes=%d-"a"`, half) {
				t.Errorf("asks for %q", got)
			}
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", half, len(whole)-1, len(whole)))
			w.WriteHeader(http.StatusPartialContent)
			send(w, whole[half:])
		}, one, 2, "1s"},
		{"cut short, and another since", func(n int, w http.ResponseWriter, _ *http.Request) {
			if n == 1 {
				cut(w, "ETag", `"a"`)
				return
			}
			send(w, later, "ETag", `"b"`)
		}, "GO-1@01 GO-2@02", 2, "1s"},
		{"goes on with another part", func(n int, w http.ResponseWriter, r *http.Request) {
			switch {
			case n == 1:
				cut(w, "ETag", `"a"`)
			case r.Header.Get("Range") != "":
				w.Header().Set("Content-Range", fmt.Sprintf("bytes 7-%d/%d", len(whole)-1, len(whole)))
				w.WriteHeader(http.StatusPartialContent)
				send(w, whole[7:])
			default:
				send(w, whole)
			}
		}, one, 3, "1s 2s"},
		{"cut short, not to be gone on with", func(n int, w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Range") != "" {
				t.Error("asks for the rest of what may be another by now")
			}
			if n == 1 {
				cut(w, "ETag", `W/"a"`)
				return
			}
			send(w, whole)
		}, one, 2, "1s"},
		{"as its digest says", func(_ int, w http.ResponseWriter, _ *http.Request) { send(w, whole, "Repr-Digest", digest) }, one, 1, ""},
		{"not as its digest says", func(_ int, w http.ResponseWriter, _ *http.Request) { send(w, later, "Repr-Digest", digest) }, "own digest", 5, "1s 2s 4s 8s"},
		{"not as its checksum says", func(_ int, w http.ResponseWriter, _ *http.Request) {
			send(w, whole, "X-Goog-Hash", "crc32c=AAAAAA==,md5=1B2M2Y8AsgTpgAmY7PhCfg==")
		}, "own digest", 5, "1s 2s 4s 8s"},
		{"stalls", func(n int, w http.ResponseWriter, r *http.Request) {
			if n == 1 {
				cut(w)
				w.(http.Flusher).Flush()
				<-r.Context().Done()
				return
			}
			send(w, whole)
		}, one, 2, "1s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var mu sync.Mutex
			asked := 0
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				asked++
				n := asked
				mu.Unlock()
				c.answer(n, w, r)
			}))
			defer srv.Close()
			var waits []string
			cache := &feeds.Cache{Dir: t.TempDir(), Client: srv.Client(), Wait: func(_ context.Context, d time.Duration) error {
				waits = append(waits, d.String())
				return nil
			}}
			if c.name == "stalls" {
				cache.Stall = time.Second
			}
			_, problems, err := cache.Update(context.Background(), feeds.Request{From: []string{srv.URL}, Only: []string{"Go"}, At: now})
			var got string
			if err != nil {
				got = err.Error()
			} else {
				got = ids(t, cache)
			}
			mu.Lock()
			defer mu.Unlock()
			if !strings.Contains(got, c.want) || err == nil && got != c.want || asked != c.asked || strings.Join(waits, " ") != c.waits || len(problems) > 0 {
				t.Errorf("%q, want %q; asked %d times, want %d; waited %v, want %s; %v", got, c.want, asked, c.asked, waits, c.waits, problems)
			}
		})
	}
}
