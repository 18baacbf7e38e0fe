package ledger

import (
	"context"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/cofferdam-io/cofferdam/evidence"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// MaxGroupBytes bounds the compressed bytes of one group, and by that the memory
// that one transaction takes; a single document may be larger.
const MaxGroupBytes = 64 << 20

// prepared is an intake with all that can be worked out before the lock is taken.
type prepared struct {
	*store.Intake
	raw         []byte // digest
	fingerprint []byte
	subject     string
	identities  [][]byte
	names       [][]byte
	ids         []uint32 // of components: the first numbered of them are known, sorted, each once; an attempt adds the others
	numbered    int
	missing     []int  // indices of Keys without a number
	known       uint32 // every entry with an id below would have been found
	at          int64
}

// Commit is store.Intaker's. After an outcome that could not be told it asks by
// running again: the counter's lock is granted only when the lost transaction has
// ended, and a document that it committed is then a duplicate.
func (l *Ledger) Commit(ctx context.Context, group []store.Intake) ([]store.Receipt, error) {
	if len(group) == 0 {
		return nil, nil
	}
	if len(group) > store.MaxGroup {
		return nil, ident.Errorf(ident.KindLimit, "a group has %d documents; at most %d fit", len(group), store.MaxGroup)
	}
	ready := make([]prepared, len(group))
	bytes := 0
	for i := range group {
		if err := l.prepare(&ready[i], &group[i]); err != nil {
			return nil, err
		}
		bytes += len(group[i].Data)
	}
	if bytes > MaxGroupBytes && len(group) > 1 {
		return nil, ident.Errorf(ident.KindLimit, "a group has %d bytes; at most %d fit", bytes, MaxGroupBytes)
	}
	var receipts []store.Receipt
	err := l.write(ctx, func(tx Tx) error {
		c := commit{ledger: l, tx: tx, group: ready, receipts: make([]store.Receipt, len(ready)), artifacts: map[string]uint32{}, into: map[uint32]uint32{}}
		err := c.run(ctx)
		receipts = c.receipts
		return err
	})
	if err != nil {
		return nil, err
	}
	l.recent.add(receipts)
	return receipts, nil
}

func (l *Ledger) prepare(p *prepared, in *store.Intake) error {
	if err := in.Check(); err != nil {
		return err
	}
	p.Intake, p.raw, p.at = in, rawDigest(in.Original), micros(in.Time)
	if in.Rejected != "" {
		return nil
	}
	fp := in.Subject.Fingerprint()
	p.fingerprint = fp[:]
	var err error
	if p.subject, err = encodeSubject(&in.Subject); err != nil {
		return ident.Errorf(ident.KindInvalid, "the subject of document %s cannot be kept: %w", in.Original.Short(), err)
	}
	for _, k := range in.Subject.Identities() {
		p.identities = append(p.identities, identityHash(in.Tenant, k))
	}
	for _, n := range in.Subject.Names() {
		p.names = append(p.names, nameHash(in.Tenant, n.Kind, n.Text))
	}
	p.known = l.coding.Count()
	found := make([]uint32, len(in.Keys))
	p.missing = l.coding.Known(in.Keys, found, nil)
	p.known = min(p.known, l.coding.Count()) // what broke in between is not relied on
	p.ids = make([]uint32, len(in.IDs), len(in.IDs)+len(in.Keys))
	copy(p.ids, in.IDs)
	for i, missing := 0, p.missing; i < len(found); i++ {
		if len(missing) > 0 && missing[0] == i {
			missing = missing[1:]
			continue
		}
		p.ids = append(p.ids, found[i])
	}
	slices.Sort(p.ids)
	p.ids = slices.Compact(p.ids)
	p.numbered = len(p.ids)
	return nil
}

// check refuses numbers that the dictionary does not have.
func (p *prepared) check(components int64) error {
	if p.numbered == 0 || int64(p.ids[p.numbered-1]) < components {
		return nil
	}
	return ident.Errorf(ident.KindInvalid, "document %s has component %d, and the dictionary has %d", p.Original.Short(), p.ids[p.numbered-1], components)
}

// commit is one attempt.
type commit struct {
	ledger    *Ledger
	tx        Tx
	counter   counter
	group     []prepared
	receipts  []store.Receipt
	artifacts map[string]uint32 // by hash of identity
	into      map[uint32]uint32 // artifacts joined by this group, flat
	ids       []uint32          // of the document that is admitted

	same map[int]int // duplicates within the group, by the index of the first

	originals                                                      map[string]int64 // ids by raw digest
	original, document, forward, named, identity, journal, rejects rows
	entries, joins                                                 []Statement
}

func (c *commit) run(ctx context.Context) error {
	l := c.ledger
	t := &l.tables
	c.original.table, c.document.table, c.forward.table, c.named.table = t.original, t.document, t.forward, t.named
	c.identity.table, c.journal.table, c.rejects.table = t.identity, t.journal, t.rejected
	var err error
	if c.counter, err = l.counter(ctx, c.tx, l.engine.LockCounter()); err != nil {
		return err
	}
	for i := range c.group {
		if err := c.group[i].check(c.counter.components); err != nil {
			return err
		}
	}
	fresh, err := c.fresh(ctx)
	if err != nil || len(fresh) == 0 {
		return err
	}
	added, err := c.components(ctx, fresh)
	if err != nil {
		return err
	}
	if err := c.findArtifacts(ctx, fresh); err != nil {
		return err
	}
	for _, i := range fresh {
		if c.group[i].Rejected != "" {
			err = c.reject(i)
		} else {
			err = c.admit(i, added[i])
		}
		if err != nil {
			return err
		}
	}
	for i := range c.receipts {
		c.receipts[i].Artifact = c.resolve(c.receipts[i].Artifact)
	}
	for i, earlier := range c.same {
		r := c.receipts[earlier]
		c.receipts[i] = store.Receipt{Seq: r.Seq, Document: r.Document, Artifact: r.Artifact, Rejected: r.Rejected, Duplicate: true}
	}
	// Documents were given their artifact before a later one of the group may have
	// joined it to another: the column is column 5.
	for i := 5; i < len(c.document.args); i += t.document.columns {
		c.document.args[i] = int64(c.resolve(uint32(c.document.args[i].(int64)))) // #nosec G115 -- an artifact's number
	}
	for i := 1; i < len(c.identity.args); i += t.identity.columns {
		c.identity.args[i] = int64(c.resolve(uint32(c.identity.args[i].(int64)))) // #nosec G115 -- an artifact's number
	}
	if err := c.useTexts(ctx); err != nil {
		return err
	}
	var list []Statement
	for _, r := range []*rows{&c.original, &c.document, &c.forward, &c.named, &c.identity, &c.journal, &c.rejects} {
		list = r.statements(list)
	}
	list = append(append(append(list, c.entries...), c.joins...), c.counter.save())
	_, err = c.tx.Exec(ctx, list...)
	return err
}

// docKey is what makes two intakes the same document.
type docKey struct {
	tenant, digest, fingerprint string
}

// fresh fills the receipts of duplicates, in the database or earlier in the group,
// and returns the indices of the others.
func (c *commit) fresh(ctx context.Context) ([]int, error) {
	digests := make([]any, 0, len(c.group))
	var rejected []any
	for i := range c.group {
		if c.group[i].Rejected != "" {
			rejected = append(rejected, c.group[i].raw)
		} else {
			digests = append(digests, c.group[i].raw)
		}
	}
	c.originals = map[string]int64{}
	byID := map[int64]string{}
	var ids []any
	err := selectIn(ctx, c.tx, "SELECT id, digest FROM original WHERE digest", nil, digests, func(scan func(...any) error) error {
		var id int64
		var digest []byte
		if err := scan(&id, &digest); err != nil {
			return err
		}
		if _, again := byID[id]; !again {
			byID[id], c.originals[string(digest)] = string(digest), id
			ids = append(ids, id)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	first := map[docKey]store.Receipt{}
	err = selectIn(ctx, c.tx, "SELECT id, seq, artifact, original, tenant, fingerprint FROM document WHERE deleted = 0 AND original", nil, ids, func(scan func(...any) error) error {
		var id, seq, artifact, original int64
		var tenant string
		var fingerprint []byte
		if err := scan(&id, &seq, &artifact, &original, &tenant, &fingerprint); err != nil {
			return err
		}
		first[docKey{tenant, byID[original], string(fingerprint)}] = store.Receipt{Seq: uint64(seq), Document: uint32(id), Artifact: uint32(artifact), Duplicate: true} // #nosec G115 -- numbers the store assigned
		return nil
	})
	if err != nil {
		return nil, err
	}
	// A rejected document has no subject: the fingerprint of its key is empty.
	err = selectIn(ctx, c.tx, "SELECT id, tenant, digest FROM rejected WHERE digest", nil, rejected, func(scan func(...any) error) error {
		var id int64
		var tenant string
		var digest []byte
		if err := scan(&id, &tenant, &digest); err != nil {
			return err
		}
		first[docKey{tenant, string(digest), ""}] = store.Receipt{Seq: uint64(id), Rejected: uint64(id), Duplicate: true} // #nosec G115 -- a number the store assigned
		return nil
	})
	if err != nil {
		return nil, err
	}
	var fresh []int
	pending := map[docKey]int{}
	c.same = map[int]int{}
	for i := range c.group {
		p := &c.group[i]
		k := docKey{p.Tenant, string(p.raw), string(p.fingerprint)}
		if r, known := first[k]; known {
			c.receipts[i] = r
			continue
		}
		// A later one of the group waits for this one's receipt.
		if earlier, twice := pending[k]; twice {
			c.same[i] = earlier
			continue
		}
		pending[k] = i
		fresh = append(fresh, i)
	}
	return fresh, nil
}

// components gives every missing key its id, in the order of the documents, and
// returns the new entries that each document brought.
func (c *commit) components(ctx context.Context, fresh []int) (map[int][]store.Entry, error) {
	known, most, having := uint32(math.MaxUint32), 0, 0
	for _, i := range fresh {
		known = min(known, c.group[i].known)
		most += len(c.group[i].missing)
		having += min(len(c.group[i].missing), 1)
	}
	found := map[string]uint32{}
	missing := func(yield func(string) bool) {
		for _, i := range fresh {
			for _, m := range c.group[i].missing {
				if !yield(c.group[i].Keys[m]) {
					return
				}
			}
		}
	}
	if !c.ledger.recent.tell(known, c.counter.components, missing, func(k string, id uint32) { found[k] = id }) {
		if err := c.findKeys(ctx, missing, found); err != nil {
			return nil, err
		}
	}
	added := map[int][]store.Entry{}
	from := c.counter.components
	keys := make([]string, 0, most)
	for _, i := range fresh {
		p := &c.group[i]
		p.ids = p.ids[:p.numbered] // an attempt before this one may have numbered the others
		brought := make([]store.Entry, 0, len(p.missing))
		for _, m := range p.missing {
			key := p.Keys[m]
			id, known := uint32(0), false
			if len(found) > 0 {
				id, known = found[key]
			}
			if !known {
				var err error
				if id, err = next(&c.counter.components, "component"); err != nil {
					return nil, err
				}
				if having > 1 { // the keys of one document are told apart already
					found[key] = id
				}
				brought = append(brought, store.Entry{ID: id, Key: key})
				keys = append(keys, key)
			}
			p.ids = append(p.ids, id)
		}
		if len(brought) > 0 {
			added[i] = brought
		}
	}
	var err error
	c.entries, err = c.extend(ctx, from, keys)
	return added, err
}

// findArtifacts reads which artifacts the identities belong to.
func (c *commit) findArtifacts(ctx context.Context, fresh []int) error {
	var hashes []any
	asked := map[string]bool{}
	for _, i := range fresh {
		for _, h := range c.group[i].identities {
			if !asked[string(h)] {
				asked[string(h)] = true
				hashes = append(hashes, h)
			}
		}
	}
	var ids []any
	seen := map[uint32]bool{}
	err := selectIn(ctx, c.tx, "SELECT name, artifact FROM identity WHERE name", nil, hashes, func(scan func(...any) error) error {
		var h []byte
		var artifact int64
		if err := scan(&h, &artifact); err != nil {
			return err
		}
		a := uint32(artifact) // #nosec G115 -- a number the store assigned
		c.artifacts[string(h)] = a
		if !seen[a] {
			seen[a] = true
			ids = append(ids, artifact)
		}
		return nil
	})
	if err != nil {
		return err
	}
	moved := map[uint32]uint32{}
	err = selectIn(ctx, c.tx, "SELECT artifact, into_artifact FROM joined WHERE artifact", nil, ids, func(scan func(...any) error) error {
		var from, to int64
		if err := scan(&from, &to); err != nil {
			return err
		}
		moved[uint32(from)] = uint32(to) // #nosec G115 -- numbers the store assigned
		return nil
	})
	if err != nil {
		return err
	}
	for h, a := range c.artifacts {
		if to, ok := moved[a]; ok {
			c.artifacts[h] = to
		}
	}
	return nil
}

func (c *commit) resolve(a uint32) uint32 {
	if to, ok := c.into[a]; ok {
		return to
	}
	return a
}

// artifactOf returns the artifact of a document, a new one where nothing of it is
// known, and joins artifacts that the document shows to be one: the oldest stays.
func (c *commit) artifactOf(p *prepared) (uint32, error) {
	var known []uint32
	for _, h := range p.identities {
		if a, ok := c.artifacts[string(h)]; ok {
			known = append(known, c.resolve(a))
		}
	}
	slices.Sort(known)
	known = slices.Compact(known)
	if len(known) == 0 {
		a, err := next(&c.counter.artifacts, "artifact")
		if err != nil {
			return 0, err
		}
		known = []uint32{a}
	}
	to := known[0]
	for _, from := range known[1:] {
		for f, t := range c.into {
			if t == from {
				c.into[f] = to
			}
		}
		c.into[from] = to
		c.joins = append(c.joins,
			Statement{"UPDATE document SET artifact = ? WHERE artifact = ?", []any{int64(to), int64(from)}},
			Statement{"UPDATE joined SET into_artifact = ? WHERE into_artifact = ?", []any{int64(to), int64(from)}},
			Statement{"INSERT INTO joined (artifact, into_artifact) VALUES (?, ?)", []any{int64(from), int64(to)}})
		err := c.counter.journal(&c.journal, evidence.Record{Time: p.Time, Actor: p.Actor, Action: "artifact.join",
			Object: "artifact/" + number(from) + " into artifact/" + number(to)}, store.ChangeJoined, int64(from), int64(to))
		if err != nil {
			return 0, err
		}
	}
	for _, h := range p.identities {
		if _, ok := c.artifacts[string(h)]; !ok {
			c.artifacts[string(h)] = to
			c.identity.add(h, int64(to))
		}
	}
	return to, nil
}

func (c *commit) admit(i int, added []store.Entry) error {
	p := &c.group[i]
	artifact, err := c.artifactOf(p)
	if err != nil {
		return err
	}
	id, err := next(&c.counter.documents, "document")
	if err != nil {
		return err
	}
	original, known := c.originals[string(p.raw)]
	if !known {
		if original = c.counter.originals; original == math.MaxInt64 {
			return ident.Errorf(ident.KindLimit, "the store has used up its numbers of originals")
		}
		c.counter.originals++
		c.originals[string(p.raw)] = original
		c.original.add(original, p.raw, p.Size, present(p.Data), int64(p.Texts.Line), p.Texts.Through)
	}
	c.ids = append(c.ids[:0], p.ids...)
	slices.Sort(c.ids)
	ids := slices.Compact(c.ids)
	row := c.ledger.coding.Encode(make([]byte, 0, 2*len(ids)+16), ids)
	err = c.counter.journal(&c.journal, evidence.Record{Time: p.Time, Actor: p.Actor, Action: "document.add", Object: "document/" + number(id),
		After: stateDigest(p.Tenant, p.Original, p.Size, p.Media, p.Format, p.subject, p.Actor, p.at, row)}, store.ChangeAdded, int64(id), nil)
	if err != nil {
		return err
	}
	seq := c.counter.head.Seq
	c.document.add(int64(id), p.Tenant, original, p.fingerprint, int64(seq), int64(artifact), int64(p.Status), p.Media, p.Format, p.subject, p.Actor, p.at) // #nosec G115 -- as in save
	c.forward.add(int64(id), row)
	for _, n := range p.names {
		c.named.add(n, int64(id))
	}
	c.receipts[i] = store.Receipt{Seq: seq, Document: id, Artifact: artifact, Components: len(ids), Row: row, Added: added}
	return nil
}

func (c *commit) reject(i int) error {
	p := &c.group[i]
	reason := strings.ReplaceAll(strings.ToValidUTF8(p.Rejected, "\uFFFD"), "\x00", "\uFFFD")
	if len(reason) > store.MaxText {
		reason = strings.ToValidUTF8(reason[:store.MaxText], "")
	}
	err := c.counter.journal(&c.journal, evidence.Record{Time: p.Time, Actor: p.Actor, Action: "document.reject",
		Object: "rejected/" + strconv.FormatUint(c.counter.head.Seq+1, 10), After: p.Original.String()}, store.ChangeOther, nil, nil)
	if err != nil {
		return err
	}
	seq := c.counter.head.Seq
	c.rejects.add(int64(seq), p.Tenant, p.raw, p.Size, present(p.Data), p.Media, reason, p.Actor, p.at) // #nosec G115 -- as in save
	c.receipts[i] = store.Receipt{Seq: seq, Rejected: seq}
	return nil
}

// present is b, and not the NULL that a nil slice is to a database.
func present(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

func number(n uint32) string { return strconv.FormatUint(uint64(n), 10) }
