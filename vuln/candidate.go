package vuln

import (
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/sbom"
)

// candidate is a component as queries see it.
type candidate struct {
	c      *sbom.Component
	purl   PURL
	parsed bool // purl is one; otherwise only the name as written is left
}

func newCandidate(c *sbom.Component) candidate {
	k := candidate{c: c}
	if c.PURL != "" {
		p, err := purlOf(c)
		k.purl, k.parsed = p, err == nil
	}
	return k
}

// versioned returns the version that constraints are about, and its order, or nil.
func (k *candidate) versioned() (*order, string) {
	if !k.parsed {
		return nil, k.c.Version
	}
	version := k.purl.Version
	switch k.purl.Type {
	case "golang":
		version = goIdentity(k.purl).Version
	case "deb", "rpm":
		version = withEpoch(version, k.purl.Qualifier("epoch"))
	}
	return orderOfType(k.purl.Type), version
}

// means reports whether a query is about a component, its version aside.
func (q ComponentQuery) means(k *candidate) bool {
	switch {
	case !k.parsed:
		return q.bare != "" && strings.ToLower(k.c.Name) == q.bare
	case q.bare != "":
		return q.named(k.purl, k.c)
	}
	return q.selects(k.purl)
}

// CandidateWords returns the words under which a component can be asked for,
// each once: an index that files components under them finds by Word all that
// a query can select. They are names in lower case, and one that begins with a zero
// byte and stands for type and name of the package URL.
func CandidateWords(c *sbom.Component) []string {
	k := newCandidate(c)
	if !k.parsed {
		return AppendWords(nil, nil, c.Name)
	}
	return AppendWords(nil, &k.purl, c.Name)
}

// AppendWords appends CandidateWords of the component with a package URL, nil
// where it has none that parses, and a name as written.
func AppendWords(dst []string, p *PURL, name string) []string {
	from := len(dst)
	last := "" // most of a package's names are the same
	add := func(w string) {
		if w == "" || w == last {
			return
		}
		last = w
		if w = strings.ToLower(w); !slices.Contains(dst[from:], w) {
			dst = append(dst, w)
		}
	}
	add(name)
	if p == nil {
		return dst
	}
	add(displayName(*p))
	add(p.FullName())
	if p.Type != "golang" {
		add(p.Name)
	}
	if w := wordOf(*p); !slices.Contains(dst[from:], w) {
		dst = append(dst, w)
	}
	return dst
}

// wordOf begins with a zero byte, so that it is no name.
func wordOf(p PURL) string { return "\x00" + p.Type + "/" + comparableName(p) }

// Word returns the one of CandidateWords that every component has that the
// query can select; "" for the zero query, which selects nothing.
func (q ComponentQuery) Word() string {
	if q.purl.Type != "" {
		return wordOf(q.purl)
	}
	return q.bare
}

// Candidates are components made ready to be asked many times: their package
// URLs are parsed, and each version is judged once per query however many of
// them have it. They are immutable and safe for concurrent use.
type Candidates struct {
	all      []candidate
	at       []int32 // of each, its entry in versions
	versions []candidateVersion
}

type candidateVersion struct {
	order *order
	text  string
}

// NewCandidates prepares components, which must not be changed afterwards.
func NewCandidates(components []sbom.Component) *Candidates {
	s := &Candidates{all: make([]candidate, len(components)), at: make([]int32, len(components))}
	seen := map[candidateVersion]int32{}
	for i := range components {
		s.all[i] = newCandidate(&components[i])
		o, text := s.all[i].versioned()
		v := candidateVersion{o, text}
		n, ok := seen[v]
		if !ok {
			n = int32(len(s.versions)) //nolint:gosec // a package has fewer versions than that
			seen[v] = n
			s.versions = append(s.versions, v)
		}
		s.at[i] = n
	}
	return s
}

// Len returns how many candidates there are.
func (s *Candidates) Len() int { return len(s.all) }

// Select answers Match for each candidate: the positions of those that are
// selected, and of those that may be.
func (q ComponentQuery) Select(s *Candidates) (selected, doubtful []int) {
	if q.Word() == "" {
		return nil, nil
	}
	const unasked, no, yes, unknown = 0, 1, 2, 3
	verdicts := make([]uint8, len(s.versions))
	for i := range s.all {
		if !q.means(&s.all[i]) {
			continue
		}
		v := &verdicts[s.at[i]]
		if *v == unasked {
			of := s.versions[s.at[i]]
			match, known := q.version(of.order, of.text)
			switch {
			case match:
				*v = yes
			case known:
				*v = no
			default:
				*v = unknown
			}
		}
		switch *v {
		case yes:
			selected = append(selected, i)
		case unknown:
			doubtful = append(doubtful, i)
		}
	}
	return selected, doubtful
}
