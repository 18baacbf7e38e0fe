package inventory

import (
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// SchemaVersion is the version of every JSON answer.
const SchemaVersion = "1"

// Coverage says what an answer rests on: the COVERAGE of the command-line contract.
type Coverage struct {
	Workloads     int       `json:"workloads"`
	WithSBOM      int       `json:"withSbom"` // workloads all of whose containers have an SBOM
	SBOMMatchedBy MatchedBy `json:"sbomMatchedBy"`
	// SBOMTrust counts the images of SBOMMatchedBy by what verification made of their SBOM;
	// nil where none was asked for.
	SBOMTrust                 *TrustCount `json:"sbomTrust,omitempty"`
	ComponentsWithoutIdentity int         `json:"componentsWithoutIdentity"` // components that cannot be matched with any advisory
	AdvisoriesAsOf            string      `json:"advisoriesAsOf,omitempty"`  // date of the newest advisory loaded, RFC 3339 date; 0001-01-01 where they bear none
	KEVAsOf                   string      `json:"kevAsOf,omitempty"`         // when the catalogue of exploited vulnerabilities was released, RFC 3339 date; absent: none was read
	EPSSAsOf                  string      `json:"epssAsOf,omitempty"`        // day of the EPSS scores, RFC 3339 date; absent: none were read
	// VEXStatements counts the statements that were read, and VEX says what became of
	// them, in a scan.
	VEXStatements int            `json:"vexStatements,omitempty"`
	VEX           *vuln.VEXCount `json:"vex,omitempty"`
	AdvisoryKnown *bool          `json:"advisoryKnown,omitempty"` // whether a loaded advisory has the queried id
	Enforcement   string         `json:"enforcement"`             // "generic (assumed)"
	NotSeen       []string       `json:"notSeen"`                 // kinds of which no object was read
	// WithoutEffect are policies that the network does not enforce.
	WithoutEffect []segment.WithoutEffect `json:"withoutEffect,omitempty"`
	Quarantined   int                     `json:"quarantined"` // inputs that could not be read
	Policies      int                     `json:"policies"`    // policy objects that were read
	// Selector is the label selector that restricted which workloads are listed,
	// and Selected how many it selects. What was read and judged is not restricted.
	Selector string `json:"selector,omitempty"`
	Selected int    `json:"selected,omitempty"`
}

// undated is what AdvisoriesAsOf is where no advisory says when it was modified.
var undated = time.Time{}.Format(time.DateOnly)

// Advisories says of when the advisories are, and "" where there are none.
func (c *Coverage) Advisories() string {
	switch c.AdvisoriesAsOf {
	case "":
		return ""
	case undated:
		return "advisories that bear no date"
	}
	return "advisories of " + c.AdvisoriesAsOf
}

// MatchedBy counts container images by how their SBOM was found.
type MatchedBy struct {
	Digest    int `json:"digest"`
	Index     int `json:"index"`
	Reference int `json:"reference"`
	Tag       int `json:"tag"`
}

// Unknown is something that could change a verdict: the UNKNOWN of the contract.
type Unknown = segment.Cause

// SBOMMatch is how an image's SBOM was found and what it is worth.
type SBOMMatch struct {
	Digest ident.Digest `json:"digest"` // of the document
	File   string       `json:"file,omitempty"`
	Match  string       `json:"match"` // "digest", "index", "reference", "tag"
	Trust  string       `json:"trust"` // SBOMVerified, SBOMUnsigned, SBOMInvalid or SBOMUnchecked
	// TrustReason is why it is not verified, and SignedBy who vouches for it where it is;
	// both are empty where nothing was verified at all.
	TrustReason string `json:"trustReason,omitempty"`
	SignedBy    string `json:"signedBy,omitempty"`
	// TrustBy is who found that out, and TrustAt when (RFC 3339), where it is what a server
	// was told or found out before.
	TrustBy string `json:"trustBy,omitempty"`
	TrustAt string `json:"trustAt,omitempty"`
}

// Image is one container of a workload with its artifact.
type Image struct {
	Container string         `json:"container"`
	Kind      string         `json:"kind,omitempty"` // "init", "sidecar", "ephemeral"; empty for ordinary ones
	Image     string         `json:"image"`          // as the pod template writes it
	Digests   []ident.Digest `json:"digests,omitempty"`
	SBOM      *SBOMMatch     `json:"sbom,omitempty"`
	// Unresolved is why no SBOM was found although one may exist (an index
	// digest that nothing resolves), empty otherwise.
	Unresolved string `json:"unresolved,omitempty"`
	Components int    `json:"components"`
}

// AdvisorySummary is the queried advisory as far as a person needs it.
type AdvisorySummary struct {
	ID        string         `json:"id"`
	Aliases   []string       `json:"aliases"`
	Summary   string         `json:"summary"`
	Severity  ident.Severity `json:"severity"`
	Published string         `json:"published,omitempty"` // RFC 3339
	Modified  string         `json:"modified,omitempty"`
	Withdrawn string         `json:"withdrawn,omitempty"`
	Fixed     []FixedIn      `json:"fixed"`
	// Exploited is its entry in the catalogue of exploited vulnerabilities; nil where
	// it has none, or no catalogue was read (Coverage.KEVAsOf).
	Exploited *Exploited `json:"exploited,omitempty"`
	EPSS      *float64   `json:"epss,omitempty"` // of the vulnerability, 0 to 1
}

// Exploited says that a vulnerability is known to be exploited.
type Exploited struct {
	Added      string `json:"added"`         // RFC 3339 date
	Due        string `json:"due,omitempty"` // until when the catalogue asks for action, RFC 3339 date
	Action     string `json:"action,omitempty"`
	Ransomware bool   `json:"ransomware"`
}

// FixedIn is a package and the versions that fix it.
type FixedIn struct {
	Ecosystem string   `json:"ecosystem"`
	Package   string   `json:"package"`
	Versions  []string `json:"versions"`
}

// Artifact is an image that holds a component.
type Artifact struct {
	Digest ident.Digest `json:"digest"`
	Image  string       `json:"image"`
}

// ComponentHit is an affected or asked-for component and where it is.
type ComponentHit struct {
	PURL      string     `json:"purl"`
	Name      string     `json:"name"`
	Version   string     `json:"version"`
	Fixed     []string   `json:"fixed,omitempty"`
	Advisory  string     `json:"advisory,omitempty"` // the record that matched
	Range     string     `json:"range,omitempty"`    // the range that matched, for people
	Artifacts []Artifact `json:"artifacts"`
}

// Site is one component in one container of one workload.
type Site struct {
	Workload  ident.Ref `json:"workload"`
	Zone      string    `json:"zone"`
	Owner     string    `json:"owner,omitempty"`
	Contact   string    `json:"contact,omitempty"`
	Container string    `json:"container"`
	Image     string    `json:"image"`
	PURL      string    `json:"purl"`
	Name      string    `json:"name"`
	Version   string    `json:"version"`
	Fixed     []string  `json:"fixed,omitempty"`
	Pointer   string    `json:"pointer,omitempty"` // of the component in its SBOM
	VEX       string    `json:"vex,omitempty"`     // status by statements of trusted authors; "" where none is about it
	VEXSource string    `json:"vexSource,omitempty"`
	SBOM      SBOMMatch `json:"sbom"`
}

// NotCovered is a workload that could hold what was asked for and was not searched.
type NotCovered struct {
	Workload ident.Ref `json:"workload"`
	Zone     string    `json:"zone"`
	Image    string    `json:"image"`
	Reason   string    `json:"reason"`
}

// Where is the answer to "where does it run".
type Where struct {
	SchemaVersion string           `json:"schemaVersion"`
	Query         string           `json:"query"`
	Advisory      *AdvisorySummary `json:"advisory,omitempty"`
	Found         bool             `json:"found"`
	Sites         []Site           `json:"sites"`
	Components    []ComponentHit   `json:"components"`
	NotRunning    []Artifact       `json:"notRunning"` // artifacts that hold it and that no workload runs
	NotCovered    []NotCovered     `json:"notCovered"`
	LeftOut       int              `json:"leftOut,omitempty"` // workloads that run it and that the selector leaves out
	Reports       *Reports         `json:"reports,omitempty"` // of other scanners, about what is asked for
	Unknowns      []Unknown        `json:"unknowns"`
	Coverage      Coverage         `json:"coverage"`
}

// Affected is one workload that runs what was asked for.
type Affected struct {
	Workload    ident.Ref             `json:"workload"`
	Zone        string                `json:"zone"`
	Owner       string                `json:"owner"`
	Criticality string                `json:"criticality,omitempty"`
	Isolated    segment.Isolation     `json:"isolated"`
	Exposure    segment.ExposureLevel `json:"exposure"`
	Ways        []segment.Way         `json:"ways,omitempty"`
	VEX         string                `json:"vex"` // status by statements of trusted authors; "none" where none is about it
	VEXSource   string                `json:"vexSource,omitempty"`
	SBOM        SBOMMatch             `json:"sbom"`
	OtherWays   []string              `json:"otherWays"` // ways out that no network policy holds
	Sites       []Site                `json:"sites"`
}

// ReachedWorkload is one end of the blast radius.
type ReachedWorkload struct {
	Workload ident.Ref       `json:"workload"`
	Zone     string          `json:"zone"`
	Hops     int             `json:"hops"`
	Verdict  segment.Verdict `json:"verdict"`
	Path     []segment.Hop   `json:"path"`
}

// Blast is the answer to "what can it reach, and who can reach it".
type Blast struct {
	SchemaVersion    string            `json:"schemaVersion"`
	Query            string            `json:"query"`
	Advisory         *AdvisorySummary  `json:"advisory,omitempty"`
	Components       []ComponentHit    `json:"components"`
	Affected         []Affected        `json:"affected"`
	Reach            []ReachedWorkload `json:"reach"`
	ReachedBy        []ReachedWorkload `json:"reachedBy"`
	Protected        []string          `json:"protected"` // the selectors in force
	ProtectedReached []ident.Ref       `json:"protectedReached"`
	// ProtectedUnknown are protected workloads that only an unknown edge leads to.
	ProtectedUnknown []ident.Ref `json:"protectedUnknown"`
	// FromInternet are the protected workloads that are within reach of affected
	// ones which the internet reaches: the most critical, then the nearest, first.
	FromInternet []ReachedWorkload `json:"fromInternet"`
	NotCovered   []NotCovered      `json:"notCovered"`
	LeftOut      int               `json:"leftOut,omitempty"`  // affected workloads that the selector leaves out
	SameNode     *SameNode         `json:"sameNode,omitempty"` // of the whole graph; nil if nothing hangs on shared nodes
	Reports      *Reports          `json:"reports,omitempty"`  // of other scanners, about what is asked for
	Unknowns     []Unknown         `json:"unknowns"`
	Coverage     Coverage          `json:"coverage"`
}

// WorkloadRow is one workload of the map.
type WorkloadRow struct {
	Workload    ident.Ref             `json:"workload"`
	Zone        string                `json:"zone"`
	Owner       string                `json:"owner,omitempty"`
	Criticality string                `json:"criticality,omitempty"`
	Protected   bool                  `json:"protected,omitempty"`
	Vital       bool                  `json:"vital,omitempty"`
	Segment     string                `json:"segment"` // name of the segment it is in
	Pods        int                   `json:"pods"`
	HostNetwork bool                  `json:"hostNetwork,omitempty"`
	Isolated    segment.Isolation     `json:"isolated"`
	Exposure    segment.ExposureLevel `json:"exposure"`
	Ways        []segment.Way         `json:"ways,omitempty"`
	Images      []Image               `json:"images"`
	Selector    map[string]string     `json:"selector,omitempty"` // pod labels
	Findings    []FindingRow          `json:"findings"`
	Policies    []ident.Ref           `json:"policies"` // the policies that select it
	OtherWays   []string              `json:"otherWays,omitempty"`
}

// FindingRow is one alias group on one component of a workload.
type FindingRow struct {
	ID        string         `json:"id"`
	Severity  ident.Severity `json:"severity"`
	PURL      string         `json:"purl"`
	Fixed     []string       `json:"fixed,omitempty"`
	KEV       bool           `json:"kev"`    // known to be exploited; false too where no catalogue was read
	Status    vuln.Status    `json:"status"` // "affected", or what statements of trusted authors say
	VEXSource string         `json:"vexSource,omitempty"`
	EPSS      *float64       `json:"epss,omitempty"`
}

// Segment is a set of workloads that no rule tells apart.
type Segment struct {
	Name    string      `json:"name"`
	Zone    string      `json:"zone"` // "" where its members lie in several zones
	Members []ident.Ref `json:"members"`
}

// ImageGap is an image without an SBOM and what depends on it.
type ImageGap struct {
	Image     string      `json:"image"`
	Reason    string      `json:"reason"`
	Workloads []ident.Ref `json:"workloads"`
}

// UnusedSBOM is a document whose artifact no workload runs.
type UnusedSBOM struct {
	Digest  ident.Digest `json:"digest"`
	File    string       `json:"file,omitempty"`
	Subject string       `json:"subject"`
	Reason  string       `json:"reason,omitempty"` // why no workload can ever be matched with it; empty where one could
}

// PolicyRow is one policy object of the map.
type PolicyRow struct {
	Policy  ident.Ref    `json:"policy"`
	Tier    string       `json:"tier"`
	File    string       `json:"file,omitempty"`
	Line    int          `json:"line,omitempty"`
	Digest  ident.Digest `json:"digest"`
	Selects int          `json:"selects"` // workloads
}

// CrossZone is the flow that the policies allow between two zones.
type CrossZone struct {
	From  string         `json:"from"`
	To    string         `json:"to"`
	Edges []segment.Edge `json:"edges"`
}

// Map is the answer without a question: the whole join.
type Map struct {
	SchemaVersion       string         `json:"schemaVersion"`
	Cluster             string         `json:"cluster,omitempty"`
	At                  string         `json:"at"` // RFC 3339
	Workloads           []WorkloadRow  `json:"workloads"`
	Segments            []Segment      `json:"segments"`
	Edges               []segment.Edge `json:"edges"` // by workload, external ranges included
	Policies            []PolicyRow    `json:"policies"`
	Unprotected         []ident.Ref    `json:"unprotected"` // not isolated in either direction
	CrossZone           []CrossZone    `json:"crossZone"`
	WithoutSBOM         []ImageGap     `json:"withoutSbom"` // images behind most workloads first
	SBOMsWithoutRuntime []UnusedSBOM   `json:"sbomsWithoutWorkload"`
	SameNode            *SameNode      `json:"sameNode,omitempty"` // nil if no edge hangs on shared nodes
	Reports             *Reports       `json:"reports,omitempty"`  // of other scanners
	Unknowns            []Unknown      `json:"unknowns"`
	Coverage            Coverage       `json:"coverage"`

	// OfNodes are the external ranges of Edges that are addresses of the estate's
	// own nodes: pictures do not draw them as what is outside.
	OfNodes map[ident.Ref]bool `json:"-"`
}
