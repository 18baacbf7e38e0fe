package index_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cofferdam-io/cofferdam/index"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// twin is the index as anybody would write it: documents with their components,
// looked through from the first to the last.
type twin struct {
	docs []twinDoc
	ids  map[string]uint32
	keys []string
	log  []index.Batch // what a store would have
}

type twinDoc struct {
	artifact   uint32
	components []sbom.Component
	ids        []uint32
	deleted    bool
}

func (w *twin) find(match func(*sbom.Component) (bool, bool), within []index.Set) (hits, doubts map[uint32]bool) {
	hits, doubts = map[uint32]bool{}, map[uint32]bool{}
	for _, d := range w.docs {
		if d.deleted || slices.ContainsFunc(within, func(s index.Set) bool { return !s.Has(d.artifact) }) {
			continue
		}
		for i := range d.components {
			yes, known := match(&d.components[i])
			if yes {
				hits[d.artifact] = true
			} else if !known {
				doubts[d.artifact] = true
			}
		}
	}
	for a := range hits {
		delete(doubts, a)
	}
	return hits, doubts
}

var (
	twinNames    = []string{"lodash", "left-pad", "lodash-es", "openssl", "Flask", "@acme/lodash", "@acme/left-pad", "log4j-core"}
	twinTypes    = []string{"npm", "deb", "pypi", "maven", ""}
	twinVersions = []string{"1.0.0", "1.2.0", "2.0.0-rc.1", "2.0.0", "10.0", "1:3.0.15-1~deb12u1", "latest", ""}
	twinLicences = []string{"MIT", "GPL-2.0-only", "LGPL-2.0-only", "(MIT OR Apache-2.0)", ""}
	twinHashes   = []string{"", "00ff", "00ff00ff00ff00ff00ff", "00ff00ff00ff00ff00fe"}
)

func drawComponent(t *rapid.T) sbom.Component {
	name := rapid.SampledFrom(twinNames).Draw(t, "name")
	version := rapid.SampledFrom(twinVersions).Draw(t, "version")
	c := sbom.Component{Name: name, Version: version}
	group, bare, scoped := strings.Cut(name, "/")
	if !scoped {
		group, bare = "", name
	}
	switch typ := rapid.SampledFrom(twinTypes).Draw(t, "type"); typ {
	case "":
	case "deb":
		c.PURL = vuln.PURL{Type: typ, Namespace: "debian", Name: bare, Version: version, Qualifiers: []vuln.Qualifier{{Key: "distro", Value: "debian-12"}}}.String()
	case "maven":
		c.Group, c.Name = "org.acme", bare
		c.PURL = vuln.PURL{Type: typ, Namespace: "org.acme", Name: bare, Version: version}.String()
	default:
		c.PURL = vuln.PURL{Type: typ, Namespace: group, Name: bare, Version: version}.String()
	}
	if l := rapid.SampledFrom(twinLicences).Draw(t, "licence"); l != "" {
		c.Licenses = []sbom.License{{Expression: l, Kind: sbom.LicenseKind(rapid.IntRange(0, 2).Draw(t, "kind"))}}
	}
	if rapid.IntRange(0, 3).Draw(t, "has supplier") == 0 {
		c.Supplier = "Acme Inc."
	}
	if h := rapid.SampledFrom(twinHashes).Draw(t, "hash"); h != "" {
		c.Hashes = []sbom.Hash{{Algorithm: "SHA-256", Value: h}}
	}
	return c
}

