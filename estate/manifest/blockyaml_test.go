package manifest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cofferdam-io/cofferdam/internal/corpus"
	"github.com/cofferdam-io/cofferdam/internal/testenv/used"
)

// sameTree holds the block parser against yaml.v3, and reports whether it read
// the document: it may decline, and must never differ.
func sameTree(t *testing.T, text string) bool {
	t.Helper()
	l := Options{}.limits()
	doc := document{line: 7, start: 100, data: []byte(text)}
	got := blockYAML(doc, l)
	if got == nil {
		return false
	}
	want, err := anyYAML(doc, l)
	if err != nil {
		t.Errorf("%q is read, and yaml.v3 says %v", text, err.err)
		return true
	}
	if want == nil {
		t.Errorf("%q is read, and yaml.v3 says it is empty", text)
		return true
	}
	if !reflect.DeepEqual(want, got) {
		t.Errorf("%q: (-yaml.v3 +block)\n%s", text, cmp.Diff(want, got, cmp.AllowUnexported(node{}, field{})))
	}
	return true
}

func TestBlockYAML(t *testing.T) {
	for text, read := range map[string]bool{
		"a: b\n": true, "a: b": true, "a:\n": true, "a:": true, "a: \n": true, "a: # c\nb: 1\n": true, "a:   b  # c\n": true, "# c\n\na: b\n": true,
		"a:\n  b: c\n  d:\n    e: f\ng: h\n": true, "a:\n- b\n- c\nd: e\n": true, "a:\n  - b\n  - c\n": true, "a:\n- b: c\n  d: e\n- f: g\n": true,
		"a:\n-\n  b: c\n": true, "a:\n-\n- b\n": true, "a:\n- b:\n    c: d\n  e: f\n": true, "a:\n- b:\n  - c\n  d: e\n": true, "a:\n- # c\n  b: d\n": true,
		"a: {}\nb: []\n": true, "a: {b: c, d: [e, 1, true]}\n": true, "a: [{b: c}, {d: e}]\n": true, "a: { b: c }\n": true, "a: [ ]\n": true, "a: {b: {}}\n": true,
		"a: 'b'\nc: \"d\"\n": true, "a: 'it''s'\n": true, "a: ''\n": true, "a: 'b # c'\n": true, "'a': b\n\"c\": d\n": true, "a: \"b\" # c\n": true,
		"a: yes\nb: null\nc: ~\nd: 1_000\ne: 0x1F\nf: 1e3\ng: .5\nh: -1\ni: 010\nj: 1:30\n": true, "a: 10.0.0.0/8\nb: 2001:db8::/32\nc: a:b\n": true,
		"a: |\n  b\n  c\nd: e\n": true, "a: |-\n  b\n": true, "a: |\n  b\n\n  c\n": true, "a: |\n  b\n    c\n  # d\n": true, "a: |\n  b\n\n\nc: d\n": true,
		"a:\n- |\n  b\n- c\n": true, "a: |\n  b\n# c\nd: e\n": true, "---\na: b\n": true, "--- # c\na: b\n": false, "a: é\n": true, "a: b#c\n": true, "a: b\n\n\n": true,
		"  a: b\n  c: d\n": true, "a:\n    b: c\n": true, "a: b: c\n": false, "a: b:\n": false, "a: b\n  c\n": false, "a: b\n c: d\n": false, "a: \"b\\n\"\n": false,
		"a: &x b\n": false, "a: *x\n": false, "a: !!str b\n": false, "a: >\n  b\n": false, "a: |2\n  b\n": false, "a: |+\n  b\n": false, "? a\n: b\n": false, "a: @b\n": false,
		"a: `b`\n": false, "a: %b\n": false, "a\n": false, "- a\n": false, "a: b\na: c\n": false, "a:\tb\n": false, "a: b\r\n": false, "a: |\n\n  b\n": false, "a: |\n b\n": true,
		"a: {b}\n": false, "a: {b: c\n": false, "a: [b, ]\n": false, "a: [b,c]\n": true, "a: {b:c}\n": false, "a: [b: c]\n": false, "a: {\n  b: c}\n": false,
		"yes: a\n": false, "1: a\n": false, "<<: a\n": false, "a b: c\n": false, "a:b\n": false, "a: - b\n": false, "a: -\n": false, "a: -b\n": true, "a: --b\n": true, "a: ?b\n": false,
		"a:\n- - b\n": false, "a:\n  b\n": false, "a:\n- b\n  c\n": false, "a:\n - b\n- c\n": false, "a:\nb\n": false, "a: 'b\n  c'\n": false, "a: \u2028\n": false, "a: \xff\n": false,
		"a:\n  b: c\n d: e\n": false, "...\na: b\n": false, "%YAML 1.1\n---\na: b\n": false, "a: b\n---\nc: d\n": false, "": false, "# c\n": false, "a: [b]c\n": false, "a: \"b\"c\n": false,
		"a: |  # c\n  b\n": false, "a: b #\n": true, "a: b # c: d\n": true, "a: ' b '\n": true, "a: {b: 'c', \"d\": e}\n": true, "a: {b: -1}\n": true, "a: [-1, +2, .3]\n": true, "a: [-]\n": false,
		"a: |\n  b": false, "a: |-\n  b": true, "a:\n  - b:\n      c\n": false, "a: |\n  b\n   \n  c\n": false, "a: |\n  b\n \n  c\n": true, "a: [\"b\": c]\n": false, "a: {\"b\":\"c\",\"d e\":[1,2]}\n": true, "a: {b: c,d: e}\n": true, "a: {\"b\":c}\n": true, "a: {\"b\" : c}\n": false, "a: {,}\n": false, "a: [b,,c]\n": false, "a: {\"yes\":1}\n": true,
		"a: [1, [2, [3]]]\n": true, "a: {b: [], c: {}}\n": true, "a: null # c\n": true, "a.b/c-d_e: f\n": true, "-a: b\n": false, "a: =\n": true, "a: [a=b]\n": true, "a: .\n": true,
	} {
		if got := sameTree(t, text); got != read {
			t.Errorf("%q: read %v, want %v", text, got, read)
		}
	}
}

