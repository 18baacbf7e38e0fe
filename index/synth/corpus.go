package synth

import (
	"slices"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/index"
)

// Config says what to make.
type Config struct {
	Documents  int // one of each artifact
	Components int // of a document, on average
	Seed       uint64
	// Unrelated documents share no base image and no service with others: every
	// one draws its components for itself. No organisation is like that; it is the worst
	// that an index can be given.
	Unrelated bool
	// Spelled keeps what SPDX needs to write documents out.
	Spelled bool
}

// Check refuses what cannot be made.
func (c Config) Check() error {
	if c.Documents < 1 || c.Documents > 10_000_000 || c.Components < 10 || c.Components > 20_000 {
		return ident.Errorf(ident.KindUsage, "%d documents of %d components cannot be made: up to 10,000,000, of 10 to 20,000", c.Documents, c.Components)
	}
	return nil
}

// Document is one made SBOM: its number is that of its artifact.
type Document struct {
	ID       uint32
	Service  int      // which it is a release of
	Latest   bool     // no later release of the service follows
	Entries  []uint32 // component ids, sorted
	NewKeys  []string // of the components that no document before had
	Sequence uint64
}

// Batch is the document as an index takes it.
func (d *Document) Batch() index.Batch {
	return index.Batch{Seq: d.Sequence, Keys: d.NewKeys, Documents: []index.Document{{ID: d.ID, Artifact: d.ID, Components: d.Entries}}}
}

// Corpus makes documents one after the other. It is not safe for concurrent use.
type Corpus struct {
	config   Config
	dice     dice
	next     int
	ids      map[uint64]uint32 // by entry.number
	count    uint32
	services []service
	bases    []base
	batch    []pending
	origins  []origin // by id, where Config.Spelled
}

// service is something that is released now and then.
type service struct {
	tool     uint8
	base     int
	release  int
	releases int // that are left
	deps     []entry
	modules  int
}

// base is a family of base images: packages of one distribution, updated as time passes.
type base struct {
	packages []entry
	built    int
}

// releasesOfService is how many releases a service has, on average.
const releasesOfService = 50

// monthly is how many times base images are rebuilt from the first document to the last.
const monthly = 36

type pending struct {
	key    string
	number uint64 // 0 for a module
	origin origin
}

// New returns a corpus before its first document.
func New(c Config) (*Corpus, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	out := &Corpus{config: c, dice: dice{mix(c.Seed + 1)}, ids: make(map[uint64]uint32, 1<<16)}
	for range 24 {
		out.bases = append(out.bases, out.newBase())
	}
	for range max(1, c.Documents/releasesOfService) {
		out.services = append(out.services, out.newService())
	}
	// Every document is a release of a service; who releases when is drawn now, so that
	// the last of each is known.
	for range c.Documents {
		out.services[out.dice.below(len(out.services))].releases++
	}
	return out, nil
}

// Components returns how many distinct components there were so far.
func (c *Corpus) Components() int { return int(c.count) }

func (c *Corpus) newBase() base {
	eco := uint8(languages + c.dice.below(len(ecosystems)-languages)) //nolint:gosec // nine of them
	n := c.config.Components/10 + c.dice.below(c.config.Components*2/5+1)
	return base{packages: c.draw(nil, eco, 0, min(n, ecosystems[eco].packages/2), 0.1), built: -1}
}

func (c *Corpus) newService() service {
	s := service{base: c.dice.zipf(len(c.bases)), modules: 2 + c.dice.below(9)}
	if c.dice.below(10) < 3 {
		s.tool = 1
	}
	n := c.config.Components - len(c.bases[s.base].packages) - s.modules
	n = n*3/4 + c.dice.below(n/2+1)
	main := uint8(c.dice.zipf(languages)) //nolint:gosec // four of them
	s.deps = c.draw(nil, main, s.tool, n*9/10, 0.1)
	s.deps = c.draw(s.deps, uint8(c.dice.below(languages)), s.tool, n/10, 0.1) //nolint:gosec // four of them
	return s
}

