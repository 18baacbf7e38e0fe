package spdx

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// orderly are packages to draw documents from: some begin alike, for longer than what they
// are looked up by, and are told apart by their ends alone; some have one identifier.
func orderly() []string {
	var out []string
	for i := range 12 {
		p := strings.ReplaceAll(seenPackages, "adduser", fmt.Sprint("package-", i/2))
		if i%2 == 1 {
			p = strings.Replace(p, "a.deb", "b.deb", 1)
		}
		out = append(out, p)
	}
	return append(out, strings.Replace(out[0], `"name":"package-0"`, `"name":"other"`, 1))
}

// consistent checks what Seen keeps of itself.
func (s *Seen) consistent(fail func(format string, args ...any)) {
	size := 0
	for i, e := range s.ring {
		if size += e.size; e.at != i || e.gone.Load() || s.by[e.head] != e {
			fail("package %d of the ring stands at %d, is gone %t", i, e.at, e.gone.Load())
		}
	}
	if size != s.size || size > s.most && len(s.ring) > 1 || len(s.ring) != len(s.by) {
		fail("%d packages and %d in the ring, of %d bytes, said to be %d of %d", len(s.by), len(s.ring), size, s.size, s.most)
	}
}

// Whatever came in whatever order before, and however little of it fits, a document says
// what it says.
func TestSeenInAnyOrder(t *testing.T) {
	packages := orderly()
	rapid.Check(t, func(r *rapid.T) {
		s := NewSeen(0)
		s.most = rapid.SampledFrom([]int{0, 3 << 10, 8 << 10, 1 << 20}).Draw(r, "bytes")
		for range rapid.IntRange(1, 12).Draw(r, "documents") {
			var list []string
			for _, i := range rapid.SliceOfN(rapid.IntRange(0, len(packages)-1), 0, 12).Draw(r, "packages") {
				list = append(list, packages[i])
			}
			doc := []byte(`{` + head + `"packages":[` + strings.Join(list, ",") + `]}`)
			sameAsUnseen(r.Fatalf, s, doc, false)
			s.consistent(r.Fatalf)
		}
	})
}

