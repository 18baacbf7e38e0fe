package patch

import (
	"bytes"
	"context"
	"io/fs"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/corpus"
)

// altered changes a tree somewhere, the same at every run: a scalar, an item or
// an entry goes, comes or becomes another. It leaves what names the object.
func altered(r *rand.Rand, v any, depth int) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		var keys []string
		for _, k := range orderedKeys(v) {
			out[k] = v[k]
			if depth > 1 || k != "apiVersion" && k != "kind" && k != "metadata" {
				keys = append(keys, k)
			}
		}
		switch n := r.Intn(8); {
		case n == 0 || len(keys) == 0:
			out["added"] = []any{"n", map[string]any{"k": "on"}, "10.0.0.0/8"}
		case n == 1 && depth > 0:
			delete(out, keys[r.Intn(len(keys))])
		default:
			k := keys[r.Intn(len(keys))]
			out[k] = altered(r, v[k], depth+1)
		}
		return out
	case []any:
		out := append([]any{}, v...)
		switch n := r.Intn(6); {
		case len(v) == 0 || n == 0:
			return append(out, map[string]any{"port": 53, "protocol": "UDP"})
		case n == 1:
			i := r.Intn(len(v))
			return append(out[:i], out[i+1:]...)
		default:
			i := r.Intn(len(v))
			out[i] = altered(r, v[i], depth+1)
			return out
		}
	case string:
		return v + "-2"
	}
	return "y"
}

// realManifests calls f for every YAML and JSON file of the data folder that
// holds objects, with the places of some of them.
func realManifests(t *testing.T, f func(path string, data []byte, objects []estate.Source)) {
	t.Helper()
	root := corpus.Root(t)
	files := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		ext := filepath.Ext(path)
		if ext != ".yaml" && ext != ".yml" && ext != ".json" {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil || len(data) > 256<<10 || !bytes.Contains(data, []byte("apiVersion")) {
			return err
		}
		set, err := manifest.Decode(context.Background(), []manifest.Input{{Name: path, Data: data}}, manifest.Options{})
		if err != nil {
			return err
		}
		var objects []estate.Source
		for _, p := range set.Estate.Policies {
			objects = append(objects, p.Source)
		}
		for _, w := range set.Estate.Workloads {
			objects = append(objects, w.Source)
		}
		for _, s := range set.Estate.Services {
			objects = append(objects, s.Source)
		}
		files++
		f(path, data, objects)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 100 {
		t.Errorf("%d files with objects: the data is gone", files)
	}
}

func TestRealManifestsStayAsTheyAre(t *testing.T) {
	n := 0
	realManifests(t, func(path string, data []byte, objects []estate.Source) {
		var edits []Edit
		for i, s := range objects {
			if i > 4 {
				break // each look at one reads its whole document
			}
			tree, err := Object(data, s)
			if err != nil {
				t.Errorf("%s:%d: %v", path, s.Line, err)
				continue
			}
			edits = append(edits, Edit{s, tree})
			n++
		}
		if got, err := Files(data, edits); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: rewritten to what it says: %v", path, err)
		}
	})
	t.Logf("%d objects", n)
}

func TestRealManifestsAreChanged(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	done, refused := 0, map[string]int{}
	changedLines, comments := 0, 0
	realManifests(t, func(path string, data []byte, objects []estate.Source) {
		for i, s := range objects {
			if i > 2 {
				break
			}
			tree, err := Object(data, s)
			if err != nil {
				continue // the other test tells
			}
			want := altered(r, tree, 0)
			got, err := File(data, s, want)
			if err != nil {
				if ident.KindOf(err) != ident.KindUnsupported {
					t.Errorf("%s:%d: %v", path, s.Line, err)
				}
				msg := err.Error()[strings.LastIndex(err.Error(), "patch: ")+1:]
				refused[msg]++
				if !strings.Contains(msg, "template") && !strings.Contains(msg, "anchor") && !strings.Contains(msg, "alias") && !strings.Contains(msg, "merge key") {
					t.Errorf("%s:%d: %v", path, s.Line, err)
				}
				continue
			}
			done++
			if !bytes.Equal(got[:s.Start], data[:s.Start]) {
				t.Errorf("%s:%d: what stands before the object changed", path, s.Line)
			}
			if tail := data[s.End:]; len(bytes.TrimSpace(tail)) > 0 && !bytes.HasSuffix(got, tail) {
				t.Errorf("%s:%d: what stands behind the object changed", path, s.Line)
			}
			d := Diff("f", data, "f", got)
			changedLines += signs(d)
			for _, l := range lines(d) {
				if strings.HasPrefix(l, "-") && strings.Contains(l, "#") {
					comments++
				}
			}
		}
	})
	t.Logf("%d changes of %d lines, %d of them with comments that went; refused: %v", done, changedLines, comments, refused)
	if done < 500 {
		t.Errorf("only %d objects were changed", done)
	}
}
