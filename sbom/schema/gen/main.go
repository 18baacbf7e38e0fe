package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// sources lists the official files that are reduced. cryptography-defs.json is absent: it is data about algorithms, and
// the enumerations that validity depends on stand in its schema. bom-1.2 and bom-1.3 have a lax and a strict JSON
// schema; the strict one is what the specification's own tests judge with.
var sources = []string{
	"bom-1.2-strict.schema.json", "bom-1.3-strict.schema.json", "bom-1.4.schema.json", "bom-1.5.schema.json",
	"bom-1.6.schema.json", "bom-1.7.schema.json", "jsf-0.82.schema.json", "spdx.schema.json",
	"cryptography-defs.schema.json",
	"bom-1.0.xsd", "bom-1.1.xsd", "bom-1.2.xsd", "bom-1.3.xsd", "bom-1.4.xsd", "bom-1.5.xsd", "bom-1.6.xsd",
	"bom-1.7.xsd", "spdx.xsd",
	"ext/bom-descriptor-0.9.xsd", "ext/bom-descriptor-1.0.xsd", "ext/dependency-graph-1.0.xsd",
	"ext/vulnerability-1.0.xsd",
}

func main() {
	schemas := flag.String("schemas", "", "folder of the official CycloneDX schemas (default: below COFFERDAM_DATA)")
	out := flag.String("out", "", "folder to write the reduced schemas to")
	flag.Parse()
	if err := run(*schemas, *out); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(schemas, out string) error {
	if schemas == "" {
		data := os.Getenv("COFFERDAM_DATA")
		if data == "" {
			return errors.New("name the folder of the official schemas: -schemas DIR, or set COFFERDAM_DATA")
		}
		schemas = filepath.Join(data, "sbom", "cdx-spec-tests", "schema")
	}
	if out == "" {
		return errors.New("name the folder to write to: -out DIR")
	}
	files, err := reduceAll(schemas)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o750); err != nil {
		return err
	}
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(out, name), b, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// reduceAll reduces every source below dir; keys of the result are the names of the reduced files.
func reduceAll(dir string) (map[string][]byte, error) {
	files := make(map[string][]byte, len(sources))
	for _, name := range sources {
		src, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			return nil, err
		}
		reduce := reduceJSON
		if strings.HasSuffix(name, ".xsd") {
			reduce = reduceXSD
		}
		b, err := reduce(src)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		files[filepath.Base(name)] = b
	}
	return files, nil
}
