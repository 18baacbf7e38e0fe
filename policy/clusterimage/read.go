package clusterimage

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/policy/strict"
)

// The rules of this package, beside those of package strict.
const (
	RuleGlob         = "glob"
	RuleIdentity     = "identity"
	RuleKey          = "key"
	RuleKMS          = "kms"
	RuleAuthority    = "authority"
	RuleResource     = "resource"
	RuleDeprecated   = "deprecated"
	RuleRemotePolicy = "remote-policy"
	RuleInsecure     = "insecure"
	RuleTrustRoot    = "trust-root"
	RuleLanguage     = "policy-language"
)

// maxItems bounds images, authorities and what they list: the controller asks them
// one after another, for every container.
const maxItems = 1000

// ReadPolicy reads a ClusterImagePolicy and records every fault of it. It is nil
// where the policy cannot be used.
func ReadPolicy(root strict.Node, faults *[]strict.Fault) *Policy {
	from := len(*faults)
	version := strings.TrimPrefix(root.Get("apiVersion").Text(), Group+"/")
	root.Object("apiVersion", "kind", "metadata", "spec", "status")
	p := &Policy{Name: ReadName(root), Version: version}
	if !root.Require("spec", "spec holds images and authorities") {
		return nil
	}
	spec := root.Get("spec").Object("images", "authorities", "policy", "mode", "match")
	p.Warn = spec.Get("mode").OneOf("enforce", "warn") == "warn"
	p.Images = readImages(spec)
	for _, m := range some(spec.Get("match")) {
		p.Match = append(p.Match, readMatch(m))
	}
	if spec.Get("policy").Present() {
		p.Policy = readInline(spec.Get("policy"), true)
	}
	p.Authorities = readAuthorities(spec)
	if strict.Broken((*faults)[from:]) {
		return nil
	}
	return p
}

// some are the items of a list, as many as may be.
func some(n strict.Node) []strict.Node {
	items := n.Items()
	if len(items) > maxItems {
		n.Fault(strict.RuleLimit, "holds %d items, more than %d", len(items), maxItems).Mend("split the policy")
		items = items[:maxItems]
	}
	return items
}

var resourceName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)

// ReadName reads metadata and returns the name of a resource.
func ReadName(root strict.Node) string {
	if !root.Require("metadata", "metadata holds at least a name") {
		return ""
	}
	meta := root.Get("metadata")
	if len(meta.Fields()) == 0 || meta.Get("generateName").Text() == "" && !meta.Require("name", "give the policy a name") {
		return ""
	}
	name := meta.Get("name")
	if s := name.Text(); s != "" && (len(s) > 253 || !resourceName.MatchString(s)) {
		name.Fault(strict.RuleValue, "%q is no name of a resource", s).Mend("lower-case letters, digits, - and ., as in RFC 1123")
	}
	return name.Text()
}

func readImages(spec strict.Node) []Glob {
	images := spec.Get("images")
	if images.Empty() {
		images.Fault(strict.RuleMissing, "images is missing or empty: the policy would govern nothing").Mend(`images: [{glob: "**"}] governs every image`)
		return nil
	}
	var out []Glob
	seen := map[string]bool{}
	for _, i := range some(images) {
		i = i.Object("glob")
		if !i.Require("glob", `glob: "registry.example/**"`) {
			continue
		}
		n := i.Get("glob")
		text := n.Text()
		if text == "" {
			if n.Empty() {
				n.Fault(RuleGlob, "the glob is empty").Mend(`"**" matches every image`)
			}
			continue
		}
		g, err := ParseGlob(text)
		if err != nil {
			n.Fault(RuleGlob, "%s", err).Mend("%s", hintOf(err))
			continue
		}
		if doubt, hint := g.Doubt(); doubt != "" {
			n.Warn(RuleGlob, "the glob %q %s", text, doubt).Mend("%s", hint)
		}
		if seen[text] {
			n.Warn(RuleGlob, "the glob %q stands here twice", text).Mend("remove one")
		}
		seen[text] = true
		out = append(out, g)
	}
	return out
}

