package patch

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// applied writes a file, lets git apply a diff there and returns what results,
// nil for a file that is gone.
func applied(t testing.TB, name string, old, diff []byte) []byte {
	t.Helper()
	return appliedTo(t, name, old, diff, name)
}

func appliedTo(t testing.TB, name string, old, diff []byte, result string) []byte {
	t.Helper()
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("git is not installed: what git apply makes of a diff is not checked")
	}
	dir, err := os.MkdirTemp("", "apply")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if old != nil {
		if err := os.WriteFile(path, old, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(git, "apply", "-p1", "--whitespace=nowarn", "-")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir), "GIT_CONFIG_NOSYSTEM=1", "HOME="+dir)
	cmd.Stdin = bytes.NewReader(diff)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git apply: %v\n%s\n%s", err, out, diff)
	}
	got, err := os.ReadFile(filepath.Join(dir, result))
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return append([]byte{}, got...)
}

func TestDiff(t *testing.T) {
	const ten = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\n17\n18\n"
	for _, c := range []struct {
		name, file, old, changed, want string
	}{
		{"two hunks", "dir/a.yaml", ten, strings.Replace(strings.Replace(ten, "2\n", "two\n", 1), "17\n", "", 1), `diff --git a/dir/a.yaml b/dir/a.yaml
--- a/dir/a.yaml
+++ b/dir/a.yaml
@@ -1,5 +1,5 @@
 1
-2
+two
 3
 4
 5
@@ -14,5 +14,4 @@
 14
 15
 16
-17
 18
`},
		{"final line break", "a", "a\nb", "a\nb\n", "diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+b\n"},
		{"no final line break after", "a", "a\nb\n", "a\nc", "diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n\\ No newline at end of file\n"},
		{"a name with a blank", "a b.yaml", "1\n", "2\n", "diff --git a/a b.yaml b/a b.yaml\n--- a/a b.yaml\t\n+++ b/a b.yaml\t\n@@ -1 +1 @@\n-1\n+2\n"},
		{"a name with quotes and letters", "ü \"x\".yaml", "1\n", "2\n", "diff --git \"a/ü \\\"x\\\".yaml\" \"b/ü \\\"x\\\".yaml\"\n--- \"a/ü \\\"x\\\".yaml\"\n+++ \"b/ü \\\"x\\\".yaml\"\n@@ -1 +1 @@\n-1\n+2\n"},
		{"CRLF", "a", "1\r\n2\r\n", "1\r\n3\r\n", "diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1,2 +1,2 @@\n 1\r\n-2\r\n+3\r\n"},
		{"emptied", "a", "1\n", "", "diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1 +0,0 @@\n-1\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Diff(c.file, []byte(c.old), c.file, []byte(c.changed))
			if string(got) != c.want {
				t.Errorf("got:\n%q\nwant:\n%q", got, c.want)
			}
			if after := applied(t, c.file, []byte(c.old), got); string(after) != c.changed {
				t.Errorf("git makes %q of it, want %q", after, c.changed)
			}
		})
	}
}

func TestDiffOfNewAndRemovedFiles(t *testing.T) {
	if d := Diff("", nil, "dir/new.yaml", []byte("a\nb")); string(applied(t, "dir/new.yaml", nil, d)) != "a\nb" || !bytes.Contains(d, []byte("--- /dev/null\n+++ b/dir/new.yaml\n@@ -0,0 +1,2 @@")) {
		t.Errorf("new file:\n%s", d)
	}
	if d := Diff("/dev/null", nil, "new.yaml", nil); applied(t, "new.yaml", nil, d) == nil {
		t.Errorf("new empty file:\n%s", d)
	}
	if d := Diff("old.yaml", []byte("a\n"), "", nil); applied(t, "old.yaml", []byte("a\n"), d) != nil || !bytes.Contains(d, []byte("+++ /dev/null\n@@ -1 +0,0 @@")) {
		t.Errorf("removed file:\n%s", d)
	}
	d := Diff("old.yaml", []byte("a\nb\n"), "new.yaml", []byte("a\nc\n"))
	if got := appliedTo(t, "old.yaml", []byte("a\nb\n"), d, "new.yaml"); string(got) != "a\nc\n" {
		t.Errorf("renamed: git makes %q of\n%s", got, d)
	}
	if d := Diff("a", []byte("a\n"), "a", []byte("a\n")); d != nil {
		t.Errorf("nothing changed, but:\n%s", d)
	}
	if d := Diff("", nil, "", nil); d != nil {
		t.Errorf("no file at all, but:\n%s", d)
	}
}

func TestDiffIsWhatGitApplies(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		line := rapid.SampledFrom([]string{"a\n", "b\n", "  - from:\n", "\n", "c\r\n", "-- x\n", "++ y\n", "\\ z\n"})
		text := func(name string) []byte {
			s := strings.Join(rapid.SliceOfN(line, 0, 40).Draw(t, name), "")
			if rapid.Bool().Draw(t, name+" ends") {
				s = strings.TrimSuffix(s, "\n")
			}
			return []byte(s)
		}
		old, changed := text("old"), text("new")
		d := Diff("f", old, "f", changed)
		if d == nil {
			if !bytes.Equal(old, changed) {
				t.Fatal("no diff of different texts")
			}
			return
		}
		if got := replay(old, d); !bytes.Equal(got, changed) {
			t.Fatalf("%q became %q, not %q, by\n%s", old, got, changed, d)
		}
		if n, m := signs(d), shortestLength(lines(old), lines(changed)); n != m {
			t.Fatalf("%d lines are marked where %d do:\n%s", n, m, d)
		}
	})
}

