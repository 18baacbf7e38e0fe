package report

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/vuln"
)

// The members of an OpenVEX 0.2.0 document that are written.
type (
	openVEX struct {
		Context    string             `json:"@context"`
		ID         string             `json:"@id"`
		Author     string             `json:"author"`
		Timestamp  string             `json:"timestamp"`
		Version    int                `json:"version"`
		Tooling    string             `json:"tooling"`
		Statements []openVEXStatement `json:"statements"`
	}
	openVEXStatement struct {
		Vulnerability openVEXVulnerability `json:"vulnerability"`
		Products      []openVEXProduct     `json:"products"`
		Status        vuln.Status          `json:"status"`
		Justification string               `json:"justification,omitempty"`
		Impact        string               `json:"impact_statement,omitempty"`
		Action        string               `json:"action_statement,omitempty"`
	}
	openVEXVulnerability struct {
		Name    string   `json:"name"`
		Aliases []string `json:"aliases,omitempty"`
	}
	openVEXProduct struct {
		ID            string           `json:"@id"`
		Subcomponents []openVEXProduct `json:"subcomponents,omitempty"`
	}
)

// openVEXJustifications are those that OpenVEX has; other forms' words are told in the
// impact statement.
var openVEXJustifications = []string{"component_not_present", "vulnerable_code_not_present", "vulnerable_code_not_in_execute_path",
	"vulnerable_code_cannot_be_controlled_by_adversary", "inline_mitigations_already_exist"}

// nothingMends is the action where no version mends a finding.
const nothingMends = "no version that mends it is known"

// scanOpenVEX writes a statement for each finding, about the artifact where the document
// names it by package URL, else about the component.
func scanOpenVEX(w io.Writer, a *Scan, o Options) error {
	doc := openVEX{Context: "https://openvex.dev/ns/v0.2.0", Author: o.Tool.Name, Timestamp: a.At.Format(time.RFC3339), Version: 1,
		Tooling: strings.TrimSpace(o.Tool.Name + " " + o.Tool.Version), Statements: []openVEXStatement{}}
	for _, f := range a.Findings {
		s := openVEXStatement{Vulnerability: openVEXVulnerability{f.ID, f.Aliases}, Status: f.Status, Products: []openVEXProduct{{ID: f.PURL}}}
		if subject := a.subjects[f.Document]; subject != "" && subject != f.PURL {
			s.Products = []openVEXProduct{{ID: subject, Subcomponents: []openVEXProduct{{ID: f.PURL}}}}
		}
		switch f.Status {
		case vuln.StatusAffected:
			if s.Action = f.Fix; s.Action == "" {
				s.Action = nothingMends
			}
		case vuln.StatusNotAffected:
			if len(f.VEX) == 0 {
				break
			}
			c := f.VEX[0]
			if s.Impact = c.Impact; slices.Contains(openVEXJustifications, c.Justification) {
				s.Justification = c.Justification
			} else if c.Justification != "" {
				s.Impact = strings.TrimSpace(c.Justification + " " + c.Impact)
			}
		}
		doc.Statements = append(doc.Statements, s)
	}
	raw, err := json.Marshal(doc.Statements)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(raw)
	doc.ID = "https://openvex.dev/docs/public/vex-" + hex.EncodeToString(sum[:])
	return JSON(w, doc)
}

// The members of a CycloneDX 1.6 document that are written.
type (
	cdxVEX struct {
		Format          string             `json:"bomFormat"`
		SpecVersion     string             `json:"specVersion"`
		Version         int                `json:"version"`
		Metadata        cdxVEXMetadata     `json:"metadata"`
		Components      []cdxVEXComponent  `json:"components"`
		Vulnerabilities []cdxVulnerability `json:"vulnerabilities"`
	}
	cdxVEXMetadata struct {
		Timestamp string `json:"timestamp"`
		Tools     struct {
			Components []cdxVEXComponent `json:"components"`
		} `json:"tools"`
	}
	cdxVEXComponent struct {
		Type    string `json:"type"`
		Ref     string `json:"bom-ref,omitempty"`
		Name    string `json:"name"`
		Version string `json:"version,omitempty"`
		PURL    string `json:"purl,omitempty"`
	}
	cdxVulnerability struct {
		ID             string            `json:"id"`
		References     []cdxVulnRef      `json:"references,omitempty"`
		Ratings        []cdxVulnRating   `json:"ratings,omitempty"`
		Description    string            `json:"description,omitempty"`
		Recommendation string            `json:"recommendation,omitempty"`
		Analysis       cdxVulnAnalysis   `json:"analysis"`
		Affects        []cdxVulnAffected `json:"affects"`
	}
	cdxVulnRef struct {
		ID     string            `json:"id"`
		Source map[string]string `json:"source"`
	}
	cdxVulnRating struct {
		Score    *float64 `json:"score,omitempty"`
		Severity string   `json:"severity,omitempty"`
		Method   string   `json:"method,omitempty"`
		Vector   string   `json:"vector,omitempty"`
	}
	cdxVulnAnalysis struct {
		State         string   `json:"state"`
		Justification string   `json:"justification,omitempty"`
		Response      []string `json:"response,omitempty"`
		Detail        string   `json:"detail,omitempty"`
	}
	cdxVulnAffected struct {
		Ref string `json:"ref"`
	}
)

