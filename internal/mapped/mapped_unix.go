//go:build unix

package mapped

import "golang.org/x/sys/unix"

func acquire(n int) ([]byte, error) {
	b, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err == nil {
		fewerPages(b)
	}
	return b, err
}

// A system that keeps the pages costs memory only.
func forget(b []byte) { _ = unix.Madvise(b, unix.MADV_DONTNEED) }

func free(b []byte) {
	if err := unix.Munmap(b); err != nil {
		panic(err) // it is not what acquire returned
	}
}
