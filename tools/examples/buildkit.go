package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

const (
	scannerRef  = documentsHost + "/scanner:1"
	fromScratch = "FROM scratch\nARG TARGETARCH\n"
	program     = "COPY greeter-${TARGETARCH} /usr/local/bin/greeter\nENTRYPOINT [\"/usr/local/bin/greeter\"]\n"
)

// builds are what BuildKit builds. An image without a name, and a folder, have
// statements with other subjects than a pushed image has; and an image whose
// Dockerfile wants its context and stages scanned has statements about those too.
var builds = []struct{ name, dockerfile, platforms, output string }{
	{"greeter", fromScratch + program, "linux/amd64,linux/arm64", "type=image,push=true,rewrite-timestamp=true,name=" + documentsHost + "/built/greeter:1.4"},
	{"cellar", fromScratch + "COPY cellar /\n" + program, "linux/amd64", "type=image,push=true,rewrite-timestamp=true,name=" + documentsHost + "/built/cellar:2.0"},
	{"stages", "ARG BUILDKIT_SBOM_SCAN_CONTEXT=true\nFROM scratch AS build\nARG BUILDKIT_SBOM_SCAN_STAGE=true\nCOPY cellar /\n" +
		fromScratch + "COPY --from=build /etc/os-release /etc/os-release\n" + program, "linux/amd64", "type=image,push=true,rewrite-timestamp=true,name=" + documentsHost + "/built/stages:1.0"},
	{"unnamed", fromScratch + program, "linux/amd64", "type=oci,rewrite-timestamp=true,tar=false,dest=unnamed"},
	{"folder", fromScratch + program, "linux/amd64", "type=local,dest=folder"},
}

