package cli

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// clock is what the meter measures with; tests pass their own.
type clock struct {
	now func() time.Time
	// every returns a channel that ticks, and a function that stops it.
	every func(time.Duration) (<-chan time.Time, func())
}

func wallClock() clock {
	return clock{now: time.Now, every: func(d time.Duration) (<-chan time.Time, func()) {
		t := time.NewTicker(d)
		return t.C, t.Stop
	}}
}

const (
	meterPatience = time.Second            // work that ends sooner is not spoken of
	meterInterval = 200 * time.Millisecond // between two writings of the line
)

// meter shows on a terminal what long work is at: one line on standard error
// that is written anew and wiped before anything else is printed. The nil meter
// shows nothing.
type meter struct {
	w     io.Writer
	width int
	clock clock
	began time.Time

	mu          sync.Mutex
	stage       string
	done, total int
	shown       bool

	quit, ended chan struct{}
	once        sync.Once
}

// wipe returns to the first column and clears the line (ECMA-48, 8.3.41).
const wipe = "\r\x1b[K"

// startMeter begins to measure, if standard error is a terminal that can wipe a
// line and notes are wanted.
func (e *env) startMeter() *meter {
	f, ok := e.stderr.(*os.File)
	if !ok || e.quiet || os.Getenv("TERM") == "dumb" || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	m := &meter{w: f, clock: e.clock, began: e.clock.now(), quit: make(chan struct{}), ended: make(chan struct{})}
	if w, _, err := term.GetSize(int(f.Fd())); err == nil {
		m.width = w
	}
	ticks, stop := e.clock.every(meterInterval)
	go func() {
		defer close(m.ended)
		defer stop()
		for {
			select {
			case <-m.quit:
				return
			case <-ticks:
				m.paint()
			}
		}
	}()
	return m
}

// at says what is being done, and how far it is; total 0 if that is not known.
func (m *meter) at(stage string, done, total int) {
	if m == nil {
		return
	}
	m.mu.Lock()
	m.stage, m.done, m.total = stage, done, total
	m.mu.Unlock()
}

func (m *meter) paint() {
	m.mu.Lock()
	defer m.mu.Unlock()
	elapsed := m.clock.now().Sub(m.began)
	if m.stage == "" || elapsed < meterPatience {
		return
	}
	line := m.stage
	if m.total > 1 {
		line += fmt.Sprintf("  %d of %d", m.done, m.total)
	}
	line = safe(line + fmt.Sprintf("  %ds", int(elapsed.Seconds())))
	if r := []rune(line); m.width > 1 && len(r) >= m.width { // a line that wraps cannot be wiped
		line = string(r[:m.width-1])
	}
	_, _ = io.WriteString(m.w, wipe+line) // nobody is told that the terminal went away
	m.shown = true
}

// print runs f, which writes to the terminal, with the line out of the way.
func (m *meter) print(f func()) {
	if m == nil {
		f()
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.clear()
	f()
}

func (m *meter) clear() {
	if m.shown {
		_, _ = io.WriteString(m.w, wipe)
		m.shown = false
	}
}

// end wipes the line for good and waits for the goroutine.
func (m *meter) end() {
	if m == nil {
		return
	}
	m.once.Do(func() {
		close(m.quit)
		<-m.ended
		m.mu.Lock()
		defer m.mu.Unlock()
		m.clear()
	})
}
