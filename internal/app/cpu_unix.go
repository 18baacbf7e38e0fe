//go:build unix

package app

import (
	"syscall"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
)

// usage returns the CPU time that this process has used, and the most memory
// that it ever held, in bytes.
func usage() (cpu time.Duration, peak int64, err error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, 0, ident.Errorf(ident.KindFailure, "the CPU time of this process: %v", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), u.Maxrss * rssUnit, nil
}
