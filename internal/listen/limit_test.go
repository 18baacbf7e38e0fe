package listen

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestConnectionsLeaveFiles(t *testing.T) {
	for _, c := range []struct {
		most  int
		files uint64
		want  int
	}{{10, 0, 10}, {12_000, 1 << 20, 12_000}, {12_000, 1024, 768}, {12_000, 200, 100}, {12_000, 1, 1}, {500, 1024, 500}, {12_000, 1<<64 - 1, 12_000}} {
		if got := within(c.most, c.files); got != c.want {
			t.Errorf("%d connections with %d files: %d, want %d", c.most, c.files, got, c.want)
		}
	}
}

// bounded is a server that takes two connections at once; each answer under /wait comes
// once the test says so.
type bounded struct {
	addr string
	goOn chan struct{}
	in   chan struct{}
	stop func()
}

func startBounded(t *testing.T) *bounded {
	t.Helper()
	ln, err := On(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := NewLimit(2)
	b := &bounded{addr: ln.Addr().String(), goOn: make(chan struct{}), in: make(chan struct{}, 8)}
	srv := &http.Server{ReadHeaderTimeout: time.Minute, ConnState: l.State, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wait" {
			b.in <- struct{}{}
			<-b.goOn
		}
		_, _ = io.WriteString(w, "here")
	})}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, srv, l.Of(ln), time.Minute) }()
	b.stop = func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	return b
}

// client is one connection.
type client struct {
	net.Conn
	*bufio.Reader
}

func (b *bounded) dial(t *testing.T, path string) *client {
	t.Helper()
	c, err := net.Dial("tcp", b.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	x := &client{c, bufio.NewReader(c)}
	x.send(t, path)
	return x
}

func (c *client) send(t *testing.T, path string) {
	t.Helper()
	if _, err := fmt.Fprintf(c.Conn, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path); err != nil {
		t.Fatal(err)
	}
}

// answered reports whether an answer comes within a time.
func (c *client) answered(t *testing.T, within time.Duration) bool {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(within)); err != nil {
		t.Fatal(err)
	}
	r, err := http.ReadResponse(c.Reader, nil)
	if err != nil {
		return false
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	return err == nil && string(b) == "here"
}

func TestLimit(t *testing.T) {
	defer goleak.VerifyNone(t)
	b := startBounded(t)
	one, two := b.dial(t, "/wait"), b.dial(t, "/wait")
	<-b.in
	<-b.in
	three := b.dial(t, "/")
	if three.answered(t, 100*time.Millisecond) {
		t.Error("a third connection was taken while two were at work")
	}
	b.goOn <- struct{}{} // one of the two ends its request, rests, and makes room
	if !three.answered(t, time.Minute) {
		t.Fatal("a connection that waits gets no place of one that rests")
	}
	b.goOn <- struct{}{}
	alive := 0
	for _, c := range []*client{one, two} {
		if !c.answered(t, time.Minute) {
			t.Error("a connection was ended before its answer")
		}
	}
	// New ones go on being taken, for those that rest longest.
	for range 5 {
		if !b.dial(t, "/").answered(t, time.Minute) {
			t.Fatal("a new connection is not taken")
		}
	}
	last := b.dial(t, "/")
	if !last.answered(t, time.Minute) {
		t.Fatal("a new connection is not taken")
	}
	for _, c := range []*client{one, two, three, last} {
		if _, err := fmt.Fprintf(c.Conn, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"); err == nil && c.answered(t, 2*time.Second) {
			alive++
		}
	}
	if alive > 2 {
		t.Errorf("%d connections are open, and two are the most", alive)
	}
	b.stop()
}

// A server whose places are all taken ends when it is told to.
func TestLimitEnds(t *testing.T) {
	defer goleak.VerifyNone(t)
	b := startBounded(t)
	for range 2 {
		b.dial(t, "/wait")
		<-b.in
	}
	ended := make(chan struct{})
	go func() {
		b.stop()
		close(ended)
	}()
	for { // the listener is closed first
		c, err := net.Dial("tcp", b.addr)
		if err != nil {
			break
		}
		_ = c.Close()
	}
	close(b.goOn)
	<-ended
}

func TestRestingOrder(t *testing.T) {
	l := NewLimit(4)
	var conns []net.Conn
	for range 4 {
		a, b := net.Pipe()
		defer a.Close()
		defer b.Close()
		conns = append(conns, a)
		l.State(a, http.StateIdle)
	}
	l.State(conns[1], http.StateActive) // in the middle
	l.State(conns[0], http.StateClosed) // the first
	l.State(conns[3], http.StateActive) // the last
	l.State(conns[3], http.StateIdle)
	for _, want := range []int{2, 3} {
		if l.first == nil || l.first.conn != conns[want] {
			t.Fatalf("%d is not the one that rests longest", want)
		}
		l.wait(true)
		if _, err := conns[want].Write([]byte("x")); err == nil {
			t.Errorf("%d was not ended", want)
		}
	}
	if l.first != nil || l.last != nil || len(l.idle) != 0 {
		t.Errorf("%d rest still", len(l.idle))
	}
	l.State(conns[1], http.StateIdle) // somebody waits: at once
	if _, err := conns[1].Write([]byte("x")); err == nil {
		t.Error("a connection rests while another waits for a place")
	}
}
