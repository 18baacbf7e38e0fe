package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// rewrite puts the digests of what was built into every text that names one:
// the manifests, the dump, and digests.json, which remembers the last build.
func rewrite(dir string, book *recipes, built map[string]digests) error {
	state := filepath.Join(dir, "images", "digests.json")
	old := map[string]digests{}
	if raw, err := os.ReadFile(state); err == nil {
		if err := json.Unmarshal(raw, &old); err != nil {
			return fmt.Errorf("%s: %w", state, err)
		}
	}
	var renamed []string
	for name, d := range built {
		o := old[name]
		if o.Index != "" && d.Index != "" {
			renamed = append(renamed, o.Index, d.Index)
		}
		for platform, id := range d.Platforms {
			if was, ok := o.Platforms[platform]; ok {
				renamed = append(renamed, was.Manifest, id.Manifest, was.Config, id.Config)
			}
		}
	}
	for i, d := range renamed {
		renamed[i] = strings.TrimPrefix(d, "sha256:") // CRI-O reports the bare digits
	}
	replace := strings.NewReplacer(renamed...)
	ref := regexp.MustCompile(regexp.QuoteMeta(book.Registry) + `/([a-z0-9/-]+):[A-Za-z0-9._-]+@sha256:[0-9a-f]{64}`)
	for _, sub := range []string{"estate/manifests", "dump", "first-hour"} {
		err := filepath.WalkDir(filepath.Join(dir, sub), func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			raw, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			text := replace.Replace(string(raw))
			for _, m := range ref.FindAllStringSubmatch(text, -1) {
				if d, ok := built[m[1]]; ok {
					head, _, _ := strings.Cut(m[0], "@")
					text = strings.ReplaceAll(text, m[0], head+"@"+d.pinned())
				}
			}
			if text == string(raw) {
				return nil
			}
			return os.WriteFile(p, []byte(text), 0o644)
		})
		if err != nil {
			return err
		}
	}
	if err := writeIndexes(filepath.Join(dir, "estate", "indexes"), built); err != nil {
		return err
	}
	raw, err := json.MarshalIndent(built, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(state, append(raw, '\n'), 0o644)
}

// writeIndexes keeps each image index byte for byte, as `crane manifest` prints it: the SHA-256 of the file is the digest
// that the manifests name.
func writeIndexes(dir string, built map[string]digests) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, d := range built {
		if d.Index == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, strings.ReplaceAll(name, "/", "-")+".json"), d.indexRaw, 0o644); err != nil {
			return err
		}
	}
	return nil
}
