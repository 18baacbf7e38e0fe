package evidence

import (
	"encoding/base64"
	"errors"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/cofferdam-io/cofferdam/ident"
)

// MaxNote is the most bytes of a signed checkpoint: three short lines and a
// handful of signatures.
const MaxNote = 16 << 10

// Signer signs a checkpoint's text. It is the note.Signer of
// golang.org/x/mod/sumdb/note, so that a key in a file, an agent or an HSM fit
// alike. Sign is called once for each checkpoint and may take its time; it must be
// safe to call from several goroutines at once.
type Signer = note.Signer

// Checkpoint says how a journal ended at one time.
type Checkpoint struct {
	Origin string // names the journal: a line without surrounding space, such as "cofferdam.dev/journal/3f1c…"
	Head   Head
}

// Sign returns the checkpoint as a signed note.
func Sign(c Checkpoint, signers ...Signer) ([]byte, error) {
	if len(signers) == 0 {
		return nil, ident.Errorf(ident.KindUsage, "a checkpoint needs a signer")
	}
	if err := checkOrigin(c.Origin); err != nil {
		return nil, err
	}
	text := c.Origin + "\n" + strconv.FormatUint(c.Head.Seq, 10) + "\n" + base64.StdEncoding.EncodeToString(c.Head.Hash[:]) + "\n"
	b, err := note.Sign(&note.Note{Text: text}, signers...)
	if err != nil {
		return nil, ident.Errorf(ident.KindFailure, "the checkpoint at record %d could not be signed: %w", c.Head.Seq, err)
	}
	return b, nil
}

// Open verifies a signed note and reads the checkpoint in it. At least one
// verifier must know a signature, and every signature by a known key must verify:
// otherwise the error has ident.KindRefused. An empty origin accepts any.
func Open(b []byte, origin string, verifiers ...note.Verifier) (Checkpoint, error) {
	var c Checkpoint
	if len(b) > MaxNote {
		return c, ident.Errorf(ident.KindLimit, "a checkpoint has %d bytes; at most %d fit", len(b), MaxNote)
	}
	n, err := note.Open(b, note.VerifierList(verifiers...))
	if err != nil {
		var unverified *note.UnverifiedNoteError
		if errors.As(err, &unverified) {
			return c, ident.Errorf(ident.KindRefused, "the checkpoint is not signed by a known key: %w", err)
		}
		return c, ident.Errorf(ident.KindRefused, "the checkpoint's signature does not verify: %w", err)
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return c, ident.Errorf(ident.KindInvalid, "a checkpoint has three lines, and this one has %d", len(lines)-1)
	}
	if err := checkOrigin(lines[0]); err != nil {
		return c, err
	}
	if origin != "" && lines[0] != origin {
		return c, ident.Errorf(ident.KindRefused, "the checkpoint is of journal %q, not %q", lines[0], origin)
	}
	seq, err := strconv.ParseUint(lines[1], 10, 64)
	if err != nil || strconv.FormatUint(seq, 10) != lines[1] {
		return c, ident.Errorf(ident.KindInvalid, "%q is not a sequence number", lines[1])
	}
	h, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(h) != len(c.Head.Hash) {
		return c, ident.Errorf(ident.KindInvalid, "the checkpoint's hash is not %d bytes of base64", len(c.Head.Hash))
	}
	c.Origin, c.Head.Seq = lines[0], seq
	copy(c.Head.Hash[:], h)
	return c, nil
}

// SeqOf is the number of the record that a signed note speaks of, and whether it speaks
// of one. Nothing is verified.
func SeqOf(signed []byte) (uint64, bool) {
	_, rest, _ := strings.Cut(string(signed), "\n")
	line, _, _ := strings.Cut(rest, "\n")
	n, err := strconv.ParseUint(line, 10, 64)
	return n, err == nil
}

func checkOrigin(s string) error {
	if s == "" || len(s) > 255 || strings.TrimSpace(s) != s || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return ident.Errorf(ident.KindInvalid, "%.80q is no origin of a journal: one line, without space around it", s)
	}
	return nil
}
