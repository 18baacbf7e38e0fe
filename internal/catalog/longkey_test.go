package catalog_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/index"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// No component is too long for the catalogue: what says too much of itself is found
// like any other.
func TestLongComponents(t *testing.T) {
	if index.MaxKeyBytes != store.MaxKey {
		t.Fatalf("keys have %d bytes, and the store takes %d", index.MaxKeyBytes, store.MaxKey)
	}
	var licences []any
	for i := range 40 {
		licences = append(licences, map[string]any{"license": map[string]any{"name": strings.Repeat("words of a licence, ", 500) + string(rune('a'+i))}})
	}
	doc, err := json.Marshal(map[string]any{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": []any{
		map[string]any{"type": "library", "name": "wordy", "version": "1.0", "purl": "pkg:npm/wordy@1.0", "licenses": licences},
		map[string]any{"type": "library", "name": strings.Repeat("\x01", 100_000), "group": strings.Repeat("g", 100_000), "version": strings.Repeat("v", 100_000)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	onEngines(t, func(t *testing.T, reopen func() store.Store) {
		c, end := open(t, reopen(), catalog.Options{})
		defer end()
		if r := take(t, c, catalog.Upload{}, doc); r.Components != 2 {
			t.Errorf("%d components", r.Components)
		}
		if n := total(t, c, catalog.Search{Component: "pkg:npm/wordy@1.0"}); n != 1 {
			t.Errorf("%d artifacts have it", n)
		}
	})
}
