package index_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/index"
	"github.com/cofferdam-io/cofferdam/internal/corpus"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/decode"
	"github.com/cofferdam-io/cofferdam/vuln"
)

var noble = sbom.Distro{ID: "ubuntu", VersionID: "24.04"}

func TestKeyKeepsWhatMatchersSee(t *testing.T) {
	for _, c := range []struct {
		name string
		in   sbom.Component
		os   sbom.Distro // that the key keeps
	}{
		{"npm", sbom.Component{Name: "lodash", Version: "4.17.20", PURL: "pkg:npm/lodash@4.17.20", Licenses: []sbom.License{{Expression: "MIT", Kind: sbom.LicenseConcluded}}}, sbom.Distro{}},
		{"scope in the group", sbom.Component{Group: "@babel", Name: "core", Version: "7", PURL: "pkg:npm/%40babel/core@7"}, sbom.Distro{}},
		{"scope in the name", sbom.Component{Name: "@babel/core", Version: "7", PURL: "pkg:npm/%40babel/core@7"}, sbom.Distro{}},
		{"a name of its own", sbom.Component{Group: "g", Name: "Core Library", Version: "7", PURL: "pkg:npm/core@7"}, sbom.Distro{}},
		{"a version of its own", sbom.Component{Name: "core", Version: "v7", PURL: "pkg:npm/core@7"}, sbom.Distro{}},
		{"version only outside", sbom.Component{Name: "core", Version: "7", PURL: "pkg:npm/core"}, sbom.Distro{}},
		{"deb of the document's release", sbom.Component{Name: "libssl3", Version: "3.0", PURL: "pkg:deb/ubuntu/libssl3@3.0", Source: sbom.SourcePackage{Name: "openssl", Version: "3.0-1"}}, noble},
		{"deb with a release", sbom.Component{Name: "libssl3", Version: "3.0", PURL: "pkg:deb/ubuntu/libssl3@3.0?distro=ubuntu-22.04&upstream=openssl", Source: sbom.SourcePackage{Name: "openssl"}}, sbom.Distro{}},
		{"deb with a code name", sbom.Component{Name: "libssl3", Version: "3.0", PURL: "pkg:deb/ubuntu/libssl3@3.0?distro=jammy"}, noble},
		{"no package URL", sbom.Component{Group: "acme", Name: "thing\x00\x01\x02", Version: "1", CPEs: []string{"cpe:2.3:a:acme:thing:1:*:*:*:*:*:*:*"}, Hashes: []sbom.Hash{{Algorithm: "SHA-1", Value: "00ff02"}}}, sbom.Distro{}},
		{"a file", sbom.Component{Name: "/usr/bin/x", Type: "file", Hashes: []sbom.Hash{{Algorithm: "SHA-256", Value: strings.Repeat("ab", 32)}}}, sbom.Distro{}},
		{"a broken package URL", sbom.Component{Name: "x", Version: "1", PURL: "pkg:///", Supplier: "Acme"}, noble},
		{"odd hashes", sbom.Component{Name: "x", Hashes: []sbom.Hash{{Algorithm: "CRC", Value: "12"}, {Algorithm: "SHA-1", Value: "not hex"}}}, sbom.Distro{}},
		{"nothing", sbom.Component{}, sbom.Distro{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			key := index.KeyOf(&c.in, noble)
			got, os, err := index.ParseKey([]byte(key))
			if err != nil {
				t.Fatal(err)
			}
			if os != c.os {
				t.Errorf("the key keeps the distribution %v, want %v", os, c.os)
			}
			want := c.in
			if got.PURL != want.PURL { // the canonical form
				p, err := vuln.ParsePURL(want.PURL)
				if err != nil || p.String() != got.PURL {
					t.Errorf("the package URL %q became %q", want.PURL, got.PURL)
				}
				got.PURL = want.PURL
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestKeysTellApart(t *testing.T) {
	base := sbom.Component{Name: "x", Version: "1", PURL: "pkg:npm/x@1"}
	with := func(f func(*sbom.Component)) string {
		c := base
		f(&c)
		return index.KeyOf(&c, noble)
	}
	keys := []string{
		with(func(*sbom.Component) {}),
		with(func(c *sbom.Component) { c.Licenses = []sbom.License{{Expression: "MIT"}} }),
		with(func(c *sbom.Component) { c.Licenses = []sbom.License{{Expression: "MIT", Name: true}} }),
		with(func(c *sbom.Component) { c.Licenses = []sbom.License{{Expression: "MIT", Kind: sbom.LicenseDeclared}} }),
		with(func(c *sbom.Component) { c.Supplier = "MIT" }),
		with(func(c *sbom.Component) { c.Hashes = []sbom.Hash{{Algorithm: "MD5", Value: "aa"}} }),
		with(func(c *sbom.Component) { c.Hashes = []sbom.Hash{{Algorithm: "SHA-1", Value: "aa"}} }),
		with(func(c *sbom.Component) { c.PURL = "pkg:npm/x@2" }),
		with(func(c *sbom.Component) { c.Supplier = strings.Repeat("a", 1<<20) }),
		with(func(c *sbom.Component) { c.Supplier = strings.Repeat("a", 1<<20) + "b" }),
	}
	slices.Sort(keys)
	if n := len(slices.Compact(slices.Clone(keys))); n != len(keys) {
		t.Errorf("%d keys of %d are distinct", n, len(keys))
	}
	order := with(func(c *sbom.Component) {
		c.Licenses = []sbom.License{{Expression: "B"}, {Expression: "A"}, {Expression: "B"}}
	})
	if order != with(func(c *sbom.Component) { c.Licenses = []sbom.License{{Expression: "A"}, {Expression: "B"}} }) {
		t.Error("the order of licences makes a difference")
	}
}

func TestKeyIsBounded(t *testing.T) {
	c := sbom.Component{Name: "x", PURL: "pkg:npm/x@1"}
	for i := range 2000 {
		c.Licenses = append(c.Licenses, sbom.License{Expression: strings.Repeat("long ", 1000) + string(rune('a'+i%26)) + strings.Repeat("x", i)})
	}
	a := index.KeyOf(&c, noble)
	c.Licenses[0].Expression += "!"
	b := index.KeyOf(&c, noble)
	got, _, err := index.ParseKey([]byte(a))
	if len(a) > index.MaxKeyBytes || a == b || err != nil || got.PURL != c.PURL {
		t.Errorf("%d bytes, distinct %v, %q, %v", len(a), a != b, got.PURL, err)
	}
}

// A key that is too long keeps of each part what fits, and stays distinct and readable.
func TestLongKeysKeepWhatFits(t *testing.T) {
	c := sbom.Component{Name: strings.Repeat("\x01", 20000), Version: "1", Hashes: []sbom.Hash{{Algorithm: "SHA-1", Value: strings.Repeat("0b", 20)}}}
	for i := range 3000 {
		c.CPEs = append(c.CPEs, fmt.Sprintf("cpe:2.3:a:x:y:%d", i))
		c.Licenses = append(c.Licenses, sbom.License{Expression: fmt.Sprintf("LicenseRef-%d", i)})
		c.Hashes = append(c.Hashes, sbom.Hash{Algorithm: "SHA-256", Value: fmt.Sprintf("%064x", i)}, sbom.Hash{Algorithm: "other", Value: fmt.Sprint(i)})
	}
	a := index.KeyOf(&c, noble)
	got, _, err := index.ParseKey([]byte(a))
	if err != nil || len(a) > index.MaxKeyBytes || got.Version != "1" || len(got.CPEs) < 50 || len(got.Licenses) < 500 || len(got.Hashes) < 100 || got.Hashes[0] != c.Hashes[0] {
		t.Errorf("%d bytes, version %q, %d CPEs, %d licences, %d hashes, %v", len(a), got.Version, len(got.CPEs), len(got.Licenses), len(got.Hashes), err)
	}
	c.Hashes[4001].Value += "0"
	if index.KeyOf(&c, noble) == a {
		t.Error("two components that differ in what was cut have one key")
	}
}

// Every component of the real documents is matched through its key as it is by itself.
func TestKeysOfRealDocuments(t *testing.T) {
	root := filepath.Join(corpus.Root(t), "sbom")
	seen := map[string]bool{}
	files, occurrences, rows := 0, 0, 0
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if files++; files%2 == 0 {
			return nil // time under the race detector
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		docs, err := decode.Bytes(context.Background(), path, raw, decode.Limits{})
		if err != nil {
			docs = nil // decoders have tests of their own
		}
		for _, doc := range docs {
			occurrences += len(doc.Components)
			rows += len(index.KeysOf(doc))
			for i := range doc.Components {
				c := &doc.Components[i]
				key := index.KeyOf(c, doc.Subject.OS)
				if !seen[key] {
					seen[key] = true
					sameByKey(t, path, c, doc.Subject.OS, key)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	bare := map[string]bool{}
	size := 0
	for k := range seen {
		size += len(k)
		bare[k[:strings.IndexByte(k, 0)]] = true
	}
	t.Logf("%d occurrences, %d in rows, %d distinct, %d without attributes, %d bytes a key", occurrences, rows, len(seen), len(bare), size/len(seen))
	if len(seen) < 2_500 {
		t.Errorf("only %d distinct components were read", len(seen))
	}
}

// sameByKey compares what matchers see of a component and of its key.
func sameByKey(t *testing.T, path string, c *sbom.Component, docOS sbom.Distro, key string) {
	t.Helper()
	got, os, err := index.ParseKey([]byte(key))
	if err != nil {
		t.Errorf("%s %s: %v", path, c.Pointer, err)
		return
	}
	want, wantErr := vuln.IdentityOf(c, docOS)
	have, haveErr := vuln.IdentityOf(&got, os)
	if !slices.Equal(want, have) || (wantErr == nil) != (haveErr == nil) {
		t.Errorf("%s %s: %s is %v (%v), and by its key %v (%v)", path, c.Pointer, c.PURL, want, wantErr, have, haveErr)
	}
	if w, h := vuln.CandidateWords(c), vuln.CandidateWords(&got); !slices.Equal(w, h) {
		t.Errorf("%s %s: words %q became %q", path, c.Pointer, w, h)
	}
	wantU, wantIs := vuln.UnplacedPackage(c, docOS)
	if haveU, haveIs := vuln.UnplacedPackage(&got, os); wantU != haveU || wantIs != haveIs {
		t.Errorf("%s %s: unplaced %v became %v", path, c.Pointer, wantU, haveU)
	}
	if again := index.KeyOf(&got, os); again != key {
		t.Errorf("%s %s: key %q became %q", path, c.Pointer, key, again)
	}
}

func FuzzParseKey(f *testing.F) {
	f.Add("x", "1", "pkg:npm/x@1", "MIT", "Acme", "aabb", true)
	f.Add("libssl3", "1", "pkg:deb/debian/libssl3@1?upstream=openssl%403&distro=bookworm", "a\x00b", "\x01", "xyz", false)
	f.Fuzz(func(t *testing.T, name, version, purl, licence, supplier, hash string, file bool) {
		c := sbom.Component{Name: name, Version: version, PURL: purl, Supplier: supplier,
			Licenses: []sbom.License{{Expression: licence}}, Hashes: []sbom.Hash{{Algorithm: "SHA-256", Value: hash}}}
		if file {
			c.Type = "file"
		}
		key := index.AppendKey(nil, &c, noble)
		got, os, err := index.ParseKey(key)
		if err != nil {
			t.Fatalf("%+v: %q: %v", c, key, err)
		}
		if len(name)+len(version)+len(purl)+len(licence)+len(supplier)+len(hash) < 4<<10 {
			if again := index.AppendKey(nil, &got, os); !bytes.Equal(again, key) {
				t.Errorf("%q became %q", key, again)
			}
			if w, h := vuln.CandidateWords(&c), vuln.CandidateWords(&got); !slices.Equal(w, h) {
				t.Errorf("words %q became %q", w, h)
			}
		}
		// As foreign bytes: an error at most.
		if _, _, err := index.ParseKey([]byte(name + "\x00" + licence + "\x00" + hash)); err != nil && ident.KindOf(err) != ident.KindInvalid {
			t.Error(err)
		}
	})
}

// A hash that is hexadecimal in lower case is kept as its bytes, and any other as it is written.
func TestHashesComeBack(t *testing.T) {
	const digest = "0123456789abcdef0123456789abcdef"
	for _, value := range []string{digest, "", "0", digest + "0", strings.ToUpper(digest), digest[:30] + "G0", "/0", "0:", "`0", "g0", "0@", "é0", strings.Repeat("ab", 127), strings.Repeat("ab", 128)} {
		c := sbom.Component{Name: "a", Hashes: []sbom.Hash{{Algorithm: "SHA-256", Value: value}}}
		key := index.KeyOf(&c, sbom.Distro{})
		back, _, err := index.ParseKey([]byte(key))
		if err != nil || len(back.Hashes) != 1 || back.Hashes[0] != c.Hashes[0] {
			t.Errorf("%q comes back as %v, %v", value, back.Hashes, err)
		}
		raw := len(value)%2 == 0 && len(value) < 256 && strings.Trim(value, "0123456789abcdef") == ""
		if short := len(key) < len("na\x00\x00")+len(value)+len("SHA-256:"); short != raw && value != "" {
			t.Errorf("%q takes %d bytes", value, len(key))
		}
	}
}

// The order in which licences, hashes and CPEs are written, and how often, makes no other key.
func TestKeysHaveAnOrder(t *testing.T) {
	a := sbom.Component{Name: "a",
		Licenses: []sbom.License{{Expression: "MIT"}, {Expression: "MIT", Kind: sbom.LicenseConcluded}, {Expression: "X"}},
		Hashes:   []sbom.Hash{{Algorithm: "MD5", Value: "00"}, {Algorithm: "SHA-1", Value: "00"}, {Algorithm: "SHA-1", Value: "01"}},
		CPEs:     []string{"cpe:/a", "cpe:/b", "cpe:/c"}}
	b := a
	b.Licenses = []sbom.License{a.Licenses[0], a.Licenses[2], a.Licenses[1], a.Licenses[2]}
	b.Hashes = []sbom.Hash{a.Hashes[2], a.Hashes[1], a.Hashes[0], a.Hashes[0]}
	b.CPEs = []string{"cpe:/a", "cpe:/a", "cpe:/c", "cpe:/b"}
	given := slices.Clone(b.Hashes)
	if x, y := index.KeyOf(&a, sbom.Distro{}), index.KeyOf(&b, sbom.Distro{}); x != y {
		t.Errorf("%q and %q", x, y)
	}
	if !slices.Equal(b.Hashes, given) {
		t.Errorf("the component's own list was changed: %v", b.Hashes)
	}
}
