package report

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report/graph"
	"github.com/cofferdam-io/cofferdam/report/html"
	"github.com/cofferdam-io/cofferdam/report/microseg"
)

// Options of every handler.
type Options struct {
	Format string // "table" if empty
	Width  int    // columns of the terminal; 0: unlimited
	Color  bool
	All    bool // every row of every section
	Wide   bool // every column in full
	// Tool names the program and its version in documents that name their maker.
	Tool ToolInfo
	// Command is the command line's beginning for hints, such as "cofferdam".
	Command string
	// Inputs are the arguments that led to this answer, for the hints of the
	// next command to type ("-f ./manifests --sbom ./sbom").
	Inputs string
	// Layer is drawn over a map in HTML; nil: nothing.
	Layer *html.Layer
}

// ToolInfo names the program in documents that it writes.
type ToolInfo struct{ Name, Version string }

const formatMarkdown = "markdown"

// handler writes one kind of answer in one format.
type handler func(io.Writer, any, Options) error

// JSON writes v as the command-line contract has it: indented, one trailing
// newline, and no HTML escapes, since nothing here is put into a page.
func JSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// YAML writes what JSON writes, as YAML.
func YAML(w io.Writer, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	out, err := yaml.JSONToYAML(raw)
	if err != nil {
		return err
	}
	_, err = w.Write(out)
	return err
}

// Write renders answer in o.Format. A format that the answer does not have is
// an error of kind usage that lists those it has.
func Write(w io.Writer, answer any, o Options) error {
	if o.Format == "" {
		o.Format = "table"
	}
	if o.Format == "wide" {
		o.Format, o.Wide, o.Width = "table", true, 0
	}
	hs := handlers(answer)
	h, ok := hs[o.Format]
	if !ok {
		return UnknownFormat(o.Format, answer)
	}
	return h(w, answer, o)
}

// UnknownFormat is the error for a format that an answer does not have.
func UnknownFormat(format string, answer any) error {
	return ident.Errorf(ident.KindUsage, "-o %s is not an output of this command", format).
		WithHint("one of: %s", strings.Join(Formats(answer), ", "))
}

// Formats lists the formats of an answer, sorted.
func Formats(answer any) []string {
	out := []string{"wide"}
	for f := range handlers(answer) {
		out = append(out, f)
	}
	slices.Sort(out)
	return out
}

// as adapts a handler of one answer type.
func as[T any](h func(io.Writer, T, Options) error) handler {
	return func(w io.Writer, v any, o Options) error {
		t, ok := v.(T)
		if !ok {
			return fmt.Errorf("report: handler for %T was given %T", t, v)
		}
		return h(w, t, o)
	}
}

func mapCycloneDX(version string) func(io.Writer, *inventory.Map, Options) error {
	return func(w io.Writer, m *inventory.Map, o Options) error {
		return microseg.CycloneDX(w, m, version, segmentation(o))
	}
}

func segmentation(o Options) microseg.Options {
	return microseg.Options{ToolName: o.Tool.Name, ToolVersion: o.Tool.Version}
}

