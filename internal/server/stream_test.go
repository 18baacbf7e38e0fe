package server_test

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/internal/server"
)

func rows(t *testing.T, b []byte) (out []server.BatchRow) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(b))
	for {
		var r server.BatchRow
		if err := d.Decode(&r); err == io.EOF {
			return out
		} else if err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
}

func TestBatches(t *testing.T) {
	r := start(t, settings{access: server.Access{Loopback: true}, limits: server.Limits{Document: 1 << 20}})
	var ndjson bytes.Buffer
	for i := range 100 {
		ndjson.Write(document(fmt.Sprint("registry.example/shop/", i), "", fmt.Sprintf("pkg:npm/p%d@1.0.%d", i%7, i)))
		ndjson.WriteByte('\n')
		if i == 50 {
			ndjson.WriteString("{\"no\":\"sbom\"}\n\n")
		}
	}
	got := rows(t, r.do("POST", "/api/v1/documents/batch", "", ndjson.Bytes(), "Content-Type", "application/x-ndjson").body)
	if len(got) != 101 {
		t.Fatalf("%d rows for 101 documents", len(got))
	}
	for i, row := range got {
		if bad := row.Problem != nil; bad != (i == 51) || row.Receipt == nil != bad {
			t.Errorf("row %d: %+v", i, row)
		}
	}
	if got[51].Name != "line 52" || got[52].Name != "line 54" {
		t.Errorf("lines are numbered as they stand: %q, %q", got[51].Name, got[52].Name)
	}

	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, name := range []string{"a.json", "dir/b.json"} {
		doc := document(name, "", "pkg:npm/tar@1")
		_ = w.WriteHeader(&tar.Header{Name: name, Size: int64(len(doc)), Mode: 0o644})
		_, _ = w.Write(doc)
	}
	_ = w.WriteHeader(&tar.Header{Name: "link", Linkname: "/etc/passwd", Typeflag: tar.TypeSymlink})
	_ = w.WriteHeader(&tar.Header{Name: "huge.json", Size: 1 << 40, Mode: 0o644})
	tarred := archive.Bytes() // and it ends there: the giant is announced, and never comes
	got = rows(t, r.do("POST", "/api/v1/documents/batch", "", tarred, "Content-Type", "application/x-tar").body)
	if len(got) != 3 || got[0].Receipt == nil || got[1].Name != "dir/b.json" || got[1].Receipt == nil || got[2].Problem == nil || got[2].Problem.GetStatus() != http.StatusRequestEntityTooLarge {
		t.Errorf("%+v", got)
	}
	if x := r.do("POST", "/api/v1/documents/batch", "", tarred, "Content-Type", "application/zip"); x.code != http.StatusUnsupportedMediaType {
		t.Errorf("%d %s", x.code, x.body)
	}
}

// Whoever watches sees every change once, in order, whether it came before or after
// they began, and wherever they go on.
func TestEventsMissNothing(t *testing.T) {
	r := start(t, settings{access: server.Access{Loopback: true}})
	const n = 60
	put := func(i int) {
		if x := r.do("POST", "/api/v1/documents", "", document(fmt.Sprint("registry.example/", i), "", fmt.Sprintf("pkg:npm/p@%d", i))); x.code != 201 {
			t.Errorf("%d %s", x.code, x.body)
		}
	}
	for i := range n / 3 {
		put(i)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	last := uint64(0)
	watch := func(until uint64) {
		t.Helper()
		q, _ := http.NewRequestWithContext(ctx, http.MethodGet, r.url+"/api/v1/events", nil)
		q.Header.Set("Last-Event-ID", strconv.FormatUint(last, 10))
		res, err := r.client.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		lines := bufio.NewScanner(res.Body)
		for last < until && lines.Scan() {
			if id, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
				got, err := strconv.ParseUint(id, 10, 64)
				if err != nil || got != last+1 {
					t.Fatalf("after %d comes %q", last, id)
				}
				last = got
			}
		}
	}
	watch(5)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := n/3 + w; i < n; i += 4 {
				put(i)
			}
		})
	}
	watch(30)
	watch(n)
	wg.Wait()
	if last != n {
		t.Errorf("%d changes were seen of %d", last, n)
	}
}