// cdxStates are the states of an analysis that statuses stand for. Of what is affected
// nobody has said yet that it can be exploited here.
var cdxStates = map[vuln.Status]string{vuln.StatusAffected: "in_triage", vuln.StatusUnderInvestigation: "in_triage", vuln.StatusNotAffected: "not_affected", vuln.StatusFixed: "resolved"}

// cdxJustifications are those that CycloneDX has.
var cdxJustifications = []string{"code_not_present", "code_not_reachable", "requires_configuration", "requires_dependency", "requires_environment",
	"protected_by_compiler", "protected_at_runtime", "protected_at_perimeter", "protected_by_mitigating_control"}

// scanCycloneDXVEX writes the components that have findings, and an entry for each
// finding of them: the same one in several documents is written once.
func scanCycloneDXVEX(w io.Writer, a *Scan, o Options) error {
	doc := cdxVEX{Format: "CycloneDX", SpecVersion: "1.6", Version: 1, Components: []cdxVEXComponent{}, Vulnerabilities: []cdxVulnerability{}}
	doc.Metadata.Timestamp = a.At.Format(time.RFC3339)
	doc.Metadata.Tools.Components = []cdxVEXComponent{{Type: "application", Name: o.Tool.Name, Version: o.Tool.Version}}
	type same struct {
		id, purl string
		status   vuln.Status
	}
	seen := map[same]bool{}
	listed := map[string]bool{}
	for _, f := range a.Findings {
		k := same{f.ID, f.PURL, f.Status}
		if seen[k] {
			continue
		}
		seen[k] = true
		if !listed[f.PURL] {
			listed[f.PURL] = true
			doc.Components = append(doc.Components, cdxVEXComponent{Type: "library", Ref: f.PURL, Name: f.Component.Name, Version: f.Component.Version, PURL: f.PURL})
		}
		v := cdxVulnerability{ID: f.ID, Description: f.Summary, Recommendation: f.Fix, Analysis: cdxVulnAnalysis{State: cdxStates[f.Status]}, Affects: []cdxVulnAffected{{f.PURL}}}
		for _, id := range f.Aliases {
			v.References = append(v.References, cdxVulnRef{id, map[string]string{"name": aliasSource(id)}})
		}
		for _, s := range f.CVSS {
			v.Ratings = append(v.Ratings, rating(s))
		}
		if len(v.Ratings) == 0 {
			v.Ratings = []cdxVulnRating{{Severity: f.Severity.String()}}
		}
		if len(f.VEX) > 0 && f.VEXSource != "" {
			c := f.VEX[0]
			if v.Analysis.Detail = because(c); slices.Contains(cdxJustifications, c.Justification) {
				v.Analysis.Justification = c.Justification
			}
		} else if f.Fix != "" {
			v.Analysis.Response = []string{"update"}
		}
		doc.Vulnerabilities = append(doc.Vulnerabilities, v)
	}
	return JSON(w, doc)
}

func rating(s vuln.Score) cdxVulnRating {
	r := cdxVulnRating{Vector: s.Vector, Method: "other"}
	switch {
	case s.Type == "CVSS_V2":
		r.Method = "CVSSv2"
	case strings.HasPrefix(s.Vector, "CVSS:3.0/"):
		r.Method = "CVSSv3"
	case strings.HasPrefix(s.Vector, "CVSS:3.1/"):
		r.Method = "CVSSv31"
	case s.Type == "CVSS_V4":
		r.Method = "CVSSv4"
	}
	if !math.IsNaN(s.Base) {
		r.Score = &s.Base
	}
	return r
}

// aliasSource names the database of an identifier by its prefix.
func aliasSource(id string) string {
	prefix, _, _ := strings.Cut(id, "-")
	switch prefix {
	case "CVE":
		return "NVD"
	case "GHSA":
		return "GitHub"
	}
	return prefix
}
