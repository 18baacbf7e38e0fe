package program_test

import (
	"net"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/internal/testenv/program"
)

// Who names a free port listens there; nobody else is given it, and no port is given twice.
func TestFreePort(t *testing.T) {
	seen := map[string]bool{}
	for range 50 {
		port := program.FreePort(t)
		if seen[port] {
			t.Errorf("port %s is given twice", port)
		}
		seen[port] = true
	}
	var others []net.Listener
	for range 200 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		others = append(others, l)
		if _, port, _ := strings.Cut(l.Addr().String(), ":"); seen[port] {
			t.Errorf("port %s is given to another", port)
		}
	}
	for port := range seen {
		for range 2 { // a server that is started again
			l, err := net.Listen("tcp", "127.0.0.1:"+port)
			if err != nil {
				t.Fatal(err)
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, l := range others {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}
