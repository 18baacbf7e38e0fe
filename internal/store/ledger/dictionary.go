package ledger

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"math"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/internal/zstdframe"
)

// The dictionary is kept in runs of entries whose ids follow one another: keys have
// much in common with their neighbours, and a row of its own for each costs as much as
// the key. A run has at most runEntries of them, and ends with the key that brings
// it to runBytes. What is shorter than runShort is continued by the next commit,
// so that documents that come alone do not leave a run each.
const (
	runEntries = 256
	runBytes   = 64 << 10
	runShort   = 64
)

// The first byte of a run says how the rest is written: each key behind its length, or
// that as a zstd frame.
const (
	runPlain  = 0
	runPacked = 1
)

// mostRun is how much a run can be: the last key may be of any length.
const mostRun = runBytes + store.MaxKey + runEntries*binary.MaxVarintLen32

// packer packs and unpacks runs, for many at once. What it needs for that is made when
// it is first needed, and used again.
type packer struct {
	writers sync.Pool // of *runWriter
	decoder func() (*zstd.Decoder, error)
}

type runWriter struct {
	frame         zstdframe.Encoder
	plain, packed []byte
}

func newPacker() *packer {
	return &packer{
		writers: sync.Pool{New: func() any { return new(runWriter) }},
		decoder: sync.OnceValues(func() (*zstd.Decoder, error) {
			return zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(max(mostRun, mostLeaf)))
		}),
	}
}

// squeeze writes what write appends, as a zstd frame where that is smaller.
func (p *packer) squeeze(write func([]byte) []byte) []byte {
	w := p.writers.Get().(*runWriter)
	defer p.writers.Put(w)
	w.plain = write(append(w.plain[:0], runPlain))
	w.packed = w.frame.Append(append(w.packed[:0], runPacked), w.plain[1:])
	if len(w.packed) < len(w.plain) {
		return bytes.Clone(w.packed)
	}
	return bytes.Clone(w.plain)
}

// spread is what squeeze was given, as a text, or not ok where it did not write that.
func (p *packer) spread(b []byte) (text string, ok bool, err error) {
	if len(b) == 0 || b[0] > runPacked {
		return "", false, nil
	}
	plain := b[1:]
	if b[0] == runPacked {
		d, err := p.decoder()
		if err == nil {
			plain, err = d.DecodeAll(plain, nil)
		}
		if err != nil {
			return "", false, err
		}
	}
	return string(plain), true, nil
}

// pack writes a run.
func (p *packer) pack(keys []string) []byte {
	return p.squeeze(func(plain []byte) []byte {
		for _, k := range keys {
			plain = append(binary.AppendUvarint(plain, uint64(len(k))), k...)
		}
		return plain
	})
}

