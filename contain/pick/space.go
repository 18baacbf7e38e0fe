package pick

import (
	"encoding/binary"
	"iter"
	"maps"
	"math/bits"
	"slices"
	"strconv"
	"sync"

	"github.com/cofferdam-io/cofferdam/segment"
)

// space holds the label sets of a namespace's pods.
type space struct {
	once    sync.Once
	pods    []int // endpoints of the model
	members []member
	usable  usableKeys
	groups  []group
	index   map[string]int              // what key writes → group
	values  map[string]map[string][]int // key → value → groups, ascending
}

// member is a pod, or several of a workload that have the same labels.
type member struct {
	labels   map[string]string // all of them
	workload int
	group    int
}

// group is one set of stable labels.
type group struct {
	labels map[string]string
}

func (s *space) add(labels map[string]string, workload int) {
	if s.index == nil {
		s.index, s.values, s.usable = make(map[string]int), make(map[string]map[string][]int), make(usableKeys)
	}
	if n := len(s.members); n > 0 && s.members[n-1].workload == workload && maps.Equal(s.members[n-1].labels, labels) {
		return
	}
	all := labels
	labels, key := s.usable.stable(all)
	g, ok := s.index[key]
	if !ok {
		g = len(s.groups)
		s.index[key] = g
		s.groups = append(s.groups, group{labels: labels})
		for k, v := range labels {
			if s.values[k] == nil {
				s.values[k] = make(map[string][]int)
			}
			s.values[k][v] = append(s.values[k][v], g)
		}
	}
	s.members = append(s.members, member{all, workload, g})
}

// serviceAccountLabel is what the model adds to a pod where a Cilium policy asks
// for it; the pod does not have it as a label.
const serviceAccountLabel = "io.cilium.k8s.policy.serviceaccount"

// usableKeys remembers which keys a selector may use.
type usableKeys map[string]bool

func (u usableKeys) has(k string) bool {
	ok, seen := u[k]
	if !seen {
		ok = !segment.RolloutLabel(k) && k != serviceAccountLabel && segment.ValidLabelKey(k)
		u[k] = ok
	}
	return ok
}

// stable keeps the labels on keys that a selector may use: valid ones, that do not
// change with a rollout. A value is kept even if no selector may name it, since
// Exists sees it. The key is equal for equal sets.
func (u usableKeys) stable(labels map[string]string) (kept map[string]string, key string) {
	var room [16]string
	keys, size := room[:0], 0
	for k, v := range labels {
		if u.has(k) {
			keys = append(keys, k)
			size += len(k) + len(v) + 2*binary.MaxVarintLen16
		}
	}
	slices.Sort(keys)
	if kept = labels; len(keys) < len(labels) {
		kept = make(map[string]string, len(keys))
		for _, k := range keys {
			kept[k] = labels[k]
		}
	}
	var few [256]byte
	b := few[:0]
	if size > len(few) {
		b = make([]byte, 0, size)
	}
	for _, k := range keys {
		v := labels[k]
		b = append(binary.AppendUvarint(b, uint64(len(k))), k...)
		b = append(binary.AppendUvarint(b, uint64(len(v))), v...)
	}
	return kept, string(b)
}

// releaseLabel reports whether a label changes with every release of what it
// names (Kubernetes documentation, "Recommended Labels"; Helm, "Labels").
func releaseLabel(k string) bool {
	switch k {
	case "app.kubernetes.io/version", "helm.sh/chart", "chart", "version", "heritage", "revision", "release-version", "app.kubernetes.io/revision":
		return true
	}
	return false
}

// rank orders keys by how well they name an application.
func rank(k string) int {
	if k == QuarantineKey {
		return 0
	}
	named := [...]string{"app.kubernetes.io/name", "app", "k8s-app", "app.kubernetes.io/component", "component", "app.kubernetes.io/instance", "name", "run", "service", "role", "tier"}
	if i := slices.Index(named[:], k); i >= 0 {
		return i + 1
	}
	return len(named) + 1
}

// bitset is a set of groups.
type bitset []uint64

func newBits(n int) bitset { return make(bitset, (n+63)/64) }

func (b bitset) set(i int)      { b[i>>6] |= 1 << (i & 63) }
func (b bitset) has(i int) bool { return b[i>>6]>>(i&63)&1 == 1 }

func (b bitset) count() int {
	n := 0
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	return n
}

func (b bitset) and(o bitset) bitset {
	out := make(bitset, len(b))
	for i := range b {
		out[i] = b[i] & o[i]
	}
	return out
}

// not returns the complement among n groups.
func (b bitset) not(n int) bitset {
	out := newBits(n)
	for i := range n {
		if !b.has(i) {
			out.set(i)
		}
	}
	return out
}

func (b bitset) all() iter.Seq[int] {
	return func(yield func(int) bool) {
		for i, w := range b {
			for ; w != 0; w &= w - 1 {
				if !yield(i<<6 + bits.TrailingZeros64(w)) {
					return
				}
			}
		}
	}
}

func appendInt(b []byte, n int) []byte { return strconv.AppendInt(b, int64(n), 10) }
