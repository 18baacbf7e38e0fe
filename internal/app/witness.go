package app

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/witness"
)

// Witnesses reads lock files, named or found in folders, and the package databases below
// the root of an image that was unpacked to a folder; "" for none. Nothing outside that
// folder is opened, whatever links in it say. One that cannot be understood is a problem.
func (l *Loader) Witnesses(ctx context.Context, locks []string, rootfs string) ([]*witness.List, []Problem, error) {
	var out []*witness.List
	problems, err := l.eachLock(ctx, locks, func(list *witness.List, _ []byte) error {
		out = append(out, list)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	if rootfs == "" {
		return out, problems, nil
	}
	lists, more, err := databases(ctx, rootfs)
	if err == nil && len(lists)+len(more) == 0 {
		err = ident.Errorf(ident.KindFailure, "no package database of dpkg, apk or rpm is below %s", rootfs).
			WithHint("it is the root of an image: crane export IMAGE - | tar -x -C %s", rootfs)
	}
	return append(out, lists...), append(problems, more...), err
}

// eachLock hands over lock files, named or found in folders, with their bytes. One that cannot
// be understood, or that take refuses, is a problem.
func (l *Loader) eachLock(ctx context.Context, locks []string, take func(*witness.List, []byte) error) ([]Problem, error) {
	var problems []Problem
	for _, arg := range locks {
		files, err := l.expand(arg, isLock)
		if err != nil {
			return nil, err
		}
		if len(files) == 0 {
			return nil, ident.Errorf(ident.KindFailure, "no lock file that is read is in %s", arg).WithHint("one of: %s", strings.Join(witness.Files(), ", "))
		}
		for _, f := range files {
			raw, err := l.read(ctx, f.name)
			if err != nil {
				return nil, err
			}
			list, err := witness.Read(f.name, raw)
			if err == nil {
				err = take(list, raw)
			}
			if err != nil {
				problems = append(problems, problemOf(f.name, err))
			}
		}
	}
	return problems, nil
}

// isLock tells a lock file by its name.
func isLock(name string) bool {
	return slices.Contains(witness.Files(), path.Base(filepath.ToSlash(name)))
}

// IsLock reports whether a file is one that Locked reads.
func (l *Loader) IsLock(name string) bool { return isLock(name) && l.isFile(name) }

// Locked reads what lock files resolve, named or found in folders, as documents: what is to be
// built, before it is. What a file leaves open is a problem. A go.sum beside a go.mod is
// passed over.
func (l *Loader) Locked(ctx context.Context, locks []string) ([]*sbom.Document, []Problem, error) {
	var docs []*sbom.Document
	var open []Problem
	problems, err := l.eachLock(ctx, locks, func(list *witness.List, raw []byte) error {
		if list.Silent && l.isFile(path.Join(path.Dir(filepath.ToSlash(list.Source)), "go.mod")) && !slices.Contains(locks, list.Source) {
			return nil
		}
		d, err := list.Document(raw)
		if err != nil {
			return err
		}
		for _, u := range list.Unknown {
			open = append(open, Problem{Where: list.Source, Message: u})
		}
		docs = append(docs, d)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	return docs, append(problems, open...), nil
}

// rpmFiles are the names that databases of rpm have.
var rpmFiles = []string{"rpmdb.sqlite", "Packages", "Packages.db"}

func databases(ctx context.Context, rootfs string) ([]*witness.List, []Problem, error) {
	root, err := os.OpenRoot(rootfs)
	if err != nil {
		return nil, nil, ident.Unreadable(rootfs, err)
	}
	defer root.Close()
	var out []*witness.List
	var problems []Problem
	take := func(name string, read func(string, []byte) (*witness.List, error)) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		shown := filepath.Join(rootfs, filepath.FromSlash(name))
		raw, err := within(root, name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			problems = append(problems, Problem{Where: shown, Message: "cannot be read: " + err.Error(), Hint: "links that lead out of the folder are not followed"})
			return nil //nolint:nilerr // a problem, and told as one
		}
		list, err := read(shown, raw)
		if err != nil {
			problems = append(problems, problemOf(shown, err))
			return nil
		}
		out = append(out, list)
		return nil
	}
	for _, name := range []string{"lib/apk/db/installed", "usr/lib/apk/db/installed"} {
		if err := take(name, witness.Apk); err != nil {
			return nil, nil, err
		}
		if len(out)+len(problems) > 0 {
			break // one is a link to the other where both are there
		}
	}
	if err := take("var/lib/dpkg/status", witness.Dpkg); err != nil {
		return nil, nil, err
	}
	entries, err := fs.ReadDir(root.FS(), "var/lib/dpkg/status.d")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		problems = append(problems, Problem{Where: filepath.Join(rootfs, "var/lib/dpkg/status.d"), Message: "cannot be read: " + err.Error()})
	}
	for _, e := range entries {
		if e.Type().IsRegular() && !strings.HasSuffix(e.Name(), ".md5sums") {
			if err := take("var/lib/dpkg/status.d/"+e.Name(), witness.Dpkg); err != nil {
				return nil, nil, err
			}
		}
	}
	for _, dir := range []string{"var/lib/rpm", "usr/lib/sysimage/rpm"} {
		n := len(out) + len(problems)
		for _, name := range rpmFiles {
			if err := take(dir+"/"+name, witness.RPM); err != nil {
				return nil, nil, err
			}
		}
		if st, err := root.Stat(dir + "/rpmdb.sqlite-wal"); err == nil && st.Size() > 0 {
			problems = append(problems, Problem{Where: filepath.Join(rootfs, dir, "rpmdb.sqlite-wal"), Message: "holds changes of the database of rpm that are not in it yet", Hint: "rpm --rebuilddb --root DIR, or an image whose build ended in order"})
		}
		if len(out)+len(problems) > n {
			break // one is a link to the other where both are there
		}
	}
	return out, problems, nil
}

// within reads a file below a root, of bounded size.
func within(root *os.Root, name string) ([]byte, error) {
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		return nil, errors.Join(err, errors.New("is not a regular file"))
	}
	return io.ReadAll(io.LimitReader(f, witness.MaxBytes+1))
}
