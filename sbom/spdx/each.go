package spdx

import (
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/textset"
	"github.com/cofferdam-io/cofferdam/jsonscan"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// handing is what a builder knows of packages that it hands over (Options.Each). The
// document keeps those that it describes, and those that may tell what it is about.
type handing struct {
	wanted map[string]bool // SPDXIDs that the document describes
	count  int             // packages
	ids    textset.Set     // SPDXIDs
}

// hands reports whether packages are handed over now.
func (b *builder) hands() bool { return b.handing != nil }

// readLate reads the packages that were put off, and then what hangs together.
func (j *jsonDocument) readLate() error {
	if j.graph == nil {
		wanted, err := j.wanted()
		if err != nil {
			return err
		}
		j.handing = &handing{wanted: wanted}
	}
	whole := j.r
	defer func() { j.r = whole }()
	for i, r := range j.late {
		if i > 0 {
			r.Without(j.late[i-1])
		}
		j.r = r
		j.readPackages()
		if j.err != nil {
			return j.err
		}
		if err := r.Err(); err != nil {
			return err
		}
	}
	later := j.related
	if j.files != nil {
		later = append(later, j.files)
	}
	if n := len(j.late); n > 0 {
		for _, r := range later {
			r.Without(j.late[n-1])
		}
	}
	for _, r := range j.related {
		j.r = r
		j.readRelationships(r)
		if j.err != nil {
			return j.err
		}
		if err := r.Err(); err != nil {
			return err
		}
	}
	j.handing = nil
	return nil
}

// wanted looks ahead for the packages that relationships say the document describes, as
// readRelationships will read them.
func (j *jsonDocument) wanted() (map[string]bool, error) {
	said, dropped := len(j.doc.Warnings), j.dropped
	defer func() { j.doc.Warnings, j.dropped = j.doc.Warnings[:said], dropped }()
	wanted := map[string]bool{}
	for _, id := range j.described {
		wanted[id] = true
	}
	var ends [2][]byte
	for _, put := range j.related {
		r := put.Twin()
		if !r.Array() {
			continue
		}
		for n := 0; r.NextItem() && j.alive(n); n++ {
			if !r.Object() {
				continue
			}
			ends[0], ends[1] = ends[0][:0], ends[1][:0]
			describing := false
			for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
				switch string(key) {
				case "spdxElementId":
					ends[0] = append(ends[0], r.Bytes()...)
				case "relatedSpdxElement":
					ends[1] = append(ends[1], r.Bytes()...)
				case "relationshipType":
					describing = relation2(r.Bytes()).verb == describes
				case "comment":
					r.Bytes() // a text, as it will be asked for
				default:
					r.Skip()
				}
			}
			if describing {
				for _, id := range ends {
					wanted[string(id)] = true
				}
			}
		}
		if j.err != nil {
			return nil, j.err
		}
		if err := r.Err(); err != nil {
			return nil, err
		}
	}
	return wanted, nil
}

// hand hands a package over, unless the document keeps it.
func (b *builder) hand(c *sbom.Component, image *imageFacts, noted bool) {
	h := b.handing
	if h.count++; h.count > b.opt.MaxPackages {
		b.err = ident.Errorf(ident.KindLimit, "the document has more than %d packages", b.opt.MaxPackages)
		return
	}
	if c.Name == "" {
		b.warn(c.Pointer, "the package has no name")
	}
	name := ""
	switch {
	case c.ID == "":
		b.warn(c.Pointer, "the package has no SPDX identifier; no relationship can name it")
	case !h.ids.Add(c.ID) || c.ID == b.docID:
		b.warn(c.Pointer, "the SPDX identifier %q is taken; relationships mean its first bearer", clip(c.ID, 80))
	default:
		name = c.ID
	}
	if image == nil && !noted && !h.wanted[c.ID] && !telling(c) {
		b.opt.Each(c)
		return
	}
	kept := c.Detached()
	kept.Pointer, kept.Details = strings.Clone(c.Pointer), c.Details.Detached()
	i := int32(len(b.doc.Components)) //nolint:gosec // MaxPackages is far below
	if image != nil {
		b.images[i] = image
	}
	b.doc.Components = append(b.doc.Components, kept)
	b.marked = b.marked || marks(c)
	b.ids.put(strings.Clone(name), hashOf(name))
}

// telling reports whether a package may tell what a document is about: what finish looks
// for among all.
func telling(c *sbom.Component) bool {
	return standsAlone(c) || marks(c)
}

// appendReader appends what Defer returned; nil after an error, which its Reader has.
func appendReader(list []*jsonscan.Reader, r *jsonscan.Reader) []*jsonscan.Reader {
	if r == nil {
		return list
	}
	return append(list, r)
}