// buildkit has BuildKit build both images with SBOM and provenance, keeps what it
// pushed, and has buildx show the SBOMs as it does to people.
func (w *writer) buildkit(ctx context.Context) error {
	log.Print("BuildKit")
	if err := w.scanner(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	daemon, err := w.daemon(ctx)
	if err != nil {
		return err
	}
	defer func() {
		cancel()
		_ = daemon.Wait()
	}()
	for _, b := range builds {
		if err := write(filepath.Join(w.work, b.name+".Dockerfile", "Dockerfile"), []byte(b.dockerfile)); err != nil {
			return err
		}
		if err := w.run(ctx, "buildctl", "--addr", w.address(), "build", "--frontend", "dockerfile.v0", "--progress", "plain",
			"--local", "context=context", "--local", "dockerfile="+b.name+".Dockerfile", "--opt", "platform="+b.platforms,
			"--opt", "attest:sbom=generator="+scannerRef, "--opt", "attest:provenance=mode=min",
			"--opt", fmt.Sprint("build-arg:SOURCE_DATE_EPOCH=", epoch.Unix()), "--output", b.output); err != nil {
			return err
		}
	}
	for _, n := range []string{"greeter", "cellar", "stages"} {
		if err := w.keepBuilt(ctx, n); err != nil {
			return err
		}
	}
	return w.keepFiles()
}

func (w *writer) address() string { return "unix://" + filepath.Join(w.work, "buildkitd.sock") }

// scanner pushes the image of the generator: syft, and what speaks BuildKit's protocol.
func (w *writer) scanner(ctx context.Context) error {
	root := map[string]entry{}
	for _, tool := range []string{"syft", "scanner"} {
		body, err := os.ReadFile(filepath.Join(w.tools, tool))
		if err != nil {
			return err
		}
		root["usr/local/bin/"+tool] = file(0o755, body)
	}
	img, err := tiny("amd64", "scanner", root)
	if err != nil {
		return err
	}
	return w.reg.pushImage(ctx, scannerRef, img)
}

// daemon starts BuildKit with a store of its own, and returns when it answers.
func (w *writer) daemon(ctx context.Context) (*exec.Cmd, error) {
	config := filepath.Join(w.work, "buildkitd.toml")
	if err := write(config, fmt.Appendf(nil, "[registry.%q]\n  http = true\n", documentsHost)); err != nil {
		return nil, err
	}
	out, err := os.Create(filepath.Join(w.work, "buildkitd.log"))
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd := exec.CommandContext(ctx, filepath.Join(w.tools, "buildkitd"), "--config", config, "--addr", w.address(), "--root", filepath.Join(w.work, "buildkit"),
		"--oci-worker=true", "--containerd-worker=false", "--oci-worker-snapshotter=native", "--oci-worker-net=host")
	cmd.Env = append(os.Environ(), "HTTP_PROXY="+w.reg.proxy.String(), "NO_PROXY=")
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	for range 100 {
		if err = w.run(ctx, "buildctl", "--addr", w.address(), "debug", "workers"); err == nil {
			return cmd, nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return nil, fmt.Errorf("buildkitd does not answer, see %s: %w", out.Name(), err)
}

// keepBuilt keeps the index, the manifests (the attestations' among them), the
// configurations and the statements of a pushed image, byte for byte.
func (w *writer) keepBuilt(ctx context.Context, short string) error {
	dir := filepath.Join(w.out, "buildkit")
	ref, err := name.ParseReference(builtRef(short), name.Insecure)
	if err != nil {
		return err
	}
	desc, err := remote.Get(ref, w.reg.options(ctx)...)
	if err != nil {
		return err
	}
	if err := write(filepath.Join(dir, short+".index.json"), desc.Manifest); err != nil {
		return err
	}
	index, err := desc.ImageIndex()
	if err != nil {
		return err
	}
	list, err := index.IndexManifest()
	if err != nil {
		return err
	}
	arch := map[string]string{}
	for _, m := range list.Manifests {
		img, err := index.Image(m.Digest)
		if err != nil {
			return err
		}
		manifest, err := img.RawManifest()
		if err != nil {
			return err
		}
		of := m.Annotations["vnd.docker.reference.digest"]
		if of == "" {
			arch[m.Digest.String()] = m.Platform.Architecture
			if err := write(filepath.Join(dir, short+"."+m.Platform.Architecture+".manifest.json"), manifest); err != nil {
				return err
			}
			config, err := img.RawConfigFile()
			if err != nil {
				return err
			}
			if err := write(filepath.Join(dir, short+"."+m.Platform.Architecture+".config.json"), config); err != nil {
				return err
			}
			continue
		}
		if err := write(filepath.Join(dir, short+"."+arch[of]+".attestation.json"), manifest); err != nil {
			return err
		}
		if err := w.keepStatements(ctx, ref.Context(), manifest, filepath.Join(dir, short+"."+arch[of])); err != nil {
			return err
		}
	}
	// buildx knows no proxy for this host, and shows nothing of the name it was given.
	shown := strings.Replace(ref.String(), documentsHost, w.reg.proxy.Host, 1)
	return w.capture(ctx, filepath.Join(dir, short+".imagetools.json"), "buildx", "imagetools", "inspect", shown, "--format", "{{ json .SBOM }}")
}

func builtRef(short string) string {
	for _, b := range builds {
		if b.name == short {
			_, ref, _ := strings.Cut(b.output, "name=")
			return ref
		}
	}
	return ""
}

func (w *writer) keepStatements(ctx context.Context, repo name.Repository, manifest []byte, stem string) error {
	var m v1.Manifest
	if err := json.Unmarshal(manifest, &m); err != nil {
		return err
	}
	for _, l := range m.Layers {
		blob, err := remote.Layer(repo.Digest(l.Digest.String()), w.reg.options(ctx)...)
		if err != nil {
			return err
		}
		body, err := blobBytes(blob)
		if err != nil {
			return err
		}
		kind := "provenance"
		if strings.Contains(l.Annotations["in-toto.io/predicate-type"], "spdx") {
			var s struct{ Predicate struct{ Name string } }
			if err := json.Unmarshal(body, &s); err != nil {
				return err
			}
			kind = s.Predicate.Name // "sbom", "sbom-context", "sbom-" and a stage
		}
		if err := write(stem+"."+kind+".intoto.json", body); err != nil {
			return err
		}
	}
	return nil
}