func handlers(answer any) map[string]handler {
	hs := map[string]handler{
		"json": func(w io.Writer, v any, _ Options) error { return JSON(w, v) },
		"yaml": func(w io.Writer, v any, _ Options) error { return YAML(w, v) },
	}
	switch answer.(type) {
	case *inventory.Blast:
		hs["table"] = as(blastTable)
	case *Containment:
		hs["table"] = as(planTable)
	case *BenchContain:
		hs["table"] = as(benchContainTable)
	case *BenchVerify:
		hs["table"] = as(benchVerifyTable)
	case *BenchDocument:
		hs["table"] = as(benchDocumentTable)
	case *BenchIndex:
		hs["table"] = as(benchIndexTable)
	case *BenchMatch:
		hs["table"] = as(benchMatchTable)
	case *PlanCheck:
		hs["table"] = as(planCheckTable)
	case *Tightening:
		hs["table"] = as(tightenTable)
	case *inventory.Where:
		hs["table"] = as(whereTable)
	case *inventory.Map:
		hs["table"] = as(mapTable)
		hs["cyclonedx"] = as(mapCycloneDX("1.7"))
		hs["cyclonedx1.6"] = as(mapCycloneDX("1.6"))
		hs["spdx"] = as(func(w io.Writer, m *inventory.Map, o Options) error { return microseg.SPDX23(w, m, segmentation(o)) })
		hs["html"] = as(func(w io.Writer, m *inventory.Map, o Options) error {
			return html.Page(w, m, html.Options{ToolName: o.Tool.Name, ToolVersion: o.Tool.Version, Layer: o.Layer})
		})
		hs["dot"] = as(func(w io.Writer, m *inventory.Map, _ Options) error { return graph.DOT(w, m) })
		hs["mermaid"] = as(func(w io.Writer, m *inventory.Map, _ Options) error { return graph.Mermaid(w, m) })
	case *Check:
		hs["table"] = as(checkTable)
		hs["sarif"] = as(checkSARIF)
		hs["junit"] = as(checkJUnit)
	case *ReachDiff:
		hs["table"] = as(reachDiffTable)
		hs["sarif"] = as(reachDiffSARIF)
		hs["junit"] = as(reachDiffJUnit)
	case *ReachTest:
		hs["table"] = as(reachTestTable)
		hs["junit"] = as(reachTestJUnit)
	case *BenchSegment:
		hs["table"] = as(benchSegmentTable)
	case *ReachList:
		hs["json"] = as(reachListJSON)
		hs["table"] = as(reachListTable)
	case *Why:
		hs["table"] = as(whyText)
		hs["text"] = as(whyText)
	case *WhyAll:
		hs["json"] = as(whyAllJSON)
		hs["table"] = as(whyAllTable)
		hs["text"] = as(whyAllTable)
	case *Scan:
		hs["table"] = as(scanTable)
		hs["sarif"] = as(scanSARIF)
		hs["junit"] = as(scanJUnit)
		hs["openvex"] = as(scanOpenVEX)
		hs["cyclonedx-vex"] = as(scanCycloneDXVEX)
	case *Documents:
		hs["table"], hs["json"] = as(documentsTable), as(documentsJSON)
	case *Tokens:
		hs["table"] = as(tokensTable)
	case *NewToken:
		hs["table"] = as(newTokenText)
	case *History:
		hs["table"] = as(historyTable)
	case *Search:
		hs["table"] = as(searchTable)
	case *Drifts:
		hs["table"] = as(driftTable)
	case *Reporters:
		hs["table"] = as(reportersTable)
	case *Quarantine:
		hs["table"] = as(quarantineTable)
	case *Archive:
		hs["table"] = as(archiveTable)
	case *RetentionDue:
		hs["table"] = as(retentionTable)
	case *Changes:
		hs["table"] = as(changesTable)
	case *Journal:
		hs["table"] = as(journalTable)
	case *JournalVerification:
		hs["table"] = as(journalVerificationTable)
	case *CatalogueBackup:
		hs["table"] = as(catalogueBackupTable)
	case *CatalogueCompacted:
		hs["table"] = as(catalogueCompactedTable)
	case *CatalogueRestored:
		hs["table"] = as(catalogueRestoredTable)
	case *CatalogueAudit:
		hs["table"] = as(catalogueAuditTable)
	case *ServerAdvisories:
		hs["table"] = as(serverAdvisoriesTable)
	case *Standings:
		hs["table"] = as(standingsTable)
	case *BlockedComponents:
		hs["table"] = as(blockedTable)
	case *TrustedSBOMs:
		hs["table"] = as(trustedSBOMsTable)
	case *Decisions:
		hs["table"] = as(decisionsTable)
	case *DecisionsPushed:
		hs["table"] = as(decisionsPushedTable)
	case *TrustPushed:
		hs["table"] = as(trustPushedTable)
	case *VEXPushed:
		hs["table"] = as(vexPushedTable)
	case *VEXDocuments:
		hs["table"] = as(vexDocumentsTable)
	case *DocumentScores:
		hs["table"] = as(documentScoresTable)
	case *RunningFindings:
		hs["table"] = as(findingsTable)
	case *Indicators:
		hs["table"] = as(indicatorsTable)
	case *FindingDecisions:
		hs["table"] = as(findingDecisionsTable)
	case *Remediation:
		hs["table"] = as(remediationTable)
	case *Pushed:
		hs["table"] = as(pushedTable)
	case *Scores:
		hs["json"] = as(scoresJSON)
		hs["html"] = as(scoresHTML)
		hs["table"] = as(scoresTable)
		hs["sarif"] = as(scoresSARIF)
		hs["junit"] = as(scoresJUnit)
	case *Licenses:
		hs["table"] = as(licensesTable)
		hs["csv"] = as(licensesCSV)
	case *SBOMCheck:
		hs["table"] = as(sbomCheckTable)
	case *SBOMDiff:
		hs["table"] = as(sbomDiffTable)
	case *SBOMUnion:
		hs["table"] = as(sbomUnionTable)
	case *ComponentWays:
		hs["table"] = as(waysText)
	case *Story:
		hs["table"] = as(storyText)
	case *Version:
		hs["table"] = as(versionText)
	case *Cache:
		hs["table"] = as(cacheTable)
	case *Verification:
		hs["table"] = as(verificationTable)
		hs["sarif"] = as(verificationSARIF)
		hs["junit"] = as(verificationJUnit)
	case *ImageGate:
		hs["table"] = as(imageGateTable)
		hs["sarif"] = as(imageGateSARIF)
		hs["junit"] = as(imageGateJUnit)
	case *Simulation:
		hs["table"] = as(simulationTable)
	case *Signed:
		hs["table"] = as(signedTable)
	case *ImageVerification:
		hs["table"] = as(imageVerificationTable)
		hs["sarif"] = as(imageVerificationSARIF)
		hs["junit"] = as(imageVerificationJUnit)
	case *Attached:
		hs["table"] = as(attachedTable)
	case *BuildRecord:
		hs["table"] = as(buildRecordTable)
	case *Instructions:
		hs["table"] = as(instructionsText)
	case *LayoutVerification:
		hs["table"] = as(layoutVerificationTable)
		hs["junit"] = as(layoutVerificationJUnit)
	case *Rebuild:
		hs["table"] = as(rebuildTable)
		hs["junit"] = as(rebuildJUnit)
	case *PolicyTests:
		hs["table"] = as(policyTestsTable)
		hs["junit"] = as(policyTestsJUnit)
	case *PolicyConversion:
		hs["table"] = as(policyConversionTable)
	case *Validations:
		hs["table"] = as(validationsTable)
		hs["sarif"] = as(validationsSARIF)
		hs["junit"] = as(validationsJUnit)
	}
	if table, ok := hs["table"]; ok {
		hs[formatMarkdown] = table // the same answer by the same code, other ink
	}
	return hs
}
