package predicate

// Attributes are what somebody says of an artifact or of who made it (SCAI attribute
// report v0.2 and v0.3).
type Attributes struct {
	Attributes []Attribute // at least one
	Producer   *Resource
}

// Attribute is one of them.
type Attribute struct {
	Name       string // "HERMETIC_BUILD": which there are is up to who writes and reads them
	Target     *Resource
	Conditions []byte // JSON
	Evidence   *Resource
}

func (a *Attributes) lacks() string {
	for i := range a.Attributes {
		if a.Attributes[i].Name == "" {
			return "attribute in each of its attributes"
		}
	}
	if len(a.Attributes) == 0 {
		return "attributes"
	}
	return ""
}

func (a *Attributes) read(r *reading) {
	r.members(func(name string) {
		switch name {
		case "attributes":
			r.items(func() {
				var x Attribute
				r.members(func(name string) {
					switch name {
					case "attribute":
						x.Name = r.text()
					case "target":
						x.Target = r.optional()
					case "conditions":
						x.Conditions = r.raw()
					case "evidence":
						x.Evidence = r.optional()
					}
				})
				a.Attributes = append(a.Attributes, x)
			})
		case "producer":
			a.Producer = r.optional()
		}
	})
}
