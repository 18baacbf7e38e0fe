// Package module hands to tests what other Go modules keep for theirs, without a copy of
// it here: go.mod names the version, and go.sum what it holds.
package module

import (
	"encoding/json"
	"os/exec"
	"sync"
	"testing"
)

var known sync.Map // path → folder

// Dir returns the folder of a module that this one needs, which is downloaded where it
// is not in the module cache. Nothing in it may be written.
func Dir(t testing.TB, path string) string {
	t.Helper()
	if dir, ok := known.Load(path); ok {
		return dir.(string) //nolint:forcetypeassert // nothing else is kept there
	}
	out, err := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", path).Output() // #nosec G204 -- a test's own module
	var m struct{ Dir, Error string }
	if jerr := json.Unmarshal(out, &m); jerr != nil || m.Dir == "" {
		t.Fatalf("the module %s cannot be had: %v %s", path, err, m.Error)
	}
	known.Store(path, m.Dir)
	return m.Dir
}
