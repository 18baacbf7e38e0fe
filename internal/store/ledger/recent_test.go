package ledger

import (
	"fmt"
	"slices"
	"testing"

	"github.com/cofferdam-io/cofferdam/internal/store"
)

// What was committed lately is told as long as it is whole: more at once than is
// remembered must be asked of the database, and what follows is told again.
func TestRecent(t *testing.T) {
	entries := func(from, n uint32) (out []store.Entry) {
		for id := from; id < from+n; id++ {
			out = append(out, store.Entry{ID: id, Key: fmt.Sprint("key ", id)})
		}
		return out
	}
	var r recent
	tell := func(known uint32, count int64, ids ...uint32) (found []uint32, ok bool) {
		var keys []string
		for _, id := range ids {
			keys = append(keys, fmt.Sprint("key ", id))
		}
		ok = r.tell(known, count, slices.Values(keys), func(_ string, id uint32) { found = append(found, id) })
		return found, ok
	}
	r.add([]store.Receipt{{Added: entries(0, 5)}, {}, {Added: entries(5, 5)}})
	if found, ok := tell(0, 10, 3, 7, 12); !ok || !slices.Equal(found, []uint32{3, 7}) {
		t.Errorf("%v, %v", found, ok)
	}
	if _, ok := tell(0, 11, 3); ok {
		t.Error("an entry of somebody else is passed over")
	}
	r.add([]store.Receipt{{Added: entries(10, mostRecent+1)}})
	end := uint32(10 + mostRecent + 1)
	for _, known := range []uint32{0, 9, 10, end - 1} {
		if _, ok := tell(known, int64(end), 3); ok {
			t.Errorf("entries from %d on are told, and were not remembered", known)
		}
	}
	if found, ok := tell(end, int64(end), 3); !ok || found != nil {
		t.Errorf("a dictionary that has all is told %v, %v", found, ok)
	}
	r.add([]store.Receipt{{Added: entries(end, 2)}})
	if found, ok := tell(end, int64(end)+2, end, end+1, 3); !ok || !slices.Equal(found, []uint32{end, end + 1}) {
		t.Errorf("%v, %v", found, ok)
	}
}
