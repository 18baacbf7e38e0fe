package confine

import "golang.org/x/sys/unix"

// confineSelf has the kernel hold the limits: on what the process may write to in memory,
// with room for the runtime, on processor time, and on files, of which it needs none.
func confineSelf(memory uint64) error {
	seconds := uint64(maxTime.Seconds()) + 1
	for resource, limit := range map[int]uint64{unix.RLIMIT_DATA: 2 * memory, unix.RLIMIT_CPU: seconds, unix.RLIMIT_FSIZE: 0, unix.RLIMIT_CORE: 0, unix.RLIMIT_NOFILE: 16} {
		var now unix.Rlimit
		if err := unix.Getrlimit(resource, &now); err != nil {
			return err
		}
		limit = min(limit, now.Max)
		if err := unix.Setrlimit(resource, &unix.Rlimit{Cur: limit, Max: limit}); err != nil {
			return err
		}
	}
	return nil
}
