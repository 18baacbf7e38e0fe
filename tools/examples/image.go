package main

import (
	"archive/tar"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// digests are the identities of one image.
type digests struct {
	Index     string              `json:"index,omitempty"`
	Platforms map[string]identity `json:"platforms"`
	indexRaw  []byte              // the index manifest, byte for byte
}

type identity struct {
	Manifest string `json:"manifest"`
	Config   string `json:"config"`
}

// pinned is the digest that manifests of the estate name: the index where there is one.
func (d digests) pinned() string {
	if d.Index != "" {
		return d.Index
	}
	for _, id := range d.Platforms {
		return id.Manifest
	}
	return ""
}

// bases reads each Debian root once and shares its layers among the images.
type bases struct {
	dir    string
	roots  map[string]map[string]entry
	layers map[string][]v1.Layer
}

func newBases(dir string) *bases {
	return &bases{dir: dir, roots: map[string]map[string]entry{}, layers: map[string][]v1.Layer{}}
}

func (b *bases) root(name string) (map[string]entry, error) {
	if r, ok := b.roots[name]; ok {
		return r, nil
	}
	r, err := readRoot(filepath.Join(b.dir, name+".tar"))
	b.roots[name] = r
	return r, err
}

// of gives the lower layers of a base: Debian itself, and what the base adds to it.
func (b *bases) of(base string) ([]v1.Layer, error) {
	if l, ok := b.layers[base]; ok {
		return l, nil
	}
	debian, err := b.root("debian")
	if err != nil {
		return nil, err
	}
	var parts []map[string]entry
	switch base {
	case "static":
		parts = append(parts, staticRoot(debian))
	case "debian":
		parts = append(parts, debian)
	default:
		more, err := b.root(base)
		if err != nil {
			return nil, err
		}
		lower, err := b.of("debian")
		if err != nil {
			return nil, err
		}
		add, err := layer(difference(more, debian))
		if err != nil {
			return nil, err
		}
		b.layers[base] = append(append([]v1.Layer{}, lower...), add)
		delete(b.roots, base)
		return b.layers[base], nil
	}
	for _, p := range parts {
		l, err := layer(p)
		if err != nil {
			return nil, err
		}
		b.layers[base] = append(b.layers[base], l)
	}
	return b.layers[base], nil
}

// staticRoot has what a static binary needs to make TLS connections as nobody.
func staticRoot(debian map[string]entry) map[string]entry {
	out := map[string]entry{}
	for _, name := range []string{"etc/ssl/certs/ca-certificates.crt", "etc/passwd", "etc/group"} {
		e, ok := debian[name]
		if !ok {
			continue
		}
		out[name] = e
		for d := path.Dir(name); d != "."; d = path.Dir(d) {
			out[d] = entry{header: tar.Header{Typeflag: tar.TypeDir, Mode: 0o755}}
		}
	}
	return out
}

// assemble builds, pushes and identifies one image.
func assemble(ctx context.Context, dir string, b *bases, reg *localRegistry, registry string, r recipe) (digests, error) {
	lower, err := b.of(r.Base)
	if err != nil {
		return digests{}, err
	}
	out := digests{Platforms: map[string]identity{}}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	ref := registry + "/" + r.Name + ":" + r.Tag
	var last v1.Image
	for _, platform := range r.Platforms {
		own, err := ownLayer(ctx, dir, r, platform)
		if err != nil {
			return digests{}, err
		}
		layers := lower
		if own != nil {
			layers = append(append([]v1.Layer{}, lower...), own)
		}
		img, err := image(r, registry, platform, layers)
		if err != nil {
			return digests{}, err
		}
		manifest, err := img.Digest()
		if err != nil {
			return digests{}, err
		}
		config, err := img.ConfigName()
		if err != nil {
			return digests{}, err
		}
		out.Platforms[platform] = identity{Manifest: manifest.String(), Config: config.String()}
		goos, arch, _ := strings.Cut(platform, "/")
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: goos, Architecture: arch}}})
		last = img
	}
	if !r.indexed() {
		return out, reg.pushImage(ctx, ref, last)
	}
	d, err := index.Digest()
	if err != nil {
		return digests{}, err
	}
	out.Index = d.String()
	if out.indexRaw, err = index.RawManifest(); err != nil {
		return digests{}, err
	}
	return out, reg.pushIndex(ctx, ref, index)
}

func image(r recipe, registry, platform string, layers []v1.Layer) (v1.Image, error) {
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	for _, l := range layers {
		var err error
		if img, err = mutate.Append(img, mutate.Addendum{Layer: l, History: v1.History{Created: v1.Time{Time: epoch}, CreatedBy: "examples/regenerate.sh"}}); err != nil {
			return nil, err
		}
	}
	cfg, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	cfg = cfg.DeepCopy()
	cfg.OS, cfg.Architecture, _ = strings.Cut(platform, "/")
	cfg.Created = v1.Time{Time: epoch}
	cfg.Config.User = "65534"
	cfg.Config.Labels = map[string]string{
		"org.opencontainers.image.title":   r.Name,
		"org.opencontainers.image.version": r.Tag,
		"org.opencontainers.image.vendor":  "Lanternfish Outfitters",
	}
	switch {
	case r.Go != "":
		cfg.Config.Entrypoint = []string{"/usr/local/bin/" + r.Go}
	case r.NPM != "":
		cfg.Config.Entrypoint = []string{"/usr/bin/node", "/app/server.js"}
	default:
		cfg.Config.Entrypoint = r.Entrypoint
	}
	return mutate.ConfigFile(img, cfg)
}

// ownLayer is what the company itself puts into the image, or nil.
func ownLayer(ctx context.Context, dir string, r recipe, platform string) (v1.Layer, error) {
	switch {
	case r.Go != "":
		return goLayer(ctx, dir, r, platform)
	case r.NPM != "":
		return npmLayer(ctx, dir, r)
	default:
		return nil, nil
	}
}

func goLayer(ctx context.Context, dir string, r recipe, platform string) (v1.Layer, error) {
	goos, arch, _ := strings.Cut(platform, "/")
	bin := filepath.Join(dir, ".cache", "go", arch, r.Go)
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", bin, ".")
	cmd.Dir = filepath.Join(dir, "images", r.Go)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+goos, "GOARCH="+arch, "GOFLAGS=-mod=readonly", "GOWORK=off")
	if err := command(cmd); err != nil {
		return nil, err
	}
	body, err := os.ReadFile(bin)
	if err != nil {
		return nil, err
	}
	return layer(map[string]entry{"usr/local/bin/" + r.Go: {header: tar.Header{Typeflag: tar.TypeReg, Mode: 0o755}, body: body}})
}

func npmLayer(ctx context.Context, dir string, r recipe) (v1.Layer, error) {
	from, work := filepath.Join(dir, "images", r.NPM), filepath.Join(dir, ".cache", "npm", r.NPM)
	if err := os.RemoveAll(work); err != nil {
		return nil, err
	}
	if err := os.CopyFS(work, os.DirFS(from)); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "npm", "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = work
	if err := command(cmd); err != nil {
		return nil, err
	}
	// The lock files stay behind, as in most production images: syft sees what is installed, not what was wished for.
	for _, f := range []string{"package-lock.json", "node_modules/.package-lock.json"} {
		if err := os.Remove(filepath.Join(work, f)); err != nil {
			return nil, err
		}
	}
	tree, err := readTree(work, "app")
	if err != nil {
		return nil, err
	}
	return layer(tree)
}

func command(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return nil
}
