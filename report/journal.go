package report

import (
	"io"
	"strconv"
	"time"
)

// Journal is the answer of `journal list`: who did what, and when.
type Journal struct {
	SchemaVersion string          `json:"schemaVersion"`
	Records       []JournalRecord `json:"records"` // oldest first
	// Left is how many records before these were asked for too, and are not listed.
	Left int `json:"left,omitempty"`
}

// JournalRecord is one change.
type JournalRecord struct {
	Sequence uint64    `json:"sequence"`
	Time     time.Time `json:"time"`
	Actor    string    `json:"actor"`
	Action   string    `json:"action"`
	Object   string    `json:"object"`
	Before   string    `json:"before,omitempty"` // digest of the object's state; "" if it was not there
	After    string    `json:"after,omitempty"`  // "" if it is gone
}

func journalTable(w io.Writer, a *Journal, o Options) error {
	p := newPrinter(w, o)
	remark := "oldest first; times are UTC"
	if a.Left > 0 {
		remark += "; " + strconv.Itoa(a.Left) + " earlier ones are not listed (--limit)"
	}
	rows := make([][]string, 0, len(a.Records))
	for i := range a.Records {
		r := &a.Records[i]
		rows = append(rows, []string{strconv.FormatUint(r.Sequence, 10), r.Time.UTC().Format(time.DateTime), p.bold(clean(r.Actor)), clean(r.Action), clean(r.Object), clean(r.Before), clean(r.After)})
	}
	p.heading("JOURNAL", len(rows), remark)
	p.table([]column{{"SEQUENCE", 0}, {"TIME", 0}, {"ACTOR", 12}, {"ACTION", 12}, {"OBJECT", 16}, {"BEFORE", 19}, {"AFTER", 19}}, rows)
	return p.done()
}

// JournalVerification is the answer of `journal verify`.
type JournalVerification struct {
	SchemaVersion string `json:"schemaVersion"`
	// Holds is true where every record is bound to the one before it, and all of them
	// agree with every checkpoint that a known key signed.
	Holds bool `json:"holds"`
	// Problem says where and why it does not hold.
	Problem     string    `json:"problem,omitempty"`
	Records     uint64    `json:"records"`
	First       time.Time `json:"first,omitzero"`
	Last        time.Time `json:"last,omitzero"`
	Head        string    `json:"head,omitempty"` // hash of the last record, in hexadecimal
	Checkpoints int       `json:"checkpoints"`    // that a known key signed
	Foreign     int       `json:"foreign"`        // by none of the keys that were given
	// Signed is the last record that a checkpoint covers; 0 where none does. Whoever keeps the
	// journal could have rewritten what comes after it.
	Signed uint64 `json:"signed"`
}

func journalVerificationTable(w io.Writer, a *JournalVerification, o Options) error {
	p := newPrinter(w, o)
	if !a.Holds {
		p.linef("%s  %s", p.bold("BROKEN"), clean(a.Problem))
		p.linef("what follows cannot be relied on; compare with a backup, and with checkpoints that were kept elsewhere")
		return p.done()
	}
	p.linef("%s  %s, from %s to %s", p.bold("HOLDS"), plural(int(a.Records), "record"), minute(a.First), minute(a.Last)) //nolint:gosec // a count
	p.linef("  head         %s", a.Head)
	p.linef("  checkpoints  %d signed by a known key, %d by others", a.Checkpoints, a.Foreign)
	p.linef("  %s", signedThrough(a.Checkpoints, a.Signed, a.Records))
	return p.done()
}
