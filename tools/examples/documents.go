package main

import (
	"archive/tar"
	"context"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// The images that every tool describes. The host ends in .local, which tools made
// of go-containerregistry (bom, syft) reach without TLS.
const (
	documentsHost = "registry.local"
	cellarRef     = documentsHost + "/shop/cellar:2.0"
	greeterRef    = documentsHost + "/shop/greeter:1.4"
)

// writer makes the documents of testdata/generators: each tool describes the same
// tiny images, and what it wrote is kept as it is.
type writer struct {
	src   string // documents/, what the images are made of
	tools string // folder of the binaries
	work  string // emptied first; tools run in it and name files relative to it
	out   string
	reg   *localRegistry
}

// documents builds the images and lets syft, bom, BuildKit and buildx write.
func documents(ctx context.Context, src, tools, work, out string) error {
	for _, d := range []string{work, filepath.Join(out, "images"), filepath.Join(out, "syft"), filepath.Join(out, "bom"), filepath.Join(out, "buildkit")} {
		if err := os.RemoveAll(d); err != nil {
			return err
		}
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	reg, err := startRegistry(ctx, filepath.Join(work, "registry"))
	if err != nil {
		return err
	}
	defer reg.stop()
	w := &writer{src: src, tools: tools, work: work, out: out, reg: reg}
	for _, step := range []func(context.Context) error{w.images, w.syft, w.bom, w.buildkit} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return w.neutral()
}

func file(mode int64, body []byte) entry {
	return entry{header: tar.Header{Typeflag: tar.TypeReg, Mode: mode}, body: body}
}

// greeter compiles the program for one architecture.
func (w *writer) greeter(ctx context.Context, arch string) ([]byte, error) {
	bin := filepath.Join(w.work, "context", "greeter-"+arch)
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", bin, ".")
	cmd.Dir = filepath.Join(w.src, "greeter")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOFLAGS=-mod=readonly", "GOWORK=off")
	if err := command(cmd); err != nil {
		return nil, err
	}
	return os.ReadFile(bin)
}

// cellar is what stands in the image of that name beside the program: Debian's
// list of packages, and two npm packages.
func (w *writer) cellar() (map[string]entry, error) {
	root := map[string]entry{}
	for at, from := range map[string]string{
		"etc/os-release":                                "os-release",
		"var/lib/dpkg/status":                           "dpkg-status",
		"app/node_modules/minimist/package.json":        "minimist.json",
		"app/node_modules/@babel/traverse/package.json": "traverse.json",
	} {
		body, err := os.ReadFile(filepath.Join(w.src, "cellar", from))
		if err != nil {
			return nil, err
		}
		root[at] = file(0o644, body)
	}
	return root, nil
}

// images puts greeter (an index of two platforms) and cellar (one manifest) into
// the registry, and an archive of cellar and the build context beside it.
func (w *writer) images(ctx context.Context) error {
	log.Print("images")
	root, err := w.cellar()
	if err != nil {
		return err
	}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, arch := range []string{"amd64", "arm64"} {
		program, err := w.greeter(ctx, arch)
		if err != nil {
			return err
		}
		own := map[string]entry{"usr/local/bin/greeter": file(0o755, program)}
		img, err := tiny(arch, "greeter", own)
		if err != nil {
			return err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}}})
		if arch != "amd64" {
			continue
		}
		if img, err = tiny(arch, "greeter", root, own); err != nil {
			return err
		}
		if err := w.reg.pushImage(ctx, cellarRef, img); err != nil {
			return err
		}
		tag, err := name.NewTag(cellarRef)
		if err != nil {
			return err
		}
		if err := tarball.WriteToFile(filepath.Join(w.work, "cellar.tar"), tag, img); err != nil {
			return err
		}
		if err := w.keepImage("cellar", img); err != nil {
			return err
		}
	}
	for at, e := range root {
		if err := write(filepath.Join(w.work, "context", "cellar", at), e.body); err != nil {
			return err
		}
	}
	if err := w.reg.pushIndex(ctx, greeterRef, index); err != nil {
		return err
	}
	return w.keepIndex("greeter", index)
}

