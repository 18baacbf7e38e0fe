package gatekeeper

import (
	"regexp"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/policy/strict"
)

// The groups of Gatekeeper's API.
const (
	templates    = "templates.gatekeeper.sh"
	constraints  = "constraints.gatekeeper.sh"
	externalData = "externaldata.gatekeeper.sh"
	mutations    = "mutations.gatekeeper.sh"
)

// Is reports whether an object of an API version is Gatekeeper's and judges or changes
// others.
func Is(apiVersion string) bool {
	group, _, _ := strings.Cut(apiVersion, "/")
	return slices.Contains([]string{templates, constraints, externalData, mutations}, group)
}

// Note says what a resource does that no ClusterImagePolicy was made of.
type Note struct {
	Path    string
	At      manifest.Place
	Refuses bool // it can refuse something; else it is data or a change for others
	Message string
	Hint    string
}

// provider finds the external data that a template asks for (Gatekeeper, "External Data":
// external_data({"provider": NAME, "keys": […]})).
var provider = regexp.MustCompile(`external_data\s*\(\s*\{[^{}]*"provider"\s*:\s*"([^"]{1,253})"`)

// signatures are words by which providers that verify signatures are called.
var signatures = []string{"cosign", "sigstore", "notation", "notary", "ratify", "signature"}

// Explain reads one resource.
func Explain(root strict.Node) []Note {
	group, _, _ := strings.Cut(root.Get("apiVersion").Text(), "/")
	name := root.Get("metadata").Get("name").Text()
	note := func(n strict.Node, refuses bool, message, hint string) []Note {
		return []Note{{Path: n.Path, At: n.Value.At(), Refuses: refuses, Message: message, Hint: hint}}
	}
	switch group {
	case constraints:
		return note(root.Get("kind"), true, "it says where the template of its kind applies; what is refused is that template's program", "match: of a ClusterImagePolicy selects kinds and labels, images: the images; namespaces of a VerificationPolicy")
	case externalData:
		return note(root.Get("kind"), false, "the provider "+name+" answers Gatekeeper at admission; nothing here asks it", "verify image and gate ask the registry themselves")
	case mutations:
		return note(root.Get("kind"), false, "it changes resources and refuses none", "keep it in Gatekeeper")
	}
	var out []Note
	for _, target := range root.Get("spec").Get("targets").Items() {
		programs := append([]strict.Node{target.Get("rego")}, target.Get("libs").Items()...)
		for _, code := range target.Get("code").Items() {
			source := code.Get("source")
			programs = append(programs, source.Get("rego"))
			programs = append(programs, source.Get("libs").Items()...)
		}
		for _, p := range programs {
			for _, m := range provider.FindAllStringSubmatch(p.Text(), -1) {
				out = append(out, asked(p, m[1]))
			}
		}
	}
	if len(out) > 0 {
		return out
	}
	return note(root.Get("spec"), true, "its program judges the resource and asks nobody who signed its images: it is not turned", "keep it in Gatekeeper; policy simulate and gate judge the images beside it")
}

// asked is of a template that asks a provider of external data.
func asked(program strict.Node, name string) Note {
	n := Note{Path: program.Path, At: program.Value.At(), Refuses: true}
	lower := strings.ToLower(name)
	if slices.ContainsFunc(signatures, func(w string) bool { return strings.Contains(lower, w) }) {
		n.Message = "it refuses by what the provider " + name + " says of the images' signatures; keys and identities are in the provider's configuration and not here: it is not turned"
		n.Hint = "write a ClusterImagePolicy with the provider's key or identity (docs/policies.md), and hold it against what runs: policy simulate"
		return n
	}
	n.Message = "it refuses by what the provider " + name + " answers, which nothing here asks: it is not turned"
	n.Hint = "keep it in Gatekeeper; what it asks of attestations can be a rule of a VerificationPolicy (docs/policies.md)"
	return n
}