// TestDiffAgainstGit lets the real git apply diffs of random texts; it starts a
// process for each, so there are few.
func TestDiffAgainstGit(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		if rapid.IntRange(0, 9).Draw(rt, "seldom") != 0 {
			return
		}
		line := rapid.SampledFrom([]string{"a\n", "b\n", "c\n", "d\r\n", "\n", "-- x\n"})
		old := []byte(strings.Join(rapid.SliceOfN(line, 1, 60).Draw(rt, "old"), ""))
		changed := []byte(strings.Join(rapid.SliceOfN(line, 1, 60).Draw(rt, "new"), "") + rapid.SampledFrom([]string{"", "end"}).Draw(rt, "end"))
		d := Diff("f", old, "f", changed)
		if d == nil {
			return
		}
		if got := applied(t, "f", old, d); !bytes.Equal(got, changed) {
			rt.Fatalf("git makes %q of %q, want %q", got, old, changed)
		}
	})
}

func TestDiffBeyondTheBound(t *testing.T) {
	old, changed := strings.Repeat("a\nb\nc\n", 3000), strings.Repeat("d\ne\nc\n", 3000)
	d := Diff("f", []byte("x\n"+old+"y\n"), "f", []byte("x\n"+changed+"y\n"))
	if got := applied(t, "f", []byte("x\n"+old+"y\n"), d); string(got) != "x\n"+changed+"y\n" {
		t.Error("git makes something else of a diff that replaces all lines")
	}
}

// replay applies the hunks of a diff by the definition of the format.
func replay(old, diff []byte) []byte {
	ls := lines(diff)
	var out []byte
	rest := lines(old)
	at := 0
	for i := 0; i < len(ls); i++ {
		l := ls[i]
		if strings.HasPrefix(l, "@@ -") {
			var from, n int
			head := strings.Fields(l)[1][1:]
			if a, b, ok := strings.Cut(head, ","); ok {
				from, n = number(a), number(b)
			} else {
				from, n = number(head), 1
			}
			if n > 0 {
				from--
			}
			for ; at < from; at++ {
				out = append(out, rest[at]...)
			}
			for i+1 < len(ls) && !strings.HasPrefix(ls[i+1], "@@ -") {
				i++
				body := ls[i][1:]
				if i+1 < len(ls) && ls[i+1] == "\\ No newline at end of file\n" {
					body = strings.TrimSuffix(body, "\n")
				}
				switch ls[i][0] {
				case ' ':
					out = append(out, rest[at]...)
					at++
				case '-':
					at++
				case '+':
					out = append(out, body...)
				}
			}
		}
	}
	for ; at < len(rest); at++ {
		out = append(out, rest[at]...)
	}
	return out
}

func number(s string) int {
	n := 0
	for _, c := range s {
		n = 10*n + int(c-'0')
	}
	return n
}

func signs(diff []byte) int {
	n, in := 0, false
	for _, l := range lines(diff) {
		in = in || strings.HasPrefix(l, "@@ -")
		if in && (l[0] == '-' || l[0] == '+') {
			n++
		}
	}
	return n
}

// shortestLength is the edit distance by the table that everybody knows.
func shortestLength(a, b []string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j := range b {
			next := min(row[j], row[j+1]) + 1
			if a[i] == b[j] {
				next = diagonal
			}
			diagonal, row[j+1] = row[j+1], next
		}
	}
	return row[len(b)]
}

func TestMergePatch(t *testing.T) {
	for _, c := range []struct{ name, old, want, patch string }{
		{"nothing", `{"a":{"b":[1]}}`, `{"a":{"b":[1.0]}}`, `{}`},
		{"nested", `{"a":{"b":1,"c":2},"l":[1,2]}`, `{"a":{"b":1,"d":{"e":null,"f":1}},"l":[2]}`, `{"a":{"c":null,"d":{"f":1}},"l":[2]}`},
		{"another kind", `{"a":[1]}`, `{"a":{"b":{"c":1}}}`, `{"a":{"b":{"c":1}}}`},
		{"nulls are absent", `{"a":null,"b":1}`, `{"b":null}`, `{"b":null}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			old, want, patch := tree(t, c.old), tree(t, c.want), tree(t, c.patch)
			if got := MergePatch(old, want); !equal(got, patch) {
				t.Errorf("got %v, want %v", got, patch)
			}
		})
	}
}

func tree(t testing.TB, text string) any {
	t.Helper()
	v, err := decodeJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// merged applies a merge patch as RFC 7386 section 2 writes it down.
func merged(target, patch any) any {
	p, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	out := map[string]any{}
	if m, ok := target.(map[string]any); ok {
		for k, v := range m {
			out[k] = v
		}
	}
	for k, v := range p {
		if v == nil {
			delete(out, k)
		} else {
			out[k] = merged(out[k], v)
		}
	}
	return out
}

// without drops the nulls of objects, which a merge patch cannot set.
func without(v any) any {
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	out := map[string]any{}
	for k, w := range m {
		if w != nil {
			out[k] = without(w)
		}
	}
	return out
}

func TestMergePatchMerges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		old, want := anyTree(t, "old", 3), anyTree(t, "want", 3)
		if _, ok := old.(map[string]any); !ok {
			old = map[string]any{"a": old}
		}
		if _, ok := want.(map[string]any); !ok {
			want = map[string]any{"a": want}
		}
		if got := merged(old, MergePatch(old, want)); !equal(without(got), without(want)) {
			t.Fatalf("%v merged to %v, want %v", old, got, want)
		}
	})
}
