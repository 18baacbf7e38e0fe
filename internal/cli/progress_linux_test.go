package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// terminal is a pseudo-terminal: what is written to tty arrives at screen.
type terminal struct {
	tty    *os.File
	mu     sync.Mutex
	seen   bytes.Buffer
	change chan struct{} // told after each piece that arrives
	ended  chan struct{}
	master *os.File
}

func newTerminal(t *testing.T) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no pseudo-terminal can be opened here: %v", err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	var tty *os.File
	if err == nil {
		tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		_ = master.Close()
		t.Skipf("no pseudo-terminal can be opened here: %v", err)
	}
	if err := unix.IoctlSetWinsize(int(tty.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 60}); err != nil {
		t.Fatal(err)
	}
	x := &terminal{tty: tty, master: master, change: make(chan struct{}, 1024), ended: make(chan struct{})}
	go func() {
		defer close(x.ended)
		buf := make([]byte, 4096)
		for {
			n, err := master.Read(buf)
			x.mu.Lock()
			x.seen.Write(buf[:n])
			x.mu.Unlock()
			if err != nil {
				return
			}
			x.change <- struct{}{}
		}
	}()
	return x
}

func (x *terminal) screen() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.seen.String()
}

// until waits for a text to arrive.
func (x *terminal) until(t *testing.T, text string) {
	t.Helper()
	limit := time.After(time.Minute)
	for !strings.Contains(x.screen(), text) {
		select {
		case <-x.change:
		case <-limit:
			t.Fatalf("%q did not arrive: %q", text, x.screen())
		}
	}
}

// close returns all that ever arrived.
func (x *terminal) close() string {
	_ = x.tty.Close()
	<-x.ended // the last writer has gone, so that reading ends
	_ = x.master.Close()
	return x.screen()
}

// slowClock moves when the test says so.
type slowClock struct {
	mu    sync.Mutex
	t     time.Time
	ticks chan time.Time
	asked int
}

func newSlowClock() *slowClock { return &slowClock{ticks: make(chan time.Time)} }

func (c *slowClock) clock() clock {
	return clock{
		now: func() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.t },
		every: func(time.Duration) (<-chan time.Time, func()) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.asked++
			return c.ticks, func() {}
		},
	}
}

// advance moves the clock and ticks once; it returns when the meter has taken the tick.
func (c *slowClock) advance(d time.Duration) {
	c.mu.Lock()
	c.t = c.t.Add(d)
	now := c.t
	c.mu.Unlock()
	c.ticks <- now
}

// pending is a standard input that has not ended: work that takes long.
type pending struct {
	opened chan struct{}
	once   sync.Once
	data   chan string
}

func (p *pending) Read(b []byte) (int, error) {
	p.once.Do(func() { close(p.opened) })
	s, ok := <-p.data
	if !ok {
		return 0, io.EOF
	}
	return copy(b, s), nil
}

const onePod = "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop}\nspec: {containers: [{name: web, image: registry.example/web}]}\n"

// TestProgress: on a terminal long work is told of after a second, in one line,
// which is gone when the answer is printed.
func TestProgress(t *testing.T) {
	defer goleak.VerifyNone(t)
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "1") // is about colour
	x, c := newTerminal(t), newSlowClock()
	in := &pending{opened: make(chan struct{}), data: make(chan string)}
	var out bytes.Buffer
	var code int
	var shownBefore string
	done := make(chan struct{})
	go func() {
		defer close(done)
		code = run(context.Background(), []string{"map", "-f", "-", "-f", "absent.yaml"}, in, &out, x.tty, c.clock())
	}()
	<-in.opened
	c.advance(900 * time.Millisecond)
	c.advance(300 * time.Millisecond) // the first tick has been dealt with
	x.until(t, "reading manifests  1s")
	c.advance(2 * time.Second)
	x.until(t, "reading manifests  3s")
	shownBefore = x.screen()
	in.data <- onePod
	close(in.data)
	<-done
	screen := x.close()
	if !strings.HasPrefix(shownBefore, wipe+"reading manifests  1s"+wipe) {
		t.Errorf("before a second has passed something is shown, or the line is not written anew: %q", shownBefore)
	}
	if code != 1 || !strings.HasSuffix(screen, wipe+"cofferdam: absent.yaml: no such file or folder\r\n") {
		t.Errorf("exit %d; the line is not wiped before the error: %q", code, screen)
	}
}

// TestProgressEndsBeforeTheAnswer: the line is wiped before output and notes.
func TestProgressEndsBeforeTheAnswer(t *testing.T) {
	defer goleak.VerifyNone(t)
	t.Setenv("TERM", "xterm")
	x, c := newTerminal(t), newSlowClock()
	in := &pending{opened: make(chan struct{}), data: make(chan string)}
	done := make(chan int)
	go func() {
		done <- run(context.Background(), []string{"map", "-f", "-", "--color=never"}, in, x.tty, x.tty, c.clock())
	}()
	<-in.opened
	c.advance(1500 * time.Millisecond)
	x.until(t, "reading manifests  1s")
	in.data <- onePod + "---\nkind: [\n"
	close(in.data)
	code := <-done
	screen := x.close()
	after, ok := strings.CutPrefix(screen, wipe+"reading manifests  1s"+wipe+"quarantined: ")
	if code != 4 || !ok || strings.Contains(after, "\x1b") || !strings.Contains(after, "1 workload in 1 namespace") {
		t.Errorf("exit %d: %q", code, screen)
	}
}

// TestNoProgress: without a terminal, with -q and on a terminal that cannot wipe
// a line nothing is measured at all.
func TestNoProgress(t *testing.T) {
	for name, c := range map[string]struct {
		term string
		args []string
		pipe bool
	}{
		"quiet":         {term: "xterm", args: []string{"-q"}},
		"dumb terminal": {term: "dumb"},
		"pipe":          {term: "xterm", pipe: true},
	} {
		t.Run(name, func(t *testing.T) {
			defer goleak.VerifyNone(t)
			t.Setenv("TERM", c.term)
			x, clk := newTerminal(t), newSlowClock()
			var stderr io.Writer = x.tty
			if c.pipe {
				stderr = new(bytes.Buffer)
			}
			var out bytes.Buffer
			code := run(context.Background(), append([]string{"map", "-f", "-"}, c.args...), strings.NewReader(onePod), &out, stderr, clk.clock())
			if screen := x.close(); code != 0 || screen != "" || clk.asked != 0 {
				t.Errorf("exit %d, %q, the clock was asked %d times", code, screen, clk.asked)
			}
		})
	}
}

// TestProgressFitsTheTerminal: a line that wraps could not be wiped.
func TestProgressFitsTheTerminal(t *testing.T) {
	var b bytes.Buffer
	c := newSlowClock()
	m := &meter{w: &b, width: 20, clock: c.clock(), quit: make(chan struct{}), ended: make(chan struct{})}
	close(m.ended)
	m.at("a stage with a long \x1b[2J name", 3, 10)
	c.t = c.t.Add(time.Minute)
	m.paint()
	if got := strings.TrimPrefix(b.String(), wipe); len([]rune(got)) != 19 || strings.Contains(got, "\x1b") {
		t.Errorf("%q", got)
	}
	m.end()
	m.end()
	if !strings.HasSuffix(b.String(), wipe) {
		t.Errorf("%q", b.String())
	}
}