// draw adds n distinct packages of an ecosystem, in a version of about a time.
func (c *Corpus) draw(to []entry, ecosystem, tool uint8, n int, at float64) []entry {
	seen := make(map[uint32]bool, n+len(to))
	for _, e := range to {
		if e.ecosystem == ecosystem {
			seen[e.pkg] = true
		}
	}
	for tries := 0; n > 0 && tries < 40*(n+10); tries++ {
		e := entry{ecosystem: ecosystem, tool: tool, pkg: uint32(c.dice.zipf(ecosystems[ecosystem].packages))} //nolint:gosec // below a million
		if seen[e.pkg] {
			continue
		}
		seen[e.pkg] = true
		r := e.released(at)
		e.version = uint16(r - 1 - c.dice.below(min(r, 6))) //nolint:gosec // below a few hundred
		to = append(to, e)
		n--
	}
	return to
}

// Next makes the next document; false after the last.
func (c *Corpus) Next() (Document, bool) {
	if c.next == c.config.Documents {
		return Document{}, false
	}
	d := Document{ID: uint32(c.next), Sequence: uint64(c.next) + 1} //nolint:gosec // below ten millions
	now := float64(c.next) / float64(c.config.Documents)
	c.next++
	d.Service = c.dice.below(len(c.services))
	for c.services[d.Service].releases == 0 {
		d.Service = (d.Service + 1) % len(c.services)
	}
	s := &c.services[d.Service]
	s.releases--
	s.release++
	d.Latest = s.releases == 0
	ids := make([]uint32, 0, c.config.Components*3/2)
	c.batch = c.batch[:0]
	b := &c.bases[s.base]
	if c.config.Unrelated {
		fresh := c.newService()
		s = &service{tool: fresh.tool, deps: fresh.deps, modules: fresh.modules, release: s.release}
		other := c.newBase()
		b = &other
		for i := range s.deps {
			c.update(&s.deps[i], now)
		}
	}
	if month := int(now * monthly); month > b.built {
		// A rebuild takes what was released since: a few packages of the whole.
		for i := range b.packages {
			if b.built < 0 || c.dice.below(8) == 0 {
				c.update(&b.packages[i], now)
			}
		}
		b.built = month
	}
	// A release takes up a new version of one dependency in thirty, and swaps one or two.
	for i := range s.deps {
		switch c.dice.below(300) {
		case 0:
			s.deps[i] = c.draw(nil, s.deps[i].ecosystem, s.tool, 1, now)[0]
		case 1, 2, 3, 4, 5, 6, 7, 8, 9, 10:
			c.update(&s.deps[i], now)
		}
	}
	for _, e := range b.packages {
		ids = c.id(ids, e.number(), e)
	}
	for _, e := range s.deps {
		ids = c.id(ids, e.number(), e)
	}
	for k := range s.modules {
		m := module(d.Service, s.release, k)
		c.batch = append(c.batch, pending{key: index.KeyOf(&m, ecosystems[0].distro), origin: origin{service: int32(d.Service), release: int32(s.release), module: int32(k)}}) //nolint:gosec // small numbers
	}
	// New components get their ids in the order of their keys, as a store does it.
	slices.SortFunc(c.batch, func(a, b pending) int {
		if a.key < b.key {
			return -1
		}
		return 1
	})
	for i, p := range c.batch {
		if i > 0 && p.key == c.batch[i-1].key {
			continue
		}
		if p.number != 0 {
			c.ids[p.number] = c.count
		}
		d.NewKeys = append(d.NewKeys, p.key)
		c.spell(p)
		ids = append(ids, c.count)
		c.count++
	}
	slices.Sort(ids)
	d.Entries = slices.Compact(ids)
	return d, true
}

// id appends the id of an entry, or notes it as new.
func (c *Corpus) id(ids []uint32, number uint64, e entry) []uint32 {
	if id, ok := c.ids[number]; ok {
		if id == index.Unknown { // it stands twice in the document that brings it
			return ids
		}
		return append(ids, id)
	}
	m, os := e.component()
	c.batch = append(c.batch, pending{index.KeyOf(&m, os), number, origin{entry: e}})
	c.ids[number] = index.Unknown // until the document's new keys are sorted
	return ids
}

// update raises an entry to the version of a time.
func (c *Corpus) update(e *entry, now float64) {
	e.version = max(e.version, uint16(e.released(now)-1)) //nolint:gosec // below a few hundred
}
