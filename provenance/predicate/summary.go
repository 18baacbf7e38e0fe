package predicate

import "time"

// Summary is what a verifier made of an artifact (SLSA verification summary v1).
type Summary struct {
	Verifier     string // its ID, a URI
	Verified     time.Time
	ResourceURI  string
	Policy       Resource
	Inputs       []Resource
	Passed       bool             // verificationResult is PASSED
	Levels       []string         // verifiedLevels: "SLSA_BUILD_LEVEL_3"
	Dependencies map[string]int64 // dependencyLevels: how many dependencies have each level
	Version      string           // slsaVersion
	result       string
}

func (s *Summary) lacks() string {
	switch {
	case s.Verifier == "":
		return "verifier.id"
	case s.ResourceURI == "":
		return "resourceUri"
	case s.result != "PASSED" && s.result != "FAILED":
		return "verificationResult that is PASSED or FAILED"
	}
	return ""
}

func (s *Summary) read(r *reading) {
	r.members(func(name string) {
		switch name {
		case "verifier":
			r.members(func(name string) {
				if name == "id" {
					s.Verifier = r.text()
				}
			})
		case "timeVerified":
			s.Verified = r.time()
		case "resourceUri":
			s.ResourceURI = r.text()
		case "policy":
			s.Policy = r.resource()
		case "inputAttestations":
			s.Inputs = r.resources()
		case "verificationResult":
			s.result = r.text()
			s.Passed = s.result == "PASSED"
		case "verifiedLevels":
			s.Levels = r.texts()
		case "dependencyLevels":
			s.Dependencies = map[string]int64{}
			r.members(func(name string) { s.Dependencies[name] = r.Int() })
		case "slsaVersion":
			s.Version = r.text()
		}
	})
}
