package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("examples: ")
	dir := flag.String("examples", "../../examples", "the folder `examples` of the checkout")
	syft := flag.String("syft", "../../examples/.cache/bin/syft", "the syft `binary` that build uses")
	tools := flag.String("tools", "../../examples/.cache/bin", "the `folder` of syft, bom, BuildKit and buildx that documents uses")
	work := flag.String("work", "../../examples/.cache/documents", "a `folder` for documents to work in; it is emptied first")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	if step := flag.Arg(0); step == "documents" {
		err = runDocuments(ctx, *tools, *work)
	} else {
		err = run(ctx, *dir, *syft, step)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, dir, syft, step string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if syft, err = filepath.Abs(syft); err != nil {
		return err
	}
	book, err := readRecipes(filepath.Join(dir, "images", "images.yaml"))
	if err != nil {
		return err
	}
	switch step {
	case "build":
		return build(ctx, dir, syft, book)
	case "check":
		return check(dir, book)
	default:
		return fmt.Errorf("unknown step %q: say build, check or documents", step)
	}
}

func runDocuments(ctx context.Context, folders ...string) error {
	folders = append(folders, "documents", filepath.Join("..", "..", "sbom", "decode", "testdata", "generators"))
	for i, f := range folders {
		var err error
		if folders[i], err = filepath.Abs(f); err != nil {
			return err
		}
	}
	return documents(ctx, folders[2], folders[0], folders[1], folders[3])
}

// build makes every image, has it scanned, and rewrites what depends on the digests.
func build(ctx context.Context, dir, syft string, book *recipes) error {
	reg, err := startRegistry(ctx, filepath.Join(dir, ".cache", "registry"))
	if err != nil {
		return err
	}
	defer reg.stop()
	bases := newBases(filepath.Join(dir, ".cache", "rootfs"))
	sbomDir := filepath.Join(dir, "estate", "sbom")
	if err := os.RemoveAll(sbomDir); err != nil {
		return err
	}
	if err := os.MkdirAll(sbomDir, 0o755); err != nil {
		return err
	}
	built := map[string]digests{}
	for _, r := range book.Images {
		log.Printf("image %s:%s", r.Name, r.Tag)
		d, err := assemble(ctx, dir, bases, reg, book.Registry, r)
		if err != nil {
			return fmt.Errorf("image %s: %w", r.Name, err)
		}
		built[r.Name] = d
		target := book.reference(r)
		if r.Scan == "digest" {
			target = book.Registry + "/" + r.Name + "@" + d.Platforms[r.Platforms[0]].Manifest
		}
		if err := scan(ctx, syft, reg, target, r, sbomDir); err != nil {
			return fmt.Errorf("SBOM of %s: %w", r.Name, err)
		}
	}
	if err := rewrite(dir, book, built); err != nil {
		return err
	}
	return check(dir, book)
}
