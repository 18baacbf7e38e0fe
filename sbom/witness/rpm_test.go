package witness_test

import (
	"bytes"
	"database/sql"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom/witness"
)

// rpmHeader writes a header of rpm with some bytes of a tag that nobody reads.
func rpmHeader(name, version, release string, epoch, filler int) []byte {
	var entries, data []byte
	add := func(tag, kind uint32, value []byte) {
		for _, n := range []uint32{tag, kind, uint32(len(data)), 1} { //nolint:gosec // small
			entries = binary.BigEndian.AppendUint32(entries, n)
		}
		data = append(data, value...)
	}
	add(1005, 6, append(bytes.Repeat([]byte{'x'}, filler), 0))
	if epoch > 0 {
		data = append(data, make([]byte, (4-len(data)%4)%4)...)
		add(1003, 4, binary.BigEndian.AppendUint32(nil, uint32(epoch))) //nolint:gosec // small
	}
	for tag, text := range map[uint32]string{1000: name, 1001: version, 1002: release} {
		add(tag, 6, append([]byte(text), 0))
	}
	out := binary.BigEndian.AppendUint32(nil, uint32(len(entries)/16)) //nolint:gosec // small
	out = binary.BigEndian.AppendUint32(out, uint32(len(data)))        //nolint:gosec // small
	return append(append(out, entries...), data...)
}

// madeHeaders are n packages, of which some are larger than a page.
func madeHeaders(n int) (headers [][]byte, want []string) {
	for i := range n {
		name, epoch := fmt.Sprintf("pkg%d", i), i%3
		version := fmt.Sprintf("%d.%d-%d.el9", i/10, i%10, i)
		headers = append(headers, rpmHeader(name, fmt.Sprintf("%d.%d", i/10, i%10), fmt.Sprintf("%d.el9", i), epoch, i*i%20_000))
		if epoch > 0 {
			version = fmt.Sprintf("%d:%s", epoch, version)
		}
		want = append(want, name+"@"+version)
	}
	return headers, want
}

