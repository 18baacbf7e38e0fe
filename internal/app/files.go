package app

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Limits on what is read from outside. They are far above honest input and far
// below what would exhaust a small machine.
const (
	maxFileBytes = 512 << 20 // one file, compressed or not
	maxFiles     = 200_000   // files of one argument
)

// Files opens what a user names. The zero value reads the operating system's
// files; with FS set, paths are slash-separated paths of that file system.
type Files struct {
	FS    fs.FS
	Stdin io.Reader
	// Remote reads the document with a digest from a server; nil: there is none, and a
	// digest is a name like any other.
	Remote func(context.Context, ident.Digest) ([]byte, error)

	judgedBy *judgedBy // notes what is judged by as it is read; nil: nobody asks
}

// remote returns the digest that a name is, where digests are read from a server.
func (f Files) remote(name string) (ident.Digest, bool) {
	if f.Remote == nil {
		return ident.Digest{}, false
	}
	d, err := ident.ParseDigest(name)
	return d, err == nil
}

// isDigest reports whether a name has the form of a digest, be it one or not: it never
// names an image, whose tag such a thing would be.
func isDigest(name string) bool {
	return strings.HasPrefix(name, "sha256:") || strings.HasPrefix(name, "sha512:")
}

// missing says why nothing is there under a name that a user gave.
func (f Files) missing(name string, err error) error {
	if !isDigest(name) || !errors.Is(err, fs.ErrNotExist) {
		return ident.Unreadable(name, err)
	}
	if _, err := ident.ParseDigest(name); err != nil {
		return ident.Errorf(ident.KindUsage, "%w", err)
	}
	return ident.Errorf(ident.KindUsage, "no file is named %s, and no server is named that may have a document with this digest", name).
		WithHint("--server URL, or COFFERDAM_SERVER=URL, with commands that take it")
}

// file is one file to read, under the name that users see.
type file struct {
	name string
	// walked is true where the file was found in a folder and not named: it may
	// then be something else entirely, and is passed over if it is.
	walked bool
}

const stdinName = "-"

// StandardInput makes standard input something that one argument of a command can name:
// a second one would find it empty, and be taken for an empty document. nil stays nil.
func StandardInput(r io.Reader) io.Reader {
	if r == nil {
		return nil
	}
	return &standardInput{Reader: r}
}

type standardInput struct {
	io.Reader
	taken atomic.Bool
}

// stdin hands standard input over, to be read to its end.
func (f Files) stdin() (io.Reader, error) {
	if f.Stdin == nil {
		return nil, ident.Errorf(ident.KindUsage, "standard input is not available")
	}
	if s, ok := f.Stdin.(*standardInput); ok && s.taken.Swap(true) {
		return nil, ident.Errorf(ident.KindUsage, "- is given twice: standard input can be read once").WithHint("put one of the two into a file")
	}
	return f.Stdin, nil
}

func (f Files) stat(name string) (fs.FileInfo, error) {
	if f.FS != nil {
		return fs.Stat(f.FS, path.Clean(name))
	}
	return os.Stat(name)
}

func (f Files) open(name string) (io.ReadCloser, error) {
	if f.FS != nil {
		return f.FS.Open(path.Clean(name))
	}
	return os.Open(name)
}

// read returns the content of one file, refusing what is larger than maxFileBytes.
func (f Files) read(ctx context.Context, name string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if d, ok := f.remote(name); ok {
		return f.Remote(ctx, d)
	}
	var r io.Reader
	size := int64(-1) // not known
	if name == stdinName {
		in, err := f.stdin()
		if err != nil {
			return nil, err
		}
		r = in
	} else {
		rc, err := f.open(name)
		if err != nil {
			return nil, f.missing(name, err)
		}
		defer rc.Close()
		if st, err := f.stat(name); err == nil {
			if !st.Mode().IsRegular() && st.Mode()&(fs.ModeNamedPipe|fs.ModeCharDevice) == 0 {
				return nil, ident.Errorf(ident.KindFailure, "is not a regular file").At(name)
			}
			if st.Mode().IsRegular() {
				size = st.Size()
			}
		}
		r = rc
	}
	if size > maxFileBytes {
		return nil, tooLarge(name)
	}
	data, err := readAll(ctxReader{ctx, r}, size)
	switch {
	case errors.Is(err, errTooLarge):
		return nil, tooLarge(name)
	case err != nil:
		return nil, ident.Errorf(ident.KindFailure, "reading: %w", err).At(name)
	}
	f.judgedBy.read(name, data)
	return data, nil
}

