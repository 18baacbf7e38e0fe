//go:build linux || darwin

package listen

import "syscall"

// openFiles is how many files the process may open; 0: nobody knows.
func openFiles() uint64 {
	var l syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l) != nil {
		return 0
	}
	return l.Cur
}
