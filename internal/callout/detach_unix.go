//go:build unix

package callout

import (
	"os/exec"
	"syscall"
)

// detach puts a program into a process group of its own, all of which is killed when its
// time is over.
func detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
