package report

import (
	"fmt"
	"io"
)

// CatalogueBackup is the answer of `catalogue backup`.
type CatalogueBackup struct {
	SchemaVersion string `json:"schemaVersion"`
	File          string `json:"file"`
	Bytes         int64  `json:"bytes"`
	Digest        string `json:"digest"` // sha256 of the file
}

func catalogueBackupTable(w io.Writer, a *CatalogueBackup, o Options) error {
	p := newPrinter(w, o)
	p.linef("%s  %s: %s, %s", p.bold("BACKED UP"), clean(a.File), plural(int(a.Bytes), "byte"), a.Digest)
	p.linef("  the key that signs the journal is not in it: keep journal.key and journal.pub with your secrets")
	return p.done()
}

// CatalogueCompacted is the answer of `catalogue compact`.
type CatalogueCompacted struct {
	SchemaVersion string `json:"schemaVersion"`
	Data          string `json:"data"`
	Before        int64  `json:"before"` // bytes of the catalogue
	After         int64  `json:"after"`
	Waits         bool   `json:"waits"` // the file becomes that small once a server moves its log into it
}

func catalogueCompactedTable(w io.Writer, a *CatalogueCompacted, o Options) error {
	p := newPrinter(w, o)
	p.linef("%s  %s: %d bytes became %d", p.bold("COMPACTED"), clean(a.Data), a.Before, a.After)
	if a.Waits {
		p.linef("  a server reads the old pages: the file becomes that small as it goes on, or when it ends")
	}
	return p.done()
}

// CatalogueRestored is the answer of `catalogue restore`.
type CatalogueRestored struct {
	SchemaVersion string `json:"schemaVersion"`
	Data          string `json:"data"`
	Documents     uint32 `json:"documents"`
	Records       uint64 `json:"records"` // of the journal
	Head          string `json:"head"`    // hash of the last one, in hexadecimal
	NoKey         bool   `json:"noKey"`   // the folder has no key that signs the journal
}

func catalogueRestoredTable(w io.Writer, a *CatalogueRestored, o Options) error {
	p := newPrinter(w, o)
	p.linef("%s  %s: %s, journal through record %d", p.bold("RESTORED"), clean(a.Data), plural(int(a.Documents), "document"), a.Records)
	p.linef("  head  %s", a.Head)
	if a.NoKey {
		p.linef("  there is no journal.key in the folder: put the old one there before the server starts, or it makes a new one that nobody knows")
	}
	return p.done()
}

// CatalogueAudit is the answer of `catalogue audit`.
type CatalogueAudit struct {
	SchemaVersion string `json:"schemaVersion"`
	// Holds is true where the journal is whole, agrees with every checkpoint that a known key
	// signed, and says of every document what the catalogue has.
	Holds       bool   `json:"holds"`
	Problem     string `json:"problem,omitempty"`
	Records     int    `json:"records"`
	Documents   int    `json:"documents"` // compared with their records; deleted ones too
	Purged      int    `json:"purged"`    // gone, with a record of their purge
	Head        string `json:"head,omitempty"`
	Checkpoints int    `json:"checkpoints"` // signed by a known key
	Foreign     int    `json:"foreign"`     // signed by none of the keys
	Signed      uint64 `json:"signed"`      // the last record that such a checkpoint covers
}

func catalogueAuditTable(w io.Writer, a *CatalogueAudit, o Options) error {
	p := newPrinter(w, o)
	if !a.Holds {
		p.linef("%s  %s", p.bold("BROKEN"), clean(a.Problem))
		p.linef("what follows cannot be relied on; compare with a backup, and with checkpoints that were kept elsewhere")
		return p.done()
	}
	p.linef("%s  %s, %s as they say", p.bold("HOLDS"), plural(a.Records, "record"), plural(a.Documents, "document"))
	if a.Purged > 0 {
		p.linef("  purged       %s, each with a record of it", plural(a.Purged, "document"))
	}
	p.linef("  head         %s", a.Head)
	p.linef("  checkpoints  %d signed by a known key, %d by others", a.Checkpoints, a.Foreign)
	p.linef("  %s", signedThrough(a.Checkpoints, a.Signed, uint64(a.Records))) //nolint:gosec // a count
	return p.done()
}

// signedThrough says how much of a journal a known key signed.
func signedThrough(checkpoints int, signed, records uint64) string {
	switch {
	case checkpoints == 0:
		return "no signature was verified: whoever keeps the journal could have written all of it anew (--key FILE)"
	case signed < records:
		return fmt.Sprintf("signed through record %d; the last %d are not yet", signed, records-signed)
	}
	return "signed through its end"
}
