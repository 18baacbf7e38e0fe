package app

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"path/filepath"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/registry"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/provenance/rebuild"
	"github.com/cofferdam-io/cofferdam/report"
)

// Rebuild compares two builds of what is said to be one source: files, folders of the OCI
// image layout, or images in registries.
func (l *Loader) Rebuild(ctx context.Context, a, b string, in RegistryInputs) (*report.Rebuild, error) {
	var client *registry.Client
	defer func() {
		if client != nil {
			client.Close()
		}
	}()
	parts := func(arg string) ([]rebuild.Part, ident.Digest, error) {
		st, err := l.stat(arg)
		switch {
		case err == nil && st.IsDir():
			return l.ociLayout(ctx, arg)
		case err == nil || !l.IsImage(arg):
			d, err := l.fileDigest(ctx, arg)
			return []rebuild.Part{{Name: "file", Digest: d, Open: l.opener(arg)}}, d, err
		}
		if client == nil {
			if client, err = in.client(); err != nil {
				return nil, ident.Digest{}, err
			}
		}
		return imageParts(ctx, client, arg)
	}
	out := &report.Rebuild{SchemaVersion: inventory.SchemaVersion, A: report.Built{Name: a}, B: report.Built{Name: b}}
	x, first, err := parts(a)
	if err != nil {
		return nil, err
	}
	y, second, err := parts(b)
	if err != nil {
		return nil, err
	}
	out.A.Digest, out.B.Digest = first.String(), second.String()
	l.progress("comparing builds", 0, 0)
	r, err := rebuild.Compare(ctx, x, y, rebuild.Limits{})
	if err != nil {
		return nil, err
	}
	out.Result = *r
	if r.Verdict == rebuild.Identical && first != second {
		out.Verdict, out.ManifestOnly = rebuild.Differs, true // the same parts under another manifest
	}
	return out, nil
}

func (l *Loader) opener(name string) func(context.Context) (io.ReadCloser, error) {
	return func(context.Context) (io.ReadCloser, error) {
		f, err := l.open(name)
		if err != nil {
			return nil, ident.Unreadable(name, err)
		}
		return f, nil
	}
}

func (l *Loader) fileDigest(ctx context.Context, name string) (ident.Digest, error) {
	f, err := l.open(name)
	if err != nil {
		return ident.Digest{}, ident.Unreadable(name, err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	sum := sha256.New()
	if _, err := io.Copy(sum, ctxReader{ctx, f}); err != nil {
		return ident.Digest{}, ident.Unreadable(name, err)
	}
	return ident.ParseDigest("sha256:" + hex.EncodeToString(sum.Sum(nil)))
}

// ociDescriptor and ociManifest are what a layout's JSON has of them (OCI image
// specification, "descriptor.md", "manifest.md", "image-index.md").
type ociDescriptor struct {
	Digest   ident.Digest `json:"digest"`
	Platform *struct {
		OS           string `json:"os"`
		Architecture string `json:"architecture"`
		Variant      string `json:"variant"`
	} `json:"platform"`
	Annotations map[string]string `json:"annotations"`
}

type ociManifest struct {
	Manifests []ociDescriptor `json:"manifests"`
	Config    *ociDescriptor  `json:"config"`
	Layers    []ociDescriptor `json:"layers"`
}

// ociLayout reads the images of a folder in the OCI image layout. Every blob is held
// against its digest: a folder is not to be believed.
func (l *Loader) ociLayout(ctx context.Context, dir string) (out []rebuild.Part, top ident.Digest, err error) {
	raw, err := l.read(ctx, filepath.Join(dir, "index.json"))
	if err != nil {
		return nil, top, ident.Errorf(ident.KindUsage, "is a folder, and none of the OCI image layout: it has no index.json").At(dir).WithHint("a file, a folder in the OCI image layout, or an image in a registry")
	}
	var index ociManifest
	if err := json.Unmarshal(raw, &index); err != nil {
		return nil, top, ident.Errorf(ident.KindInvalid, "is no OCI index: %w", err).At(filepath.Join(dir, "index.json"))
	}
	if len(index.Manifests) == 1 {
		top = index.Manifests[0].Digest
	} else {
		top = ident.SHA256(raw)
	}
	err = l.ociImages(ctx, dir, index.Manifests, "", 0, &out)
	return out, top, err
}

const maxIndexes = 4 // indexes within indexes

func (l *Loader) ociImages(ctx context.Context, dir string, list []ociDescriptor, platform string, depth int, out *[]rebuild.Part) error {
	if depth > maxIndexes {
		return ident.Errorf(ident.KindLimit, "has indexes within indexes more than %d deep", maxIndexes).At(dir)
	}
	blob := func(d ident.Digest) string { return filepath.Join(dir, "blobs", d.Algorithm(), d.Hex()) }
	for _, m := range list {
		if m.Annotations["vnd.docker.reference.type"] == "attestation-manifest" {
			continue // what BuildKit says of a build is no part of it
		}
		raw, err := l.read(ctx, blob(m.Digest))
		if err != nil {
			return err
		}
		if m.Digest.Algorithm() == "sha256" && ident.SHA256(raw) != m.Digest {
			return ident.Errorf(ident.KindInvalid, "is not what its digest names").At(blob(m.Digest))
		}
		var of ociManifest
		if err := json.Unmarshal(raw, &of); err != nil {
			return ident.Errorf(ident.KindInvalid, "is no OCI manifest: %w", err).At(blob(m.Digest))
		}
		on := platform
		if p := m.Platform; p != nil {
			on = path.Join(p.OS, p.Architecture, p.Variant)
		}
		if of.Config == nil {
			if err := l.ociImages(ctx, dir, of.Manifests, on, depth+1, out); err != nil {
				return err
			}
			continue
		}
		for i, d := range append([]ociDescriptor{*of.Config}, of.Layers...) {
			got, err := l.fileDigest(ctx, blob(d.Digest))
			if err != nil {
				return err
			}
			if d.Digest.Algorithm() == "sha256" && got != d.Digest {
				return ident.Errorf(ident.KindInvalid, "is not what its digest names").At(blob(d.Digest))
			}
			*out = append(*out, rebuild.Part{Name: partName(on, i), Digest: d.Digest, Open: l.opener(blob(d.Digest))})
		}
	}
	return nil
}

// partName names the configuration, which stands first, and the layers of a platform.
func partName(platform string, i int) string {
	name := "configuration"
	if i > 0 {
		name = fmt.Sprintf("layer %d", i)
	}
	if platform != "" {
		return platform + " " + name
	}
	return name
}

func imageParts(ctx context.Context, c *registry.Client, image string) ([]rebuild.Part, ident.Digest, error) {
	ref, err := ident.ParseImageRef(image)
	if err != nil {
		return nil, ident.Digest{}, ident.Errorf(ident.KindUsage, "%w", err)
	}
	img, all, err := c.Parts(ctx, ref)
	if err != nil {
		return nil, ident.Digest{}, err
	}
	var out []rebuild.Part
	for _, p := range all {
		for i, d := range append([]registry.Layer{p.Config}, p.Layers...) {
			out = append(out, rebuild.Part{Name: partName(p.Platform, i), Digest: d.Digest, Open: func(ctx context.Context) (io.ReadCloser, error) {
				raw, err := c.Blob(ctx, img.Reference, d)
				if err != nil {
					return nil, err
				}
				return io.NopCloser(bytes.NewReader(raw)), nil
			}})
		}
	}
	return out, img.Reference.Digest, nil
}
