package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
)

// maxDocument keeps the folder small: documents of tiny images are.
const maxDocument = 64 << 10

// capture runs a tool and keeps what it prints.
func (w *writer) capture(ctx context.Context, to, tool string, args ...string) error {
	cmd := w.command(ctx, tool, args...)
	var fault bytes.Buffer
	cmd.Stderr = &fault
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, fault.Bytes())
	}
	return write(to, out)
}

func blobBytes(l v1.Layer) ([]byte, error) {
	r, err := l.Compressed()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// keepFiles keeps the statements of what was not pushed: of an image without a
// name, exported as an OCI layout, and of a folder.
func (w *writer) keepFiles() error {
	dir := filepath.Join(w.out, "buildkit")
	body, err := os.ReadFile(filepath.Join(w.work, "folder", "sbom.spdx.json"))
	if err != nil {
		return err
	}
	if err := write(filepath.Join(dir, "folder.sbom.spdx.json"), body); err != nil {
		return err
	}
	index, err := layout.ImageIndexFromPath(filepath.Join(w.work, "unnamed"))
	if err != nil {
		return err
	}
	outer, err := index.IndexManifest()
	if err != nil {
		return err
	}
	inner, err := index.ImageIndex(outer.Manifests[0].Digest)
	if err != nil {
		return err
	}
	list, err := inner.IndexManifest()
	if err != nil {
		return err
	}
	for _, m := range list.Manifests {
		if m.Annotations["vnd.docker.reference.digest"] == "" {
			continue
		}
		img, err := inner.Image(m.Digest)
		if err != nil {
			return err
		}
		manifest, err := img.Manifest()
		if err != nil {
			return err
		}
		for _, l := range manifest.Layers {
			if !strings.Contains(l.Annotations["in-toto.io/predicate-type"], "spdx") {
				continue
			}
			body, err := os.ReadFile(filepath.Join(w.work, "unnamed", "blobs", l.Digest.Algorithm, l.Digest.Hex))
			if err != nil {
				return err
			}
			return write(filepath.Join(dir, "unnamed.sbom.intoto.json"), body)
		}
	}
	return errors.New("the image without a name has no SBOM")
}

// neutral refuses documents that are large, or that tell of the machine they were written on.
func (w *writer) neutral() error {
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return err
	}
	var words []string
	for _, word := range []string{host, home, w.work, w.src, w.out, w.tools, "127.0.0.1", w.reg.proxy.Host} {
		words = append(words, regexp.QuoteMeta(word))
	}
	local, err := regexp.Compile(`(?:^|\W)(?:` + strings.Join(words, "|") + `)(?:\W|$)`)
	if err != nil {
		return err
	}
	var faults []error
	err = filepath.WalkDir(w.out, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if len(body) > maxDocument {
			faults = append(faults, fmt.Errorf("%s has %d bytes", path, len(body)))
		}
		if found := local.Find(body); found != nil {
			faults = append(faults, fmt.Errorf("%s names %s", path, found))
		}
		return nil
	})
	return errors.Join(append(faults, err)...)
}
