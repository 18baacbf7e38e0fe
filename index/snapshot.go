package index

import (
	"slices"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// Snapshot is an immutable state of the index: everything that was committed up
// to one sequence number. Its methods may be called at once by any number of readers.
type Snapshot struct {
	seq        uint64
	dictionary *dictionary
	segments   []*segment // documents from 0 on
	runs       []run      // those after
	documents  uint32
	artifacts  []uint32 // by document; none where a merge found it deleted
	most       uint32   // artifacts are below
	dead       Set      // deleted documents
	moved      []Move   // what the pieces do not know yet
}

// Seq returns the sequence number that the snapshot covers.
func (s *Snapshot) Seq() uint64 { return s.seq }

// Documents returns how many documents there are, deleted ones counted: the next one's ID.
func (s *Snapshot) Documents() uint32 { return s.documents }

// Components returns how many distinct components there are: the next one's id.
func (s *Snapshot) Components() uint32 { return s.dictionary.n }

// Live returns the artifacts that have a document which is not deleted.
func (s *Snapshot) Live() Set {
	out := sized(s.most)
	for d, a := range s.artifacts {
		if a != none && !s.dead.Has(uint32(d)) { //nolint:gosec // the number of documents is 32 bits wide
			out.Add(a)
		}
	}
	return out
}

// Artifact returns the artifact of a document; false if it is deleted or unknown.
func (s *Snapshot) Artifact(document uint32) (uint32, bool) {
	if document >= s.documents || s.dead.Has(document) || s.artifacts[document] == none {
		return 0, false
	}
	return s.artifacts[document], true
}

// Key returns the key of a component.
func (s *Snapshot) Key(component uint32) (string, error) {
	c, err := s.at(component)
	if err != nil {
		return "", err
	}
	return string(c.key(nil)), nil
}

// Component returns what a component's key says, and the distribution of its
// document where matching needs it.
func (s *Snapshot) Component(component uint32) (sbom.Component, sbom.Distro, error) {
	c, err := s.at(component)
	if err != nil {
		return sbom.Component{}, sbom.Distro{}, err
	}
	return ParseKey(c.key(nil))
}

func (s *Snapshot) at(component uint32) (*lexiconCursor, error) {
	if component >= s.dictionary.n {
		return nil, ident.Errorf(ident.KindNotFound, "there is no component %d: the dictionary has %d", component, s.dictionary.n)
	}
	c := &lexiconCursor{}
	return c, s.dictionary.seek(c, component)
}

// addDocuments appends documents as a run.
func (s *Snapshot) addDocuments(docs []Document, seal uint32) {
	n := 0
	for i := range docs {
		n += len(docs[i].Components)
	}
	r := run{lo: s.documents, n: uint32(len(docs)), pairs: make([]uint64, 0, n)} //nolint:gosec // checked before
	for i := range docs {
		for _, c := range docs[i].Components {
			r.pairs = append(r.pairs, uint64(c)<<32|uint64(docs[i].ID))
		}
		// Beyond the length of every snapshot's slice, so no reader sees it.
		s.artifacts = append(s.artifacts, docs[i].Artifact)
		s.most = max(s.most, docs[i].Artifact+1)
	}
	slices.Sort(r.pairs)
	s.runs = appendRun(s.runs, r, seal)
	s.documents += r.n
}

// union returns the documents that have any of some components, sorted.
func (s *Snapshot) union(components []uint32) (Set, error) {
	out := sized(s.documents)
	for _, g := range s.segments {
		if err := g.add(components, &out); err != nil {
			return Set{}, err
		}
	}
	for i := range s.runs {
		s.runs[i].add(components, &out)
	}
	out.AndNot(s.dead)
	return out, nil
}

// toArtifacts turns documents into their artifacts, those aside that are not in
// every one of some sets.
func (s *Snapshot) toArtifacts(documents Set, within []Set) Set {
	out := sized(s.most)
	for d := range documents.All() {
		a := s.artifacts[d]
		if a == none {
			continue
		}
		out.words[a>>6] |= 1 << (a & 63)
	}
	for _, w := range within {
		out.And(w)
	}
	return out
}

// ArtifactsOf returns the artifacts of documents that are not deleted.
func (s *Snapshot) ArtifactsOf(documents Set) Set {
	live := documents.Clone()
	live.AndNot(s.dead)
	return s.toArtifacts(live, nil)
}
