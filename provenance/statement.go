package provenance

import (
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
)

// The types of statements (in-toto attestation framework, statement layer).
const (
	StatementV01 = "https://in-toto.io/Statement/v0.1"
	StatementV1  = "https://in-toto.io/Statement/v1"
)

// Limits bound one input. Zero fields have the defaults.
type Limits struct {
	Bytes    int // of the input, and of a payload once decoded: 512 MiB by default
	Subjects int // of one statement: 65,536 by default, as many as a large root file system has folders
}

func (l Limits) filled() Limits {
	if l.Bytes <= 0 {
		l.Bytes = 512 << 20
	}
	if l.Subjects <= 0 {
		l.Subjects = 1 << 16
	}
	return l
}

// Statement is an in-toto statement: a predicate about subjects.
type Statement struct {
	Type          string // StatementV01 or StatementV1
	PredicateType string
	Subjects      []Subject // at least one
	// Predicate is the predicate's exact bytes, as they stand in the statement; nil
	// where it has none (v1 allows that). It aliases the input, and of its inside
	// nothing was judged but the grammar of JSON.
	Predicate []byte
}

// Subject is one artifact that a statement is about (v1, resource descriptor).
type Subject struct {
	Name    string
	Digests []Hash // at least one, in the statement's order
}

// Hash is one digest of a subject. Algorithms that only their predicate knows, such
// as gitCommit, are kept as they are.
type Hash struct{ Algorithm, Value string }

// Names reports whether a statement has a subject with this very digest.
func (s *Statement) Names(d ident.Digest) bool {
	return slices.ContainsFunc(s.Subjects, func(x Subject) bool { return x.Has(d) })
}

// Digests returns the digests of all subjects that are content digests, each once.
func (s *Statement) Digests() []ident.Digest {
	var out []ident.Digest
	seen := map[ident.Digest]bool{}
	for i := range s.Subjects {
		for _, h := range s.Subjects[i].Digests {
			if d, err := ident.ParseDigest(h.Algorithm + ":" + h.Value); err == nil && !seen[d] {
				seen[d] = true
				out = append(out, d)
			}
		}
	}
	return out
}

// Has reports whether a subject has this very digest.
func (s *Subject) Has(d ident.Digest) bool {
	return !d.IsZero() && slices.Contains(s.Digests, Hash{d.Algorithm(), d.Hex()})
}

// ParseStatement reads a statement. Errors are of KindUnsupported where raw is no
// statement, and of KindInvalid or KindLimit where it is a bad one.
func ParseStatement(raw []byte, lim Limits) (*Statement, error) {
	lim = lim.filled()
	if len(raw) > lim.Bytes {
		return nil, tooLarge(len(raw), lim.Bytes)
	}
	var s Statement
	var subjects bool
	r := jsonscan.New(raw, jsonscan.Options{})
	if r.Kind() != jsonscan.Object {
		return nil, notOne(r, "an in-toto statement")
	}
	r.Object()
	for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
		switch string(key) {
		case "_type":
			s.Type = r.RequireString()
		case "predicateType":
			s.PredicateType = r.RequireString()
		case "subject":
			subjects = true
			if err := s.readSubjects(r, lim); err != nil {
				return nil, err
			}
		case "predicate":
			s.Predicate = r.Raw()
		}
	}
	if err := r.End(); err != nil {
		return nil, err
	}
	switch {
	case s.Type != StatementV1 && s.Type != StatementV01:
		return nil, ident.Errorf(ident.KindUnsupported, "is no in-toto statement of a version that is read: its _type is %.120q", s.Type)
	case s.PredicateType == "":
		return nil, ident.Errorf(ident.KindInvalid, "the in-toto statement has no predicateType")
	case !subjects || len(s.Subjects) == 0:
		return nil, ident.Errorf(ident.KindInvalid, "the in-toto statement has no subject: it is about nothing")
	}
	if string(s.Predicate) == "null" {
		s.Predicate = nil
	}
	return &s, nil
}

func (s *Statement) readSubjects(r *jsonscan.Reader, lim Limits) error {
	r.RequireArray()
	for r.NextItem() {
		if len(s.Subjects) == lim.Subjects {
			return ident.Errorf(ident.KindLimit, "the in-toto statement has more than %d subjects", lim.Subjects)
		}
		var sub Subject
		r.RequireObject()
		for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
			switch string(key) {
			case "name":
				sub.Name = r.String()
			case "digest":
				if err := sub.readDigests(r); err != nil {
					return err
				}
			}
		}
		if err := r.Err(); err != nil {
			return err
		}
		if len(sub.Digests) == 0 {
			return ident.Errorf(ident.KindInvalid, "subject %d of the in-toto statement has no digest: a name alone proves nothing", len(s.Subjects)+1)
		}
		s.Subjects = append(s.Subjects, sub)
	}
	return r.Err()
}

// maxDigests bounds the algorithms of one subject; statements have one or two.
const maxDigests = 16

func (s *Subject) readDigests(r *jsonscan.Reader) error {
	r.RequireObject()
	for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
		h := Hash{Algorithm: strings.Clone(string(key))}
		h.Value = r.RequireString()
		if len(s.Digests) == maxDigests {
			return ident.Errorf(ident.KindLimit, "a subject of the in-toto statement has more than %d digests", maxDigests)
		}
		switch h.Algorithm {
		case "sha256", "sha384", "sha512":
			d, err := ident.ParseDigest(h.Algorithm + ":" + h.Value)
			if r.Err() == nil && err != nil {
				return ident.Errorf(ident.KindInvalid, "a subject of the in-toto statement: %w", err)
			}
			h.Value = d.Hex()
		}
		s.Digests = append(s.Digests, h)
	}
	return r.Err()
}

func tooLarge(n, most int) error {
	return ident.Errorf(ident.KindLimit, "the attestation has %d bytes, more than %d", n, most)
}

// notOne is the error of something that is no JSON object.
func notOne(r *jsonscan.Reader, what string) error {
	if err := r.Err(); err != nil {
		return err
	}
	return ident.Errorf(ident.KindUnsupported, "is not %s, which is a JSON object", what)
}
