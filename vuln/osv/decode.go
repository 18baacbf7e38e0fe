package osv

import (
	"bytes"
	"context"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// Limits bound what a document may cost. A zero field has its default.
type Limits struct {
	RecordBytes  int64 // one record; the largest published ones, with every kernel version, stay below 8 MiB
	ArchiveBytes int64 // all members of an archive, uncompressed; osv.dev's whole export is below 3 GiB
	Entries      int   // members of an archive, records of an array or stream
	Ratio        int64 // uncompressed to compressed size of a member above 1 MiB; JSON of records stays below 60
}

// The defaults of Limits.
const (
	DefaultRecordBytes  = 16 << 20
	DefaultArchiveBytes = 4 << 30
	DefaultEntries      = 2_000_000
	DefaultRatio        = 200
)

func (l Limits) withDefaults() Limits {
	if l.RecordBytes <= 0 {
		l.RecordBytes = DefaultRecordBytes
	}
	if l.ArchiveBytes <= 0 {
		l.ArchiveBytes = DefaultArchiveBytes
	}
	if l.Entries <= 0 {
		l.Entries = DefaultEntries
	}
	if l.Ratio <= 0 {
		l.Ratio = DefaultRatio
	}
	return l
}

// Fault is something wrong in one record. It costs that record, or, where Kept
// is true, less than that: the record is among the advisories, and what could
// not be read of it is marked or left out.
type Fault struct {
	File    string // as named by the caller
	Member  string // of an archive; "" otherwise
	Record  string // id of the record, where it is known
	Line    int    // where the record or the fault begins; 0 if unknown
	Pointer string // JSON pointer within the record
	Message string
	Kept    bool
}

// Decode reads every record of a document. The kind is told from the content:
// zip archive, JSON record, JSON array, lines of JSON records, YAML. name is
// used for messages and for Advisory.Source only.
//
// Broken records are faults and cost only themselves. The error is set where
// the document as a whole cannot be read: KindUnsupported for content that is no
// OSV document at all, KindInvalid for one that is broken and holds a single
// record, KindLimit beyond a limit; or it is the context's. Advisories read
// before a KindLimit error of an archive are returned with it.
func Decode(ctx context.Context, name string, raw []byte, lim Limits) ([]*vuln.Advisory, []Fault, error) {
	d := &decoder{ctx: ctx, file: name, lim: lim.withDefaults()}
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	var err error
	if isZip(raw) {
		err = d.archive(raw)
	} else {
		err = d.document(raw)
	}
	return d.advisories, d.faults, err
}

// decoder gathers the records of one call.
type decoder struct {
	ctx        context.Context
	file       string
	member     string // of the archive that is being read
	lim        Limits
	advisories []*vuln.Advisory
	faults     []Fault
	records    int
}

// where names the document that is being read.
func (d *decoder) where() string {
	if d.member != "" {
		return d.file + "!" + d.member
	}
	return d.file
}

func (d *decoder) errorf(kind ident.Kind, format string, args ...any) *ident.Error {
	return ident.Errorf(kind, format, args...).At(d.where())
}

// document reads one document that is no archive.
func (d *decoder) document(raw []byte) error {
	body := bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))
	body = bytes.TrimLeft(body, " \t\r\n")
	switch {
	case len(body) == 0:
		return d.errorf(ident.KindUnsupported, "the document is empty")
	case body[0] == '{':
		return d.objects(raw, len(raw)-len(body))
	case body[0] == '[':
		return d.array(raw)
	case bytes.HasPrefix(body, []byte("```toml")), bytes.HasPrefix(body, []byte("+++\n")):
		return d.errorf(ident.KindUnsupported, "a RustSec advisory in TOML is no OSV document").
			WithHint("export the database with \"rustsec-admin osv\", or take the crates.io archive of osv.dev")
	case body[0] == '<':
		return d.errorf(ident.KindUnsupported, "XML or HTML is no OSV document")
	}
	return d.yaml(raw)
}

// count refuses a record beyond the limit of entries.
func (d *decoder) count() error {
	if d.records++; d.records > d.lim.Entries {
		return d.errorf(ident.KindLimit, "more than %d records", d.lim.Entries)
	}
	return d.ctx.Err()
}

// objects reads one JSON record, or lines of one record each. Only a document
// of a single record fails as a whole.
func (d *decoder) objects(raw []byte, start int) error {
	r := jsonscan.New(raw[start:], jsonscan.Options{})
	r.Skip()
	end := start + r.Offset()
	if r.Err() != nil {
		return d.lines(raw, start, true)
	}
	next := end
	for next < len(raw) && isSpace(raw[next]) {
		next++
	}
	if err := d.count(); err != nil {
		return err
	}
	if err := d.record(raw[start:end], lineAt(raw, start), next == len(raw)); err != nil || next == len(raw) {
		return err
	}
	if bytes.IndexByte(raw[start:end], '\n') >= 0 || bytes.IndexByte(raw[end:next], '\n') < 0 {
		d.fault(Fault{Line: lineAt(raw, next), Message: "something follows the record; several records stand one a line, or in an array"})
		return nil
	}
	return d.lines(raw, next, false)
}

// lines reads one record a line from off on. A line that is no record is a
// fault; if there is only that line it is the document's error.
func (d *decoder) lines(raw []byte, off int, first bool) error {
	line := lineAt(raw, off)
	single := first && bytes.IndexByte(bytes.TrimSpace(raw[off:]), '\n') < 0
	if first && !single && !bytes.HasPrefix(bytes.TrimLeft(afterLine(raw[off:]), " \t\r\n"), []byte("{")) {
		// A broken record spread over several lines, not a list of records.
		return d.record(raw[off:], line, true)
	}
	for rest := raw[off:]; len(rest) > 0; line++ {
		text := rest
		if i := bytes.IndexByte(rest, '\n'); i >= 0 {
			text = rest[:i]
		}
		rest = afterLine(rest)
		if text = bytes.TrimSpace(text); len(text) == 0 {
			continue
		}
		if err := d.count(); err != nil {
			return err
		}
		if err := d.record(text, line, single); err != nil {
			return err
		}
	}
	return nil
}

// array reads a JSON array of records. An item is first bounded and only then
// read, so that its faults cost only itself; broken syntax costs the rest.
func (d *decoder) array(raw []byte) error {
	r := jsonscan.New(raw, jsonscan.Options{})
	some := false
	for r.Array(); r.NextItem(); {
		if err := d.count(); err != nil {
			return err
		}
		isObject := r.Kind() == jsonscan.Object
		at := r.Offset()
		item := r.Raw()
		if r.Err() != nil {
			break
		}
		if !isObject {
			d.fault(Fault{Line: lineAt(raw, at), Message: "an item of the array is no object"})
			continue
		}
		some = true
		if err := d.record(item, lineAt(raw, at), false); err != nil {
			return err
		}
	}
	if err := r.End(); err != nil {
		if !some {
			return d.errorf(ident.KindInvalid, "%w", err)
		}
		d.fault(Fault{Message: "the rest of the array cannot be read: " + err.Error()})
	}
	return nil
}

// fault notes a fault of the document that is being read.
func (d *decoder) fault(f Fault) {
	f.File, f.Member = d.file, d.member
	d.faults = append(d.faults, f)
}

// lineAt returns the 1-based line of an offset.
func lineAt(raw []byte, off int) int { return 1 + bytes.Count(raw[:off], []byte("\n")) }

func afterLine(b []byte) []byte {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return b[i+1:]
	}
	return nil
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }
