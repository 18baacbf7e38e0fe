package patch

import (
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
)

// policy is a NetworkPolicy as people write them.
const policy = `# who may talk to web
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: web
  namespace: shop # the shop
spec:
  podSelector:
    matchLabels: {app: web}
  policyTypes: [Ingress]
  ingress:
  # the ingress controller
  - from:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: ingress-nginx
    ports:
    - port: 80 # plain
    - port: 443
      protocol: TCP

  # monitoring
  - from:
    - ipBlock:
        cidr: 10.0.0.0/8
        except:
        - "10.1.0.0/16"
        - "10.2.0.0/16"
    # nothing else
# the end
`

// with returns the tree of a text after some changes: path, then a value, in
// turn. drop removes, push appends.
func with(t testing.TB, text string, f func(m map[string]any)) any {
	t.Helper()
	v, err := decodeJSON([]byte(text))
	if err != nil {
		if v, err = decodeYAML([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	f(v.(map[string]any))
	return v
}

func at(v any, path ...any) any {
	for _, p := range path {
		switch p := p.(type) {
		case string:
			v = v.(map[string]any)[p]
		case int:
			v = v.([]any)[p]
		}
	}
	return v
}

func TestRewrite(t *testing.T) {
	replace := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(policy) }
	before := func(part string) string { head, _, _ := strings.Cut(policy, part); return head }
	from := func(part string) string { return strings.TrimPrefix(policy, before(part)) }
	for _, c := range []struct {
		name, src string
		change    func(m map[string]any)
		want      string
	}{
		{"scalar", policy, func(m map[string]any) { at(m, "spec", "ingress", 0, "ports", 0).(map[string]any)["port"] = 8080 },
			replace("port: 80 # plain", "port: 8080 # plain")},
		{"remove the first rule with its comment", policy, func(m map[string]any) {
			s := at(m, "spec").(map[string]any)
			s["ingress"] = s["ingress"].([]any)[1:]
		}, before("  # the ingress") + from("  # monitoring")},
		{"remove the last rule with its comments", policy, func(m map[string]any) {
			s := at(m, "spec").(map[string]any)
			s["ingress"] = s["ingress"].([]any)[:1]
		}, before("  # monitoring") + "# the end\n"},
		{"remove every rule", policy, func(m map[string]any) { at(m, "spec").(map[string]any)["ingress"] = []any{} },
			before("  ingress:") + "  ingress: []\n# the end\n"},
		{"remove an item that shares the dash", policy, func(m map[string]any) {
			r := at(m, "spec", "ingress", 0).(map[string]any)
			delete(r, "from")
		}, replace(`  - from:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: ingress-nginx
    ports:
`, "  - ports:\n")},
		{"add a key before the one that shares the dash", "a:\n- ports:\n  - port: 1 # one\n", func(m map[string]any) {
			at(m, "a", 0).(map[string]any)["from"] = []any{map[string]any{"podSelector": map[string]any{}}}
		}, "a:\n- from:\n  - podSelector: {}\n  ports:\n  - port: 1 # one\n"},
		{"add an address in the quotes of its siblings", policy, func(m map[string]any) {
			b := at(m, "spec", "ingress", 1, "from", 0, "ipBlock").(map[string]any)
			b["except"] = append(b["except"].([]any), "10.3.0.0/16")
		}, replace(`        - "10.2.0.0/16"
`, `        - "10.2.0.0/16"
        - "10.3.0.0/16"
`)},
		{"flow", policy, func(m map[string]any) {
			s := at(m, "spec").(map[string]any)
			s["policyTypes"] = []any{"Ingress", "Egress"}
			at(s, "podSelector", "matchLabels").(map[string]any)["tier"] = "yes"
		}, replace("[Ingress]", "[Ingress, Egress]", "{app: web}", `{app: web, tier: "yes"}`)},
		{"a peer excluded by its labels", policy, func(m map[string]any) {
			p := at(m, "spec", "ingress", 0, "from", 0).(map[string]any)
			p["podSelector"] = map[string]any{"matchExpressions": []any{map[string]any{"key": "app", "operator": "NotIn", "values": []any{"old", "on"}}}}
		}, replace("          kubernetes.io/metadata.name: ingress-nginx\n", `          kubernetes.io/metadata.name: ingress-nginx
      podSelector:
        matchExpressions:
        - key: app
          operator: NotIn
          values:
          - old
          - "on"
`)},
		{"a list indented under its key", "spec:\n  ingress:\n    - ports:\n        - port: 1\n", func(m map[string]any) {
			at(m, "spec").(map[string]any)["egress"] = []any{map[string]any{"ports": []any{map[string]any{"port": 53, "protocol": "UDP"}}}}
		}, "spec:\n  ingress:\n    - ports:\n        - port: 1\n  egress:\n    - ports:\n        - protocol: UDP\n          port: 53\n"},
		{"no final line break", "a: 1\nb: 2", func(m map[string]any) { m["c"] = "x" }, "a: 1\nb: 2\nc: x"},
		{"no final line break, last goes", "a: 1\nb: 2", func(m map[string]any) { delete(m, "b") }, "a: 1"},
		{"CRLF", "a: 1\r\nl:\r\n- x # c\r\n", func(m map[string]any) { m["l"] = []any{"x", "z"}; m["m"] = map[string]any{"k": nil} },
			"a: 1\r\nl:\r\n- x # c\r\n- z\r\nm:\r\n  k: null\r\n"},
		{"byte order mark and markers", "\uFEFF---\n# c\na: ü\n...\n", func(m map[string]any) { m["b"] = "ö" }, "\uFEFF---\n# c\na: ü\nb: ö\n...\n"},
		{"byte order mark", "\uFEFFa: ü\n", func(m map[string]any) { m["b"] = "ö" }, "\uFEFFa: ü\nb: ö\n"},
		{"words and numbers that are strings", "a: x\n", func(m map[string]any) {
			m["l"] = []any{"n", "y", "on", "0x10", "1e3", "2026-11-21", "007", "12:30:45", "80", "~", "", " a", "a: b", "#a", "a #b", "-", "10.0.0.1", "8080-tcp", "true"}
		}, "a: x\nl:\n" + `- "n"
- "y"
- "on"
- "0x10"
- "1e3"
- "2026-11-21"
- "007"
- "12:30:45"
- "80"
- "~"
- ""
- " a"
- "a: b"
- "#a"
- "a #b"
- "-"
- 10.0.0.1
- 8080-tcp
- "true"
`},
		{"literal", "a: |\n  one\n  # two\nb: 1\n", func(m map[string]any) { m["a"] = "one\nthree\n" }, "a: |\n  one\n  three\nb: 1\n"},
		{"literal to one line", "a: |\n  one\n  # two\nb: 1\n", func(m map[string]any) { m["a"] = 5 }, "a: 5\nb: 1\n"},
		{"JSON", "{\n  \"a\": 1,\n  \"l\": [\n    {\"x\": 1},\n    {\"x\": 2}\n  ]\n}\n", func(m map[string]any) {
			m["b"] = map[string]any{"k": []any{"v"}}
			m["l"] = m["l"].([]any)[1:]
		}, "{\n  \"a\": 1,\n  \"l\": [\n    {\"x\": 2}\n  ],\n  \"b\": {\n    \"k\": [\n      \"v\"\n    ]\n  }\n}\n"},
		{"JSON on one line", `{"a":1,"l":[1,2]}`, func(m map[string]any) { m["l"] = []any{1, 3, 2}; m["z"] = "n" }, `{"a":1,"l":[1,3,2],"z":"n"}`},
		{"flow over lines with comments", "a: [\n  x, # the x\n  # the y\n  y\n]\n", func(m map[string]any) { m["a"] = []any{"x", "z"} },
			"a: [\n  x, # the x\n  z,\n]\n"},
		{"the part on the line of the dash goes, and the next has a comment", "l:\n- a: 1 # one\n  # two\n  b: 2\n", func(m map[string]any) { delete(at(m, "l", 0).(map[string]any), "a") },
			"l:\n-\n  # two\n  b: 2\n"},
		{"the same, with a new one before it", "l:\r\n- from: 1\r\n  # two\r\n  to: 2\r\n", func(m map[string]any) {
			i := at(m, "l", 0).(map[string]any)
			delete(i, "from")
			i["cidr"] = "x"
		}, "l:\r\n-\r\n  cidr: x\r\n  # two\r\n  to: 2\r\n"},
		{"a line of a quoted text that looks like a comment", "a: \"x\n# y\"\nb: 1\n", func(m map[string]any) { delete(m, "b") }, "a: \"x\n# y\"\n"},
		{"folded and plain texts over lines", "a: one\n  two\n\n  three\nb: >-\n  x\n  y\nc: 'it''s\n  z'\n", func(m map[string]any) { m["b"] = "w"; m["c"] = "it's v" },
			"a: one\n  two\n\n  three\nb: w\nc: 'it''s v'\n"},
		{"nested lists", "l:\n- - a\n  - b # b\n- - c\n", func(m map[string]any) { m["l"] = []any{[]any{"x", "b"}, []any{"c", []any{"d"}}} },
			"l:\n- - x\n  - b # b\n- - c\n  - - d\n"},
		{"blank lines between rules", "l:\n- a: 1\n\n- b: 2\n\n# tail\nz: 1\n", func(m map[string]any) { m["l"] = append(m["l"].([]any), map[string]any{"c": 3}) },
			"l:\n- a: 1\n\n- b: 2\n\n- c: 3\n\n# tail\nz: 1\n"},
		{"one of two blank lines goes with a rule", "l:\n- a: 1\n\n- b: 2\n\n- c: 3\n", func(m map[string]any) { m["l"] = []any{at(m, "l", 0), at(m, "l", 2)} },
			"l:\n- a: 1\n\n- c: 3\n"},
		{"a value on the line below its key", "a:\n  x # c\nb: 1\n", func(m map[string]any) { m["a"] = "z" }, "a:\n  z # c\nb: 1\n"},
		{"a merge key is overridden", "a: &x {k: 1}\nb:\n  <<: *x\n  l: 2\n", func(m map[string]any) { at(m, "b").(map[string]any)["k"] = 3 }, "a: &x {k: 1}\nb:\n  <<: *x\n  l: 2\n  k: 3\n"},
		{"padded braces", "a: { b: 1 }\n", func(m map[string]any) { at(m, "a").(map[string]any)["c"] = 2 }, "a: { b: 1, c: 2 }\n"},
		{"single quotes", "a: 'on'\nl:\n- 'x'\n", func(m map[string]any) { m["l"] = []any{"x", "off"}; m["m"] = "yes" }, "a: 'on'\nl:\n- 'x'\n- 'off'\nm: 'yes'\n"},
		{"JSON with tabs and pairs of surrogates", "{\n\t\"a\": \"\\ud83d\\ude00\",\n\t\"b\": [1]\n}", func(m map[string]any) { m["b"] = []any{1, map[string]any{"c": true}} },
			"{\n\t\"a\": \"\\ud83d\\ude00\",\n\t\"b\": [1, {\"c\": true}]\n}"},
		{"empty to block", "spec:\n  podSelector: {} # all\n  ingress:\n  - {}\n", func(m map[string]any) {
			at(m, "spec").(map[string]any)["podSelector"] = map[string]any{"matchLabels": map[string]any{"a": "b"}}
		}, "spec:\n  podSelector: # all\n    matchLabels:\n      a: b\n  ingress:\n  - {}\n"},
		{"item to block", "spec:\n- {} # all\n- x\n", func(m map[string]any) { m["spec"] = []any{map[string]any{"a": 1, "b": 2}, "x"} },
			"spec:\n- a: 1\n  b: 2\n- x\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := with(t, c.src, c.change)
			got, err := Rewrite([]byte(c.src), want)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != c.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, c.want)
			}
		})
	}
}

