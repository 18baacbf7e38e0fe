package evidence

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/cofferdam-io/cofferdam/ident"
)

// exportVersion is of the form of an export: a JSON object on each line. The first is
// {"journal":1}; then come the checkpoints, {"checkpoint":NOTE}, and after them all the
// records in order, {"record":ENCODING}, in base64.
const exportVersion = 1

// MaxCheckpoints is how many checkpoints an export may hold: two years of one a minute.
const MaxCheckpoints = 1 << 20

// exportLine is one line of an export.
type exportLine struct {
	Journal    int    `json:"journal,omitempty"`
	Checkpoint string `json:"checkpoint,omitempty"`
	Record     bits   `json:"record,omitempty"`
}

// bits are bytes in base64, of which there is one spelling only.
type bits []byte

// UnmarshalText is encoding.TextUnmarshaler's.
func (b *bits) UnmarshalText(text []byte) (err error) {
	*b, err = base64.StdEncoding.Strict().AppendDecode(make([]byte, 0, base64.StdEncoding.DecodedLen(len(text))), text)
	return err
}

// MarshalText is encoding.TextMarshaler's.
func (b bits) MarshalText() ([]byte, error) { return base64.StdEncoding.AppendEncode(nil, b), nil }

// maxLine is the most bytes of a line: a record in base64, or a checkpoint all of whose
// characters are escaped.
const maxLine = max(MaxRecord/3*4, MaxNote*6) + 100

// Exporter writes an export.
type Exporter struct {
	enc     *json.Encoder
	records bool
}

// NewExporter begins an export.
func NewExporter(w io.Writer) (*Exporter, error) {
	x := &Exporter{enc: json.NewEncoder(w)}
	return x, x.enc.Encode(exportLine{Journal: exportVersion})
}

// Checkpoint writes a signed note. All come before the first record.
func (x *Exporter) Checkpoint(signed []byte) error {
	if x.records {
		return ident.Errorf(ident.KindUsage, "a checkpoint comes after records of the export")
	}
	return x.enc.Encode(exportLine{Checkpoint: string(signed)})
}

// Record writes a record's encoding.
func (x *Exporter) Record(encoding []byte) error {
	x.records = true
	return x.enc.Encode(exportLine{Record: encoding})
}

// Verified is what was found of a journal whose chain holds.
type Verified struct {
	Head        Head
	First, Last time.Time // of the first and the last record; zero where there are none
	Checkpoints int       // that a known key signed, and the journal agrees with
	Foreign     int       // checkpoints by none of the keys: they prove nothing here
	Signed      uint64    // the last record that a checkpoint covers: who has the journal could rewrite what comes after
}

// VerifyExport reads an export and verifies it: the chain of its records, that it agrees
// with the checkpoints in it that one of the keys signed, and with those that were kept
// elsewhere (kept). each is shown every record as it is verified; it may be nil.
//
// The error has ident.KindRefused, and wraps *Broken, where the journal does not hold,
// and ident.KindInvalid where r is no export.
func VerifyExport(r io.Reader, kept []Checkpoint, keys []note.Verifier, each func(*Record) error) (Verified, error) {
	var out Verified
	checkpoints := append([]Checkpoint(nil), kept...)
	var v *Verifier
	lines := bufio.NewReaderSize(r, 64<<10)
	for n := 1; ; n++ {
		line, err := readLine(lines, n)
		if errors.Is(err, io.EOF) && n > 1 {
			break
		}
		var l exportLine
		if err == nil || errors.Is(err, io.EOF) {
			err = parseLine(line, n, &l)
		}
		if err != nil {
			return out, err
		}
		switch {
		case n == 1:
		case l.Record != nil:
			if v == nil {
				v = NewVerifier(Head{}, checkpoints...)
			}
			rec, err := v.Add(l.Record)
			if err != nil {
				return out, err
			}
			if out.Last = rec.Time; rec.Seq == 1 {
				out.First = rec.Time
			}
			if each != nil {
				if err := each(&rec); err != nil {
					return out, err
				}
			}
		case v != nil:
			return out, lineError(n, "is a checkpoint after records")
		case len(checkpoints) == MaxCheckpoints:
			return out, ident.Errorf(ident.KindLimit, "the export has more than %d checkpoints", MaxCheckpoints)
		default:
			c, err := Open([]byte(l.Checkpoint), "", keys...)
			var unknown *note.UnverifiedNoteError
			if errors.As(err, &unknown) {
				out.Foreign++
				continue
			}
			if err != nil {
				return out, ident.Errorf(ident.KindOf(err), "%w", err).At(where(n))
			}
			checkpoints = append(checkpoints, c)
		}
	}
	if v == nil {
		v = NewVerifier(Head{}, checkpoints...)
	}
	var err error
	out.Head, err = v.Finish()
	if err != nil {
		return out, err
	}
	out.Checkpoints = len(checkpoints)
	for i := range checkpoints {
		out.Signed = max(out.Signed, checkpoints[i].Head.Seq)
	}
	return out, nil
}

func where(line int) string { return "line " + strconv.Itoa(line) }

func lineError(n int, what string) error {
	return ident.Errorf(ident.KindInvalid, "the line %s", what).At(where(n)).WithHint("cofferdam journal export writes what is read here")
}

// parseLine reads a line, of which the first says what it is.
func parseLine(line []byte, n int, l *exportLine) error {
	if err := json.Unmarshal(line, l); err != nil {
		if n == 1 {
			return ident.Errorf(ident.KindInvalid, "is no export of a journal").At(where(n)).WithHint("cofferdam journal export writes one")
		}
		return lineError(n, "is not of an export: "+err.Error())
	}
	switch {
	case n == 1 && l.Journal == 0:
		return ident.Errorf(ident.KindInvalid, "is no export of a journal").At(where(n)).WithHint("cofferdam journal export writes one")
	case n == 1 && l.Journal != exportVersion:
		return ident.Errorf(ident.KindUnsupported, "the export has version %d; this program reads %d", l.Journal, exportVersion).At(where(n))
	case n > 1 && (l.Journal != 0 || (l.Record == nil) == (l.Checkpoint == "")):
		return lineError(n, "is neither a record nor a checkpoint")
	}
	return nil
}

// readLine reads a line of at most maxLine bytes.
func readLine(r *bufio.Reader, n int) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > maxLine {
			return nil, ident.Errorf(ident.KindLimit, "the line has more than %d bytes", maxLine).At(where(n))
		}
		line = append(line, part...)
		switch {
		case err == nil:
			return line, nil
		case errors.Is(err, io.EOF) && len(line) > 0:
			return line, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			if errors.Is(err, io.EOF) {
				return nil, err
			}
			var known *ident.Error
			if errors.As(err, &known) {
				return nil, err // of who gives the export
			}
			return nil, ident.Errorf(ident.KindFailure, "the export cannot be read: %w", err).At(where(n))
		}
	}
}
