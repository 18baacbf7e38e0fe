//go:build !linux

package program

import (
	"context"
	"net"
)

// reserve finds a port that nobody has, and leaves it: another program may take it before
// it is used.
func reserve(ctx context.Context) (port int, end func(), err error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, nil, err
	}
	return l.Addr().(*net.TCPAddr).Port, func() {}, l.Close() //nolint:forcetypeassert // of TCP
}