func TestRewriteRefuses(t *testing.T) {
	set := func(key string, v any) func(m map[string]any) { return func(m map[string]any) { m[key] = v } }
	for _, c := range []struct {
		name, src string
		want      any
		message   string
	}{
		{"a value that an anchor shares", "a: &x [1]\nb: *x\n", with(t, "a: [1]\nb: [1]\n", set("a", []any{2})), "an anchor stands there"},
		{"an alias", "a: &x [1]\nb: *x\n", with(t, "a: [1]\nb: [1]\n", set("b", []any{2})), "an alias stands there"},
		{"a key that a merge brings in", "a: &x {k: 1}\nb:\n  <<: *x\n  l: 2\n", with(t, "a: {k: 1}\nb: {k: 1, l: 2}\n", set("b", map[string]any{"l": 2})), "merge key"},
		{"a tag", "a: !!str 1\n", map[string]any{"a": "2"}, "a tag stands there"},
		{"a template", "a: \"{{ .Values.a }}\"\n", map[string]any{"a": "2"}, "template"},
		{"a template that is no YAML", "{{- if .Values.a }}\na: 1\n{{- end }}\n", map[string]any{"a": "2"}, "cannot be read"},
		{"a key twice", "a: 1\na: 2\n", map[string]any{"a": 3}, "twice"},
		{"tabs", "a:\n\tb: 1\n", map[string]any{"a": 3}, "cannot be read"},
		{"another object", policy, with(t, policy, func(m map[string]any) { m["metadata"].(map[string]any)["name"] = "db" }), "another object"},
		{"a list for an object", policy, []any{}, "not the same object"},
		{"nothing", "# nothing\n", map[string]any{}, "no object"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Rewrite([]byte(c.src), c.want)
			if err == nil {
				t.Fatalf("rewritten to:\n%s", got)
			}
			if ident.KindOf(err) != ident.KindUnsupported || !strings.Contains(err.Error(), c.message) {
				t.Errorf("kind %d, %v; want unsupported and %q", ident.KindOf(err), err, c.message)
			}
		})
	}
}

func BenchmarkRewrite(b *testing.B) {
	want := with(b, policy, func(m map[string]any) { at(m, "spec", "ingress", 0, "ports", 0).(map[string]any)["port"] = 8080 })
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Rewrite([]byte(policy), want); err != nil {
			b.Fatal(err)
		}
	}
}