// unpack reads a run.
func (p *packer) unpack(first int64, b []byte) ([]string, error) {
	damaged := func(err error) error {
		e := ident.Errorf(ident.KindFailure, "the dictionary's entries from %d on are damaged", first).WithHint("restore a backup")
		e.Err = err
		return e
	}
	text, ok, err := p.spread(b)
	if !ok {
		return nil, damaged(err)
	}
	r := fields{rest: text}
	keys := make([]string, 0, runEntries)
	for r.rest != "" {
		key := r.text()
		if r.bad || len(keys) == runEntries {
			return nil, damaged(nil)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// runs splits keys into runs of about the same number.
func runs(keys []string, each func(run []string)) {
	most := len(keys)
	if n := (most + runEntries - 1) / runEntries; n > 0 {
		most = (most + n - 1) / n
	}
	for len(keys) > 0 {
		n, size := 0, 0
		for n < len(keys) && n < most && size < runBytes {
			size += len(keys[n])
			n++
		}
		each(keys[:n])
		keys = keys[n:]
	}
}

// newRuns collects the rows of entries that follow the dictionary's last one, whose ids
// begin with from.
func newRuns(p *packer, t *tables, from int64, keys []string) (dictionary rows, hashes places) {
	dictionary.table = t.dictionary
	hashes = make(places, 0, len(keys))
	runs(keys, func(run []string) {
		dictionary.add(from, p.pack(run))
		hashes = hashes.add(from, run)
		from += int64(len(run))
	})
	return dictionary, hashes
}

// places say in which runs keys are: a key's hash in the upper half, and the run's first
// id in the lower.
type places []uint64

func (p places) add(first int64, keys []string) places {
	for _, k := range keys {
		p = append(p, uint64(keyHash(k))<<32|uint64(first)) // #nosec G115 -- two halves of 32 bits
	}
	return p
}

// statements appends the INSERTs, in the order of the hashes: neighbours are in one page.
func (p places) statements(t *tables, list []Statement) []Statement {
	slices.SortFunc(p, func(a, b uint64) int { return cmp.Compare(int64(a), int64(b)) }) // #nosec G115 -- hashes have a sign, first ids none
	r := rows{table: t.keyHash, args: make([]any, 0, 2*len(p))}
	for _, x := range slices.Compact(p) {
		r.add(int64(x)>>32, int64(x&math.MaxUint32)) // #nosec G115 -- as above
	}
	return r.statements(list)
}

// extend writes the entries that a commit brings, from an id on.
func (c *commit) extend(ctx context.Context, from int64, keys []string) ([]Statement, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	var list []Statement
	var more []string // continue the last run
	var continued places
	if from > 0 && len(keys) < runShort {
		first, last, err := c.lastRun(ctx)
		if err != nil {
			return nil, err
		}
		if first+int64(len(last)) != from {
			return nil, ident.Errorf(ident.KindFailure, "the dictionary has entries up to %d, and should have them up to %d", first+int64(len(last)), from).WithHint("restore a backup")
		}
		size := 0
		for _, k := range last {
			size += len(k)
		}
		if len(last) < runShort && size < runBytes {
			for _, k := range keys {
				if size >= runBytes {
					break
				}
				more, size = append(more, k), size+len(k)
			}
			continued = continued.add(first, more)
			list = append(list, Statement{"UPDATE dictionary SET keys = ? WHERE first = ?", []any{c.ledger.packer.pack(append(last, more...)), first}})
		}
	}
	dictionary, hashes := newRuns(c.ledger.packer, &c.ledger.tables, from+int64(len(more)), keys[len(more):])
	return append(hashes, continued...).statements(&c.ledger.tables, dictionary.statements(list)), nil
}

func (c *commit) lastRun(ctx context.Context) (first int64, keys []string, err error) {
	err = c.tx.Query(ctx, "SELECT first, keys FROM dictionary ORDER BY first DESC LIMIT 1", nil, func(scan func(...any) error) error {
		var b []byte
		if err := scan(&first, &b); err != nil {
			return err
		}
		keys, err = c.ledger.packer.unpack(first, b)
		return err
	})
	return first, keys, err
}

// findKeys asks the database for the ids of keys.
func (c *commit) findKeys(ctx context.Context, keys func(yield func(string) bool), found map[string]uint32) error {
	var hashes []any
	asked := map[string]bool{}
	for k := range keys {
		if !asked[k] {
			asked[k] = true
			hashes = append(hashes, keyHash(k))
		}
	}
	return selectWithin(ctx, c.tx, "SELECT first, keys FROM dictionary WHERE first IN (SELECT first FROM key_hash WHERE hash", ")", nil, hashes, func(scan func(...any) error) error {
		var first int64
		var b []byte
		if err := scan(&first, &b); err != nil {
			return err
		}
		run, err := c.ledger.packer.unpack(first, b)
		for i, k := range run {
			if asked[k] {
				found[k] = uint32(first) + uint32(i) // #nosec G115 -- numbers the store assigned
			}
		}
		return err
	})
}

// Dictionary is store.Reader's.
func (l *Ledger) Dictionary(ctx context.Context, from uint32, limit int) ([]store.Entry, error) {
	most, err := page(limit)
	if err != nil {
		return nil, err
	}
	var entries []store.Entry
	err = l.engine.ReadOne(ctx, func(tx Tx) error {
		entries = entries[:0]
		return tx.Query(ctx, "SELECT first, keys FROM dictionary WHERE first >= (SELECT COALESCE(MAX(first), 0) FROM dictionary WHERE first <= ?) ORDER BY first LIMIT ?",
			[]any{int64(from), most/runEntries + 2}, func(scan func(...any) error) error {
				var first int64
				var b []byte
				if err := scan(&first, &b); err != nil {
					return err
				}
				run, err := l.packer.unpack(first, b)
				for i, k := range run {
					if id := first + int64(i); id >= int64(from) && int64(len(entries)) < most {
						entries = append(entries, store.Entry{ID: uint32(id), Key: k}) // #nosec G115 -- numbers the store assigned
					}
				}
				return err
			})
	})
	return entries, err
}