func tiny(arch, program string, layers ...map[string]entry) (v1.Image, error) {
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	for _, entries := range layers {
		l, err := layer(entries)
		if err != nil {
			return nil, err
		}
		if img, err = mutate.Append(img, mutate.Addendum{Layer: l, History: v1.History{Created: v1.Time{Time: epoch}, CreatedBy: "documents.sh"}}); err != nil {
			return nil, err
		}
	}
	cfg, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	cfg = cfg.DeepCopy()
	cfg.OS, cfg.Architecture, cfg.Created = "linux", arch, v1.Time{Time: epoch}
	cfg.Config.Entrypoint = []string{"/usr/local/bin/" + program}
	return mutate.ConfigFile(img, cfg)
}

// syft describes cellar in each of its formats, and both platforms of greeter.
func (w *writer) syft(ctx context.Context) error {
	log.Print("syft")
	dir := filepath.Join(w.out, "syft")
	args := []string{"scan", "registry:" + cellarRef}
	for format, suffix := range map[string]string{"cyclonedx-json": "cdx.json", "cyclonedx-xml": "cdx.xml", "spdx-json": "spdx.json", "spdx-tag-value": "spdx", "syft-json": "syft.json"} {
		args = append(args, "--output", format+"="+filepath.Join(dir, "cellar."+suffix))
	}
	if err := w.run(ctx, "syft", args...); err != nil {
		return err
	}
	return w.run(ctx, "syft", "scan", "registry:"+greeterRef, "--platform", "linux/amd64", "--output", "spdx-json="+filepath.Join(dir, "greeter.spdx.json"))
}

// bom describes cellar out of its archive, and both images out of the registry.
func (w *writer) bom(ctx context.Context) error {
	log.Print("bom")
	for _, d := range []struct{ name, flag, value string }{
		{"cellar-archive", "--image-archive", "cellar.tar"},
		{"cellar", "--image", cellarRef},
		{"greeter", "--image", greeterRef},
	} {
		for format, suffix := range map[string]string{"tag-value": ".spdx", "json": ".spdx.json"} {
			if err := w.run(ctx, "bom", "generate", d.flag, d.value, "--format", format, "--output", filepath.Join(w.out, "bom", d.name+suffix),
				"--namespace", "https://lanternfish.example/"+d.name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *writer) run(ctx context.Context, tool string, args ...string) error {
	return command(w.command(ctx, tool, args...))
}

// command lets a tool work in the working folder, with the registry as its only network.
func (w *writer) command(ctx context.Context, tool string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(w.tools, tool), args...)
	cmd.Dir = w.work
	cmd.Env = append(os.Environ(),
		"HTTP_PROXY="+w.reg.proxy.String(), "HTTPS_PROXY="+w.reg.proxy.String(), "NO_PROXY=",
		"HOME=/src", "GOPATH=/src/go", "GOMODCACHE=",
		"SYFT_CHECK_FOR_APP_UPDATE=false", "SYFT_REGISTRY_INSECURE_USE_HTTP=true", "SYFT_FORMAT_PRETTY=true",
		// Nothing is looked up remotely; without these, syft's own JSON would name the hosts it could have asked.
		"SYFT_GOLANG_PROXY=off", "SYFT_JAVASCRIPT_NPM_BASE_URL=off",
	)
	return cmd
}

func write(path string, body []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, body, 0o644)
}

// keepImage writes down an image's manifest and configuration, byte for byte.
func (w *writer) keepImage(name string, img v1.Image) error {
	manifest, err := img.RawManifest()
	if err != nil {
		return err
	}
	config, err := img.RawConfigFile()
	if err != nil {
		return err
	}
	if err := write(filepath.Join(w.out, "images", name+".manifest.json"), manifest); err != nil {
		return err
	}
	return write(filepath.Join(w.out, "images", name+".config.json"), config)
}

func (w *writer) keepIndex(name string, index v1.ImageIndex) error {
	raw, err := index.RawManifest()
	if err != nil {
		return err
	}
	if err := write(filepath.Join(w.out, "images", name+".index.json"), raw); err != nil {
		return err
	}
	list, err := index.IndexManifest()
	if err != nil {
		return err
	}
	for _, d := range list.Manifests {
		img, err := index.Image(d.Digest)
		if err != nil {
			return fmt.Errorf("%s: %w", d.Digest, err)
		}
		if err := w.keepImage(name+"."+d.Platform.Architecture, img); err != nil {
			return err
		}
	}
	return nil
}
