package kyverno

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/policy/strict"
)

// The identity of the resources in the API.
const (
	Group          = "policies.kyverno.io"
	Kind           = "ImageValidatingPolicy"
	NamespacedKind = "NamespacedImageValidatingPolicy"
)

// Versions are those of the API that are read. All have the same fields.
var versions = []string{"v1", "v1beta1", "v1alpha1"}

// Is reports whether an object of an API version and a kind is one that Convert reads.
func Is(apiVersion, kind string) bool {
	group, version, _ := strings.Cut(apiVersion, "/")
	return group == Group && slices.Contains(versions, version) && (kind == Kind || kind == NamespacedKind)
}

// IsFormer reports whether an object is a policy of Kyverno's older kinds, which can ask
// for signatures in verifyImages and are not read.
func IsFormer(apiVersion, kind string) bool {
	group, _, _ := strings.Cut(apiVersion, "/")
	return group == "kyverno.io" && (kind == "ClusterPolicy" || kind == "Policy")
}

// Effect is what becomes of a policy by what could not be turned.
type Effect string

// The effects.
const (
	// Missing: the old policy refused by it and the new ones do not. The conversion is
	// incomplete.
	Missing Effect = "missing"
	// Stricter: the new ones may refuse what the old one admitted.
	Stricter Effect = "stricter"
	// Neutral: no verdict changes by it.
	Neutral Effect = "neutral"
)

// Note says what could not be turned as it was.
type Note struct {
	Path    string // "spec.attestors[0].cosign.tuf"
	At      manifest.Place
	Effect  Effect
	Message string
	Hint    string // what to do about it
}

// Conversion is what became of one resource.
type Conversion struct {
	Name     string
	Policies []Policy
	Notes    []Note // in the order of the resource
}

// Complete reports whether the new policies refuse all that the old one did.
func (c *Conversion) Complete() bool {
	return !slices.ContainsFunc(c.Notes, func(n Note) bool { return n.Effect == Missing })
}

// converter is the work on one resource.
type converter struct {
	Conversion
	attestors    map[string]*attestor
	attestations map[string]string // name → predicate type; "" cannot be turned
	images       []image
	mode         string
}

// attestor is one as an authority; nil authority cannot be turned, for the reason.
type attestor struct {
	authority *authority
	reason    string
}

func (c *converter) note(n strict.Node, e Effect, hint, format string, args ...any) {
	c.Notes = append(c.Notes, Note{Path: n.Path, At: n.At, Effect: e, Message: fmt.Sprintf(format, args...), Hint: hint})
}

// Convert turns a resource, of which Is is true. Faults are what is wrong with it as it
// stands: unknown fields, values of another type.
func Convert(root strict.Node) Conversion {
	c := &converter{attestors: map[string]*attestor{}, attestations: map[string]string{}}
	root.Object("apiVersion", "kind", "metadata", "spec", "status")
	c.Name = root.Get("metadata").Get("name").Text()
	spec := root.Get("spec").Object("matchConstraints", "failurePolicy", "auditAnnotations", "validationActions", "matchConditions", "variables", "validationConfigurations",
		"matchImageReferences", "credentials", "images", "attestors", "attestations", "validations", "webhookConfiguration", "evaluation", "autogen")
	if root.Get("kind").Text() == NamespacedKind {
		c.note(root.Get("kind"), Stricter, "label only its namespace for the policy controller", "it held in one namespace; a ClusterImagePolicy holds in all that the controller looks at")
	}
	if e := spec.Get("evaluation"); e.Get("mode").Text() == "JSON" {
		c.note(e.Get("mode"), Missing, "", "it judges JSON that is no Kubernetes resource, which the policy controller does not")
		return c.Conversion
	}
	c.scope(spec)
	c.actions(spec)
	c.references(spec)
	for _, a := range spec.Get("attestors").Items() {
		c.attestors[a.Get("name").Text()] = c.attestor(a)
	}
	for _, a := range spec.Get("attestations").Items() {
		c.attestation(a)
	}
	c.validations(spec)
	return c.Conversion
}

