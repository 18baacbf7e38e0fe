package ledger

import (
	"sync"

	"github.com/cofferdam-io/cofferdam/internal/store"
)

// recent are the dictionary's entries that this process has committed lately, without
// a gap up to the last: the caller's own dictionary learns of them a moment later.
// Together they tell that a key is new without asking the database, as long as nobody
// else adds entries.
type recent struct {
	mu       sync.Mutex
	from, to uint32 // the entries with ids in [from, to)
	ids      map[string]uint32
}

// mostRecent bounds them; the caller's dictionary is never that far behind while it
// follows at all.
const mostRecent = 1 << 16

// add takes in the entries of a commit.
func (r *recent) add(receipts []store.Receipt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range receipts {
		added := receipts[i].Added
		if n := len(added); n > mostRecent {
			// More than is remembered: whoever comes before the caller's dictionary has them
			// asks the database.
			r.from, r.to, r.ids = added[n-1].ID+1, added[n-1].ID+1, nil
			continue
		}
		for _, e := range added {
			if e.ID != r.to || len(r.ids) >= mostRecent || r.ids == nil {
				r.from, r.ids = e.ID, make(map[string]uint32)
			}
			r.ids[e.Key] = e.ID
			r.to = e.ID + 1
		}
	}
}

// tell splits keys that the caller's dictionary, which has all entries below known,
// misses: it calls found for those that have an id. false: there are entries, of all
// count of them, that neither knows, and the database must be asked.
func (r *recent) tell(known uint32, count int64, keys func(yield func(string) bool), found func(string, uint32)) bool {
	if int64(known) >= count {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.from > known || int64(r.to) != count {
		return false
	}
	for k := range keys {
		if id, ok := r.ids[k]; ok {
			found(k, id)
		}
	}
	return true
}
