package compare

import (
	"cmp"
	"slices"
	"strings"
)

// pairing is what became of packages of one identity: indices into the two lists,
// -1 for none.
type pairing struct{ old, new int }

// pairUp pairs the versions of one package. Equal ones stay what they are. Of the
// rest as many as possible are paired, in order, so that no change crosses
// another; of those ways the one with the least sum of distances, and of equal
// ways the one that pairs the lowest versions.
func pairUp(olds, news []*entry) []pairing {
	var out []pairing
	takenOld, takenNew := make([]bool, len(olds)), make([]bool, len(news))
	same := func(key func(*entry) [2]string) {
		waiting := map[[2]string][]int{}
		for j, b := range news {
			if !takenNew[j] {
				waiting[key(b)] = append(waiting[key(b)], j)
			}
		}
		for i, a := range olds {
			if js := waiting[key(a)]; !takenOld[i] && len(js) > 0 {
				takenOld[i], takenNew[js[0]] = true, true
				out = append(out, pairing{i, js[0]})
				waiting[key(a)] = js[1:]
			}
		}
	}
	same(func(e *entry) [2]string { return [2]string{e.Version, e.variant} })
	same(func(e *entry) [2]string { return [2]string{e.Version} })
	restOld, restNew := left(olds, takenOld), left(news, takenNew)
	if len(restOld)*len(restNew) > maxCells {
		// Nobody reads the pairs of thousands of versions; in order they are right
		// as often as not.
		for n := range min(len(restOld), len(restNew)) {
			out = append(out, pairing{restOld[n], restNew[n]})
		}
		for n := len(restNew); n < len(restOld); n++ {
			out = append(out, pairing{restOld[n], -1})
		}
		for n := len(restOld); n < len(restNew); n++ {
			out = append(out, pairing{-1, restNew[n]})
		}
		return out
	}
	return append(out, align(olds, news, restOld, restNew)...)
}

// maxCells bounds the table of align.
const maxCells = 1 << 16

// left are the untaken ones by variant and version.
func left(list []*entry, taken []bool) []int {
	var out []int
	for i := range list {
		if !taken[i] {
			out = append(out, i)
		}
	}
	slices.SortStableFunc(out, func(i, j int) int {
		a, b := list[i], list[j]
		c, _ := order(a.ecosystem, a.Version, b.Version)
		return cmp.Or(c, strings.Compare(a.variant, b.variant))
	})
	return out
}

// variantDistance is more than any distance of versions: another architecture is
// another package before it is another version.
const variantDistance = 8

func apart(a, b *entry) int {
	d := distance(a.Version, b.Version)
	if a.variant != b.variant {
		d += variantDistance
	}
	return d
}

// align is the least-cost way through the table of two ordered lists that skips
// only in the longer one.
func align(olds, news []*entry, x, y []int) []pairing {
	n, m := len(x), len(y)
	const never = 1 << 30
	cost := make([][]int, n+1) // of the best way from (i, j) to the end
	for i := range cost {
		cost[i] = make([]int, m+1)
	}
	spare := n - m // how many of x go unpaired; -spare of y
	for i := n; i >= 0; i-- {
		for j := m; j >= 0; j-- {
			best := never
			switch {
			case i == n && j == m:
				best = 0
			default:
				if i < n && j < m {
					best = apart(olds[x[i]], news[y[j]]) + cost[i+1][j+1]
				}
				if i < n && spare > 0 {
					best = min(best, cost[i+1][j])
				}
				if j < m && spare < 0 {
					best = min(best, cost[i][j+1])
				}
			}
			cost[i][j] = min(best, never)
		}
	}
	var out []pairing
	for i, j := 0, 0; i < n || j < m; {
		switch {
		case i < n && j < m && cost[i][j] == apart(olds[x[i]], news[y[j]])+cost[i+1][j+1]:
			out = append(out, pairing{x[i], y[j]})
			i, j = i+1, j+1
		case i < n && spare > 0:
			out = append(out, pairing{x[i], -1})
			i++
		default:
			out = append(out, pairing{-1, y[j]})
			j++
		}
	}
	return out
}
