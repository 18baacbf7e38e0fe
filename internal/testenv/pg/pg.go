// Package pg starts a real PostgreSQL for a test, on a Unix socket in a folder of
// its own, and can kill it as a power cut of its processes would.
//
// It is imported by tests only. It downloads and installs nothing: where there are
// no binaries, the test skips and says so (tools/test-deps.sh installs them).
//
//	server := pg.Start(t)
//	dsn := server.Database(t)
//	server.Kill(); server.Restart()
package pg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Server is a running PostgreSQL. Its durability is on, as in production.
type Server struct {
	bin, dir  string
	who       *syscall.Credential // nil: ourselves
	databases int
	options   []string
	mu        sync.Mutex
	cmd       *exec.Cmd
	log       bytes.Buffer
}

// Find returns the folder of PostgreSQL's programs, the newest where there are
// several, and "" where there is none.
func Find() string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // the pattern is well-formed
	slices.SortFunc(found, func(a, b string) int { return version(a) - version(b) })
	if len(found) > 0 {
		return filepath.Dir(found[len(found)-1])
	}
	if p, err := exec.LookPath("initdb"); err == nil {
		if p, err = filepath.EvalSymlinks(p); err == nil {
			return filepath.Dir(p)
		}
	}
	return ""
}

func version(path string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path)))) // 0 for a folder that is no version
	return n
}

// Start makes a cluster and starts its server, with options of the postgres
// program; both are gone when the test ends. It skips the test where there are no
// binaries.
func Start(t testing.TB, options ...string) *Server {
	t.Helper()
	s := create(t, options)
	t.Cleanup(func() {
		if err := s.remove(); err != nil {
			t.Error(err)
		}
	})
	s.Restart(t)
	return s
}

// common is the server that tests of one process share.
var common struct {
	sync.Mutex
	server *Server
}

// Shared is a server that the tests of a package share, each in a database of its
// own, and none of which kills it. TestMain ends it with StopShared.
func Shared(t testing.TB) *Server {
	t.Helper()
	common.Lock()
	defer common.Unlock()
	if common.server == nil {
		common.server = create(t, nil)
		common.server.Restart(t)
	}
	return common.server
}

