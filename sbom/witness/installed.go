package witness

import (
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
)

// dpkg reads the database of installed packages (deb-control(5), dpkg-query(1)): stanzas
// of fields, of which those whose state is "installed" are there. Files of status.d, in
// images without a package manager, have no state.
func dpkg(raw []byte) (*List, error) {
	l := &List{Kind: "dpkg", Type: "deb", Whole: true}
	err := stanzas(raw, func(get func(string) string, line int) error {
		name, version, status := get("Package"), get("Version"), get("Status")
		state := status[strings.LastIndexByte(status, ' ')+1:]
		switch {
		case name == "":
			return ident.Errorf(ident.KindInvalid, "is no database of dpkg: the stanza at line %d has no package", line)
		case state == "config-files" || state == "not-installed":
			return nil
		case version == "":
			l.Unknown = append(l.Unknown, name+" has no version")
			return nil
		case state != "" && state != "installed":
			l.Unknown = append(l.Unknown, name+" is "+state)
		}
		l.Packages = append(l.Packages, Package{Name: name, Version: version, Line: line})
		return nil
	})
	return l, err
}

// stanzas calls each for the stanzas of fields of a file (deb-control(5)).
func stanzas(raw []byte, each func(get func(string) string, line int) error) error {
	fields := map[string]string{}
	n, start := 0, 0
	flush := func() error {
		if len(fields) == 0 {
			return nil
		}
		err := each(func(k string) string { return fields[strings.ToLower(k)] }, start)
		clear(fields)
		return err
	}
	for line := range strings.Lines(string(raw)) {
		n++
		line = strings.TrimRight(line, "\r\n")
		switch {
		case strings.TrimSpace(line) == "":
			if err := flush(); err != nil {
				return err
			}
		case line[0] == ' ' || line[0] == '\t' || line[0] == '#': // goes on, or a remark
		default:
			key, value, ok := strings.Cut(line, ":")
			if !ok {
				return ident.Errorf(ident.KindInvalid, "is no database of dpkg: line %d is no field", n)
			}
			if len(fields) == 0 {
				start = n
			}
			switch k := strings.ToLower(key); k {
			case "package", "version", "status": // of the rest nothing is kept
				fields[k] = strings.TrimSpace(value)
			default:
				if len(fields) == 0 {
					fields[""] = ""
				}
			}
		}
	}
	return flush()
}

// apk reads the database of installed packages (apk-tools, "APK installed database"):
// records of lines "X:value", P the name and V the version.
func apk(raw []byte) (*List, error) {
	l := &List{Kind: "apk", Type: "apk", Whole: true}
	var p Package
	n, some := 0, false
	flush := func() error {
		if !some {
			return nil
		}
		switch {
		case p.Name == "":
			return ident.Errorf(ident.KindInvalid, "is no database of apk: the record at line %d has no name", p.Line)
		case p.Version == "":
			l.Unknown = append(l.Unknown, p.Name+" has no version")
		default:
			l.Packages = append(l.Packages, p)
		}
		p, some = Package{}, false
		return nil
	}
	for line := range strings.Lines(string(raw)) {
		n++
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			if err := flush(); err != nil {
				return nil, err
			}
			continue
		}
		if len(line) < 2 || line[1] != ':' {
			return nil, ident.Errorf(ident.KindInvalid, "is no database of apk: line %d is no field", n)
		}
		if !some {
			p.Line, some = n, true
		}
		switch line[0] {
		case 'P':
			p.Name = line[2:]
		case 'V':
			p.Version = line[2:]
		}
	}
	return l, flush()
}