// An upload that stops coming is given up, and what it held is free again.
func TestSlowAndHalfClosedUploads(t *testing.T) {
	r := start(t, settings{access: server.Access{Loopback: true}, limits: server.Limits{Stall: 200 * time.Millisecond}, catalog: catalog.Limits{Document: 1 << 20, Memory: 1 << 20}})
	for _, x := range []struct { // in this order: the budget holds one at a time
		name string
		then func(net.Conn)
	}{
		{"stands still", func(net.Conn) {}},
		{"is half shut", func(c net.Conn) { _ = c.(*net.TCPConn).CloseWrite() }},
		{"is torn apart", func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0); _ = c.Close() }},
	} {
		c, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, "POST /api/v1/documents HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 900000\r\n\r\n{\"bomFormat\":")
		x.then(c)
		if x.name == "stands still" {
			_ = c.SetReadDeadline(time.Now().Add(time.Minute))
			res, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				t.Fatalf("%s: no answer: %v", x.name, err)
			}
			if res.StatusCode != http.StatusUnprocessableEntity {
				t.Errorf("%s: %s", x.name, res.Status)
			}
			_ = res.Body.Close()
		}
		_ = c.Close()
	}
	// The budget holds one of them at a time: a leak would refuse this one for good. On a
	// machine that does other things this one may stand still for as long as the first.
	doc := append(document("registry.example/late", "", "pkg:npm/late@1"), bytes.Repeat([]byte(" "), 900000)...)
	for end := time.Now().Add(time.Minute); ; {
		x := r.do("POST", "/api/v1/documents", "", doc)
		if x.code == 201 {
			break
		}
		again := x.code == http.StatusTooManyRequests && x.header.Get("Retry-After") != "" || x.code == http.StatusUnprocessableEntity && strings.Contains(string(x.body), "stood still")
		if !again || time.Now().After(end) {
			t.Fatalf("%d %s", x.code, x.body)
		}
	}
}

func TestLimits(t *testing.T) {
	r := start(t, settings{access: server.Access{Loopback: true}, limits: server.Limits{Document: 1000, Page: 10}, catalog: catalog.Limits{Document: 1000, Memory: 1000}})
	big := bytes.Repeat([]byte(" "), 1001)
	if x := r.do("POST", "/api/v1/documents", "", big); x.code != http.StatusRequestEntityTooLarge || !strings.Contains(string(x.body), "hint") {
		t.Errorf("%d %s", x.code, x.body)
	}
	q, _ := http.NewRequestWithContext(context.Background(), http.MethodPost, r.url+"/api/v1/documents", io.MultiReader(bytes.NewReader(big))) // of unknown length
	res, err := r.client.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("chunked: %s", res.Status)
	}
	for path, want := range map[string]int{
		"/api/v1/search":                                           400, // asks nothing
		"/api/v1/search?name=a&licence=MIT":                        400, // asks two things
		"/api/v1/search?component=pkg:":                            400,
		"/api/v1/search?name=x&limit=0":                            422,
		"/api/v1/search?name=x&cursor=%00":                         400,
		"/api/v1/search?name=x&unheard=of":                         422,
		"/api/v1/search?name=" + strings.Repeat("x", 3000):         422,
		"/api/v1/documents/sha256:xyz":                             400,
		"/api/v1/documents/..%2f..%2fetc%2fpasswd":                 400,
		"/api/v1/quarantine/18446744073709551616/content":          422,
		"/api/v1/events?since=-1":                                  422,
		"/nowhere":                                                 404,
		"/api/v1/search?name=x&tenant=" + strings.Repeat("t", 200): 422,
	} {
		if x := r.do("GET", path, "", nil); x.code != want {
			t.Errorf("%.80s: %d %.200s, want %d", path, x.code, x.body, want)
		}
	}
}

// Ten thousand small uploads at once: each is stored or told to come again, and
// what was acknowledged is there, byte for byte, after the server ended.
func TestManySmallUploads(t *testing.T) {
	n := 10_000
	if raceEnabled {
		n = 1_000
	}
	dir := t.TempDir()
	r := start(t, settings{access: server.Access{Loopback: true}, dir: dir, catalog: catalog.Limits{Queue: 2000, Wait: 5 * time.Second}})
	docs := make([][]byte, n)
	var stored sync.Map
	var wg sync.WaitGroup
	gate := make(chan struct{}, 500) // sockets of this process
	for i := range docs {
		docs[i] = document(fmt.Sprint("registry.example/n", i), "", fmt.Sprintf("pkg:npm/p%d@1.%d", i%97, i))
		wg.Go(func() {
			gate <- struct{}{}
			defer func() { <-gate }()
			switch x := r.do("POST", "/api/v1/documents", "", docs[i]); {
			case x.code == 201:
				stored.Store(i, true)
			case x.code == http.StatusTooManyRequests && x.header.Get("Retry-After") != "":
			default:
				t.Errorf("%d %s", x.code, x.body)
			}
		})
	}
	wg.Wait()
	r.end()
	again := start(t, settings{access: server.Access{Loopback: true}, dir: dir})
	count := 0
	stored.Range(func(k, _ any) bool {
		count++
		if i := k.(int); i%37 == 0 || count < 20 {
			if x := again.do("GET", "/api/v1/documents/"+ident.SHA256(docs[i]).String()+"/content", "", nil); !bytes.Equal(x.body, docs[i]) {
				t.Errorf("document %d: %d %.100s", i, x.code, x.body)
			}
		}
		return true
	})
	total, next := 0, ""
	for {
		x := again.do("GET", "/api/v1/changes?limit=1000&cursor="+next, "", nil)
		var page struct {
			Items []server.Change
			Next  string
		}
		x.into(t, &page)
		if len(page.Items) == 0 {
			break
		}
		total, next = total+len(page.Items), page.Next
	}
	if total != count || count == 0 {
		t.Errorf("%d were acknowledged, and %d are there", count, total)
	}
	t.Logf("%d of %d stored, the others told to come again", count, n)
}
