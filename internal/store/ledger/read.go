package ledger

import (
	"context"
	"math"
	"slices"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// Position is store.Reader's.
func (l *Ledger) Position(ctx context.Context) (store.Position, error) {
	var c counter
	err := l.engine.Read(ctx, func(tx Tx) (err error) {
		c, err = l.counter(ctx, tx, "")
		return err
	})
	return store.Position{Seq: c.head.Seq, Documents: uint32(c.documents), Components: uint32(c.components), Artifacts: uint32(c.artifacts), Journal: c.head}, err // #nosec G115 -- next keeps them in 32 bits
}

// Since is store.Reader's.
func (l *Ledger) Since(ctx context.Context, after uint64, limit int) ([]store.Change, error) {
	most, err := page(limit)
	if err != nil || after > math.MaxInt64 {
		return nil, err
	}
	var changes []store.Change
	err = l.engine.ReadOne(ctx, func(tx Tx) error {
		changes = changes[:0]
		return tx.Query(ctx, `SELECT j.seq, j.kind, COALESCE(j.subject, 0), COALESCE(j.other, 0), COALESCE(d.artifact, 0), COALESCE(d.tenant, ''), COALESCE(f.document, -1), f.components
			FROM journal j LEFT JOIN document d ON d.id = j.subject AND j.kind IN (1, 2, 4) LEFT JOIN forward f ON f.document = j.subject AND j.kind = 1
			WHERE j.seq > ? ORDER BY j.seq LIMIT ?`, []any{int64(after), most}, func(scan func(...any) error) error {
			var seq, kind, subject, other, artifact, row int64
			var c store.Change
			if err := scan(&seq, &kind, &subject, &other, &artifact, &c.Tenant, &row, &c.Row); err != nil {
				return err
			}
			if row >= 0 {
				c.Row = present(c.Row) // an engine may read no bytes as nil
			}
			c.Seq, c.Kind = uint64(seq), store.ChangeKind(kind) // #nosec G115 -- numbers the store assigned
			switch c.Kind {
			case store.ChangeJoined:
				c.From, c.Artifact = uint32(subject), uint32(other) // #nosec G115 -- as above
			case store.ChangeState:
				c.StateKind = store.StateKind(subject) // #nosec G115 -- as above
			default:
				c.Document, c.Artifact = uint32(subject), uint32(artifact) // #nosec G115 -- as above
			}
			changes = append(changes, c)
			return nil
		})
	})
	return changes, err
}

// documentColumns go with scanDocument.
const documentColumns = "SELECT d.id, d.seq, d.artifact, d.tenant, o.digest, o.size, d.media, d.format, d.status, d.subject, d.actor, d.at, d.deleted FROM document d JOIN original o ON o.id = d.original"

func scanDocument(scan func(...any) error) (d store.Document, text string, err error) {
	var id, seq, artifact, status, at, deleted int64
	var raw []byte
	if err = scan(&id, &seq, &artifact, &d.Tenant, &raw, &d.Size, &d.Media, &d.Format, &status, &text, &d.Actor, &at, &deleted); err != nil {
		return d, "", err
	}
	d.ID, d.Seq, d.Artifact, d.Status, d.Deleted = uint32(id), uint64(seq), uint32(artifact), store.Status(status), uint64(deleted) // #nosec G115 -- numbers the store assigned
	d.Time = fromMicros(at)
	if d.Original, err = parseRaw(raw); err != nil {
		return d, "", err
	}
	d.Subject, err = decodeSubject(text)
	return d, text, err
}

// Lookup is store.Reader's.
func (l *Ledger) Lookup(ctx context.Context, tenant string, original ident.Digest) ([]store.Document, error) {
	raw := rawDigest(original)
	if raw == nil {
		return nil, nil
	}
	var found []store.Document
	err := l.engine.ReadOne(ctx, func(tx Tx) error {
		found = found[:0]
		return tx.Query(ctx, documentColumns+" WHERE o.digest = ? AND d.tenant = ? AND d.deleted = 0 ORDER BY d.id", []any{raw, tenant}, func(scan func(...any) error) error {
			d, _, err := scanDocument(scan)
			found = append(found, d)
			return err
		})
	})
	return found, err
}

// Digests is store.Reader's.
func (l *Ledger) Digests(ctx context.Context, after ident.Digest, limit int) ([]ident.Digest, error) {
	most, err := page(limit)
	if err != nil {
		return nil, err
	}
	var list []ident.Digest
	err = l.engine.ReadOne(ctx, func(tx Tx) error {
		list = list[:0]
		return tx.Query(ctx, "SELECT digest FROM original WHERE digest > ? ORDER BY digest LIMIT ?", []any{present(rawDigest(after)), most}, func(scan func(...any) error) error {
			var raw []byte
			if err := scan(&raw); err != nil {
				return err
			}
			d, err := parseRaw(raw)
			list = append(list, d)
			return err
		})
	})
	return list, err
}

// Archived is store.Reader's.
func (l *Ledger) Archived(ctx context.Context, tenant string, after uint64, limit int) ([]store.Document, error) {
	most, err := page(limit)
	if err != nil {
		return nil, err
	}
	after = min(after, math.MaxInt64)
	var found []store.Document
	err = l.engine.Read(ctx, func(tx Tx) error {
		found = found[:0]
		return tx.Query(ctx, documentColumns+" WHERE d.deleted > ? AND d.deleted > 0 AND d.tenant = ? ORDER BY d.deleted LIMIT ?", []any{int64(after), tenant, most}, func(scan func(...any) error) error { // #nosec G115 -- bounded above
			d, _, err := scanDocument(scan)
			found = append(found, d)
			return err
		})
	})
	return found, err
}

// Documents is store.Reader's.
func (l *Ledger) Documents(ctx context.Context, ids []uint32) ([]store.Document, error) {
	byID := make(map[uint32]store.Document, len(ids))
	err := l.engine.Read(ctx, func(tx Tx) error {
		clear(byID)
		return selectIn(ctx, tx, documentColumns+" WHERE d.id", nil, values(ids), func(scan func(...any) error) error {
			d, _, err := scanDocument(scan)
			byID[d.ID] = d
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	found := make([]store.Document, 0, len(byID))
	for _, id := range ids {
		if d, ok := byID[id]; ok {
			found = append(found, d)
		}
	}
	return found, nil
}

func values(ids []uint32) []any {
	v := make([]any, len(ids))
	for i, id := range ids {
		v[i] = int64(id)
	}
	return v
}

// Named is store.Reader's.
func (l *Ledger) Named(ctx context.Context, tenant string, kind store.NameKind, name string, after int64, limit int) ([]uint32, error) {
	most, err := page(limit)
	if err != nil {
		return nil, err
	}
	return l.numbers(ctx, "SELECT n.document FROM named n JOIN document d ON d.id = n.document WHERE n.name = ? AND n.document > ? AND d.deleted = 0 ORDER BY n.document LIMIT ?",
		nameHash(tenant, kind, name), after, most)
}

// ArtifactDocuments is store.Reader's.
func (l *Ledger) ArtifactDocuments(ctx context.Context, artifacts ...uint32) ([]uint32, error) {
	const of = "SELECT id FROM document WHERE deleted = 0 AND artifact"
	if len(artifacts) == 1 {
		return l.numbers(ctx, of+" = ? ORDER BY id", int64(artifacts[0]))
	}
	var ids []uint32
	err := l.engine.Read(ctx, func(tx Tx) error {
		ids = ids[:0]
		return selectIn(ctx, tx, of, nil, values(artifacts), into(&ids))
	})
	slices.Sort(ids)
	return slices.Compact(ids), err // artifacts that are named twice may be asked for twice
}

func (l *Ledger) numbers(ctx context.Context, sql string, args ...any) ([]uint32, error) {
	var ids []uint32
	err := l.engine.ReadOne(ctx, func(tx Tx) error {
		ids = ids[:0]
		return tx.Query(ctx, sql, args, into(&ids))
	})
	return ids, err
}

// into gathers numbers that the store assigned.
func into(ids *[]uint32) func(scan func(...any) error) error {
	return func(scan func(...any) error) error {
		var id int64
		err := scan(&id)
		*ids = append(*ids, uint32(id)) // #nosec G115 -- a number the store assigned
		return err
	}
}

// Original is store.Reader's.
func (l *Ledger) Original(ctx context.Context, tenant string, digest ident.Digest) (store.Original, error) {
	o := store.Original{Digest: digest}
	raw, found := rawDigest(digest), false
	err := l.engine.Read(ctx, func(tx Tx) error {
		return tx.Query(ctx, "SELECT size, data, line, through FROM original o WHERE digest = ? AND EXISTS (SELECT 1 FROM document d WHERE d.original = o.id AND d.tenant = ?)",
			[]any{raw, tenant}, func(scan func(...any) error) error {
				found = true
				var line int64
				err := scan(&o.Size, &o.Data, &line, &o.Texts.Through)
				o.Texts.Line = uint32(line) // #nosec G115 -- a number the store assigned
				return err
			})
	})
	if err == nil && !found {
		err = notFound("there is no document %s", digest.String())
	}
	return o, err
}

// Rejected is store.Reader's.
func (l *Ledger) Rejected(ctx context.Context, tenant string, after uint64, limit int) ([]store.Rejected, error) {
	most, err := page(limit)
	if err != nil || after > math.MaxInt64 {
		return nil, err
	}
	var list []store.Rejected
	err = l.engine.Read(ctx, func(tx Tx) error {
		list = list[:0]
		return tx.Query(ctx, "SELECT id, digest, size, media, reason, actor, at FROM rejected WHERE tenant = ? AND id > ? ORDER BY id LIMIT ?", []any{tenant, int64(after), most}, func(scan func(...any) error) error {
			r, err := scanRejected(tenant, scan)
			list = append(list, r)
			return err
		})
	})
	return list, err
}

// RejectedBytes is store.Reader's.
func (l *Ledger) RejectedBytes(ctx context.Context, tenant string, id uint64) (store.Rejected, error) {
	var r store.Rejected
	found := false
	err := l.engine.Read(ctx, func(tx Tx) error {
		return tx.Query(ctx, "SELECT id, digest, size, media, reason, actor, at, data FROM rejected WHERE tenant = ? AND id = ?", []any{tenant, int64(id)}, func(scan func(...any) error) (err error) { // #nosec G115 -- an id that does not fit is not found
			found = true
			var data []byte
			r, err = scanRejected(tenant, scan, &data)
			r.Data = data
			return err
		})
	})
	if err == nil && !found {
		err = notFound("there is no document %d in quarantine", id)
	}
	return r, err
}

func scanRejected(tenant string, scan func(...any) error, more ...any) (store.Rejected, error) {
	r := store.Rejected{Tenant: tenant}
	var id, at int64
	var raw []byte
	err := scan(append([]any{&id, &raw, &r.Size, &r.Media, &r.Reason, &r.Actor, &at}, more...)...)
	if err != nil {
		return r, err
	}
	r.ID, r.Time = uint64(id), fromMicros(at) // #nosec G115 -- a number the store assigned
	r.Original, err = parseRaw(raw)
	return r, err
}