// Packages that come again are found as the one behind the last, without being looked up;
// one that stands between them only once does not change that, and one that had to go and
// is found so is back.
func TestSeenFollows(t *testing.T) {
	packages := orderly()
	s := NewSeen(1 << 20)
	read := func(list ...int) (found int) {
		t.Helper()
		var texts []string
		for _, i := range list {
			texts = append(texts, packages[i])
		}
		_, err := Decode(t.Context(), []byte(`{`+head+`"packages":[`+strings.Join(texts, ",")+`]}`), Options{Seen: s, Repeated: func(Repeat) { found++ }})
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	of := func(i int) *seen { return s.by[s.head([]byte(packages[i]), false)] }
	read(0, 2, 4)
	read(0, 2, 4)
	if of(0).next.Load() != of(2) || of(2).next.Load() != of(4) {
		t.Fatal("packages that came again do not know what came behind them")
	}
	if n := read(0, 6, 2, 4); n != 3 || of(0).next.Load() != of(2) {
		t.Errorf("%d are known, and of one that came once another says that it is next", n)
	}
	if n := read(0, 3, 5); n != 1 { // they begin as 2 and 4 do
		t.Errorf("%d are known by how they begin", n)
	}
	kept := of(0).next.Load()
	if kept == of(2) || !kept.gone.Load() {
		t.Fatal("one that begins as another and came later did not take its place")
	}
	if n := read(0, 2); n != 2 || of(2) != kept || kept.gone.Load() {
		t.Errorf("%d are known: what is gone and still known as the next is not back", n)
	}
	s.consistent(t.Fatalf)
}

// What is used stays, what is not goes, and what stays keeps nothing that went as its next.
func TestSeenLetsGo(t *testing.T) {
	const used = 20
	s := NewSeen(1 << 20)
	s.most = 4 * used * 2500
	read := func(numbers ...int) (found int) {
		t.Helper()
		var list []string
		for _, i := range numbers {
			list = append(list, strings.ReplaceAll(seenPackages, "adduser", fmt.Sprint("package-", i)))
		}
		doc := []byte(`{` + head + `"packages":[` + strings.Join(list, ",") + `]}`)
		if _, err := Decode(t.Context(), doc, Options{Seen: s, Repeated: func(Repeat) { found++ }}); err != nil {
			t.Fatal(err)
		}
		return found
	}
	for range 2 {
		for i := range used {
			read(i, 100+i)
		}
	}
	next := map[*seen]bool{}
	for _, e := range s.ring {
		if n := e.next.Load(); n != nil {
			next[n] = true
		}
	}
	if len(next) != used {
		t.Fatalf("%d packages came behind another", len(next))
	}
	for n := range 50 {
		for i := range used {
			if read(i) != 1 {
				t.Fatalf("round %d: a package that is often used is not known", n)
			}
			read(1000 + n*used + i)
		}
	}
	s.consistent(t.Fatalf)
	for _, e := range s.ring {
		if n := e.next.Load(); n != nil {
			t.Errorf("one that went is kept by one that stays")
		}
	}
	for n := range next {
		if !n.gone.Load() {
			t.Error("a package that nobody used for long is known")
		}
	}
}

// Packages that tell of the whole document do so when they come again.
func TestSeenTellsOfTheWhole(t *testing.T) {
	layer := strings.Repeat("a", 64)
	for what, p := range map[string]string{
		"an operating system by its purpose": strings.NewReplacer(`"name":"adduser"`, `"name":"Debian","primaryPackagePurpose":"OPERATING-SYSTEM"`, "pkg:deb/debian/adduser@3.1", "").Replace(seenPackages),
		"an operating system by its name":    strings.NewReplacer("SPDXRef-Package-deb-adduser-1", trivyOS+"1", "pkg:deb/debian/adduser@3.1", "").Replace(seenPackages),
		"a layer":                            fmt.Sprintf(`{"name":"sha256:%s","SPDXID":"SPDXRef-layer","supplier":"NOASSERTION","downloadLocation":"NOASSERTION","filesAnalyzed":false,"checksums":[{"algorithm":"SHA256","checksumValue":"%s"}]}`, layer, layer),
	} {
		doc := []byte(`{` + head + `"packages":[` + p + `,` + seenPackages + `],"relationships":[{"spdxElementId":"SPDXRef-layer","relatedSpdxElement":"SPDXRef-Package-deb-adduser-1","relationshipType":"CONTAINS"}]}`)
		d, err := Decode(t.Context(), doc, Options{})
		if err != nil || d.Subject.OS.ID == "" && d.Components[0].Type != "file" {
			t.Fatalf("%s: %+v, %v", what, d, err)
		}
		sameAsUnseen(t.Fatalf, NewSeen(1<<20), doc, false)
	}
}

// Many read at once.
func TestSeenByMany(t *testing.T) {
	packages := orderly()
	s := NewSeen(0)
	s.most = 8 << 10
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			for k := range 100 {
				var list []string
				for i := range 8 {
					list = append(list, packages[(n*k+i)%len(packages)])
				}
				doc := []byte(`{` + head + `"packages":[` + strings.Join(list, ",") + `]}`)
				d, err := Decode(context.Background(), doc, Options{Seen: s})
				if err != nil || len(d.Components) != len(list) {
					t.Errorf("%d packages: %v", len(d.Components), err)
					return
				}
				for i, c := range d.Components {
					if !strings.Contains(list[i], `"name":"`+c.Name+`"`) || !strings.Contains(list[i], `"`+c.Locations[0]+`"`) {
						t.Errorf("%q of %q stands as %s", c.Name, c.Locations, list[i])
					}
				}
				s.Done(d)
			}
		})
	}
	all.Wait()
	s.consistent(t.Errorf)
}