func hintOf(err error) string {
	if e, ok := err.(*ident.Error); ok { //nolint:errorlint // made by ParseGlob itself, not wrapped
		return e.Hint
	}
	return ""
}

// kinds are the resources that the controller judges unless it is told of more.
var kinds = map[string]string{"pods": "", "replicasets": "apps", "deployments": "apps", "statefulsets": "apps", "daemonsets": "apps", "jobs": "batch", "cronjobs": "batch"}

func readMatch(n strict.Node) Match {
	n = n.Object("group", "version", "resource", "selector")
	m := Match{Group: n.Get("group").Text(), Version: n.Get("version").Text(), Resource: n.Get("resource").Text()}
	group, known := kinds[m.Resource]
	of := n.Get("resource")
	switch {
	case m.Resource == "" && n.Get("selector").Present() && m.Version == "" && m.Group == "":
		n.Get("selector").Fault(RuleResource, "a selector needs the resource whose labels it selects by").Mend("resource: pods, version: v1")
	case m.Resource == "":
		of.Warn(RuleResource, "without a resource this selects nothing").Mend("resource: deployments, group: apps, version: v1; or remove match for every resource")
	case !known && slices.Contains([]string{"", "apps", "batch"}, m.Group):
		of.Fault(RuleResource, "%q is no resource that runs containers", m.Resource).Mend("a plural in lower case: pods, deployments, replicasets, statefulsets, daemonsets, jobs, cronjobs")
	case !known:
		of.Warn(RuleResource, "%q is judged only where the controller is configured for it", m.Resource).Mend("name it in the controller's configuration too")
	case group != m.Group:
		n.Get("group").Warn(RuleResource, "%s are of the group %q, so this selects nothing", m.Resource, group).Mend("group: %q", group)
	case m.Version == "":
		n.Get("version").Warn(RuleResource, "without a version this selects nothing").Mend(`version: v1, or version: "*"`)
	}
	if s := n.Get("selector"); s.Present() {
		m.Selector = ReadSelector(s)
	}
	return m
}

// ReadSelector reads a label selector, metav1.LabelSelector.
func ReadSelector(n strict.Node) *estate.LabelSelector {
	n = n.Object("matchLabels", "matchExpressions")
	out := &estate.LabelSelector{MatchLabels: n.Get("matchLabels").TextMap()}
	for _, e := range some(n.Get("matchExpressions")) {
		e = e.Object("key", "operator", "values")
		r := estate.Requirement{Key: e.Get("key").Text(), Operator: e.Get("operator").OneOf("In", "NotIn", "Exists", "DoesNotExist"), Values: e.Get("values").Texts()}
		e.Require("key", "key: the name of a label")
		if !e.Require("operator", "operator: In, NotIn, Exists or DoesNotExist") {
			continue
		}
		switch takes := r.Operator == "In" || r.Operator == "NotIn"; {
		case takes && len(r.Values) == 0:
			e.Get("values").Fault(strict.RuleMissing, "the operator %s needs values", r.Operator).Mend("values: [a, b]")
		case !takes && len(r.Values) > 0:
			e.Get("values").Fault(strict.RuleConflict, "the operator %s takes no values", r.Operator).Mend("remove values, or use In")
		}
		out.MatchExpressions = append(out.MatchExpressions, r)
	}
	return out
}

