package witness

import (
	"bytes"
	"encoding/binary"
	"strconv"

	"github.com/cofferdam-io/cofferdam/ident"
)

// RPM reads a database of rpm of an image: rpmdb.sqlite, Packages.db (ndb) or Packages
// (Berkeley DB), told apart by their first bytes.
func RPM(name string, raw []byte) (*List, error) { return named(name, raw, rpm) }

func rpm(raw []byte) (*List, error) {
	l := &List{Kind: "rpm", Type: "rpm", Whole: true}
	var err error
	switch {
	case bytes.HasPrefix(raw, []byte(sqliteMagic)):
		err = sqliteHeaders(raw, l.header)
	case bytes.HasPrefix(raw, []byte(ndbMagic)):
		err = ndbHeaders(raw, l.header)
	case bdbOrder(raw) != nil:
		err = bdbHeaders(raw, l.header)
	default:
		err = ident.Errorf(ident.KindInvalid, "is no database of rpm: neither SQLite, ndb nor a hash of Berkeley DB")
	}
	return l, err
}

func damagedRPM(what string) error {
	return ident.Errorf(ident.KindInvalid, "the database of rpm is damaged: %s", what)
}

// The tags that are read (rpmtag.h), and the types of their values.
const (
	tagName      = 1000
	tagVersion   = 1001
	tagRelease   = 1002
	tagEpoch     = 1003
	typeInt32    = 4
	typeString   = 6
	headerIntro  = 8
	headerEntry  = 16
	maxRPMText   = 4096
	keyOfSigners = "gpg-pubkey"
)

// header reads one package (RPM file format, "Header"): counts of entries and bytes,
// entries of tag, type, offset and count, and the bytes, all numbers big-endian.
func (l *List) header(blob []byte) error {
	if len(l.Packages) > MaxPackages {
		return nil // named refuses it
	}
	if len(blob) < headerIntro {
		return damagedRPM("a header is cut short")
	}
	n, size := uint64(binary.BigEndian.Uint32(blob)), uint64(binary.BigEndian.Uint32(blob[4:]))
	if headerIntro+n*headerEntry+size > uint64(len(blob)) {
		return damagedRPM("a header is cut short")
	}
	entries, data := blob[headerIntro:headerIntro+n*headerEntry], blob[headerIntro+n*headerEntry:][:size]
	var name, version, release, epoch string
	for ; len(entries) > 0; entries = entries[headerEntry:] {
		at := binary.BigEndian.Uint32(entries[8:])
		if uint64(at) > size {
			continue // of a tag that is not read, or told below
		}
		text := func() string {
			if binary.BigEndian.Uint32(entries[4:]) != typeString {
				return ""
			}
			s, _, ok := bytes.Cut(data[at:], []byte{0})
			if !ok || len(s) > maxRPMText {
				return ""
			}
			return string(s)
		}
		switch binary.BigEndian.Uint32(entries) {
		case tagName:
			name = text()
		case tagVersion:
			version = text()
		case tagRelease:
			release = text()
		case tagEpoch:
			if binary.BigEndian.Uint32(entries[4:]) == typeInt32 && size-uint64(at) >= 4 {
				epoch = strconv.FormatUint(uint64(binary.BigEndian.Uint32(data[at:])), 10) + ":"
			}
		}
	}
	if name == "" || version == "" || release == "" {
		return damagedRPM("a header has no name, version or release")
	}
	p := Package{Name: name, Version: epoch + version + "-" + release, Pointer: "#" + name}
	if name == keyOfSigners {
		p.Perhaps = "a key that packages are signed with"
	}
	l.Packages = append(l.Packages, p)
	return nil
}
