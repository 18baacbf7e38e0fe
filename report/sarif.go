package report

import (
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// The part of SARIF 2.1.0 (OASIS) that code-scanning pages read.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool        sarifTool         `json:"tool"`
		Invocations []sarifInvocation `json:"invocations"`
		Results     []sarifResult     `json:"results"`
		// ColumnKind says what columns count (3.14.17): where it is left out, UTF-16
		// code units are meant.
		ColumnKind string `json:"columnKind"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		Version        string      `json:"version,omitempty"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID               string         `json:"id"`
		ShortDescription sarifText      `json:"shortDescription"`
		FullDescription  *sarifText     `json:"fullDescription,omitempty"`
		Help             *sarifText     `json:"help,omitempty"`
		Default          *sarifDefault  `json:"defaultConfiguration,omitempty"`
		Properties       map[string]any `json:"properties,omitempty"`
	}
	sarifDefault struct {
		Level string `json:"level"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	// sarifInvocation says whether all was read: a page with no results must not
	// look clean where something could not be judged (3.20).
	sarifInvocation struct {
		ExecutionSuccessful bool                `json:"executionSuccessful"`
		Notifications       []sarifNotification `json:"toolExecutionNotifications,omitempty"`
	}
	sarifNotification struct {
		Level     string          `json:"level"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations,omitempty"`
	}
	sarifResult struct {
		RuleID              string             `json:"ruleId"`
		RuleIndex           int                `json:"ruleIndex"`
		Level               string             `json:"level"`
		Message             sarifText          `json:"message"`
		Locations           []sarifLocation    `json:"locations"`
		RelatedLocations    []sarifLocation    `json:"relatedLocations,omitempty"`
		CodeFlows           []sarifCodeFlow    `json:"codeFlows,omitempty"`
		PartialFingerprints map[string]string  `json:"partialFingerprints"`
		Suppressions        []sarifSuppression `json:"suppressions,omitempty"`
	}
	// sarifSuppression says that somebody looked at a result and why it may stay (3.35).
	sarifSuppression struct {
		Kind          string `json:"kind"`
		Status        string `json:"status"`
		Justification string `json:"justification,omitempty"`
	}
	sarifLocation struct {
		ID               int            `json:"id,omitempty"`
		PhysicalLocation sarifPhysical  `json:"physicalLocation"`
		LogicalLocations []sarifLogical `json:"logicalLocations,omitempty"`
		Message          *sarifText     `json:"message,omitempty"`
	}
	// sarifCodeFlow is a path (3.36): one thread of steps.
	sarifCodeFlow struct {
		ThreadFlows []sarifThreadFlow `json:"threadFlows"`
	}
	sarifThreadFlow struct {
		Locations []sarifStep `json:"locations"`
	}
	sarifStep struct {
		Location sarifLocation `json:"location"`
	}
	sarifPhysical struct {
		ArtifactLocation sarifArtifact `json:"artifactLocation"`
		Region           *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn,omitempty"`
		EndColumn   int `json:"endColumn,omitempty"` // the one after the last
	}
	sarifLogical struct {
		Name               string `json:"name,omitempty"`
		FullyQualifiedName string `json:"fullyQualifiedName"`
		Kind               string `json:"kind"`
	}
)

const sarifSchema = "https://json.schemastore.org/sarif-2.1.0.json"

func newRun(o Options) sarifRun {
	return sarifRun{
		Tool:        sarifTool{sarifDriver{Name: o.Tool.Name, Version: o.Tool.Version, InformationURI: "https://github.com/cofferdam-io/cofferdam", Rules: []sarifRule{}}},
		Invocations: []sarifInvocation{{ExecutionSuccessful: true}},
		Results:     []sarifResult{},
		ColumnKind:  "unicodeCodePoints",
	}
}

// rule returns the index of a rule, adding it at its first use.
func (r *sarifRun) rule(index map[string]int, id string, rule func() sarifRule) int {
	i, ok := index[id]
	if !ok {
		i = len(r.Tool.Driver.Rules)
		index[id] = i
		r.Tool.Driver.Rules = append(r.Tool.Driver.Rules, rule())
	}
	return i
}

// refusal is the rule of a reason for which a signature is refused, or an image by a
// policy.
func refusal(id, level string) sarifRule {
	return sarifRule{ID: id, ShortDescription: sarifText{"Verification was refused: " + id}, Default: &sarifDefault{level},
		Properties: map[string]any{"tags": []string{"security", "signature"}}}
}

// against adds what a rule has against an artifact.
func (r *sarifRun) against(artifact, id string, rule int, level, message string, at sarifLocation) {
	r.Results = append(r.Results, sarifResult{RuleID: id, RuleIndex: rule, Level: level, Message: sarifText{bracketed(artifact + ": " + message)},
		Locations: []sarifLocation{at}, PartialFingerprints: map[string]string{"cofferdam/v1": artifact + " " + id}})
}

// incomplete notes something that was not judged.
func (r *sarifRun) incomplete(text string, at ...sarifLocation) {
	in := &r.Invocations[0]
	in.ExecutionSuccessful = false
	in.Notifications = append(in.Notifications, sarifNotification{Level: "error", Message: sarifText{text}, Locations: at})
}

// remark notes something that a reader of the page should know.
func (r *sarifRun) remark(text string) {
	r.Invocations[0].Notifications = append(r.Invocations[0].Notifications, sarifNotification{Level: "note", Message: sarifText{text}})
}

