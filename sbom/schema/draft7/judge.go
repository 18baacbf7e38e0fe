package draft7

import (
	"context"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/cofferdam-io/cofferdam/sbom/schema/decimal"
	"github.com/cofferdam-io/cofferdam/sbom/schema/phrase"
)

// Judge returns what is wrong with a document, at most limit faults of it: deepest first, and in document order among
// equals; none means valid. The error is the context's.
//
// A document is walked once, and a value below anyOf or oneOf once more per alternative; no schema of CycloneDX is
// recursive through an alternative, so the time is linear in the document. Judge keeps hashes in doc: one document is
// for one goroutine.
func (s *Schema) Judge(ctx context.Context, doc *Value, limit int) ([]Fault, error) {
	j := &judge{ctx: ctx, limit: limit}
	j.explain(s, doc)
	if j.err != nil {
		return nil, j.err
	}
	slices.SortStableFunc(j.found, func(a, b finding) int { return b.depth - a.depth })
	var faults []Fault
	type text struct{ path, message string }
	seen := make(map[text]bool, len(j.found))
	for _, f := range j.found {
		if k := (text{f.Path, f.Message}); !seen[k] {
			seen[k] = true
			faults = append(faults, f.Fault)
		}
	}
	return faults, nil
}

// class tells findings apart where alternatives are merged.
type class uint8

const (
	other class = iota
	wrongType
	wrongValue
	missing
)

// A finding is a fault with what the choice among alternatives needs to know.
type finding struct {
	Fault
	words []string // of a wrongType, wrongValue or missing: what would have been right
	depth int
	class class
}

type judge struct {
	ctx   context.Context
	err   error
	limit int
	steps int
	path  path
	found []finding
}

// stepsPerCheck is how many values are judged between two looks at the context: some hundred microseconds.
const stepsPerCheck = 4096

// stopped reports whether there is no point in going on.
func (j *judge) stopped() bool {
	if j.steps++; j.steps%stepsPerCheck == 0 && j.err == nil {
		j.err = j.ctx.Err()
	}
	return j.err != nil || len(j.found) >= j.limit
}

func (j *judge) add(s *Schema, v *Value, keyword, message string) *finding {
	rule := s.rule
	switch {
	case s.clause != "":
		rule = s.clause
	case keyword != "":
		rule += "/" + keyword
	}
	j.found = append(j.found, finding{
		Fault: Fault{Path: j.path.pointer(), Offset: v.Offset, Message: message, Rule: rule},
		depth: len(j.path),
	})
	return &j.found[len(j.found)-1]
}

// explain judges v by s and adds a finding for everything that is wrong.
func (j *judge) explain(s *Schema, v *Value) {
	for s.ref != nil {
		s = s.ref
	}
	if j.stopped() {
		return
	}
	if s.constant != nil {
		if !*s.constant {
			j.add(s, v, "", "must not be present")
		}
		return
	}
	if !s.typeHolds(v) {
		f := j.add(s, v, "type", "")
		f.class, f.words = wrongType, s.typeWords()
		f.Message = "must be " + phrase.Or(f.words) + ", found " + v.word()
		return // every other rule would complain about the same thing
	}
	j.explainScalar(s, v)
	switch v.Kind {
	case Object:
		j.explainObject(s, v)
	case Array:
		j.explainArray(s, v)
	}
	for _, sub := range s.allOf {
		j.explain(sub, v)
	}
	if s.anyOf != nil && !slices.ContainsFunc(s.anyOf, func(a *Schema) bool { return j.holds(a, v) }) {
		j.explainAlternatives(s, s.anyOf, v, "anyOf")
	}
	if s.oneOf != nil {
		j.explainOneOf(s, v)
	}
	if s.not != nil && j.holds(s.not, v) {
		j.explainNot(s, v)
	}
	if s.cond != nil {
		if branch := s.branch(j.holds(s.cond, v)); branch != nil {
			j.explain(branch, v)
		}
	}
}

// branch returns then or else.
func (s *Schema) branch(holds bool) *Schema {
	if holds {
		return s.then
	}
	return s.orElse
}

