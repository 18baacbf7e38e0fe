package schema

import (
	"embed"
	"fmt"
	"io/fs"
	"path"

	"github.com/cofferdam-io/cofferdam/sbom/schema/draft7"
	"github.com/cofferdam-io/cofferdam/sbom/schema/xsd"
)

//go:generate go run ./gen -out rules

//go:embed rules
var rules embed.FS

// jsonRules names the JSON schema of each specification version. 1.0 and 1.1 have none; 1.2 and 1.3 have a lax and a
// strict one, and strict is what the specification's own tests judge with.
var jsonRules = map[string]string{
	"1.2": "bom-1.2-strict.schema.json", "1.3": "bom-1.3-strict.schema.json", "1.4": "bom-1.4.schema.json",
	"1.5": "bom-1.5.schema.json", "1.6": "bom-1.6.schema.json", "1.7": "bom-1.7.schema.json",
}

// xmlVersions are the specification versions with an XSD.
var xmlVersions = []string{"1.0", "1.1", "1.2", "1.3", "1.4", "1.5", "1.6", "1.7"}

// bomNamespace is the XML namespace of CycloneDX, less the version.
const bomNamespace = "http://cyclonedx.org/schema/bom/"

// extensions are the namespaces of official CycloneDX extensions. Every XML schema knows them, because elements of
// another namespace are allowed nearly everywhere and judged where their schema is known (processContents="lax").
var extensions = []string{
	"http://cyclonedx.org/schema/ext/bom-descriptor/0.9",
	"http://cyclonedx.org/schema/ext/bom-descriptor/1.0",
	"http://cyclonedx.org/schema/ext/dependency-graph/1.0",
	"http://cyclonedx.org/schema/ext/vulnerability/1.0",
}

// namespaceRules names the XSD of each namespace.
var namespaceRules = map[string]string{
	"http://cyclonedx.org/schema/spdx": "spdx.xsd",

	bomNamespace + "1.0": "bom-1.0.xsd", bomNamespace + "1.1": "bom-1.1.xsd", bomNamespace + "1.2": "bom-1.2.xsd",
	bomNamespace + "1.3": "bom-1.3.xsd", bomNamespace + "1.4": "bom-1.4.xsd", bomNamespace + "1.5": "bom-1.5.xsd",
	bomNamespace + "1.6": "bom-1.6.xsd", bomNamespace + "1.7": "bom-1.7.xsd",

	"http://cyclonedx.org/schema/ext/bom-descriptor/0.9":   "bom-descriptor-0.9.xsd",
	"http://cyclonedx.org/schema/ext/bom-descriptor/1.0":   "bom-descriptor-1.0.xsd",
	"http://cyclonedx.org/schema/ext/dependency-graph/1.0": "dependency-graph-1.0.xsd",
	"http://cyclonedx.org/schema/ext/vulnerability/1.0":    "vulnerability-1.0.xsd",
}

func rule(file string) ([]byte, error) { return fs.ReadFile(rules, path.Join("rules", file)) }

// compileJSON compiles an embedded JSON schema. The lax and the strict schema of a version have the same $id, so the
// loader goes by file name; references between schemas are relative and name files.
func compileJSON(file string) (*draft7.Schema, error) {
	const base = "http://cyclonedx.org/schema/"
	set := draft7.NewSet(func(url string) ([]byte, error) { return rule(path.Base(url)) })
	s, err := set.Compile(base + file)
	if err != nil {
		return nil, fmt.Errorf("embedded schema %s: %w", file, err)
	}
	return s, nil
}

// compileXML compiles an embedded XSD with what it imports, and the extensions.
func compileXML(namespace string) (*xsd.Schema, error) {
	set := xsd.NewSet(func(ns string) (string, []byte, error) {
		file, ok := namespaceRules[ns]
		if !ok {
			return "", nil, fmt.Errorf("no schema is embedded for namespace %q", ns)
		}
		src, err := rule(file)
		return file, src, err
	})
	s, err := set.Compile(namespace, extensions...)
	if err != nil {
		return nil, fmt.Errorf("embedded schema of %s: %w", namespace, err)
	}
	return s, nil
}