// StopShared ends the server of Shared, if there is one.
func StopShared() {
	common.Lock()
	defer common.Unlock()
	if common.server == nil {
		return
	}
	if err := common.server.remove(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	common.server = nil
}

// remove kills the server and removes what it kept.
func (s *Server) remove() error {
	s.Kill()
	return os.RemoveAll(s.dir)
}

// create makes a cluster.
func create(t testing.TB, options []string) *Server {
	t.Helper()
	s := &Server{bin: Find(), options: options}
	if s.bin == "" {
		t.Skip("PostgreSQL is not installed: initdb and postgres are in Debian's postgresql-15")
	}
	if os.Geteuid() == 0 {
		// PostgreSQL refuses to run as root.
		for _, name := range []string{"postgres", "nobody"} {
			if u, err := user.Lookup(name); err == nil {
				uid, _ := strconv.ParseUint(u.Uid, 10, 32) // a number on every Unix
				gid, _ := strconv.ParseUint(u.Gid, 10, 32) // as above
				s.who = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
				break
			}
		}
		if s.who == nil {
			t.Skip("PostgreSQL refuses to run as root, and there is neither a user postgres nor a user nobody")
		}
	}
	// A Unix socket's path has room for about a hundred bytes: not under t.TempDir.
	dir, err := os.MkdirTemp("", "cfdm-pg")
	if err != nil {
		t.Fatal(err)
	}
	s.dir = dir
	defer func() {
		if t.Failed() {
			_ = os.RemoveAll(dir) // the test has failed already
		}
	}()
	if s.who != nil {
		if err := os.Chown(dir, int(s.who.Uid), int(s.who.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := s.command("initdb", "-D", s.data(), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync").CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	return s
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// command prepares one of PostgreSQL's programs as its user.
func (s *Server) command(program string, args ...string) *exec.Cmd {
	c := exec.CommandContext(context.Background(), filepath.Join(s.bin, program), args...) // #nosec G204 -- PostgreSQL's own programs
	c.Dir = s.dir
	c.Env = append(os.Environ(), "LC_ALL=C", "PGHOST="+s.dir, "PGUSER=postgres")
	if s.who != nil {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: s.who}
	}
	return c
}

// Run runs one of PostgreSQL's client programs, such as pg_dump, against the
// server, with standard input and output.
func (s *Server) Run(t testing.TB, in []byte, program string, args ...string) []byte {
	t.Helper()
	c := s.command(program, args...)
	var out, faults bytes.Buffer
	c.Stdin, c.Stdout, c.Stderr = bytes.NewReader(in), &out, &faults
	if err := c.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", program, err, faults.Bytes())
	}
	return out.Bytes()
}

// Restart starts the server, which recovers where it was killed, and waits until
// it answers.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cmd = s.command("postgres", append([]string{"-D", s.data(), "-k", s.dir, "-c", "listen_addresses=", "-c", "max_connections=60", "-c", "shared_buffers=16MB", "-c", "log_min_messages=fatal"}, s.options...)...)
	s.log.Reset()
	s.cmd.Stderr = &s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(60 * time.Second)
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		c, err := pgx.Connect(ctx, s.dsn("postgres"))
		if err == nil {
			err = c.Close(ctx)
		}
		cancel()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("PostgreSQL does not answer: %v\n%s", err, s.log.Bytes())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Kill ends the server's every process with SIGKILL, and returns when the
// postmaster is gone. It does nothing where the server is not running.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill() // it may be gone already
	_ = s.cmd.Wait()         // as above: killed is an error
	// The backends notice the postmaster's death and end, and a new postmaster waits
	// for their shared memory.
	s.cmd = nil
}

func (s *Server) dsn(database string) string {
	return fmt.Sprintf("host=%s user=postgres dbname=%s", s.dir, database)
}

// Database makes an empty database and returns how to connect to it.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	s.mu.Lock()
	s.databases++
	name := "test" + strconv.Itoa(s.databases)
	s.mu.Unlock()
	s.exec(t, "CREATE DATABASE "+name)
	return s.dsn(name)
}

// Name is the database of a connection string of Database.
func Name(dsn string) string { return dsn[strings.LastIndex(dsn, "=")+1:] }

// KillBackend kills one of the processes that serve a database with SIGKILL. The
// server then ends all others, since their shared memory is suspect, and recovers by
// itself.
func (s *Server) KillBackend(t testing.TB, dsn string) {
	t.Helper()
	var pid int
	ctx, c, done := s.session(t)
	defer done()
	err := c.QueryRow(ctx, "SELECT pid FROM pg_stat_activity WHERE datname = $1 ORDER BY state = 'active' DESC, random() LIMIT 1", Name(dsn)).Scan(&pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Fatal(err)
	}
}

func (s *Server) exec(t testing.TB, sql string) {
	t.Helper()
	ctx, c, done := s.session(t)
	defer done()
	if _, err := c.Exec(ctx, sql); err != nil {
		t.Fatal(err)
	}
}

// EndSessions ends the connections whose last statement was like a pattern of SQL, as
// a proxy that loses patience would, and returns how many there were.
func (s *Server) EndSessions(t testing.TB, dsn, statement string) int {
	t.Helper()
	ctx, c, done := s.session(t)
	defer done()
	var n int
	if err := c.QueryRow(ctx, "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = $1 AND query LIKE $2", Name(dsn), statement).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// session is a connection to no test's database, until done is called.
func (s *Server) session(t testing.TB) (ctx context.Context, c *pgx.Conn, done func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	c, err := pgx.Connect(ctx, s.dsn("postgres"))
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	return ctx, c, func() {
		_ = c.Close(ctx) // the server may have ended it
		cancel()
	}
}
