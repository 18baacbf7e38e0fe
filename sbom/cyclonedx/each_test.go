package cyclonedx

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/corpus"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/note"
)

// eachAgrees decodes with components handed over and their memory taken away, and as a
// whole, and compares. It returns how many bytes were released, and the whole's components.
func eachAgrees(t testing.TB, name string, data []byte, o Options) (released, components int) {
	t.Helper()
	want, wantErr := Decode(context.Background(), data, o)
	var handed []sbom.Component
	o.Each = func(c *sbom.Component) {
		kept := c.Detached()
		kept.Pointer, kept.Details = strings.Clone(c.Pointer), c.Details.Detached()
		handed = append(handed, kept)
	}
	input := bytes.Clone(data)
	o.Released = func(from, to int) {
		released += to - from
		clear(input[from:to])
	}
	o.Digest = ident.SHA256(data) // the bytes are gone when all is read
	got, gotErr := Decode(context.Background(), input, o)
	if fmt.Sprint(gotErr) != fmt.Sprint(wantErr) {
		t.Fatalf("%s: %v, want %v\n%.2000s", name, gotErr, wantErr, data)
	}
	if want == nil {
		return released, 0
	}
	if len(got.Components)+len(got.Dependencies) > 0 {
		t.Fatalf("%s: the document has %d components and %d dependencies", name, len(got.Components), len(got.Dependencies))
	}
	rest := *want
	if rest.Components, rest.Dependencies = nil, nil; !reflect.DeepEqual(*got, rest) {
		t.Fatalf("%s: %+v\nwant %+v\n%.2000s", name, *got, rest, data)
	}
	// What a list without entries is made of is no difference.
	for i := range want.Components {
		one := want.Components[i].Detached()
		one.Pointer, one.Details = want.Components[i].Pointer, want.Components[i].Details.Detached()
		if i >= len(handed) || !reflect.DeepEqual(handed[i], one) {
			t.Fatalf("%s: of %d components, number %d differs from %+v\n%.2000s", name, len(handed), i, one, data)
		}
	}
	if len(handed) != len(want.Components) {
		t.Fatalf("%s: %d components, want %d", name, len(handed), len(want.Components))
	}
	return released, len(want.Components)
}

// made writes documents by chance: members in any order, components within components,
// names that occur twice, dependencies of all sorts, and now and then a fault.
type made struct{ *rand.Rand }

func (m made) one(of ...string) string { return of[m.IntN(len(of))] }

func (m made) ref() string { return fmt.Sprintf("r%d", m.IntN(6)) }

// object writes members in any order.
func (m made) object(members ...string) string {
	m.Shuffle(len(members), func(i, k int) { members[i], members[k] = members[k], members[i] })
	return "{" + strings.Join(slices.DeleteFunc(members, func(s string) bool { return s == "" }), m.one(",", ",\n")) + "}"
}

// maybe is a member, or none.
func (m made) maybe(of ...string) string {
	if m.IntN(2) == 0 {
		return ""
	}
	return m.one(of...)
}

func (m made) list(most int, item func() string) string {
	items := make([]string, m.IntN(most+1))
	for i := range items {
		items[i] = item()
	}
	return "[" + strings.Join(items, m.one(",", ", ", ",\n")) + "]"
}

func (m made) component(depth int) string {
	if m.IntN(40) == 0 {
		return "null"
	}
	nested := ""
	if depth > 0 && m.IntN(3) == 0 {
		nested = `"components":` + m.list(4, func() string { return m.component(depth - 1) })
	}
	return m.object(
		m.maybe(`"bom-ref":"`+m.ref()+`"`), m.maybe(`"name":"é`+m.ref()+`"`, `"name":"n"`), m.maybe(`"version":"1"`, `"version":2`),
		`"type":"`+m.one("library", "operating-system", "container")+`"`,
		m.maybe(`"purl":"pkg:npm/`+m.ref()+`@1"`), m.maybe(`"cpe":"cpe:2.3:a:x:y:1"`),
		m.maybe(`"hashes":[{"alg":"SHA-1","content":"0A"}]`, `"hashes":[{},{"content":"b","alg":"SHA-256"}]`, `"hashes":{}`),
		m.maybe(`"licenses":[{"license":{"id":"MIT"}},{"expression":"A OR B"}]`, `"licenses":[]`),
		m.maybe(`"evidence":{"occurrences":[{"location":"/a"},{"location":"/b"}]}`),
		m.maybe(`"properties":[{"name":"syft:location:0:path","value":"/p"},{"name":"`+note.Prefix+note.ContainedBy+`","value":"`+m.ref()+`"}]`),
		m.maybe(`"copyright":"`+m.ref()+`"`), nested,
	)
}

func (m made) refs() string {
	return m.list(4, func() string {
		return m.one(`"`+m.ref()+`"`, `"`+m.ref()+`"`, `"absent"`, `"urn:cdx:x/1"`, `"s"`, "7", "null")
	})
}

