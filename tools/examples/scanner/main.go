// Command scanner is an SBOM generator for BuildKit: it is run in an image that
// holds it and syft, has syft list the file system that was built, and leaves what
// syft wrote where BuildKit looks for it, as BuildKit's protocol for generators
// says: of the result, and of the build context and stages if the Dockerfile wants it.
//
// It is for regenerating test documents. Docker's own generator is made of the
// same syft, and its documents have the same root: a folder named after the target.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
)

func main() {
	if err := run(); err != nil {
		log.Fatal("scanner: ", err)
	}
}

func run() error {
	source, out := os.Getenv("BUILDKIT_SCAN_SOURCE"), os.Getenv("BUILDKIT_SCAN_DESTINATION")
	if source == "" || out == "" {
		return fmt.Errorf("BUILDKIT_SCAN_SOURCE and BUILDKIT_SCAN_DESTINATION are not set: BuildKit runs this")
	}
	targets := []string{source}
	if extras := os.Getenv("BUILDKIT_SCAN_SOURCE_EXTRAS"); extras != "" {
		entries, err := os.ReadDir(extras)
		if err != nil {
			return err
		}
		for _, e := range entries {
			targets = append(targets, filepath.Join(extras, e.Name()))
		}
	}
	for _, t := range targets {
		if err := scan(t, out); err != nil {
			return err
		}
	}
	return nil
}

// scan writes the statement about one target, whose subjects BuildKit fills in.
func scan(source, out string) error {
	name := filepath.Base(source)
	cmd := exec.Command("/usr/local/bin/syft", "scan", "dir:"+source, "--base-path", source, "--source-name", name,
		"--override-default-catalogers", "image,file", "--select-catalogers", "+sbom-cataloger", "--output", "spdx-json")
	cmd.Env = append(os.Environ(), "TMPDIR=/tmp", "HOME=/tmp", "SYFT_CACHE_DIR=", "SYFT_CHECK_FOR_APP_UPDATE=false", "SYFT_FORMAT_PRETTY=false")
	cmd.Stderr = os.Stderr
	spdx, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("syft: %w", err)
	}
	statement, err := json.Marshal(map[string]any{
		"_type":         "https://in-toto.io/Statement/v0.1",
		"predicateType": "https://spdx.dev/Document",
		"predicate":     json.RawMessage(spdx),
	})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, name+".spdx.json"), statement, 0o644)
}
