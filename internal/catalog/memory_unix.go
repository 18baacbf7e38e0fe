//go:build unix

package catalog

import "golang.org/x/sys/unix"

// mapMemory returns n bytes that the collector knows nothing of.
func mapMemory(n int64) ([]byte, error) {
	return unix.Mmap(-1, 0, int(n), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
}

// forgetMemory gives whole pages of such bytes back. A system that keeps them costs
// memory only.
func forgetMemory(b []byte) { _ = unix.Madvise(b, unix.MADV_DONTNEED) }

func unmapMemory(b []byte) {
	if err := unix.Munmap(b); err != nil {
		panic(err) // it is not what mapMemory returned
	}
}
