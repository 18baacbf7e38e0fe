package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLimitsAreChecked: a limit below zero is refused by name, and not by a queue that
// cannot be made.
func TestLimitsAreChecked(t *testing.T) {
	for text, want := range map[string]string{
		"connections: 500, queue: 10, workers: 2": "", "connections: -1": "positive", "queue: -5": "positive", "workers: -1": "positive", "documentBytes: -1": "positive",
		"memoryBytes: -9": "positive", "batchBytes: -9": "positive", "pageRows: -1": "positive", "stallSeconds: -2": "positive", "streams: -2": "positive", "stallSeconds: 4000": "at most 3600",
		"connections: 2000000": "at most 1000000", "queue: 9000000000": "at most 1000000", "connections: many": "cannot be read", "tenants: {a: {artifacts: -1}}": `the tenant "a"`,
	} {
		file := filepath.Join(t.TempDir(), "c.yaml")
		if err := os.WriteFile(file, []byte("limits: {"+text+"}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := (&Loader{}).serveSettings(t.Context(), file)
		switch {
		case want == "" && (err != nil || c.Limits.Connections != 500):
			t.Errorf("%s: %v", text, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
