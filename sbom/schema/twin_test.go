package schema_test

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/cofferdam-io/cofferdam/sbom/schema"
	"github.com/cofferdam-io/cofferdam/sbom/schema/draft7"
)

// twin compiles the official, unreduced schema with a general validator, so that agreement is also about the reduction.
// The formats that it has no validator for are ours.
func twin(t *testing.T, version string) *jsonschema.Schema {
	t.Helper()
	dir := dataDir(t, "sbom", "cdx-spec-tests", "schema")
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	for _, name := range []string{"idn-email", "iri-reference", "uri"} {
		c.RegisterFormat(&jsonschema.Format{Name: name, Validate: func(v any) error {
			s, ok := v.(string)
			if !ok {
				return nil
			}
			_, err := draft7.CheckFormat(name, s)
			return err
		}})
	}
	const base = "http://cyclonedx.org/schema/"
	root := "bom-" + version + ".schema.json"
	if version == "1.2" || version == "1.3" {
		root = "bom-" + version + "-strict.schema.json"
	}
	for _, file := range []string{root, "jsf-0.82.schema.json", "spdx.schema.json", "cryptography-defs.schema.json"} {
		src, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		// Nested identifiers such as "#/properties/bomFormat" are no plain names, which the twin insists on.
		src = regexp.MustCompile(`"\$id": "#/[^"]*",?`).ReplaceAll(src, nil)
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(src))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.AddResource(base+file, doc); err != nil {
			t.Fatal(err)
		}
	}
	s, err := c.Compile(base + root)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestTwin judges the corpus and random damage to it with the general validator too; the verdicts must agree.
func TestTwin(t *testing.T) {
	const mutants = 25
	v := schema.New(schema.Limits{})
	rng := rand.New(rand.NewPCG(7, 11))
	judged, invalid := 0, 0
	for _, version := range []string{"1.2", "1.3", "1.4", "1.5", "1.6", "1.7"} {
		files, err := filepath.Glob(filepath.Join(dataDir(t, "sbom", "cdx-spec-tests", "tools", "src", "test", "resources"), version, "*.json"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no documents of %s: %v", version, err)
		}
		other := twin(t, version)
		words := vocabulary(t, files)
		for _, file := range files {
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for i := range mutants {
				value, err := jsonschema.UnmarshalJSON(bytes.NewReader(src))
				if err != nil {
					t.Fatal(err)
				}
				for range i % 4 { // 0: the document itself
					value = mutate(rng, value, words)
				}
				doc, err := json.Marshal(value)
				if err != nil {
					t.Fatal(err)
				}
				violations, err := v.JSON(context.Background(), version, doc)
				if err != nil {
					t.Fatal(err)
				}
				judged++
				if len(violations) > 0 {
					invalid++
				}
				if verdict := other.Validate(value); (verdict == nil) != (len(violations) == 0) {
					t.Errorf("%s: ours %v, the twin's %v, document %s", filepath.Base(file), violations, verdict, doc)
				}
			}
		}
	}
	t.Logf("%d documents judged alike, %d of them invalid", judged, invalid)
}

// vocabulary collects the names and strings of documents, so that damage is plausible.
func vocabulary(t *testing.T, files []string) []string {
	t.Helper()
	seen := map[string]bool{}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`"([^"\\\n]{1,60})"`).FindAllSubmatch(src, -1) {
			seen[string(m[1])] = true
		}
	}
	words := make([]string, 0, len(seen))
	for w := range seen {
		words = append(words, w)
	}
	sort.Strings(words)
	return words
}

// mutate changes one thing somewhere in a value.
func mutate(rng *rand.Rand, v any, words []string) any {
	switch x := v.(type) {
	case map[string]any:
		if len(x) > 0 && rng.IntN(5) > 0 {
			k := pick(rng, x)
			x[k] = mutate(rng, x[k], words)
			return x
		}
		switch rng.IntN(4) {
		case 0:
			if len(x) > 0 {
				delete(x, pick(rng, x))
			}
		case 1:
			x[words[rng.IntN(len(words))]] = scalar(rng, words)
		case 2:
			if len(x) > 0 {
				k := pick(rng, x)
				val := x[k]
				delete(x, k)
				x[words[rng.IntN(len(words))]] = val
			}
		default:
			return scalar(rng, words)
		}
		return x
	case []any:
		if len(x) > 0 && rng.IntN(5) > 0 {
			i := rng.IntN(len(x))
			x[i] = mutate(rng, x[i], words)
			return x
		}
		switch rng.IntN(3) {
		case 0:
			if len(x) > 0 {
				return append(x, x[rng.IntN(len(x))])
			}
			return append(x, scalar(rng, words))
		case 1:
			return append(x, scalar(rng, words))
		}
		if len(x) > 0 {
			return x[:len(x)-1]
		}
		return scalar(rng, words)
	case string:
		switch rng.IntN(3) {
		case 0:
			return x + string(" -.:/#%[]@é\n1"[rng.IntN(13)])
		case 1:
			return strings.ToUpper(x)
		}
	}
	return scalar(rng, words)
}

func pick(rng *rand.Rand, m map[string]any) string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys[rng.IntN(len(keys))]
}

func scalar(rng *rand.Rand, words []string) any {
	switch rng.IntN(9) {
	case 0:
		return nil
	case 1:
		return rng.IntN(2) == 0
	case 2:
		return json.Number([]string{"0", "-1", "1", "1.0", "0.5", "7", "1e2", "1.5e-3", "12345678901234567890"}[rng.IntN(9)])
	case 3:
		return []any{}
	case 4:
		return map[string]any{}
	case 5:
		return ""
	}
	return words[rng.IntN(len(words))]
}
