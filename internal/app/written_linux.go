package app

import (
	"bufio"
	"bytes"
	"os"
	"strconv"
	"strings"
)

// writtenBytes returns how many bytes this process has handed to write and its like, to
// files and everything else (wchar of proc_pid_io(5)); false where the kernel does not say.
func writtenBytes() (int64, bool) {
	raw, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return 0, false
	}
	for lines := bufio.NewScanner(bytes.NewReader(raw)); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), "wchar: "); ok {
			n, err := strconv.ParseInt(text, 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}
