package callout_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/internal/callout"
)

// TestMain makes this program one that is asked, if it is started with a word.
func TestMain(m *testing.M) {
	switch strings.Join(os.Args[1:], " ") {
	default:
		os.Exit(m.Run())
	case "echo":
		fmt.Print(os.Getenv("WORD"), len(os.Environ()))
		_, _ = os.Stdout.ReadFrom(os.Stdin)
	case "sleep":
		time.Sleep(time.Minute)
	case "breed": // a child that would outlive it, with its standard output
		self, _ := os.Executable()
		c := exec.Command(self, "sleep")
		c.Stdout = os.Stdout
		if err := c.Start(); err != nil {
			os.Exit(1)
		}
		// Under its name there is nothing, or the whole number.
		if err := errors.Join(os.WriteFile("child.part", []byte(strconv.Itoa(c.Process.Pid)), 0o600), os.Rename("child.part", "child")); err != nil {
			os.Exit(1)
		}
		_ = c.Wait()
	case "flood":
		for range 100 {
			fmt.Println(strings.Repeat("x", 1000))
		}
	case "fail":
		fmt.Fprintln(os.Stderr, "the account\x1b is\n locked", strings.Repeat("z", 1000))
		os.Exit(7)
	case "fail quietly":
		os.Exit(8)
	}
}

func call(t *testing.T, args ...string) callout.Call {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return callout.Call{Program: self, Args: args, Stdin: []byte("?"), Env: []string{"WORD=hi"}, Dir: t.TempDir(), Time: time.Minute, Most: 1000}
}

func TestRun(t *testing.T) {
	t.Setenv("SECRET", "s")
	a, err := call(t, "echo").Run(t.Context())
	if err != nil || string(a.Out) != "hi1?" || a.Ended != nil {
		t.Errorf("%+v %v", a, err)
	}
	none := call(t, "echo")
	none.Env = nil
	if a, err := none.Run(t.Context()); err != nil || string(a.Out) != "0?" {
		t.Errorf("an environment that nobody gave: %+v %v", a, err)
	}
	if _, err := call(t, "flood").Run(t.Context()); !errors.Is(err, callout.ErrLong) {
		t.Errorf("%v", err)
	}
	var exit *exec.ExitError
	if a, err := call(t, "fail").Run(t.Context()); err != nil || !errors.As(a.Ended, &exit) || exit.ExitCode() != 7 || !strings.Contains(a.Why(), "is locked z") || len(a.Why()) > 500 {
		t.Errorf("%+v %v", a, err)
	}
	if a, err := call(t, "fail quietly").Run(t.Context()); err != nil || a.Why() != "exit status 8" {
		t.Errorf("%+v %v", a, err)
	}
	missing := call(t)
	missing.Program = filepath.Join(t.TempDir(), "none")
	if a, err := missing.Run(t.Context()); err != nil || errors.As(a.Ended, &exit) || !errors.Is(a.Ended, os.ErrNotExist) {
		t.Errorf("%+v %v", a, err)
	}
}

func TestTime(t *testing.T) {
	slow := call(t, "sleep")
	slow.Time = 100 * time.Millisecond
	if _, err := slow.Run(t.Context()); !errors.Is(err, callout.ErrSlow) {
		t.Errorf("%v", err)
	}
	gone := errors.New("nobody waits")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(gone)
	if _, err := call(t, "sleep").Run(ctx); !errors.Is(err, gone) {
		t.Errorf("%v", err)
	}
}

// TestDetached: what a program started ends with it.
func TestDetached(t *testing.T) {
	c := call(t, "breed")
	c.Detached = true
	// It is given up once the child is there, however long that takes: the limit of time
	// ends a program in the same way.
	enough := errors.New("the child is there")
	ctx, give := context.WithCancelCause(t.Context())
	pid := 0
	var waiting sync.WaitGroup
	waiting.Go(func() {
		defer give(enough)
		for ; pid == 0 && ctx.Err() == nil; time.Sleep(5 * time.Millisecond) {
			raw, _ := os.ReadFile(filepath.Join(c.Dir, "child")) // it comes
			pid, _ = strconv.Atoi(string(raw))
		}
	})
	_, err := c.Run(ctx)
	give(err)
	if waiting.Wait(); !errors.Is(err, enough) {
		t.Fatalf("%v", err)
	}
	for end := time.Now().Add(time.Minute); running(pid); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the child of a program that was given up runs on")
		}
	}
}

// running reports whether a process is there and is not merely waited for.
func running(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

func TestEnvironment(t *testing.T) {
	got := callout.Environment([]string{"PATH=/bin", "AWS_REGION=x", "AWS=s", "NAMED=n", "NAMED2=s", "TOKEN=s"}, []string{"NAMED", ""}, []string{"AWS_"})
	if strings.Join(got, " ") != "PATH=/bin AWS_REGION=x NAMED=n" {
		t.Errorf("%q", got)
	}
}
