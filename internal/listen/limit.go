package listen

import (
	"net"
	"net/http"
	"sync"
)

// Limit bounds the connections that a server has open at once. One more waits in the
// kernel's queue until another ends, and one that rests between two requests makes room
// for it. Without a bound, whoever opens connections decides how much memory the server
// takes, and files that the server has to open fail.
//
//	l := listen.NewLimit(most)
//	srv := &http.Server{Handler: h, ConnState: l.State}
//	err = listen.Serve(ctx, srv, l.Of(ln), grace)
type Limit struct {
	places chan struct{} // full: no more are taken

	mu      sync.Mutex
	waiting bool                  // a connection waits for a place
	first   *resting              // the one that rests longest
	last    *resting              //
	idle    map[net.Conn]*resting // by connection
}

// resting is a connection between two requests, in the order in which they began to rest.
type resting struct {
	conn       net.Conn
	prev, next *resting
}

// NewLimit bounds connections to most, and to what the files that the process may open
// leave beside those that it needs itself.
func NewLimit(most int) *Limit {
	return &Limit{places: make(chan struct{}, within(most, openFiles())), idle: map[net.Conn]*resting{}}
}

// ownFiles are what a server opens beside connections: the database, the log, documents
// that are read, other servers that are asked.
const ownFiles = 256

// within is most, or what is left of files; 0 files is that nobody knows how many.
func within(most int, files uint64) int {
	if files == 0 {
		return most
	}
	left := files - min(ownFiles, files/2)
	return max(1, int(min(uint64(most), left))) //nolint:gosec // at most most
}

// Of is a listener whose connections count.
func (l *Limit) Of(ln net.Listener) net.Listener {
	return &limited{Listener: ln, of: l, closed: make(chan struct{})}
}

// State is to be the server's ConnState: it says which connections rest.
func (l *Limit) State(c net.Conn, s http.ConnState) {
	l.mu.Lock()
	l.forget(c)
	evict := s == http.StateIdle && l.waiting
	if s == http.StateIdle && !evict {
		l.rest(c)
	}
	l.mu.Unlock()
	if evict {
		end(c)
	}
}

func (l *Limit) rest(c net.Conn) {
	r := &resting{conn: c, prev: l.last}
	if l.last != nil {
		l.last.next = r
	} else {
		l.first = r
	}
	l.last, l.idle[c] = r, r
}

func (l *Limit) forget(c net.Conn) {
	r := l.idle[c]
	if r == nil {
		return
	}
	delete(l.idle, c)
	if r.prev != nil {
		r.prev.next = r.next
	} else {
		l.first = r.next
	}
	if r.next != nil {
		r.next.prev = r.prev
	} else {
		l.last = r.prev
	}
}

// wait says whether somebody waits for a place, and ends the connection that rests longest
// if one does.
func (l *Limit) wait(somebody bool) {
	l.mu.Lock()
	l.waiting = somebody
	var c net.Conn
	if somebody && l.first != nil {
		c = l.first.conn
		l.forget(c)
	}
	l.mu.Unlock()
	if c != nil {
		end(c)
	}
}

// end closes a connection without a word that the other side would have to take.
func end(c net.Conn) {
	if t, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = t.NetConn()
	}
	_ = c.Close() // it is gone either way
}

// limited is a listener of a Limit.
type limited struct {
	net.Listener
	of     *Limit
	once   sync.Once
	closed chan struct{}
}

// Accept implements net.Listener.
func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.of.places <- struct{}{}:
	default:
		l.of.wait(true)
		select {
		case l.of.places <- struct{}{}:
			l.of.wait(false)
		case <-l.closed:
			l.of.wait(false)
			return nil, net.ErrClosed
		}
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.of.places
		return nil, err
	}
	return &placed{Conn: c, leave: sync.OnceFunc(func() { <-l.of.places })}, nil
}

// Close implements net.Listener.
func (l *limited) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// placed is a connection that has one of the places.
type placed struct {
	net.Conn
	leave func()
}

// Close implements net.Conn.
func (c *placed) Close() error {
	err := c.Conn.Close()
	c.leave()
	return err
}