var errTooLarge = errors.New("too large")

func tooLarge(name string) error {
	return ident.Errorf(ident.KindLimit, "is larger than %d MiB", maxFileBytes>>20).At(name).
		WithHint("split it; one document of that size is not a document that people write")
}

// readAll reads no more than maxFileBytes, or returns errTooLarge. Where the size is not known
// it gathers pieces and joins them once, so that a stream costs twice its length
// at most, and one that is refused costs the limit.
func readAll(r io.Reader, size int64) ([]byte, error) {
	r = io.LimitReader(r, maxFileBytes+1)
	if size >= 0 {
		var buf bytes.Buffer
		buf.Grow(int(size) + bytes.MinRead)
		n, err := io.Copy(&buf, r)
		if n > maxFileBytes { // it has grown since
			return nil, errTooLarge
		}
		return buf.Bytes(), err
	}
	const piece = 4 << 20
	var pieces [][]byte
	for total := 0; ; {
		p := make([]byte, piece)
		n, err := io.ReadFull(r, p)
		pieces = append(pieces, p[:n])
		total += n
		switch {
		case total > maxFileBytes:
			return nil, errTooLarge
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			if len(pieces) == 1 {
				return pieces[0], nil
			}
			return bytes.Join(pieces, nil), nil
		case err != nil:
			return nil, err
		}
	}
}

// ctxReader stops reading once the context is done, so that a pipe that never
// ends does not outlive an interrupt.
type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (c ctxReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// expand lists the files behind one argument: a file, "-", a folder (read
// recursively, hidden entries left out, only names that want accepts), or a glob.
func (f Files) expand(arg string, want func(name string) bool) ([]file, error) {
	if arg == stdinName {
		return []file{{name: stdinName}}, nil
	}
	if _, ok := f.remote(arg); ok {
		return []file{{name: arg}}, nil
	}
	st, err := f.stat(arg)
	if err != nil {
		if strings.ContainsAny(arg, "*?[") {
			return f.glob(arg, want)
		}
		return nil, f.missing(arg, err)
	}
	if !st.IsDir() {
		return []file{{name: arg}}, nil
	}
	return f.walk(arg, want)
}

func (f Files) glob(pattern string, want func(string) bool) ([]file, error) {
	var names []string
	var err error
	if f.FS != nil {
		names, err = fs.Glob(f.FS, pattern)
	} else {
		names, err = filepath.Glob(pattern)
	}
	if err != nil {
		return nil, ident.Errorf(ident.KindUsage, "%q is a malformed pattern", pattern)
	}
	if len(names) == 0 {
		return nil, ident.Errorf(ident.KindFailure, "no file matches %s", pattern)
	}
	var out []file
	for _, n := range names {
		st, err := f.stat(n)
		if err != nil {
			return nil, ident.Unreadable(n, err)
		}
		if !st.IsDir() {
			out = append(out, file{name: n})
			continue
		}
		sub, err := f.walk(n, want)
		if err != nil {
			return nil, err
		}
		out = append(out, sub...)
	}
	return out, nil
}

func (f Files) walk(root string, want func(string) bool) ([]file, error) {
	var out []file
	visit := func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return ident.Unreadable(p, err)
		case p != root && strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir() || !want(p):
			return nil
		}
		if len(out) == maxFiles {
			return ident.Errorf(ident.KindLimit, "holds more than %d files", maxFiles).At(root)
		}
		out = append(out, file{name: p, walked: true})
		return nil
	}
	var err error
	if f.FS != nil {
		err = fs.WalkDir(f.FS, path.Clean(root), visit)
	} else {
		err = filepath.WalkDir(root, visit)
	}
	if err != nil {
		return nil, err
	}
	slices.SortFunc(out, func(a, b file) int { return strings.Compare(a.name, b.name) })
	return out, nil
}

func hasExt(exts ...string) func(string) bool {
	return func(name string) bool {
		return slices.Contains(exts, strings.ToLower(path.Ext(filepath.ToSlash(name))))
	}
}

// Text reads one small file of the user's own, or - for standard input.
func (f Files) Text(ctx context.Context, name string) ([]byte, error) { return f.read(ctx, name) }
