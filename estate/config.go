package estate

// Config is the owner's word on an estate: the file cofferdam.yaml.
type Config struct {
	Cluster     string        // name of the cluster, "" if unnamed
	Zones       []Zone        // the first that matches wins
	Protected   []string      // SELECTORs of workloads that must not be reached
	Vital       []string      // SELECTORs of workloads whose traffic is never cut
	Criticality []Criticality // the first that matches wins
	Owners      []Owner       // the first that matches wins
	Source      Source
}

// Unzoned is the zone of a workload that no declaration covers.
const Unzoned = "unzoned"

// Zone is a trust zone.
type Zone struct {
	Name              string
	Namespaces        []string       // names; a workload in any of them is in the zone
	NamespaceSelector *LabelSelector // combined with Namespaces by OR
	Selector          *LabelSelector // pod labels; combined with the namespaces by AND
	Criticality       string         // default for the zone's workloads
}

// Criticality of workloads: "low", "medium", "high", "critical".
type Criticality struct {
	Select string
	Level  string
}

// Owner of workloads.
type Owner struct {
	Select  string
	Owner   string
	Contact string
}

// LabelSelector is metav1.LabelSelector without the dependency.
type LabelSelector struct {
	MatchLabels      map[string]string
	MatchExpressions []Requirement
}

// Requirement is one matchExpressions entry.
type Requirement struct {
	Key      string
	Operator string // "In", "NotIn", "Exists", "DoesNotExist"
	Values   []string
}