func (w *twin) batch(t *rapid.T) index.Batch {
	b := index.Batch{Seq: uint64(len(w.log) + 1)}
	for range rapid.IntRange(0, 4).Draw(t, "documents") {
		d := twinDoc{artifact: uint32(rapid.IntRange(0, 70).Draw(t, "artifact"))}
		d.components = rapid.SliceOfN(rapid.Custom(drawComponent), 0, 6).Draw(t, "components")
		seen := map[uint32]bool{}
		for _, key := range index.KeysOf(&sbom.Document{Components: d.components}) {
			id, ok := w.ids[key]
			if !ok {
				id = uint32(len(w.keys))
				w.ids[key] = id
				w.keys = append(w.keys, key)
				b.Keys = append(b.Keys, key)
			}
			seen[id] = true
		}
		d.ids = slices.Sorted(maps.Keys(seen))
		b.Documents = append(b.Documents, index.Document{ID: uint32(len(w.docs)), Artifact: d.artifact, Components: d.ids})
		w.docs = append(w.docs, d)
	}
	if n := len(w.docs); n > 0 {
		if rapid.IntRange(0, 2).Draw(t, "deletes") == 0 {
			d := rapid.IntRange(0, n-1).Draw(t, "deleted")
			w.docs[d].deleted = true
			b.Deleted = append(b.Deleted, uint32(d))
		}
		if rapid.IntRange(0, 4).Draw(t, "moves") == 0 {
			d, a := rapid.IntRange(0, n-1).Draw(t, "moved"), uint32(rapid.IntRange(0, 70).Draw(t, "to"))
			w.docs[d].artifact = a
			b.Moved = append(b.Moved, index.Move{Document: uint32(d), Artifact: a})
		}
	}
	w.log = append(w.log, b)
	return b
}

// store keeps what checkpoints bring, as a database would.
type store struct {
	manifest []byte
	pieces   map[string][]byte
}

func (s *store) keep(t *rapid.T, c *index.Checkpoint) {
	for _, p := range c.New {
		s.pieces[p.Name] = p.Bytes
	}
	s.manifest = c.Manifest
	for _, name := range c.Drop {
		if _, ok := s.pieces[name]; !ok {
			t.Fatalf("the checkpoint drops %s, which the store does not have", name)
		}
		delete(s.pieces, name)
	}
	names, err := index.Pieces(s.manifest)
	if err != nil {
		t.Fatal(err)
	}
	if slices.Sort(names); !slices.Equal(names, slices.Sorted(maps.Keys(s.pieces))) {
		t.Fatalf("the store has %v, and the manifest names %v", slices.Sorted(maps.Keys(s.pieces)), names)
	}
}

func (s *store) get(name string) ([]byte, error) {
	b, ok := s.pieces[name]
	if !ok {
		return nil, fmt.Errorf("no piece %s", name)
	}
	return b, nil
}

func TestAgainstTwin(t *testing.T) {
	ctx := context.Background()
	rapid.Check(t, func(t *rapid.T) {
		w := &twin{ids: map[string]uint32{}}
		disk := &store{pieces: map[string][]byte{}}
		x := index.New()
		apply := func(b index.Batch) {
			if err := x.Apply(b); err != nil {
				t.Fatal(err)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"apply": func(t *rapid.T) { apply(w.batch(t)) },
			"applyMany": func(t *rapid.T) {
				for range 3 {
					apply(w.batch(t))
				}
			},
			"checkpoint": func(t *rapid.T) {
				c, err := x.Checkpoint(ctx)
				if err != nil {
					t.Fatal(err)
				}
				if rapid.IntRange(0, 3).Draw(t, "the store has it") > 0 {
					disk.keep(t, c)
					x.Keep(c)
				}
			},
			"reopen": func(t *rapid.T) {
				if disk.manifest == nil {
					x = index.New()
				} else {
					var err error
					if x, err = index.Open(ctx, disk.manifest, disk.get); err != nil {
						t.Fatal(err)
					}
				}
				for _, b := range w.log[x.Snapshot().Seq():] {
					apply(b)
				}
			},
			"": func(t *rapid.T) { w.compare(t, x) },
		})
	})
}