func (m made) document() []byte {
	members := []string{
		`"bomFormat":"CycloneDX"`, `"specVersion":"1.6"`,
		m.maybe(`"metadata":` + m.object(m.maybe(`"component":`+m.component(2)), m.maybe(`"timestamp":"2026-02-03T04:05:06Z"`), m.maybe(`"properties":[{"name":"`+note.Prefix+note.Contains+`","value":"x"}]`))),
		`"components":` + m.list(8, func() string { return m.component(3) }),
		m.maybe(`"services":[{"bom-ref":"s","services":[{"bom-ref":"` + m.ref() + `"}]}]`),
		m.maybe(`"dependencies":` + m.list(8, func() string {
			return m.object(m.one(`"ref":"`+m.ref()+`"`, `"ref":"`+m.ref()+`"`, `"ref":"absent"`, ""), m.maybe(`"dependsOn":`+m.refs()), m.maybe(`"provides":`+m.refs(), `"provides":3`))
		})),
		m.maybe(`"compositions":[{"aggregate":"incomplete","assemblies":` + m.refs() + `}]`),
	}
	text := m.object(members...)
	switch m.IntN(8) {
	case 0:
		text = text[:m.IntN(len(text))]
	case 1:
		at := m.IntN(len(text))
		text = text[:at] + m.one(`"`, "}", "]", ",", "{", "\x00", "1") + text[at:]
	}
	return []byte(text)
}

// However a document is written, it says the same when its components are handed over.
func TestEach(t *testing.T) {
	var released, components int
	for seed := range uint64(1500) {
		m := made{rand.New(rand.NewPCG(seed, 5))} //nolint:gosec // the same each time
		data := m.document()
		o := Options{releaseAtOnce: 1 + m.IntN(300), Details: m.IntN(2) == 0}
		switch m.IntN(6) {
		case 0:
			o.MaxWarnings = 1
		case 1:
			o.MaxComponents = 1 + m.IntN(6)
		case 2:
			o.MaxDependencies = 1 + m.IntN(4)
		}
		r, c := eachAgrees(t, fmt.Sprintf("seed %d", seed), data, o)
		released, components = released+r, components+c
	}
	t.Logf("%d bytes were released, of documents with %d components", released, components)
	if released == 0 || components == 0 {
		t.Error("nothing was compared")
	}
}

// What no made document is sure to meet.
func TestEachAtLimits(t *testing.T) {
	const head = `{"bomFormat":"CycloneDX","specVersion":"1.6",`
	for name, doc := range map[string]string{
		"one that depends on itself":          `"components":[{"bom-ref":"a","name":"a"},{"bom-ref":"b","name":"b"}],"dependencies":[{"ref":"a","dependsOn":["a","b","a"]}]}`,
		"the subject on itself":               `"metadata":{"component":{"bom-ref":"a","name":"a"}},"components":[{"bom-ref":"b","name":"b"}],"dependencies":[{"ref":"a","dependsOn":["a","b"]}]}`,
		"one more than may be":                `"components":[{"bom-ref":"a","name":"a"},{"bom-ref":"b","name":"b"}],"dependencies":[{"ref":"a","dependsOn":["b","b"]}]}`,
		"the subject's name is a component's": `"components":[{"bom-ref":"a","name":"a"}],"metadata":{"component":{"bom-ref":"a","name":"b"}},"compositions":[{"aggregate":"incomplete","assemblies":["a"]}]}`,
		"a component's is the subject's":      `"metadata":{"component":{"bom-ref":"a","name":"b"}},"components":[{"bom-ref":"a","name":"a"}],"compositions":[{"aggregate":"incomplete","assemblies":["a"]}]}`,
		"a service more than may be":          `"services":[{"bom-ref":"a"},{"bom-ref":"b"}]}`,
	} {
		eachAgrees(t, name, []byte(head+doc), Options{})
		eachAgrees(t, name, []byte(head+doc), Options{MaxDependencies: 1})
		eachAgrees(t, name, []byte(head+doc), Options{MaxComponents: 1})
	}
	if _, err := Decode(context.Background(), []byte(head+`"services":[{"bom-ref":"a"},{"bom-ref":"b"}]}`), Options{MaxComponents: 1}); ident.KindOf(err) != ident.KindLimit {
		t.Errorf("two services where one may be: %v", err)
	}
}

// So it is with every real document, of either encoding.
func TestEachOfRealDocuments(t *testing.T) {
	documents := 0
	err := filepath.WalkDir(filepath.Join(corpus.Root(t), "sbom"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path) // #nosec G304 G122 -- of the corpus
		if err != nil || len(data) > 8<<20 || !bytes.Contains(data, []byte("CycloneDX")) && !bytes.Contains(data, []byte(namespacePrefix)) {
			return err
		}
		documents++
		eachAgrees(t, path, data, Options{releaseAtOnce: len(data) / 9})
		return nil
	})
	if err != nil || documents < 100 {
		t.Errorf("%d documents were read, %v", documents, err)
	}
}
