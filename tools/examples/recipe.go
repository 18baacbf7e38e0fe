package main

import (
	"fmt"
	"os"
	"strings"

	"sigs.k8s.io/yaml"
)

// recipes is images.yaml.
type recipes struct {
	Registry string   `json:"registry"`
	Images   []recipe `json:"images"`
}

// recipe says what one image is made of.
type recipe struct {
	Name       string   `json:"name"`
	Tag        string   `json:"tag"`
	Base       string   `json:"base"`
	Go         string   `json:"go"`
	NPM        string   `json:"npm"`
	Platforms  []string `json:"platforms"`
	SBOM       string   `json:"sbom"`
	Scan       string   `json:"scan"` // "tag" or "digest"
	Entrypoint []string `json:"entrypoint"`
}

// sbomSuffix is how files of each SBOM format are named here.
var sbomSuffix = map[string]string{
	"cyclonedx-json": ".cdx.json",
	"spdx-json":      ".spdx.json",
	"syft-json":      ".syft.json",
}

func readRecipes(path string) (*recipes, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var book recipes
	if err := yaml.UnmarshalStrict(raw, &book); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for i := range book.Images {
		r := &book.Images[i]
		if len(r.Platforms) == 0 {
			r.Platforms = []string{"linux/amd64"}
		}
		if r.Scan == "" {
			r.Scan = "tag"
			if r.SBOM == "cyclonedx-json" {
				r.Scan = "digest"
			}
		}
		if sbomSuffix[r.SBOM] == "" {
			return nil, fmt.Errorf("%s: image %s: unknown SBOM format %q", path, r.Name, r.SBOM)
		}
	}
	return &book, nil
}

// reference is the tagged name under which the image stands in the registry.
func (b *recipes) reference(r recipe) string { return b.Registry + "/" + r.Name + ":" + r.Tag }

// sbomFile is the name of the image's SBOM in estate/sbom.
func (r recipe) sbomFile() string {
	return strings.ReplaceAll(r.Name, "/", "-") + sbomSuffix[r.SBOM]
}

// indexed tells whether the image is an index over several platforms.
func (r recipe) indexed() bool { return len(r.Platforms) > 1 }
