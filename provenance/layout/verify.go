package layout

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Document is one file of links: a link, or a layout in a step's place.
type Document struct {
	Path string // below the folder of links, with slashes
	Raw  []byte
}

// Input is what a layout is verified with.
type Input struct {
	Layout []byte
	Owners []*Key // each of them has to have signed the layout
	Links  []Document
	// Products are files that are to be among what came out of the last step, if any.
	Products Artifacts
	At       time.Time
}

// Reason is a word for what a layout was refused for.
type Reason string

// The reasons of refusals.
const (
	Malformed  Reason = "malformed"
	NotSigned  Reason = "layout-signature" // an owner did not sign the layout
	Expired    Reason = "layout-expired"
	Threshold  Reason = "threshold"     // too few of those who may carried a step out
	Disagree   Reason = "links-differ"  // those who did say different things
	RuleBroken Reason = "artifact-rule" // what went in or came out breaks a rule
	NotMade    Reason = "artifact-mismatch"
)

// Refusal is a layout that is not kept, or is not of the owner.
type Refusal struct {
	Reason Reason
	Step   string
	Err    *ident.Error
}

// Error names the step, where it is one.
func (r *Refusal) Error() string {
	if r.Step != "" {
		return "step " + r.Step + ": " + r.Err.Error()
	}
	return r.Err.Error()
}

// Unwrap returns the error with its kind and hint.
func (r *Refusal) Unwrap() error { return r.Err }

func refuse(reason Reason, step, format string, args ...any) *Refusal {
	return &Refusal{reason, step, ident.Errorf(ident.KindRefused, format, args...)}
}

// Result is a layout that is kept, as far as it can be judged without running anything.
type Result struct {
	Expires     time.Time
	Steps       []StepResult
	Inspections []string // that the layout asks to be run: nobody knows what they would find
	Notes       []string
	// Summary is what went into the first step and came out of the last.
	Summary Link
}

// StepResult is a step that was carried out as laid down.
type StepResult struct {
	Name      string
	Threshold int
	By        []ident.Digest // the keys that count towards the threshold
	Who       []string       // of each of them what there is to tell beside: Key.Who
	Layout    bool           // by a layout of its own
	Materials int
	Products  int
}

// maxDepth bounds layouts within layouts.
const maxDepth = 8

// Verify judges a layout with its links. A *Refusal says that it is not kept; an error of
// another kind that it cannot be judged.
func Verify(ctx context.Context, in Input) (*Result, error) {
	if len(in.Owners) == 0 {
		return nil, ident.Errorf(ident.KindUsage, "whose layout is it? without a key of its owner anybody's would do")
	}
	v := &verifier{at: in.At}
	r, err := v.layout(ctx, in.Layout, in.Owners, in.Links, 0)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(in.Products)) {
		if r.Summary.Products.holds(in.Products[name]) == "" {
			return nil, refuse(NotMade, "", "%.120q is none of what came out of the last step", name)
		}
	}
	return r, nil
}

// agree reports whether digests have an algorithm in common and say the same by all that
// they have in common.
func agree(a, b map[string]string) bool {
	common := 0
	for algorithm, d := range a {
		if o, is := b[algorithm]; is {
			if o != d {
				return false
			}
			common++
		}
	}
	return common > 0
}

// holds returns under which name there is a file of these digests.
func (a Artifacts) holds(digests map[string]string) string {
	for _, name := range slices.Sorted(maps.Keys(a)) {
		if agree(a[name], digests) {
			return name
		}
	}
	return ""
}

type verifier struct {
	at    time.Time
	notes []string
}

func (v *verifier) note(format string, args ...any) {
	const most = 50
	if len(v.notes) < most {
		v.notes = append(v.notes, fmt.Sprintf(format, args...))
	}
}

