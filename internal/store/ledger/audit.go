package ledger

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/cofferdam-io/cofferdam/evidence"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// auditPage is how many records one transaction of an audit reads: a longer one
// would keep the engine from tidying up behind writers.
const auditPage = 1000

// audit compares the documents with what the journal says of them.
type audit struct {
	report   store.AuditReport
	verifier *evidence.Verifier
	missing  map[uint32]uint64 // documents without rows, by the sequence of their intake: a purge explains them
	deleted  map[uint32]uint64 // tombstones that were seen and wait for their record
	recorded map[uint32]uint64 // records of deletions of documents that were seen live
}

// Audit is store.Reader's.
func (l *Ledger) Audit(ctx context.Context, checkpoints ...evidence.Checkpoint) (store.AuditReport, error) {
	p, err := l.Position(ctx)
	if err != nil {
		return store.AuditReport{}, err
	}
	a := audit{
		verifier: evidence.NewVerifier(evidence.Head{}, append(checkpoints[:len(checkpoints):len(checkpoints)], evidence.Checkpoint{Head: p.Journal})...),
		missing:  map[uint32]uint64{}, deleted: map[uint32]uint64{}, recorded: map[uint32]uint64{},
	}
	for {
		before := a.report.Records
		err := l.engine.Read(ctx, func(tx Tx) error {
			return tx.Query(ctx, `SELECT j.record, j.kind, COALESCE(j.subject, 0), COALESCE(f.document, -1), f.components,
				COALESCE(d.tenant, ''), COALESCE(o.digest, ''), COALESCE(o.size, 0), COALESCE(d.media, ''), COALESCE(d.format, ''),
				COALESCE(d.subject, ''), COALESCE(d.actor, ''), COALESCE(d.at, 0), COALESCE(d.deleted, 0)
				FROM journal j LEFT JOIN document d ON d.id = j.subject AND j.kind = 1 LEFT JOIN original o ON o.id = d.original
				LEFT JOIN forward f ON f.document = d.id WHERE j.seq > ? ORDER BY j.seq LIMIT ?`, []any{int64(a.verifier.Head().Seq), int64(auditPage)}, a.record) // #nosec G115 -- a sequence
		})
		if err != nil {
			return a.report, err
		}
		if a.report.Records == before {
			break
		}
	}
	if a.report.Head, err = a.verifier.Finish(); err != nil {
		return a.report, err
	}
	for id, seq := range a.missing {
		return a.report, broken(seq, "document %d is gone, and no record says that it was purged", id)
	}
	for id, seq := range a.deleted {
		return a.report, broken(seq, "document %d has a tombstone, and no record says who deleted it", id)
	}
	return a.report, l.auditDeleted(ctx, a.recorded)
}

// auditDeleted asks again for documents that were live when they were read and
// that a later record deletes: they were deleted meanwhile, or their tombstone was
// taken away.
func (l *Ledger) auditDeleted(ctx context.Context, recorded map[uint32]uint64) error {
	ids := make([]uint32, 0, len(recorded))
	for id := range recorded {
		ids = append(ids, id)
	}
	found, err := l.Documents(ctx, ids)
	if err != nil {
		return err
	}
	for _, d := range found {
		if d.Deleted != recorded[d.ID] {
			return broken(recorded[d.ID], "document %d was deleted by this record, and is there again", d.ID)
		}
	}
	return nil
}

func broken(seq uint64, format string, args ...any) error {
	return ident.Errorf(ident.KindRefused, "%w", &evidence.Broken{Seq: seq, Reason: fmt.Sprintf(format, args...)}).
		WithHint("the database was changed behind the program's back: compare with a backup")
}

// record takes the next record and the document that it added, where it did.
func (a *audit) record(scan func(...any) error) error {
	var encoding, row, raw []byte
	var kind, subject, there, size, at, deleted int64
	var tenant, media, format, text, actor string
	if err := scan(&encoding, &kind, &subject, &there, &row, &tenant, &raw, &size, &media, &format, &text, &actor, &at, &deleted); err != nil {
		return err
	}
	r, err := a.verifier.Add(encoding)
	if err != nil {
		return err
	}
	a.report.Records++
	digest, err := parseRaw(raw)
	if err != nil && len(raw) > 0 {
		return broken(r.Seq, "the document's digest is damaged")
	}
	id := uint32(subject) // #nosec G115 -- a number the store assigned
	switch r.Action {
	case "document.add":
		switch {
		case store.ChangeKind(kind) != store.ChangeAdded || r.Object != "document/"+number(id): // #nosec G115 -- as above
			return broken(r.Seq, "its row does not name the object that it is about, %s", r.Object)
		case there < 0 || len(raw) == 0:
			a.missing[id] = r.Seq
		case stateDigest(tenant, digest, size, media, format, text, actor, at, row) != r.After:
			return broken(r.Seq, "%s is not as it was taken in", r.Object)
		default:
			a.report.Documents++
			if deleted > 0 {
				a.deleted[id] = uint64(deleted)
			}
		}
	case "document.delete":
		id, ok := objectNumber(r.Object)
		switch {
		case !ok:
		case a.deleted[id] == r.Seq:
			delete(a.deleted, id)
		case a.missing[id] == 0:
			a.recorded[id] = r.Seq
		}
	case "document.purge":
		if id, ok := objectNumber(r.Object); ok {
			if a.missing[id] > 0 {
				a.report.Purged++
			}
			delete(a.missing, id)
		}
	}
	return nil
}

func objectNumber(object string) (uint32, bool) {
	text, ok := strings.CutPrefix(object, "document/")
	n, err := strconv.ParseUint(text, 10, 32)
	return uint32(n), ok && err == nil // #nosec G115 -- parsed as 32 bits
}
