package catalog

import (
	"context"
	"log/slog"
	"strconv"
	"sync"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// originals say which bytes the store surely does not have, so that it need not be asked
// about each upload: a reading connection of SQLite forgets its pages at every commit of
// another, and asking it costs as much as comparing the packages of a document. They hold
// the first 64 bits of the digests that were there at start, and of those that this server
// has taken in since, which is all there is where no other server writes. What was purged
// stays: bytes that may be there are asked for.
type originals struct {
	mu    sync.RWMutex
	begin map[uint64]struct{} // nil where there are too many
	whole bool                // those that were there at start have been read
	first uint32              // documents at start, and
	own   uint32              // those of this server since
}

const (
	// mostOriginals bounds them: about a hundred megabytes. Beyond, the store is asked.
	mostOriginals = 1 << 22
	// originalsAtOnce is how many digests are read at a time.
	originalsAtOnce = 1 << 13
)

// beginning is what is kept of a digest; false where that is no SHA-256.
func beginning(d ident.Digest) (uint64, bool) {
	h := d.Hex()
	if len(h) < 16 {
		return 0, false
	}
	n, err := strconv.ParseUint(h[:16], 16, 64)
	return n, err == nil
}

// read takes in what the store has, until ctx ends. Until it has, the store is asked.
func (o *originals) read(ctx context.Context, s store.Reader, log *slog.Logger) {
	for after := (ident.Digest{}); ; {
		page, err := s.Digests(ctx, after, originalsAtOnce)
		if err != nil {
			if ctx.Err() == nil {
				log.WarnContext(ctx, "the digests of documents could not be read; the store is asked about each upload", "error", err)
			}
			return
		}
		o.mu.Lock()
		for _, d := range page {
			o.add(d)
		}
		o.whole = len(page) == 0
		done := o.whole || o.begin == nil
		o.mu.Unlock()
		if done {
			return
		}
		after = page[len(page)-1]
	}
}

// add remembers a digest.
func (o *originals) add(d ident.Digest) {
	if n, ok := beginning(d); ok && o.begin != nil {
		if o.begin[n] = struct{}{}; len(o.begin) > mostOriginals {
			o.begin = nil
		}
	}
}

// took remembers what this server has committed, before anybody is told.
func (o *originals) took(group []store.Intake, receipts []store.Receipt) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range receipts {
		if r := &receipts[i]; r.Rejected == 0 {
			o.add(group[i].Original)
			if !r.Duplicate {
				o.own++
			}
		}
	}
}

// lack reports whether the store surely has no document of these bytes. documents is how
// many there are: more than this server knows of are another's, and then nothing is sure.
func (o *originals) lack(d ident.Digest, documents uint32) bool {
	n, ok := beginning(d)
	if !ok {
		return false
	}
	o.mu.RLock()
	defer o.mu.RUnlock()
	if !o.whole || o.begin == nil || documents > o.first+o.own {
		return false
	}
	_, there := o.begin[n]
	return !there
}