// TestBlockYAMLOnManifests wants nearly every real document to be read, and each
// as yaml.v3 reads it.
func TestBlockYAMLOnManifests(t *testing.T) {
	roots := []string{filepath.Join("..", "..", "examples", "estate", "manifests")}
	if data := os.Getenv("COFFERDAM_DATA"); data != "" {
		roots = append(roots, filepath.Join(data, "netpol"))
	}
	read, declined, files := 0, 0, 0
	for _, root := range roots {
		err := filepath.Walk(root, func(path string, info os.FileInfo, err error) error {
			if err != nil || info.IsDir() || !strings.HasSuffix(path, ".yaml") && !strings.HasSuffix(path, ".yml") {
				return err
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			docs, err := documents(data, 10_000)
			if err != nil {
				return err
			}
			for i, d := range docs {
				if files++; files%7 > 0 && i > 0 { // yaml.v3 is slow, and many documents are alike
					continue
				}
				if sameTree(t, string(d.data)) {
					read++
				} else {
					declined++
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d documents read, %d declined", read, declined)
	if read < 50 || declined*20 > read {
		t.Errorf("%d documents read, %d declined", read, declined)
	}
}

// TestBlockYAMLOnRandomLines puts lines that mean something together at random
// depths: most are no YAML, and whatever is read has to be what yaml.v3 reads.
func TestBlockYAMLOnRandomLines(t *testing.T) {
	lines := []string{"a:", "b: c", "c: 1", "'d': e", "- f", "- g: h", "-", "- i:", "# j", "k: |", "l: |-", "m: {n: o, p: [q, 1]}", "r: []", "s: 't''u'", "v: \"w\" # x", "",
		"y1: -z", "- - aa", "bb: cc dd", "ee # ff", "gg: hh:ii", "- {jj: kk}", "- 'll: mm'", "nn: # oo", "text", "- |", "---", "pp: null", "- [qq]", "rr:ss: tt", "- uu # vv: ww", "xx: ~"}
	r := rand.New(rand.NewPCG(1, 2))
	read := 0
	for range 60_000 {
		var b strings.Builder
		for range 1 + r.IntN(7) {
			b.WriteString(strings.Repeat(" ", []int{0, 0, 0, 2, 2, 2, 4, 4, 1, 3, 6}[r.IntN(11)]))
			b.WriteString(lines[r.IntN(len(lines))])
			b.WriteString([]string{"\n", "\n", "\n", "\n", " \n", "\n\n"}[r.IntN(6)])
		}
		text := b.String()
		if r.IntN(20) == 0 {
			text = strings.TrimSuffix(text, "\n")
		}
		docs, err := documents([]byte(text), 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range docs {
			if sameTree(t, string(d.data)) {
				read++
			}
		}
		if t.Failed() {
			return
		}
	}
	t.Logf("%d documents read", read)
	if read < 2000 {
		t.Errorf("only %d documents read: the lines exercise little", read)
	}
}

// TestOneLongLine holds the parser to time in proportion to its input where every
// node stands on one line, or is merged into one mapping.
func TestOneLongLine(t *testing.T) {
	const n = 60_000
	for name, text := range map[string]string{
		"flow":  "a: &x [" + strings.Repeat("1, ", n) + "1]\n",
		"merge": "a: &x b\n<<: [" + mappings(n/20) + "{z: 1}]\n",
	} {
		used.Within(t, name, 20*time.Second, func() { // seconds where it was quadratic by the minute
			if _, err := anyYAML(document{line: 1, data: []byte(text)}, Options{}.limits()); err != nil {
				t.Errorf("%s: %v", name, err.err)
			}
		})
	}
}

// mappings writes n mappings of twenty keys each.
func mappings(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteByte('{')
		for k := range 20 {
			fmt.Fprintf(&b, "k%d_%d: 1, ", i, k)
		}
		b.WriteString("z: 1}, ")
	}
	return b.String()
}

func FuzzBlockYAML(f *testing.F) {
	for _, s := range []string{shop, owners, "a: |\n  b\n c: d\n", "a:\n- b: {c: [d, 'e']}\n", "a: b\n#\n - c\n", "a: 'b'':'\n", "a: [b , c]\n"} {
		f.Add([]byte(s))
	}
	corpus.Seed(f, "netpol", ".yaml")
	f.Fuzz(func(t *testing.T, data []byte) {
		if docs, err := documents(data, 100); err == nil {
			for _, d := range docs[:min(len(docs), 5)] { // yaml.v3 would spend the minute on one seed
				if len(d.data) < 16<<10 {
					sameTree(t, string(d.data))
				}
			}
		}
	})
}

func BenchmarkBlockYAML(b *testing.B) {
	const one = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
  labels:
    app: web
    release: "stable"
spec:
  replicas: 3
  selector:
    matchLabels:
      app: web
  template:
    metadata:
      labels: {app: web, tier: front}
    spec:
      containers:
      - name: web # the only one
        image: registry.example/shop/web:1.4
        ports:
        - name: http
          containerPort: 8080
`
	doc := document{data: []byte(one)}
	for name, parse := range map[string]func(document, limits) *node{
		"block": blockYAML,
		"yaml.v3": func(d document, l limits) *node {
			n, _ := anyYAML(d, l)
			return n
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(one)))
			b.ReportAllocs()
			for b.Loop() {
				if parse(doc, Options{}.limits()) == nil {
					b.Fatal("the document is declined")
				}
			}
		})
	}
}