// scope says what of the selection of resources a ClusterImagePolicy does not have.
func (c *converter) scope(spec strict.Node) {
	const everywhere = "the new policies judge every Pod and every template of Pods that the controller sees"
	m := spec.Get("matchConstraints")
	for _, f := range m.Fields() {
		switch f.Path[strings.LastIndexByte(f.Path, '.')+1:] {
		case "resourceRules":
			for _, r := range f.Items() {
				for _, kind := range r.Get("resources").Items() {
					if k := kind.Text(); !slices.Contains(podResources, k) {
						c.note(kind, Missing, "", "resources of the kind %s are not judged by the policy controller", strconv.Quote(k))
					}
				}
			}
		case "matchPolicy":
		default:
			if !f.Empty() && (f.Value.Kind() != manifest.Map || len(f.Value.Entries()) > 0) {
				c.note(f, Stricter, "match: of a ClusterImagePolicy selects by labels", "the selection is left out: %s", everywhere)
			}
		}
	}
	for _, n := range spec.Get("matchConditions").Items() {
		c.note(n, Stricter, "", "the condition is left out: %s", everywhere)
	}
	for _, n := range spec.Get("images").Items() {
		c.note(n, Missing, "", "images of fields that are no Pod's are not judged by the policy controller")
	}
	for _, n := range spec.Get("auditAnnotations").Items() {
		c.note(n, Neutral, "", "the policy controller writes no audit annotations")
	}
	if n := spec.Get("credentials"); n.Present() {
		c.note(n, Neutral, "give the controller's service account what it needs to pull", "the policy controller has registry credentials of its own")
	}
}

// podResources are what the policy controller judges.
var podResources = []string{"pods", "pods/ephemeralcontainers", "replicasets", "deployments", "statefulsets", "daemonsets", "jobs", "cronjobs"}

// actions is what a refusal does.
func (c *converter) actions(spec strict.Node) {
	actions := spec.Get("validationActions").Texts()
	c.mode = "enforce"
	if len(actions) > 0 && !slices.Contains(actions, "Deny") {
		c.mode = "warn"
	}
	if slices.Contains(actions, "Audit") {
		c.note(spec.Get("validationActions"), Neutral, "", "the policy controller writes no reports; mode: %s", c.mode)
	}
	if n := spec.Get("failurePolicy"); n.Text() == "Ignore" {
		c.note(n, Stricter, "the failure policy is the controller's own, of all its policies", "failures were ignored; the new policies refuse what cannot be judged")
	}
	if n := spec.Get("evaluation").Get("admission").Get("enabled"); n.Bool() != nil && !*n.Bool() {
		c.note(n, Stricter, "mode: warn judges without refusing", "it was not evaluated at admission; the new policies are")
	}
	v := spec.Get("validationConfigurations")
	if m, d := v.Get("mutateDigest"), v.Get("verifyDigest"); m.Bool() != nil && !*m.Bool() && (d.Bool() == nil || *d.Bool()) {
		c.note(m, Missing, "a VerificationPolicy can ask for a digest", "images named by a tag were refused; the policy controller resolves tags and judges what they name")
	}
}

// references are the globs of images.
func (c *converter) references(spec strict.Node) {
	refs := spec.Get("matchImageReferences")
	if refs.Empty() {
		c.images = []image{{Glob: "**"}}
		return
	}
	for _, n := range refs.Items() {
		g := n.Get("glob").Text()
		if g == "" {
			// Leaving one out would leave its images unjudged.
			c.note(n.Get("expression"), Stricter, "write globs instead", "an expression cannot select images here: the new policies judge all images")
			c.images = []image{{Glob: "**"}}
			return
		}
		if strings.Contains(g, "?") {
			c.note(n.Get("glob"), Stricter, "", "? is no pattern of the policy controller: ** stands for it and matches more")
		}
		c.images = append(c.images, image{Glob: glob(g)})
	}
}

// glob turns a pattern, whose * may stand for slashes, into one that matches at least
// the same references: the policy controller's * stops at a slash.
func glob(g string) string {
	if rest, ok := strings.CutPrefix(g, "docker.io/"); ok {
		g = "index.docker.io/" + rest // what the controller completes references to
	}
	var b strings.Builder
	for i := 0; i < len(g); i++ {
		switch {
		case g[i] != '*' && g[i] != '?':
			b.WriteByte(g[i])
		case !strings.HasSuffix(b.String(), "**"):
			b.WriteString("**")
		}
	}
	return b.String()
}

func (c *converter) attestation(n strict.Node) {
	n = n.Object("name", "intoto", "referrer")
	name := n.Get("name").Text()
	c.attestations[name] = n.Get("intoto").Get("type").Text()
	if r := n.Get("referrer"); r.Present() {
		c.note(r, Neutral, "attach what is wanted as an in-toto attestation: cofferdam attest", "what is attached by a media type is no signed statement, and the policy controller looks at none: the attestation is not turned")
	}
}
