package report

import (
	"io"
	"slices"
	"strconv"
)

// PolicyConversion is the answer of `policy convert`: what became of policies of
// another kind.
type PolicyConversion struct {
	SchemaVersion string            `json:"schemaVersion"`
	Read          int               `json:"read"` // policies that were read
	Policies      []ConvertedPolicy `json:"policies"`
	Notes         []ConversionNote  `json:"notes"`
	Manifests     string            `json:"manifests"` // the new policies, as YAML
}

// ConvertedPolicy is a ClusterImagePolicy that came of another policy.
type ConvertedPolicy struct {
	Name    string `json:"name"`
	From    string `json:"from"`
	Because string `json:"because"`
}

// ConversionNote says what could not be turned as it was.
type ConversionNote struct {
	File    string `json:"file"`
	Policy  string `json:"policy,omitempty"`
	Path    string `json:"path,omitempty"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Effect  string `json:"effect"` // missing: no longer refused; stricter: now refused; neutral
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// Complete reports whether the new policies refuse all that the old ones did.
func (a *PolicyConversion) Complete() bool {
	return !slices.ContainsFunc(a.Notes, func(n ConversionNote) bool { return n.Effect == "missing" })
}

// effectWords say what each effect means, the worst first.
var effectWords = []struct{ effect, title, remark string }{
	{"missing", "MISSING", "the old policies refused by it, and the new ones do not"},
	{"stricter", "STRICTER", "the new policies may refuse what the old ones admitted"},
	{"neutral", "ALSO LEFT OUT", "no verdict changes by it"},
}

func policyConversionTable(w io.Writer, a *PolicyConversion, o Options) error {
	p := newPrinter(w, o)
	verdict := p.green("TURNED")
	if !a.Complete() {
		verdict = p.red("NOT TURNED WHOLLY")
	}
	p.linef("%s: %s of %s", verdict, plural(len(a.Policies), "ClusterImagePolicy"), plural(a.Read, "ImageValidatingPolicy"))
	for _, e := range effectWords {
		var rows [][]string
		for i := range a.Notes {
			if n := &a.Notes[i]; n.Effect == e.effect {
				rows = append(rows, []string{p.bold(clean(n.Policy)), clean(n.File) + ":" + strconv.Itoa(n.Line), clean(n.Message), clean(n.Hint)})
			}
		}
		if len(rows) > 0 {
			p.heading(e.title, len(rows), e.remark)
			p.table([]column{{"POLICY", 12}, {"WHERE", 12}, {"WHAT", 32}, {"INSTEAD", 24}}, rows)
		}
	}
	return p.done()
}
