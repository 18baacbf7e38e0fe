package trace

import (
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/sbom"
)

// Graph is what a document records of how its components hang together. It is
// immutable.
type Graph struct {
	d        *sbom.Document
	out      [][]edge // by component; the subject's own are entries
	entries  []edge   // of the subject
	incoming []int32  // edges into a component from other components
	// depth and before are of the shortest ways from where ways begin.
	depth  []int32
	before [][]edge // the last steps of shortest ways: To is the component before
	// reached is true where a way begins at the subject.
	reached []bool
}

// edge leads to a component.
type edge struct {
	to   int32
	kind sbom.DependencyKind
}

// Step is one edge of a way: what leads to Component and how.
type Step struct {
	Component int32 // index in Document.Components
	Kind      sbom.DependencyKind
	// Begin is true for a component at which a way begins although the document
	// does not say how the subject comes by it.
	Begin bool
}

// Ways are the shortest ways to a component.
type Ways struct {
	Component int32
	// Recorded is true where the document says how the subject comes by the
	// component. Otherwise Paths begin at components that nothing leads to, and a
	// component alone is a path of one step.
	Recorded bool
	Paths    [][]Step
	Count    int // of shortest ways, those beyond the limit too; at most MaxCount
}

// MaxCount is where counting of ways ends: they multiply at every level.
const MaxCount = 1_000_000

const unreached = -1

// New prepares a document. Documents often list everything as contained in the
// subject; that is the way to a component only if nothing else leads to it.
func New(d *sbom.Document) *Graph {
	n := len(d.Components)
	g := &Graph{d: d, out: make([][]edge, n), incoming: make([]int32, n), depth: make([]int32, n), before: make([][]edge, n), reached: make([]bool, n)}
	seen := make(map[sbom.Dependency]bool, len(d.Dependencies))
	for _, x := range d.Dependencies {
		if x.To == sbom.SubjectIndex || x.From == x.To || seen[x] {
			continue
		}
		seen[x] = true
		if x.From == sbom.SubjectIndex {
			g.entries = append(g.entries, edge{x.To, x.Kind})
			continue
		}
		g.out[x.From] = append(g.out[x.From], edge{x.To, x.Kind})
		g.incoming[x.To]++
	}
	for i := range g.depth {
		g.depth[i] = unreached
	}
	plain := func(e edge) bool { return e.kind != sbom.Contains || g.incoming[e.to] == 0 }
	g.begin(plain)
	g.begin(func(e edge) bool { return !plain(e) }) // what only a circle leads to
	g.beginAtRoots()
	return g
}

// begin walks breadth first from those entries of the subject that are wanted and
// lead to what was not reached.
func (g *Graph) begin(want func(edge) bool) {
	var queue []int32
	for _, e := range g.entries {
		if !want(e) || g.depth[e.to] > 1 {
			continue
		}
		if g.depth[e.to] == unreached {
			g.depth[e.to], g.reached[e.to] = 1, true
			queue = append(queue, e.to)
		}
		g.before[e.to] = append(g.before[e.to], edge{sbom.SubjectIndex, e.kind})
	}
	g.walk(queue)
}

// beginAtRoots walks from components that nothing leads to, and then from any that
// are left: they stand in circles that nothing leads into.
func (g *Graph) beginAtRoots() {
	for _, all := range []bool{false, true} {
		for i := range g.depth {
			if g.depth[i] == unreached && (all || g.incoming[i] == 0) {
				g.depth[i] = 1
				g.walk([]int32{int32(i)}) //nolint:gosec // decoders bound components far below
			}
		}
	}
}

func (g *Graph) walk(queue []int32) {
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, e := range g.out[at] {
			switch {
			case g.depth[e.to] == unreached:
				g.depth[e.to], g.reached[e.to] = g.depth[at]+1, g.reached[at]
				queue = append(queue, e.to)
				g.before[e.to] = append(g.before[e.to], edge{at, e.kind})
			case g.depth[e.to] == g.depth[at]+1 && g.reached[e.to] == g.reached[at]:
				g.before[e.to] = append(g.before[e.to], edge{at, e.kind})
			}
		}
	}
}

// Ways gives up to most shortest ways to each of the components, in the order of
// the document.
func (g *Graph) Ways(components []int32, most int) []Ways {
	out := make([]Ways, 0, len(components))
	counts := map[int32]int{}
	for _, c := range components {
		out = append(out, Ways{Component: c, Recorded: g.reached[c], Count: g.count(c, counts), Paths: g.paths(c, most)})
	}
	return out
}

// paths collects up to most shortest ways, depth first from their end, without
// recursion: a chain may be as long as the document.
func (g *Graph) paths(c int32, most int) [][]Step {
	type frame struct {
		at   int32
		next int // of before[at]
	}
	var found [][]Step
	var tail []Step
	stack := []frame{{at: c}}
	for len(stack) > 0 && len(found) < most {
		top := &stack[len(stack)-1]
		ways := g.before[top.at]
		if top.next == len(ways) {
			if len(ways) == 0 {
				found = append(found, append([]Step{{Component: top.at, Begin: true}}, reversed(tail)...))
			}
			stack = stack[:len(stack)-1]
			tail = tail[:max(0, len(stack)-1)]
			continue
		}
		e := ways[top.next]
		top.next++
		tail = append(tail[:len(stack)-1], Step{Component: top.at, Kind: e.kind})
		if e.to == sbom.SubjectIndex {
			found = append(found, reversed(tail))
			continue
		}
		stack = append(stack, frame{at: e.to})
	}
	return found
}

func reversed(steps []Step) []Step {
	out := slices.Clone(steps)
	slices.Reverse(out)
	return out
}

// count counts shortest ways. The depth of before falls at every step, so that it
// ends; it does so without recursion, which a long chain would make deep.
func (g *Graph) count(c int32, known map[int32]int) int {
	stack := []int32{c}
	for len(stack) > 0 {
		at := stack[len(stack)-1]
		if _, ok := known[at]; ok {
			stack = stack[:len(stack)-1]
			continue
		}
		total, ready := 0, true
		for _, e := range g.before[at] {
			if e.to == sbom.SubjectIndex {
				total++
			} else if n, ok := known[e.to]; ok {
				total += n
			} else {
				stack = append(stack, e.to)
				ready = false
			}
		}
		if ready {
			known[at] = min(max(total, 1), MaxCount)
			stack = stack[:len(stack)-1]
		}
	}
	return known[c]
}

// Find gives the components that a text names: a package URL, with a version or
// without, a name, or a group and a name.
func Find(d *sbom.Document, text string) []int32 {
	var out []int32
	for i := range d.Components {
		c := &d.Components[i]
		found := text == c.Name || c.Group != "" && (text == c.Group+"/"+c.Name || text == c.Group+":"+c.Name)
		if c.PURL != "" && strings.HasPrefix(text, "pkg:") {
			whole, _, _ := strings.Cut(c.PURL, "#")
			plain, _, _ := strings.Cut(whole, "?")
			bare := plain
			if at := strings.LastIndexByte(plain, '@'); at > strings.LastIndexByte(plain, '/') {
				bare = plain[:at]
			}
			found = text == c.PURL || text == whole || text == plain || text == bare
		}
		if found {
			out = append(out, int32(i)) //nolint:gosec // as above
		}
	}
	return out
}
