//go:build !unix

package callout

import "os/exec"

// detach does nothing where there are no process groups: the program itself is killed.
func detach(*exec.Cmd) {}