func (j *judge) explainScalar(s *Schema, v *Value) {
	if s.enum != nil && !s.enumHolds(v) {
		f := j.add(s, v, "enum", "")
		f.class, f.words = wrongValue, s.enumWords
		f.Message = "must be " + phrase.OneOf(s.enumWords) + ", found " + v.word() + phrase.DidYouMean(v.Text, s.enumWords)
	}
	if s.want != nil && !equal(s.want, v) {
		f := j.add(s, v, "const", "")
		f.class, f.words = wrongValue, []string{s.want.Text}
		f.Message = "must be " + s.want.word() + ", found " + v.word()
	}
	switch v.Kind {
	case Number:
		d := decimal.Parse(v.Text)
		if s.minimum != nil && d.Cmp(s.minimum.value) < 0 {
			j.add(s, v, "minimum", "must be at least "+s.minimum.text+", found "+v.word())
		}
		if s.maximum != nil && d.Cmp(s.maximum.value) > 0 {
			j.add(s, v, "maximum", "must be at most "+s.maximum.text+", found "+v.word())
		}
	case String:
		if s.minLength > 0 && utf8.RuneCountInString(v.Text) < s.minLength {
			if v.Text == "" {
				j.add(s, v, "minLength", "must not be empty")
			} else {
				j.add(s, v, "minLength", "must have at least "+strconv.Itoa(s.minLength)+" characters, found "+v.word())
			}
		}
		if s.maxLength >= 0 && utf8.RuneCountInString(v.Text) > s.maxLength {
			j.add(s, v, "maxLength", "must have at most "+strconv.Itoa(s.maxLength)+" characters, found "+v.word())
		}
		if s.pattern != nil && !s.pattern.MatchString(v.Text) {
			j.add(s, v, "pattern", "must match "+s.patternText+", found "+v.word())
		}
		if s.format != "" {
			if err := formats[s.format](v.Text); err != nil {
				j.add(s, v, "format", "must be of format "+s.format+", found "+v.word()+": "+err.Error())
			}
		}
	}
}

func (j *judge) explainObject(s *Schema, v *Value) {
	for _, name := range s.required {
		if _, ok := v.Member(name); !ok {
			f := j.add(s, v, "required", "must have "+phrase.Quote(name))
			f.class, f.words = missing, []string{phrase.Quote(name)}
		}
	}
	if s.properties == nil && s.additional == nil {
		return
	}
	for i, name := range v.Names {
		sub, known := s.properties[name]
		if !known {
			sub = s.additional
		}
		if sub == nil {
			continue
		}
		j.path = append(j.path, step{name: name, named: true})
		if !known && sub.constant != nil && !*sub.constant {
			j.add(s, &v.Kids[i], "additionalProperties", "is not a property of this object"+
				phrase.DidYouMean(name, s.absent(v)))
		} else {
			j.explain(sub, &v.Kids[i])
		}
		j.path = j.path[:len(j.path)-1]
		if j.stopped() {
			return
		}
	}
}

// maxSearched is the size of an object above which no near name is looked for: that is no slip of a person.
const maxSearched = 256

