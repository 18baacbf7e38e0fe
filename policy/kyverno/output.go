package kyverno

import (
	"bytes"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Policy is a ClusterImagePolicy that came of a resource.
type Policy struct {
	Name    string
	Because string // the validation that it stands for
	spec    spec
}

// The parts of a ClusterImagePolicy that are written, in their order.
type (
	spec struct {
		Mode        string      `yaml:"mode"`
		Images      []image     `yaml:"images"`
		Authorities []authority `yaml:"authorities"`
	}
	image struct {
		Glob string `yaml:"glob"`
	}
	authority struct {
		Name         string           `yaml:"name,omitempty"`
		Key          *keyRef          `yaml:"key,omitempty"`
		Keyless      *keylessRef      `yaml:"keyless,omitempty"`
		Source       []sourceRef      `yaml:"source,omitempty"`
		CTLog        *logRef          `yaml:"ctlog,omitempty"`
		Attestations []attestationRef `yaml:"attestations,omitempty"`
	}
	keyRef struct {
		Data string `yaml:"data,omitempty"`
		KMS  string `yaml:"kms,omitempty"`
		Hash string `yaml:"hashAlgorithm,omitempty"`
	}
	keylessRef struct {
		URL        string        `yaml:"url,omitempty"`
		CA         *keyRef       `yaml:"ca-cert,omitempty"`
		Identities []identityRef `yaml:"identities"`
		IgnoreSCT  bool          `yaml:"insecureIgnoreSCT,omitempty"`
	}
	identityRef struct {
		Issuer        string `yaml:"issuer,omitempty"`
		IssuerRegExp  string `yaml:"issuerRegExp,omitempty"`
		Subject       string `yaml:"subject,omitempty"`
		SubjectRegExp string `yaml:"subjectRegExp,omitempty"`
	}
	sourceRef struct {
		OCI       string    `yaml:"oci,omitempty"`
		TagPrefix string    `yaml:"tagPrefix,omitempty"`
		Secrets   []nameRef `yaml:"signaturePullSecrets,omitempty"`
	}
	nameRef struct {
		Name string `yaml:"name"`
	}
	logRef struct {
		URL string `yaml:"url"`
	}
	attestationRef struct {
		Name          string `yaml:"name"`
		PredicateType string `yaml:"predicateType"`
	}
)

// YAML is the resource, with a comment that says where it comes from.
func (p *Policy) YAML() ([]byte, error) {
	type meta struct {
		Name string `yaml:"name"`
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s\n", strings.Map(printable, p.Because))
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	err := e.Encode(struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string `yaml:"kind"`
		Metadata   meta   `yaml:"metadata"`
		Spec       spec   `yaml:"spec"`
	}{"policy.sigstore.dev/v1beta1", "ClusterImagePolicy", meta{p.Name}, p.spec})
	if err == nil {
		err = e.Close()
	}
	return b.Bytes(), err
}

// printable keeps a comment on its line: what stands in it is somebody else's.
func printable(r rune) rune {
	if r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 {
		return ' '
	}
	return r
}