// sqliteRPM is a database as rpm's back end sqlite makes it, written by SQLite.
func sqliteRPM(tb testing.TB, pageSize int, headers [][]byte) []byte {
	tb.Helper()
	name := filepath.Join(tb.TempDir(), "rpmdb.sqlite")
	db, err := sql.Open("sqlite", name)
	if err != nil {
		tb.Fatal(err)
	}
	for _, q := range []string{fmt.Sprintf("PRAGMA page_size=%d", pageSize), "CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)", "CREATE TABLE Name (key TEXT NOT NULL, hnum INTEGER NOT NULL, idx INTEGER NOT NULL)"} {
		if _, err := db.Exec(q); err != nil {
			tb.Fatal(err)
		}
	}
	tx, err := db.Begin()
	if err != nil {
		tb.Fatal(err)
	}
	for i, h := range headers {
		if _, err := tx.Exec("INSERT INTO Packages (blob) VALUES (?)", h); err != nil {
			tb.Fatal(err)
		}
		if _, err := tx.Exec("INSERT INTO Name VALUES (?, ?, 0)", fmt.Sprint(i), i); err != nil {
			tb.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		tb.Fatal(err)
	}
	if err := db.Close(); err != nil {
		tb.Fatal(err)
	}
	raw, err := os.ReadFile(name) //nolint:gosec // of the test
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

// ndbRPM is a database as rpm's back end ndb makes it: one page of slots, then blobs.
func ndbRPM(headers [][]byte) []byte {
	words := func(list ...uint32) (out []byte) {
		for _, n := range list {
			out = binary.LittleEndian.AppendUint32(out, n)
		}
		return out
	}
	out := append([]byte("RpmP"), words(0, 1, 1, uint32(len(headers)+1), 0, 0, 0)...) //nolint:gosec // small
	blobs := []byte{}
	for i := range 4096/16 - 2 {
		out = append(out, "Slot"...)
		if i >= len(headers) {
			out = append(out, words(0, 0, 0)...)
			continue
		}
		id, at := uint32(i+1), uint32(4096+len(blobs))/16                        //nolint:gosec // small
		blob := append([]byte("BlbS"), words(id, 1, uint32(len(headers[i])))...) //nolint:gosec // small
		blob = append(append(blob, headers[i]...), make([]byte, 12)...)
		blob = append(blob, make([]byte, (16-len(blob)%16)%16)...)
		out = append(out, words(id, at, uint32(len(blob)/16))...) //nolint:gosec // small
		blobs = append(blobs, blob...)
	}
	return append(out, blobs...)
}

// bdbRPM is a hash of Berkeley DB with one pair on a page, the packages on overflow pages
// where they are large.
func bdbRPM(order binary.ByteOrder, headers [][]byte) []byte {
	const size = 4096
	page := func(number, next uint32, entries, offset int, kind byte) []byte {
		p := make([]byte, size)
		order.PutUint32(p[8:], number)
		order.PutUint32(p[16:], next)
		order.PutUint16(p[20:], uint16(entries)) //nolint:gosec // small
		order.PutUint16(p[22:], uint16(offset))  //nolint:gosec // small
		p[25] = kind
		return p
	}
	out := page(0, 0, 0, 0, 8)
	order.PutUint32(out[12:], 0x061561)
	order.PutUint32(out[20:], size)
	defer func() { order.PutUint32(out[32:], uint32(len(out)/size-1)) }() //nolint:gosec // small
	for i, h := range append([][]byte{{0, 0, 0, 9}}, headers...) {
		n := uint32(len(out) / size) //nolint:gosec // small
		p := page(n, 0, 2, 0, 13)
		at := size - 5
		p[at] = 1
		order.PutUint32(p[at+1:], uint32(i)) //nolint:gosec // small
		order.PutUint16(p[26:], uint16(at))  //nolint:gosec // small
		if len(h) < 3000 {
			at -= len(h) + 1
			p[at] = 1
			copy(p[at+1:], h)
			order.PutUint16(p[28:], uint16(at)) //nolint:gosec // small
			out = append(out, p...)
		} else {
			at -= 12
			p[at] = 3
			order.PutUint32(p[at+4:], n+1)
			order.PutUint32(p[at+8:], uint32(len(h))) //nolint:gosec // small
			order.PutUint16(p[28:], uint16(at))       //nolint:gosec // small
			out = append(out, p...)
			for len(h) > 0 {
				part := h[:min(len(h), size-26)]
				h = h[len(part):]
				n++
				next := n + 1
				if len(h) == 0 {
					next = 0
				}
				q := page(n, next, 0, len(part), 7)
				copy(q[26:], part)
				out = append(out, q...)
			}
		}
	}
	return out
}

func installedOf(l *witness.List) []string {
	var out []string
	for _, p := range l.Packages {
		out = append(out, p.Name+"@"+p.Version)
	}
	slices.Sort(out)
	return out
}

func TestRPMDatabases(t *testing.T) {
	headers, want := madeHeaders(200)
	slices.Sort(want)
	for name, raw := range map[string][]byte{
		"sqlite": sqliteRPM(t, 4096, headers), "sqlite, small pages": sqliteRPM(t, 512, headers), "sqlite, large pages": sqliteRPM(t, 65536, headers), "ndb": ndbRPM(headers),
		"bdb": bdbRPM(binary.LittleEndian, headers), "bdb, big-endian": bdbRPM(binary.BigEndian, headers),
	} {
		l, err := witness.RPM(name, raw)
		if err != nil || !slices.Equal(installedOf(l), want) || !l.Whole || l.Type != "rpm" {
			t.Errorf("%s: %v, %d packages of %d", name, err, len(installedOf(l)), len(want))
			continue
		}
		r := witness.Compare(doc("pkg:rpm/redhat/pkg1@0.1-1.el9?arch=x86_64&epoch=1&distro=rhel-9", "pkg:rpm/redhat/pkg2@0.2-9.el9?epoch=2", "pkg:rpm/redhat/ghost@1-1"), []*witness.List{l})
		if r.Matched != 1 || len(r.Versions) != 1 || len(r.Added) != 1 || len(r.Omitted) != 198 {
			t.Errorf("%s: %d matched, versions %v, added %v, %d omitted", name, r.Matched, r.Versions, r.Added, len(r.Omitted))
		}
		// Whatever is cut off is noticed, or it was none of the packages.
		for _, n := range []int{10, 40, 90, 600, len(raw) / 2, len(raw) - 5000, len(raw) - 1} {
			if l, err := witness.RPM(name, raw[:n]); err == nil && len(l.Packages) != len(want) {
				t.Errorf("%s cut to %d bytes has %d packages", name, n, len(l.Packages))
			} else if err != nil && ident.KindOf(err) != ident.KindInvalid {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	l, err := witness.RPM("keys", ndbRPM([][]byte{rpmHeader("gpg-pubkey", "fd431d51", "4ae0493b", 0, 0)}))
	if err != nil || l.Packages[0].Perhaps == "" {
		t.Errorf("%+v %v", l, err)
	}
	for name, raw := range map[string][]byte{"nothing": nil, "text": []byte("hello"), "no package": sqliteRPM(t, 4096, [][]byte{{1}}), "no name": ndbRPM([][]byte{rpmHeader("", "1", "1", 0, 0)}),
		"another table": bytes.ReplaceAll(sqliteRPM(t, 4096, headers[:3]), []byte("Packages"), []byte("Backages"))} {
		if _, err := witness.RPM(name, raw); ident.KindOf(err) != ident.KindInvalid || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRealRPM reads what rpm itself wrote: Debian's has the back end sqlite alone.
func TestRealRPM(t *testing.T) {
	for _, tool := range []string{"rpm", "rpmbuild"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed: tools/test-deps.sh", tool)
		}
	}
	dir := t.TempDir()
	run := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.Command(name, args...) //nolint:gosec // of the test
		cmd.Env = append(os.Environ(), "HOME="+dir)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	var files []string
	for i, epoch := range []string{"", "Epoch: 2\n"} {
		spec := filepath.Join(dir, "p.spec")
		text := fmt.Sprintf("Name: real%d\nVersion: 1.%d\nRelease: 3.el9\n%sSummary: s\nLicense: MIT\nBuildArch: noarch\n%%description\n%s\n%%files\n", i, i, epoch, strings.Repeat("long ", 3000*i))
		if err := os.WriteFile(spec, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		run("rpmbuild", "-bb", "--quiet", "--define", "_topdir "+dir, "--define", "_rpmdir "+dir, spec)
	}
	files, err := filepath.Glob(filepath.Join(dir, "noarch", "*.rpm"))
	if err != nil || len(files) != 2 {
		t.Fatal(files, err)
	}
	db := filepath.Join(dir, "db")
	base := []string{"--define", "_db_backend sqlite", "--dbpath", db}
	run("rpm", append(base, "--initdb")...)
	run("rpm", append(append(base, "-i", "--justdb", "--nodeps", "--nosignature", "--ignorearch", "--ignoreos"), files...)...)
	want := strings.Fields(run("rpm", append(base, "-qa", "--qf", "%{NAME}@%|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\n")...))
	slices.Sort(want)
	raw, err := os.ReadFile(filepath.Join(db, "rpmdb.sqlite")) //nolint:gosec // of the test
	if err != nil {
		t.Fatal(err)
	}
	l, err := witness.RPM("rpmdb.sqlite", raw)
	if err != nil || !slices.Equal(installedOf(l), want) || len(want) != 2 {
		t.Errorf("%v, want %v: %v", l, want, err)
	}
}

func FuzzRPM(f *testing.F) {
	headers, _ := madeHeaders(12)
	f.Add(sqliteRPM(f, 512, headers))
	f.Add(sqliteRPM(f, 4096, headers[:2]))
	f.Add(ndbRPM(headers[:3]))
	f.Add(bdbRPM(binary.LittleEndian, headers[:4]))
	f.Fuzz(func(t *testing.T, raw []byte) {
		l, err := witness.RPM("f", raw)
		if err != nil {
			return
		}
		for _, p := range l.Packages {
			if p.Name == "" || p.Version == "" {
				t.Fatalf("%+v", p)
			}
		}
	})
}
