package program

import (
	"context"
	"errors"
	"syscall"
)

// reserve binds a socket to a port and does not listen. To a bound port the system neither
// gives connections nor sockets that ask for any port; one that names it may listen there,
// since both have SO_REUSEADDR (socket(7)), as servers do.
func reserve(context.Context) (port int, end func(), err error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, nil, err
	}
	end = func() { _ = syscall.Close(fd) }
	if err = errors.Join(syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1), syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})); err == nil {
		var at syscall.Sockaddr
		if at, err = syscall.Getsockname(fd); err == nil {
			return at.(*syscall.SockaddrInet4).Port, end, nil //nolint:forcetypeassert // it was bound to one
		}
	}
	end()
	return 0, nil, err
}
