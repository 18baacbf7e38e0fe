package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// epoch is the time of every file and image, so that equal inputs give equal digests.
var epoch = time.Unix(1763683200, 0).UTC()

// volatile paths differ from run to run, or tell about the machine that built.
var volatile = []string{"var/log/", "var/cache/", "etc/machine-id", "etc/hostname", "etc/resolv.conf", "etc/apt/sources.list", "run/", "tmp/"}

type entry struct {
	header tar.Header
	body   []byte
}

// same compares what a container can see of two entries, apart from the time.
func (e entry) same(o entry) bool {
	a, b := e.header, o.header
	return a.Typeflag == b.Typeflag && a.Mode == b.Mode && a.Uid == b.Uid && a.Gid == b.Gid && a.Linkname == b.Linkname &&
		sha256.Sum256(e.body) == sha256.Sum256(o.body)
}

// readRoot reads a root file system that mmdebstrap wrote.
func readRoot(file string) (map[string]entry, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("%w (regenerate.sh makes it)", err)
	}
	defer f.Close()
	root := map[string]entry{}
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if err == io.EOF {
			return root, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		name := strings.TrimPrefix(path.Clean("/"+h.Name), "/")
		if name == "" || h.Typeflag == tar.TypeChar || h.Typeflag == tar.TypeBlock || isVolatile(name) {
			continue
		}
		body, err := io.ReadAll(r)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", file, name, err)
		}
		link := h.Linkname
		if h.Typeflag == tar.TypeLink {
			link = strings.TrimPrefix(path.Clean("/"+link), "/")
		}
		root[name] = entry{header: tar.Header{Typeflag: h.Typeflag, Mode: h.Mode, Uid: h.Uid, Gid: h.Gid, Linkname: link}, body: body}
	}
}

func isVolatile(name string) bool {
	for _, v := range volatile {
		if strings.HasPrefix(name, v) {
			return true
		}
	}
	return false
}

// difference is what must be laid over lower to have upper. Nothing is ever removed: every root here only adds packages.
func difference(upper, lower map[string]entry) map[string]entry {
	out := map[string]entry{}
	for name, e := range upper {
		if l, ok := lower[name]; !ok || !e.same(l) {
			out[name] = e
		}
	}
	return out
}

// readTree takes a folder of the build machine as owned by root below the path at.
func readTree(dir, at string) (map[string]entry, error) {
	out := map[string]entry{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		name := path.Join(at, filepath.ToSlash(rel))
		info, err := d.Info()
		if err != nil {
			return err
		}
		switch {
		case d.IsDir():
			out[name] = entry{header: tar.Header{Typeflag: tar.TypeDir, Mode: 0o755}}
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(p)
			if err != nil {
				return err
			}
			out[name] = entry{header: tar.Header{Typeflag: tar.TypeSymlink, Mode: 0o777, Linkname: target}}
		default:
			body, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			mode := int64(0o644)
			if info.Mode()&0o111 != 0 {
				mode = 0o755
			}
			out[name] = entry{header: tar.Header{Typeflag: tar.TypeReg, Mode: mode}, body: body}
		}
		return nil
	})
	return out, err
}

// layer packs entries in name order, hard links after what they point to.
func layer(entries map[string]entry) (v1.Layer, error) {
	names := make([]string, 0, len(entries))
	for name := range entries {
		names = append(names, name)
	}
	sort.Slice(names, func(i, j int) bool {
		a, b := entries[names[i]].header.Typeflag == tar.TypeLink, entries[names[j]].header.Typeflag == tar.TypeLink
		if a != b {
			return b
		}
		return names[i] < names[j]
	})
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, name := range names {
		e := entries[name]
		h := e.header
		h.Name, h.ModTime, h.Size = name, epoch, int64(len(e.body))
		if h.Typeflag == tar.TypeDir {
			h.Name += "/"
		}
		if err := w.WriteHeader(&h); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if _, err := w.Write(e.body); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	raw := buf.Bytes()
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil },
		tarball.WithMediaType(types.OCILayer), tarball.WithCompressedCaching)
}