func readInline(n strict.Node, overAll bool) *Inline {
	names := []string{"type", "data", "remote", "configMapRef"}
	extra := []string{"fetchConfigFile", "includeSpec", "includeObjectMeta", "includeTypeMeta"}
	n = n.Object(slices.Concat(names, extra)...)
	p := &Inline{Data: n.Get("data").Text(), text: n.Get("data")}
	if n.Require("type", "type: cue, or type: rego") {
		p.Type = n.Get("type").OneOf("cue", "rego")
	}
	for i, to := range []*bool{&p.FetchConfigFile, &p.IncludeSpec, &p.IncludeObjectMeta, &p.IncludeTypeMeta} {
		f := n.Get(extra[i])
		b := f.Bool()
		*to = b != nil && *b
		if f.Present() && !overAll {
			f.Fault(strict.RuleConflict, "%s has no meaning for one attestation", extra[i]).Mend("it belongs to spec.policy")
		}
	}
	n.Either("the text of the policy", "data", "remote", "configMapRef")
	if r := n.Get("remote"); r.Present() {
		p.Remote = readRemote(r)
	}
	if c := n.Get("configMapRef"); c.Present() {
		c = c.Object("name", "namespace", "key")
		c.Require("name", "name: of the ConfigMap")
		c.Require("key", "key: in the ConfigMap's data")
		p.ConfigMap = &ConfigMapRef{Name: c.Get("name").Text(), Namespace: c.Get("namespace").Text(), Key: c.Get("key").Text()}
	}
	return p
}

var sha256Hex = regexp.MustCompile(`^[0-9a-f]{64}$`)

func readRemote(n strict.Node) *Remote {
	n = n.Object("url", "sha256sum")
	r := &Remote{}
	if n.Require("url", "url: https://…") {
		r.URL = readURL(n.Get("url"), "https")
	}
	if n.Require("sha256sum", "sha256sum FILE prints it; without it whoever serves the policy writes it") {
		s := n.Get("sha256sum")
		if text := s.Text(); !sha256Hex.MatchString(text) {
			s.Fault(RuleRemotePolicy, "%q is no SHA-256: no text ever has it", text).Mend("64 hexadecimal digits in lower case, as sha256sum prints them")
		} else if d, err := ident.ParseDigest("sha256:" + text); err == nil {
			r.SHA256 = d
		}
	}
	return r
}

// readURL reads an absolute URL of one of some schemes.
func readURL(n strict.Node, schemes ...string) string {
	text := n.Text()
	u, err := url.Parse(text)
	switch {
	case text == "":
		if n.Present() {
			n.Fault(strict.RuleValue, "the URL is empty").Mend("write it in full, such as https://host.example/path")
		}
	case err != nil || u.Host == "" || !slices.Contains(schemes, u.Scheme):
		n.Fault(strict.RuleValue, "%q is no absolute URL with %s", text, strings.Join(schemes, " or ")).Mend("write it in full, such as %s://host.example/path", schemes[0])
	case u.User != nil:
		n.Fault(RuleInsecure, "the URL holds a user or password").Mend("remove it: policies are read by many")
	}
	return text
}

func readAuthorities(spec strict.Node) []Authority {
	all := spec.Get("authorities")
	items := some(all)
	if all.Empty() {
		all.Fault(strict.RuleMissing, "authorities is missing or empty: nobody could satisfy the policy").
			Mend("add a key, a keyless identity, or static: {action: pass} to let images through on purpose")
		return nil
	}
	var out []Authority
	names := map[string]bool{}
	for i, n := range items {
		a := readAuthority(n, i)
		if names[a.Name] {
			n.Warn(strict.RuleConflict, "two authorities are called %q: one hides the other's results", a.Name).Mend("give each its own name")
		}
		names[a.Name] = true
		out = append(out, a)
	}
	if len(out) > 1 {
		for i, a := range out {
			if a.Static == nil {
				continue
			}
			n := items[i].Get("static")
			if a.Static.Pass {
				n.Warn(RuleAuthority, "any authority suffices, so this one makes the others meaningless").Mend("remove it, or put it into a policy of its own")
			} else {
				n.Warn(RuleAuthority, "any authority suffices, so a refusal beside others refuses nothing").Mend("put it into a policy of its own: all matching policies must pass")
			}
		}
	}
	return out
}

func defaultName(i int) string { return fmt.Sprintf("authority-%d", i) }
