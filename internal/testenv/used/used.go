//go:build unix

// Package used says what the process of a test or a benchmark has used so far. Times by the
// clock say little on a shared machine.
package used

import (
	"syscall"
	"testing"
	"time"
)

// CPU is the processor time, of user and system, the collector's included.
func CPU(tb testing.TB) time.Duration {
	tb.Helper()
	u := all(tb)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// PeakMB is the most memory that was resident, in MiB.
func PeakMB(tb testing.TB) float64 {
	tb.Helper()
	return float64(all(tb).Maxrss) / 1024
}

func all(tb testing.TB) syscall.Rusage {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return u
}

// Within fails the test where do takes more processor time than most, what the collector
// does of it included: a bound that holds beside other programs. Nothing else of the
// process may be at work meanwhile, which a parallel test is.
func Within(tb testing.TB, what string, most time.Duration, do func()) {
	tb.Helper()
	before := CPU(tb)
	do()
	if took := CPU(tb) - before; took > most {
		tb.Errorf("%s took %v of processor time, more than %v", what, took, most)
	}
}
