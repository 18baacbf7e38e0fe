package app

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/cofferdam-io/cofferdam/evidence"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/client"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
)

// ExportJournal writes a server's journal, with its checkpoints, as evidence.VerifyExport
// reads it. What is recorded while it is read may be missing at its end.
func ExportJournal(ctx context.Context, c *client.Client, w io.Writer) error {
	x, err := evidence.NewExporter(w)
	if err != nil {
		return err
	}
	if err := c.Checkpoints(ctx, func(signed string) error { return x.Checkpoint([]byte(signed)) }); err != nil {
		return err
	}
	return c.Journal(ctx, x.Record)
}

// JournalTrust is what a journal is verified by.
type JournalTrust struct {
	Keys []note.Verifier       // that sign checkpoints
	Kept []evidence.Checkpoint // that were kept elsewhere, each signed by one of them
}

// JournalTrust reads keys, and files with checkpoints that were kept elsewhere.
func (l *Loader) JournalTrust(ctx context.Context, keys, checkpoints []string) (t JournalTrust, err error) {
	if len(checkpoints) > 0 && len(keys) == 0 {
		return t, ident.Errorf(ident.KindUsage, "--checkpoint needs the key that signed it").WithHint("--key journal.pub, from the server's data folder")
	}
	if t.Keys, err = l.journalKeys(ctx, keys); err != nil {
		return t, err
	}
	t.Kept, err = l.journalCheckpoints(ctx, checkpoints, t.Keys)
	return t, err
}

// journalKeys reads keys that sign checkpoints: each is a file, such as the journal.pub of
// a server, or the text of one.
func (l *Loader) journalKeys(ctx context.Context, list []string) ([]note.Verifier, error) {
	var out []note.Verifier
	for _, k := range list {
		v, err := note.NewVerifier(k)
		if err != nil {
			raw, rerr := l.read(ctx, k)
			if rerr != nil {
				return nil, rerr
			}
			if v, err = note.NewVerifier(strings.TrimSpace(string(raw))); err != nil {
				return nil, ident.Errorf(ident.KindRefused, "holds no key that verifies checkpoints").At(k).WithHint("journal.pub in the server's data folder is one")
			}
		}
		out = append(out, v)
	}
	return out, nil
}

// journalCheckpoints reads checkpoints that were kept elsewhere. One that no key signed
// is refused.
func (l *Loader) journalCheckpoints(ctx context.Context, files []string, keys []note.Verifier) ([]evidence.Checkpoint, error) {
	var out []evidence.Checkpoint
	for _, f := range files {
		raw, err := l.read(ctx, f)
		if err != nil {
			return nil, err
		}
		c, err := evidence.Open(raw, "", keys...)
		if err != nil {
			return nil, ident.Errorf(ident.KindRefused, "%w", err).At(f)
		}
		out = append(out, c)
	}
	return out, nil
}

// ReadJournal opens an export: a file, standard input ("-"), or, where a server is given,
// what it exports now.
func (l *Loader) ReadJournal(ctx context.Context, name string, srv *client.Client) (io.ReadCloser, error) {
	switch {
	case srv != nil:
		r, w := io.Pipe()
		go func() { w.CloseWithError(ExportJournal(ctx, srv, w)) }() // ends with its reader, or with the context
		return r, nil
	case name == stdinName:
		in, err := l.stdin()
		if err != nil {
			return nil, err
		}
		return io.NopCloser(in), nil
	}
	f, err := l.open(name)
	if err != nil {
		return nil, ident.Unreadable(name, err)
	}
	return f, nil
}

// VerifyJournal verifies an export. That it does not hold, or is none, is an answer and no
// error.
func VerifyJournal(r io.Reader, t JournalTrust) (*report.JournalVerification, error) {
	v, err := evidence.VerifyExport(r, t.Kept, t.Keys, nil)
	a := &report.JournalVerification{SchemaVersion: inventory.SchemaVersion}
	switch ident.KindOf(err) {
	case ident.KindRefused, ident.KindInvalid, ident.KindLimit, ident.KindUnsupported:
		a.Problem = err.Error()
		return a, nil
	}
	if err != nil {
		return nil, err
	}
	a.Holds, a.Records, a.First, a.Last, a.Head = true, v.Head.Seq, v.First, v.Last, hex.EncodeToString(v.Head.Hash[:])
	a.Checkpoints, a.Foreign, a.Signed = v.Checkpoints, v.Foreign, v.Signed
	return a, nil
}

// JournalSelect says which records are listed.
type JournalSelect struct {
	Since  time.Time
	Actor  string // "" is anybody
	Action string // what the action begins with
	Object string // what the object begins with
	// Artifact is what decisions are about; zero: records of all kinds.
	Artifact ident.Digest
	Most     int // the latest of them
}

func (s *JournalSelect) keeps(r *evidence.Record) bool {
	if !s.Artifact.IsZero() {
		if d, _, ok := evidence.ParseDecision(r.Object); !ok || d.Artifact != s.Artifact {
			return false
		}
	}
	return !r.Time.Before(s.Since) && (s.Actor == "" || r.Actor == s.Actor) && strings.HasPrefix(r.Action, s.Action) && strings.HasPrefix(r.Object, s.Object)
}

// ListJournal lists records of an export, those before the one at which its chain is
// broken: the error then comes beside the answer.
func ListJournal(r io.Reader, s JournalSelect) (*report.Journal, error) {
	a := &report.Journal{SchemaVersion: inventory.SchemaVersion, Records: []report.JournalRecord{}}
	_, err := evidence.VerifyExport(r, nil, nil, func(rec *evidence.Record) error {
		if !s.keeps(rec) {
			return nil
		}
		if len(a.Records) >= 2*s.Most {
			a.Left += s.Most
			a.Records = slices.Delete(a.Records, 0, s.Most)
		}
		a.Records = append(a.Records, report.JournalRecord{Sequence: rec.Seq, Time: rec.Time, Actor: rec.Actor, Action: rec.Action, Object: rec.Object, Before: rec.Before, After: rec.After})
		return nil
	})
	var broken *evidence.Broken
	if err != nil && !errors.As(err, &broken) {
		return nil, err
	}
	if n := len(a.Records) - s.Most; n > 0 {
		a.Left += n
		a.Records = slices.Delete(a.Records, 0, n)
	}
	return a, err
}
