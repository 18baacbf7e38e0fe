//go:build unix

package mapped

import "golang.org/x/sys/unix"

func acquire(n int) ([]byte, error) {
	// Pages of megabytes (MADV_HUGEPAGE) were half a second slower for 256 MB: they are
	// split as parts are given back.
	return unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
}

// A system that keeps the pages costs memory only.
func forget(b []byte) { _ = unix.Madvise(b, unix.MADV_DONTNEED) }

func free(b []byte) {
	if err := unix.Munmap(b); err != nil {
		panic(err) // it is not what acquire returned
	}
}
