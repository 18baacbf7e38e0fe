package compare

import (
	"context"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// Sight is what several documents see of one package.
type Sight struct {
	Name string `json:"name"`
	PURL string `json:"purl,omitempty"` // of the first that gives one
	// Versions are by document, sorted; a document that does not see the package has
	// none.
	Versions [][]string `json:"versions"`
}

// Union is what documents of one artifact see together. Lists are ordered by name.
type Union struct {
	Packages int `json:"packages"` // all of them, versions apart
	Agreed   int `json:"agreed"`   // seen by every document at the same versions
	// Partial are packages that some document does not see; Disagreed those that all
	// see, at other versions.
	Partial   []Sight `json:"partial"`
	Disagreed []Sight `json:"disagreed"`
}

// Together unites documents of one artifact, as several tools wrote them. The
// error is the context's.
func Together(ctx context.Context, docs []*sbom.Document) (*Union, error) {
	lists := make([][]*entry, len(docs))
	kinds := map[string][]identity{} // by name as written
	for i, d := range docs {
		list, _, err := packages(ctx, d)
		if err != nil {
			return nil, err
		}
		lists[i] = list
		for _, e := range list {
			if name := strings.ToLower(e.Name); e.id.kind != "" && !slices.Contains(kinds[name], e.id) && len(kinds[name]) < 2 {
				kinds[name] = append(kinds[name], e.id)
			}
		}
	}
	at := map[identity]*Sight{}
	var sights []*Sight
	for i, list := range lists {
		for _, e := range list {
			id := e.id
			// Without a package URL it is what others, all of one kind, call so.
			if same := kinds[id.name]; id.kind == "" && len(same) == 1 {
				id = same[0]
			}
			s := at[id]
			if s == nil {
				s = &Sight{Name: e.Name, Versions: make([][]string, len(docs))}
				at[id] = s
				sights = append(sights, s)
			}
			if s.PURL == "" {
				s.PURL = e.PURL
			}
			s.Versions[i] = append(s.Versions[i], e.Version)
		}
	}
	out := &Union{Packages: len(sights), Partial: []Sight{}, Disagreed: []Sight{}}
	for _, s := range sights {
		missing, differ := false, false
		for i := range s.Versions {
			slices.SortFunc(s.Versions[i], natural)
			s.Versions[i] = append([]string{}, slices.Compact(s.Versions[i])...)
			missing = missing || len(s.Versions[i]) == 0
			differ = differ || !slices.Equal(s.Versions[i], s.Versions[0])
		}
		switch {
		case missing:
			out.Partial = append(out.Partial, *s)
		case differ:
			out.Disagreed = append(out.Disagreed, *s)
		default:
			out.Agreed++
		}
	}
	for _, l := range [][]Sight{out.Partial, out.Disagreed} {
		slices.SortStableFunc(l, func(a, b Sight) int {
			return byName(&Package{Name: a.Name, PURL: a.PURL}, &Package{Name: b.Name, PURL: b.PURL})
		})
	}
	return out, ctx.Err()
}

// Release is one artifact of two sets of documents; Old or New is nil where only
// one set has it.
type Release struct {
	Artifact string
	Old, New *sbom.Document
}

// Releases pairs the documents of two sets by what they are about, without its
// version, in the order of the names; of several about one artifact the first of
// one side goes with the first of the other. Two single documents are a pair
// whatever they are about.
func Releases(olds, news []*sbom.Document) []Release {
	if len(olds) == 1 && len(news) == 1 {
		return []Release{{Artifact(news[0]), olds[0], news[0]}}
	}
	var out []Release
	waiting := map[string][]int{}
	for _, d := range olds {
		name := Artifact(d)
		waiting[name] = append(waiting[name], len(out))
		out = append(out, Release{Artifact: name, Old: d})
	}
	for _, d := range news {
		name := Artifact(d)
		if at := waiting[name]; len(at) > 0 {
			out[at[0]].New = d
			waiting[name] = at[1:]
			continue
		}
		out = append(out, Release{Artifact: name, New: d})
	}
	slices.SortStableFunc(out, func(a, b Release) int { return strings.Compare(a.Artifact, b.Artifact) })
	return out
}

// Artifact names what a document is about, without its version: the repository of
// an image, a package URL, or a name.
func Artifact(d *sbom.Document) string {
	s := &d.Subject
	if len(s.References) > 0 {
		return s.References[0].Name()
	}
	if s.Kind == "container" {
		if r, err := ident.ParseImageRef(s.Name); err == nil {
			return r.Name()
		}
	}
	if e := identify(&sbom.Component{Name: s.Name, PURL: s.PURL}, s.OS); e.id.kind != "" {
		return "pkg:" + e.id.kind + "/" + e.id.name
	}
	if s.Name == "" {
		return d.Name
	}
	return s.Name
}
