package sqlite

import (
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// A file system between SQLite and the real one, which keeps a protocol of every
// write, truncation, deletion and sync: from it the disk can be put together as a
// power cut at any moment would leave it. SQLite calls it as it calls its own; the
// real one does the work.

// event is one step of the protocol.
type event struct {
	kind eventKind
	file string // base name
	off  int64  // of a write; the new length of a truncation
	data []byte // of a write
	ack  int    // of an acknowledgement: the number of the document
}

type eventKind uint8

const (
	wrote eventKind = iota
	truncated
	synced
	deleted
	acknowledged
)

// protocol is what one test recorded.
type protocol struct {
	mu     sync.Mutex
	events []event
}

func (p *protocol) add(e event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events = append(p.events, e)
}

// shim is the registered file system. SQLite's list of file systems is the
// process's, and its functions are plain addresses: so this is a variable of the
// package, and one test uses it at a time.
var shim struct {
	mu      sync.Mutex
	once    sync.Once
	real    uintptr             // the default file system
	methods map[uintptr]uintptr // real methods → ours
	back    map[uintptr]uintptr // ours → real methods
	files   map[uintptr]string  // open files
	to      *protocol           // nil: nothing is recorded
}

const shimName = "cofferdam-test-shim"

// useShim lets a test record, under the name of a file system to open with.
func useShim(t *testing.T) (name string, p *protocol) {
	t.Helper()
	shim.once.Do(func() {
		tls := libc.NewTLS()
		shim.methods, shim.back, shim.files = map[uintptr]uintptr{}, map[uintptr]uintptr{}, map[uintptr]string{}
		shim.real = sqlite3.Xsqlite3_vfs_find(tls, 0)
		own := libc.Xmalloc(tls, libc.Tsize_t(unsafe.Sizeof(sqlite3.Tsqlite3_vfs{})))
		v := at[sqlite3.Tsqlite3_vfs](own)
		*v = *at[sqlite3.Tsqlite3_vfs](shim.real)
		cname, err := libc.CString(shimName)
		if err != nil {
			t.Fatal(err)
		}
		v.FzName, v.FpNext = cname, 0
		v.FxOpen, v.FxDelete = pointer(shimOpen), pointer(shimDelete)
		if rc := sqlite3.Xsqlite3_vfs_register(tls, own, 0); rc != sqlite3.SQLITE_OK {
			t.Fatalf("the file system was not registered: %d", rc)
		}
	})
	p = &protocol{}
	shim.mu.Lock()
	shim.to = p
	shim.mu.Unlock()
	t.Cleanup(func() {
		shim.mu.Lock()
		shim.to = nil
		shim.mu.Unlock()
	})
	return shimName, p
}

// at views memory of SQLite's.
func at[T any](p uintptr) *T { return *(**T)(unsafe.Pointer(&p)) }

// pointer is the address of a function of this package, as SQLite calls it.
func pointer(f any) uintptr {
	type face [2]uintptr
	return (*face)(unsafe.Pointer(&f))[1]
}

// function is the function at an address.
func function[F any](p uintptr) F { return *(*F)(unsafe.Pointer(&p)) }

func record(e event) {
	shim.mu.Lock()
	to := shim.to
	shim.mu.Unlock()
	if to != nil {
		to.add(e)
	}
}

// of returns the name of an open file and its real methods.
func of(file uintptr) (string, *sqlite3.Tsqlite3_io_methods) {
	shim.mu.Lock()
	defer shim.mu.Unlock()
	return shim.files[file], at[sqlite3.Tsqlite3_io_methods](shim.back[at[sqlite3.Tsqlite3_file](file).FpMethods])
}

func shimOpen(tls *libc.TLS, _, name, file uintptr, flags int32, out uintptr) int32 {
	below := at[sqlite3.Tsqlite3_vfs](shim.real)
	rc := function[func(*libc.TLS, uintptr, uintptr, uintptr, int32, uintptr) int32](below.FxOpen)(tls, shim.real, name, file, flags, out)
	f := at[sqlite3.Tsqlite3_file](file)
	if rc != sqlite3.SQLITE_OK || f.FpMethods == 0 || name == 0 {
		return rc
	}
	shim.mu.Lock()
	defer shim.mu.Unlock()
	ours := shim.methods[f.FpMethods]
	if ours == 0 {
		ours = libc.Xmalloc(tls, libc.Tsize_t(unsafe.Sizeof(sqlite3.Tsqlite3_io_methods{})))
		m := at[sqlite3.Tsqlite3_io_methods](ours)
		*m = *at[sqlite3.Tsqlite3_io_methods](f.FpMethods)
		m.FxClose, m.FxWrite, m.FxTruncate, m.FxSync = pointer(shimClose), pointer(shimWrite), pointer(shimTruncate), pointer(shimSync)
		shim.methods[f.FpMethods], shim.back[ours] = ours, f.FpMethods
	}
	f.FpMethods = ours
	shim.files[file] = filepath.Base(libc.GoString(name))
	return rc
}

func shimClose(tls *libc.TLS, file uintptr) int32 {
	_, m := of(file)
	rc := function[func(*libc.TLS, uintptr) int32](m.FxClose)(tls, file)
	shim.mu.Lock()
	defer shim.mu.Unlock()
	delete(shim.files, file)
	return rc
}

func shimWrite(tls *libc.TLS, file, data uintptr, n int32, off int64) int32 {
	name, m := of(file)
	rc := function[func(*libc.TLS, uintptr, uintptr, int32, int64) int32](m.FxWrite)(tls, file, data, n, off)
	if rc == sqlite3.SQLITE_OK {
		record(event{kind: wrote, file: name, off: off, data: slices.Clone(libc.GoBytes(data, int(n)))})
	}
	return rc
}

func shimTruncate(tls *libc.TLS, file uintptr, size int64) int32 {
	name, m := of(file)
	rc := function[func(*libc.TLS, uintptr, int64) int32](m.FxTruncate)(tls, file, size)
	if rc == sqlite3.SQLITE_OK {
		record(event{kind: truncated, file: name, off: size})
	}
	return rc
}

func shimSync(tls *libc.TLS, file uintptr, flags int32) int32 {
	name, m := of(file)
	rc := function[func(*libc.TLS, uintptr, int32) int32](m.FxSync)(tls, file, flags)
	if rc == sqlite3.SQLITE_OK {
		record(event{kind: synced, file: name})
	}
	return rc
}

func shimDelete(tls *libc.TLS, _, name uintptr, syncDir int32) int32 {
	below := at[sqlite3.Tsqlite3_vfs](shim.real)
	rc := function[func(*libc.TLS, uintptr, uintptr, int32) int32](below.FxDelete)(tls, shim.real, name, syncDir)
	if rc == sqlite3.SQLITE_OK {
		record(event{kind: deleted, file: filepath.Base(libc.GoString(name))})
	}
	return rc
}
