package quality

// Level is how strongly a profile asks for an element.
type Level string

// The levels.
const (
	Required    Level = "required"    // MUST, SHALL, or listed without a qualification
	Recommended Level = "recommended" // SHOULD
	Optional    Level = "optional"    // MAY; listed, and not counted
	// Practice is about what an organisation does over time: no single document can
	// show it. It is listed, never judged, and not counted.
	Practice Level = "practice"
)

// weight is how much an element of a level counts.
func (l Level) weight() int {
	switch l {
	case Required:
		return 3
	case Recommended:
		return 1
	}
	return 0
}

// Scope is what an element is asked of.
type Scope string

// The scopes.
const (
	OfDocument  Scope = "document"
	OfComponent Scope = "component" // of each
	OfRelation  Scope = "relation"  // of each component, by what the others have to do with it
)

// Element is one row of a profile.
type Element struct {
	ID      string
	Title   string
	Section string // of the standard
	Level   Level
	How     string // what counts as present, where the title does not say it

	of fact
}

// Applies returns what the element is asked of.
func (e *Element) Applies() Scope {
	switch {
	case e.of == byComponentDependency || e.of == byComponentRelation:
		return OfRelation
	case e.of > lastDocumentFact:
		return OfComponent
	}
	return OfDocument
}

// Profile is a set of rules.
type Profile struct {
	ID       string
	Title    string
	Version  string
	Source   string // where the standard stands
	Citation string // which text the rows were written from
	Elements []Element
}

// Profiles returns the profiles, the newest rules first. The tables may not be changed.
func Profiles() []*Profile {
	return []*Profile{&cisa2026, &ntia2021, &bsi, &telco}
}

// Named returns the profiles that a name means: one, or "all"; nil if it is unknown.
func Named(id string) []*Profile {
	all := Profiles()
	if id == "all" {
		return all
	}
	for _, p := range all {
		if p.ID == id {
			return []*Profile{p}
		}
	}
	return nil
}
