package predicate

import (
	"encoding/json"
	"time"
)

// SummaryType is the type of a verification summary's predicate.
const SummaryType = "https://slsa.dev/verification_summary/v1"

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

// Write returns the predicate as JSON (SLSA verification summary v1); what it lacks that
// the specification requires is an error of KindInvalid.
func (s *Summary) Write() ([]byte, error) {
	type resource struct {
		URI    string            `json:"uri"`
		Digest map[string]string `json:"digest,omitempty"`
	}
	of := func(x *Resource) resource {
		out := resource{URI: x.URI, Digest: map[string]string{}}
		for _, h := range x.Digests {
			out.Digest[h.Algorithm] = h.Value
		}
		return out
	}
	inputs := make([]resource, 0, len(s.Inputs))
	for i := range s.Inputs {
		inputs = append(inputs, of(&s.Inputs[i]))
	}
	result, levels := "FAILED", s.Levels
	if s.Passed {
		result = "PASSED"
	}
	if levels == nil {
		levels = []string{}
	}
	raw, err := json.Marshal(map[string]any{"verifier": map[string]any{"id": s.Verifier}, "timeVerified": s.Verified.UTC().Format(time.RFC3339), "resourceUri": s.ResourceURI,
		"policy": of(&s.Policy), "inputAttestations": inputs, "verificationResult": result, "verifiedLevels": levels, "slsaVersion": s.Version})
	if err != nil {
		return nil, err
	}
	_, err = Read(SummaryType, raw, Limits{}) // what is written can be read
	return raw, err
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