func (v *verifier) layout(ctx context.Context, raw []byte, owners []*Key, links []Document, depth int) (*Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if depth > maxDepth {
		return nil, refuse(Malformed, "", "layouts lie within layouts more than %d deep", maxDepth)
	}
	doc, err := parse(raw)
	if err != nil {
		return nil, malformed(err)
	}
	for _, k := range owners {
		if ok, why := doc.signedBy(k, v.at); !ok {
			r := refuse(NotSigned, "", "the layout is not signed with the key %s (%s)", k.Name, k.ID.Short())
			if why != "" {
				r = refuse(NotSigned, "", "the layout's signature with the key %s (%s) does not count: it %s", k.Name, k.ID.Short(), why)
			}
			return nil, r
		}
	}
	l, err := readLayout(doc.body)
	if err != nil {
		return nil, malformed(err)
	}
	if !v.at.Before(l.Expires) {
		return nil, refuse(Expired, "", "the layout held until %s", l.Expires.Format(time.RFC3339))
	}
	out := &Result{Expires: l.Expires, Steps: []StepResult{}}
	agreed := map[string]*Link{}
	for i := range l.Steps {
		s := &l.Steps[i]
		step, link, inside, err := v.step(ctx, l, s, links, depth)
		if err != nil {
			return nil, err
		}
		agreed[s.Name] = link
		out.Steps = append(out.Steps, *step)
		out.Inspections = append(out.Inspections, inside...)
	}
	for i := range l.Steps {
		s := &l.Steps[i]
		if why := apply(s.Materials, agreed[s.Name], false, agreed); why != "" {
			return nil, refuse(RuleBroken, s.Name, "%s", why)
		}
		if why := apply(s.Products, agreed[s.Name], true, agreed); why != "" {
			return nil, refuse(RuleBroken, s.Name, "%s", why)
		}
	}
	for _, i := range l.Inspections {
		out.Inspections = append(out.Inspections, strings.TrimSpace(i.Name+": "+strings.Join(i.Run, " ")))
	}
	first, last := agreed[l.Steps[0].Name], agreed[l.Steps[len(l.Steps)-1].Name]
	out.Summary = Link{Materials: first.Materials, Products: last.Products}
	out.Notes = v.notes
	return out, nil
}

func malformed(err error) error {
	if r, ok := err.(*Refusal); ok { //nolint:errorlint // only this package makes them, and wraps none
		return r
	}
	return refuse(Malformed, "", "%v", err)
}

// document is a file of links that was read once, for whoever may have signed it.
type document struct {
	*Document
	*signed
}

// step finds who carried a step out, and what they say that went in and came out.
func (v *verifier) step(ctx context.Context, l *Layout, s *Step, links []Document, depth int) (*StepResult, *Link, []string, error) {
	out := &StepResult{Name: s.Name, Threshold: s.Threshold}
	var docs []document
	for i := range links {
		if !of(links[i].Path, s.Name) {
			continue
		}
		doc, err := parse(links[i].Raw)
		if err != nil {
			v.note("%s cannot be read: %v", links[i].Path, err)
			continue // it vouches for nothing, which the threshold tells
		}
		docs = append(docs, document{&links[i], doc})
	}
	may, why := v.functionaries(l, s)
	if len(s.Certificates) > 0 {
		all, not, err := v.certified(ctx, l, s, docs, may)
		if err != nil {
			return nil, nil, nil, err
		}
		may, why = all, cmp.Or(not, why)
	}
	var link *Link
	var where string
	var inside []string
	for _, k := range may {
		var mine *Link
		var mineAt string
		for i := range docs {
			d := &docs[i]
			said, notRun, isLayout, not, err := v.read(ctx, d, s, k, links, depth)
			if not != "" {
				why = "a link does not count: " + d.Path + " " + not
			}
			switch {
			case err != nil:
				return nil, nil, nil, err
			case said == nil:
				continue
			case mine != nil && !same(mine, said):
				return nil, nil, nil, refuse(Disagree, s.Name, "%s and %s are signed with the same key (%s), or by one whose certificates name the same, and say different things", mineAt, d.Path, k.ID.Short()).hint("leave the old one out")
			}
			if mine == nil && isLayout {
				inside, out.Layout = append(inside, notRun...), true
			}
			mine, mineAt = said, d.Path
		}
		if mine == nil {
			continue
		}
		if link != nil && !same(link, mine) {
			return nil, nil, nil, refuse(Disagree, s.Name, "%s and %s differ in what went in or came out", where, mineAt)
		}
		link, where = mine, mineAt
		out.By, out.Who = append(out.By, k.ID), append(out.Who, k.Who)
	}
	if len(out.By) < s.Threshold {
		r := refuse(Threshold, s.Name, "%d of those who may carried it out, and %d have to", len(out.By), s.Threshold)
		switch {
		case why != "":
			return nil, nil, nil, r.hint("%s", why)
		case len(s.Certificates) > 0:
			return nil, nil, nil, r.hint("a link of the step is looked for as %s.KEYID.link, signed with a key that the layout names for it, or with a certificate of its authorities that keeps one of the step's constraints", s.Name)
		}
		return nil, nil, nil, r.hint("a link of the step is looked for as %s.KEYID.link, signed with a key that the layout names for it", s.Name)
	}
	out.Materials, out.Products = len(link.Materials), len(link.Products)
	return out, link, inside, nil
}