// absent lists, sorted, the properties of s that v does not have yet.
func (s *Schema) absent(v *Value) []string {
	if len(v.Names) > maxSearched {
		return nil
	}
	var names []string
	for n := range s.properties {
		if _, ok := v.Member(n); !ok {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	return names
}

func (j *judge) explainArray(s *Schema, v *Value) {
	if s.minItems >= 0 && len(v.Kids) < s.minItems {
		j.add(s, v, "minItems", "must have at least "+strconv.Itoa(s.minItems)+" items, found "+strconv.Itoa(len(v.Kids)))
	}
	if s.maxItems >= 0 && len(v.Kids) > s.maxItems {
		j.add(s, v, "maxItems", "must have at most "+strconv.Itoa(s.maxItems)+" items, found "+strconv.Itoa(len(v.Kids)))
	}
	for i := range v.Kids {
		sub := s.item(i)
		if sub == nil {
			break
		}
		j.path = append(j.path, step{index: i})
		j.explain(sub, &v.Kids[i])
		j.path = j.path[:len(j.path)-1]
		if j.stopped() {
			return
		}
	}
	if s.unique {
		if a, b, dup := firstDuplicate(v.Kids); dup {
			j.path = append(j.path, step{index: b})
			j.add(s, &v.Kids[b], "uniqueItems", "must not repeat item "+strconv.Itoa(a)+" of the same array")
			j.path = j.path[:len(j.path)-1]
		}
	}
}

// item returns the schema of item i, nil if anything is accepted.
func (s *Schema) item(i int) *Schema {
	switch {
	case s.items != nil:
		return s.items
	case i < len(s.tuple):
		return s.tuple[i]
	case s.tuple != nil:
		return s.beyond
	}
	return nil
}

// holds is explain without the explanation.
func (j *judge) holds(s *Schema, v *Value) bool {
	for s.ref != nil {
		s = s.ref
	}
	if j.steps++; j.steps%stepsPerCheck == 0 && j.err == nil {
		j.err = j.ctx.Err()
	}
	if j.err != nil {
		return false
	}
	if s.constant != nil {
		return *s.constant
	}
	if !s.typeHolds(v) || s.enum != nil && !s.enumHolds(v) || s.want != nil && !equal(s.want, v) {
		return false
	}
	var ok bool
	switch v.Kind {
	case Number:
		d := decimal.Parse(v.Text)
		ok = (s.minimum == nil || d.Cmp(s.minimum.value) >= 0) && (s.maximum == nil || d.Cmp(s.maximum.value) <= 0)
	case String:
		ok = s.stringHolds(v.Text)
	case Object:
		ok = j.objectHolds(s, v)
	case Array:
		ok = j.arrayHolds(s, v)
	default:
		ok = true
	}
	if !ok || !j.allHold(s.allOf, v) {
		return false
	}
	if s.anyOf != nil && !slices.ContainsFunc(s.anyOf, func(a *Schema) bool { return j.holds(a, v) }) {
		return false
	}
	if s.oneOf != nil && len(j.matching(s.oneOf, v)) != 1 {
		return false
	}
	if s.not != nil && j.holds(s.not, v) {
		return false
	}
	if s.cond != nil {
		if branch := s.branch(j.holds(s.cond, v)); branch != nil {
			return j.holds(branch, v)
		}
	}
	return true
}

func (j *judge) allHold(list []*Schema, v *Value) bool {
	return !slices.ContainsFunc(list, func(a *Schema) bool { return !j.holds(a, v) })
}

// matching returns which schemas of a list v matches.
func (j *judge) matching(list []*Schema, v *Value) []*Schema {
	var m []*Schema
	for _, s := range list {
		if j.holds(s, v) {
			m = append(m, s)
		}
	}
	return m
}

func (s *Schema) stringHolds(text string) bool {
	if s.minLength > 0 && utf8.RuneCountInString(text) < s.minLength ||
		s.maxLength >= 0 && utf8.RuneCountInString(text) > s.maxLength {
		return false
	}
	return (s.pattern == nil || s.pattern.MatchString(text)) && (s.format == "" || formats[s.format](text) == nil)
}

func (j *judge) objectHolds(s *Schema, v *Value) bool {
	for _, name := range s.required {
		if _, ok := v.Member(name); !ok {
			return false
		}
	}
	for i, name := range v.Names {
		sub, known := s.properties[name]
		if !known {
			sub = s.additional
		}
		if sub != nil && !j.holds(sub, &v.Kids[i]) {
			return false
		}
	}
	return true
}

func (j *judge) arrayHolds(s *Schema, v *Value) bool {
	if s.minItems >= 0 && len(v.Kids) < s.minItems || s.maxItems >= 0 && len(v.Kids) > s.maxItems {
		return false
	}
	for i := range v.Kids {
		sub := s.item(i)
		if sub == nil {
			break
		}
		if !j.holds(sub, &v.Kids[i]) {
			return false
		}
	}
	if s.unique {
		if _, _, dup := firstDuplicate(v.Kids); dup {
			return false
		}
	}
	return true
}

func (s *Schema) typeHolds(v *Value) bool {
	if s.types == 0 {
		return true
	}
	if s.types&(1<<v.Kind) == 0 {
		return false
	}
	return v.Kind != Number || !s.integer || decimal.Parse(v.Text).IsInteger()
}

func (s *Schema) enumHolds(v *Value) bool {
	if s.enumText != nil {
		return v.Kind == String && s.enumText[v.Text]
	}
	return slices.ContainsFunc(s.enum, func(e Value) bool { return equal(&e, v) })
}