func (r sarifRun) write(w io.Writer) error {
	return JSON(w, sarifLog{Schema: sarifSchema, Version: "2.1.0", Runs: []sarifRun{r}})
}

// fileURI writes a path as a URI reference (3.4.3): relative paths stay relative,
// so that a page finds them in the repository.
func fileURI(name string) string {
	name = filepath.ToSlash(name)
	if strings.HasPrefix(name, "/") {
		return (&url.URL{Scheme: "file", Path: name}).String()
	}
	return (&url.URL{Path: strings.TrimPrefix(name, "./")}).String()
}

// inFile is a location in a document; line 0 is not known.
func inFile(name string, line int, logical ...sarifLogical) sarifLocation {
	loc := sarifLocation{PhysicalLocation: sarifPhysical{ArtifactLocation: sarifArtifact{fileURI(name)}}, LogicalLocations: logical}
	if line > 0 {
		loc.PhysicalLocation.Region = &sarifRegion{StartLine: line}
	}
	return loc
}

// scanSARIF writes one rule for each vulnerability and one result for each
// finding, at the components of the document by their pointers, fingerprinted
// by vulnerability and package URL.
func scanSARIF(w io.Writer, a *Scan, o Options) error {
	run := newRun(o)
	index := map[string]int{}
	for _, f := range a.Findings {
		i := run.rule(index, f.ID, func() sarifRule {
			r := sarifRule{ID: f.ID, ShortDescription: sarifText{f.ID}}
			if f.Summary != "" {
				r.ShortDescription.Text = f.Summary
			}
			if s := score(f); s != "" {
				r.Properties = map[string]any{"security-severity": s}
			}
			if f.KEV {
				if r.Properties == nil {
					r.Properties = map[string]any{}
				}
				r.Properties["tags"] = []string{"known-exploited"}
			}
			return r
		})
		name := f.File
		if name == "" {
			name = f.Document.String()
		}
		logical := []sarifLogical{}
		for _, p := range a.places[site{f.Document, f.PURL}] {
			logical = append(logical, sarifLogical{Name: f.PURL, FullyQualifiedName: p, Kind: "object"})
		}
		if len(logical) == 0 {
			logical = append(logical, sarifLogical{FullyQualifiedName: f.PURL, Kind: "package"})
		}
		run.Results = append(run.Results, sarifResult{RuleID: f.ID, RuleIndex: i, Level: sarifLevel(f.Severity), Message: sarifText{findingText(f)},
			Locations: []sarifLocation{inFile(name, 0, logical...)}, PartialFingerprints: map[string]string{"cofferdam/v1": f.ID + " " + f.PURL}, Suppressions: suppressed(f)})
	}
	if n := a.Coverage.Quarantined; n > 0 {
		run.incomplete(plural(n, "input") + " could not be read and was not searched")
	}
	return run.write(w)
}

// suppressed says who cleared a finding, and why.
func suppressed(f vuln.Finding) []sarifSuppression {
	if !f.Status.Clears() {
		return nil
	}
	s := sarifSuppression{Kind: "external", Status: "accepted", Justification: string(f.Status)}
	if len(f.VEX) > 0 {
		s.Justification += ": " + because(f.VEX[0]) + " (" + f.VEX[0].Author + ", " + f.VEX[0].Source + ")"
	}
	return []sarifSuppression{s}
}

func sarifLevel(s ident.Severity) string {
	switch s {
	case ident.SeverityCritical, ident.SeverityHigh:
		return "error"
	case ident.SeverityMedium, ident.SeverityUnknown:
		return "warning"
	default:
		return "note"
	}
}

// validationsSARIF writes one rule for each clause that was broken, and one
// result for each breach, at its JSON pointer and line.
func validationsSARIF(w io.Writer, a *Validations, o Options) error {
	run := newRun(o)
	index := map[string]int{}
	for _, d := range a.Documents {
		if d.NotJudged != "" {
			run.incomplete(d.File+" "+d.NotJudged, inFile(d.File, 0))
			continue
		}
		for _, v := range d.Violations {
			id := clause(v)
			i := run.rule(index, id, func() sarifRule {
				return sarifRule{ID: id, ShortDescription: sarifText{fmt.Sprintf("%s: %s", by(d), id)}}
			})
			at, level, text := pointer(v.Pointer), "error", v.Message
			if v.Warning {
				level = "warning"
			}
			if v.Hint != "" {
				text += "; " + v.Hint
			}
			place := inFile(d.File, v.Line, sarifLogical{FullyQualifiedName: at, Kind: kindOf(d)})
			if r := place.PhysicalLocation.Region; r != nil && d.Encoding == "" { // columns of SBOMs count bytes
				r.StartColumn = v.Column
			}
			run.Results = append(run.Results, sarifResult{RuleID: id, RuleIndex: i, Level: level, Message: sarifText{at + " " + text},
				Locations:           []sarifLocation{place},
				PartialFingerprints: map[string]string{"cofferdam/v1": d.File + " " + at + " " + id}})
		}
	}
	return run.write(w)
}

// by is what a document was judged by.
func by(d Validation) string {
	if d.Rules == "" {
		return "type detection by content"
	}
	return d.Rules
}

// clause is the rule that a violation breaks.
func clause(v Violation) string {
	if v.Rule == "" {
		return "document"
	}
	return v.Rule
}

// kindOf is what a pointer leads to, in the terms of 3.33.7.
func kindOf(d Validation) string {
	if d.Encoding == "xml" {
		return "element"
	}
	return "value"
}