func (r *Refusal) hint(format string, args ...any) *Refusal {
	r.Err = r.Err.WithHint(format, args...)
	return r
}

// functionaries are the keys that may sign for a step, each once, whatever the layout
// calls them. why is set where it names one that is not judged.
func (v *verifier) functionaries(l *Layout, s *Step) (out []*Key, why string) {
	for _, id := range s.KeyIDs {
		k := l.key(id)
		switch {
		case k == nil && l.unjudged[id] != "":
			why = fmt.Sprintf("the key %.20s of the step %s is not judged: it %s", id, s.Name, l.unjudged[id])
			v.note("%s", why)
		case k == nil:
			v.note("the step %s names the key %.20s, which the layout does not have", s.Name, id)
		default:
			out = join(out, k)
		}
	}
	return out, why
}

// of reports whether a file lies directly among the links and is about a step by its name:
// STEP.KEYID.link, or with another ending.
func of(name, step string) bool {
	rest, is := strings.CutPrefix(name, step+".")
	return is && !strings.Contains(rest, "/") && strings.Count(rest, ".") <= 1
}

// read returns what a key's owner says of a step in a document; nil where it is not
// signed with that key or is about something else. why is set where a signature with the
// key does not count.
func (v *verifier) read(ctx context.Context, doc *document, s *Step, k *Key, links []Document, depth int) (link *Link, inspections []string, layout bool, why string, err error) {
	if ok, why := doc.signedBy(k, v.at); !ok {
		return nil, nil, false, why, nil
	}
	if t, _ := doc.body["_type"].(string); t == "layout" {
		r, err := v.layout(ctx, doc.Raw, []*Key{k}, below(doc.Path, s.Name, links), depth+1)
		if err != nil {
			if x, ok := err.(*Refusal); ok { //nolint:errorlint // as it was made
				return nil, nil, false, "", refuse(x.Reason, s.Name, "its layout %s is not kept: %v", doc.Path, x)
			}
			return nil, nil, false, "", err
		}
		return &Link{Name: s.Name, Materials: r.Summary.Materials, Products: r.Summary.Products}, r.Inspections, true, "", nil
	}
	l, err := readLink(doc.body)
	switch {
	case err != nil:
		return nil, nil, false, "", refuse(Malformed, s.Name, "%s: %v", doc.Path, err)
	case l.Name != s.Name:
		v.note("%s is named after the step %s, and what is signed in it is about %.60q", doc.Path, s.Name, l.Name)
		return nil, nil, false, "", nil
	}
	return l, nil, false, "", nil
}

// below are the links of a layout within a layout: they lie in a folder that is named
// like it, STEP.KEYID.
func below(name, step string, links []Document) []Document {
	folder := strings.TrimSuffix(name, path.Ext(name)) + "/"
	if folder == step+"/" {
		folder = name + "/"
	}
	var out []Document
	for _, d := range links {
		if rest, is := strings.CutPrefix(d.Path, folder); is {
			out = append(out, Document{rest, d.Raw})
		}
	}
	return out
}

func same(a, b *Link) bool {
	eq := func(x, y Artifacts) bool { return maps.EqualFunc(x, y, maps.Equal) }
	return eq(a.Materials, b.Materials) && eq(a.Products, b.Products)
}