// compare asks both the same question.
func (w *twin) compare(t *rapid.T, x *index.Index) {
	s := x.Snapshot()
	if int(s.Documents()) != len(w.docs) || int(s.Components()) != len(w.keys) || s.Seq() != uint64(len(w.log)) {
		t.Fatalf("the snapshot has %d documents and %d components at %d; the twin has %d and %d at %d",
			s.Documents(), s.Components(), s.Seq(), len(w.docs), len(w.keys), len(w.log))
	}
	var q index.Query
	var match func(c *sbom.Component) (bool, bool)
	sure := func(f func(c *sbom.Component) bool) func(c *sbom.Component) (bool, bool) {
		return func(c *sbom.Component) (bool, bool) { return f(c), true }
	}
	switch rapid.IntRange(0, 5).Draw(t, "question") {
	case 0, 1:
		name := rapid.SampledFrom(twinNames).Draw(t, "asked name")
		text := rapid.SampledFrom([]string{name, "pkg:npm/" + strings.ReplaceAll(name, "@", "%40"), "pkg:deb/debian/" + name, "pkg:maven/org.acme/" + name, "org.acme:" + name, "pkg:pypi/" + name}).Draw(t, "asked")
		text += rapid.SampledFrom([]string{"", "@1.0.0", "@<2.0.0", "@>=1.2.0,<3", "@latest"}).Draw(t, "asked version")
		c, err := vuln.ParseComponentQuery(text)
		if err != nil {
			t.Skip(text, err)
		}
		q.Component = c
		match = func(k *sbom.Component) (bool, bool) { return c.Match(k, sbom.Distro{}) }
	case 2:
		q.Name = rapid.SampledFrom([]string{"lodash", "LODASH", "lod", "dash", "pad", "org.acme:", "@acme/", "openssl"}).Draw(t, "asked name")
		q.Match = index.NameMatch(rapid.IntRange(0, 2).Draw(t, "how"))
		is := []func(s, t string) bool{func(s, t string) bool { return s == t }, strings.HasPrefix, strings.Contains}[q.Match]
		match = sure(func(c *sbom.Component) bool {
			return slices.ContainsFunc(vuln.CandidateWords(c), func(w string) bool {
				return w[0] != 0 && is(w, strings.ToLower(q.Name))
			})
		})
	case 3:
		q.License = rapid.SampledFrom([]string{"MIT", "mit", "GPL-2.0-only", "Apache-2.0", "(MIT OR Apache-2.0)", "2.0"}).Draw(t, "asked licence")
		match = sure(func(c *sbom.Component) bool {
			for _, l := range c.Licenses {
				for _, id := range append(strings.Fields(strings.NewReplacer("(", " ", ")", " ").Replace(l.Expression)), l.Expression) {
					if strings.EqualFold(id, q.License) {
						return true
					}
				}
			}
			return false
		})
	case 4:
		q.Hash = rapid.SampledFrom([]string{"00ff", "sha256:00FF00ff00ff00ff00ff", "00ff00ff00ff00ff00fe", "00"}).Draw(t, "asked hash")
		value := strings.ToLower(strings.TrimPrefix(q.Hash, "sha256:"))
		match = sure(func(c *sbom.Component) bool {
			return slices.ContainsFunc(c.Hashes, func(h sbom.Hash) bool { return h.Value == value })
		})
	case 5:
		q.Supplier = "ACME inc."
		match = sure(func(c *sbom.Component) bool { return c.Supplier != "" })
	}
	for range rapid.IntRange(0, 2).Draw(t, "sets") {
		var in index.Set
		for _, a := range rapid.SliceOfN(rapid.Uint32Range(0, 80), 0, 60).Draw(t, "within") {
			in.Add(a)
		}
		q.Within = append(q.Within, in)
	}
	hits, doubts := w.find(match, q.Within)
	got, err := s.Find(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	if want := slices.Sorted(maps.Keys(hits)); !slices.Equal(want, slices.Collect(got.Artifacts.All())) {
		t.Fatalf("%+v: artifacts %v, want %v", q, slices.Collect(got.Artifacts.All()), want)
	}
	if want := slices.Sorted(maps.Keys(doubts)); !slices.Equal(want, slices.Collect(got.Doubtful.All())) {
		t.Fatalf("%+v: doubtful artifacts %v, want %v", q, slices.Collect(got.Doubtful.All()), want)
	}
	live := map[uint32]bool{}
	for _, d := range w.docs {
		if !d.deleted {
			live[d.artifact] = true
		}
	}
	if want := slices.Sorted(maps.Keys(live)); !slices.Equal(want, slices.Collect(s.Live().All())) {
		t.Fatalf("live artifacts %v, want %v", slices.Collect(s.Live().All()), want)
	}
	if rapid.IntRange(0, 7).Draw(t, "keys") > 0 {
		return
	}
	ids, unknown, err := x.Lookup(append(slices.Clone(w.keys), "nothing has this key"), nil)
	if err != nil || unknown != 1 || ids[len(ids)-1] != index.Unknown {
		t.Fatalf("looking up all keys and another: %d unknown, %v", unknown, err)
	}
	for i, id := range ids[:len(ids)-1] {
		key, err := s.Key(id)
		if id != uint32(i) || err != nil || key != w.keys[i] {
			t.Fatalf("key %d is found as %d, %q, %v", i, id, key, err)
		}
	}
}
