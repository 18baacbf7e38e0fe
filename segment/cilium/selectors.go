package cilium

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cofferdam-io/cofferdam/estate/manifest/ciliumv2"
	"github.com/cofferdam-io/cofferdam/segment"
)

// Labels that an endpoint has beside those of its pod (pkg/k8s/apis/cilium.io).
const (
	namespaceKey    = "io.kubernetes.pod.namespace"
	namespaceLabels = "io.cilium.k8s.namespace.labels."
	clusterKey      = "io.cilium.k8s.policy.cluster"
	nameLabel       = "kubernetes.io/metadata.name"
)

// requirement is one condition of a selector, its key without the source.
type requirement struct {
	source string // "", "k8s", "any", "reserved", …
	key    string
	op     segment.Operator
	values []string
}

var operators = map[metav1.LabelSelectorOperator]segment.Operator{
	metav1.LabelSelectorOpIn: segment.In, metav1.LabelSelectorOpNotIn: segment.NotIn,
	metav1.LabelSelectorOpExists: segment.Exists, metav1.LabelSelectorOpDoesNotExist: segment.DoesNotExist,
}

// positive reports whether a condition asks for a label that is there.
func positive(op segment.Operator) bool { return op == segment.In || op == segment.Exists }

// requirements reads a selector's conditions, in the order of their keys.
func requirements(path string, s *ciliumv2.Selector) ([]requirement, error) {
	var out []requirement
	add := func(key string, op segment.Operator, values []string) error {
		r := requirement{key: key, op: op, values: values}
		if source, rest, ok := strings.Cut(key, ":"); ok {
			r.source, r.key = source, rest
		}
		if r.key == "" {
			return fmt.Errorf("%s: %.60q is no label key", path, key)
		}
		out = append(out, r)
		return nil
	}
	for k, v := range s.MatchLabels {
		if err := add(k, segment.In, []string{v}); err != nil {
			return nil, err
		}
	}
	for i, e := range s.MatchExpressions {
		op, ok := operators[e.Operator]
		if !ok {
			return nil, fmt.Errorf("%s.matchExpressions[%d].operator %.20q is none of In, NotIn, Exists, DoesNotExist", path, i, e.Operator)
		}
		if listed := op == segment.In || op == segment.NotIn; listed != (len(e.Values) > 0) {
			return nil, fmt.Errorf("%s.matchExpressions[%d] has %d values with operator %s", path, i, len(e.Values), e.Operator)
		}
		if err := add(e.Key, op, e.Values); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(out, func(a, b requirement) int { return strings.Compare(a.key, b.key) })
	return out, nil
}

// subject translates an endpointSelector. some is false if it selects no pod.
func (t *translation) subject(s *ciliumv2.Selector) (p segment.Peer, some bool, err error) {
	path := t.path + ".endpointSelector"
	reqs, err := requirements(path, s)
	if err != nil {
		return p, false, err
	}
	if slices.ContainsFunc(reqs, func(r requirement) bool { return r.source == "reserved" && positive(r.op) }) {
		return p, false, nil
	}
	if t.namespace != "" {
		// The namespace of the object is the only one, whatever the selector says
		// about namespaces.
		reqs = slices.DeleteFunc(reqs, func(r requirement) bool { return r.key == namespaceKey })
	}
	p, named := pods(reqs)
	if t.namespace == "" {
		return p, true, nil
	}
	if named {
		p.Doubt = "it selects by labels of its own namespace, which is not modelled"
	}
	p.Pods.Namespaces, p.Pods.InNamespace = nil, t.namespace
	return p, true, nil
}

// endpoints translates the selectors of fromEndpoints and toEndpoints.
func (t *translation) endpoints(path string, list []ciliumv2.Selector) ([]segment.Peer, error) {
	var out []segment.Peer
	for i := range list {
		at := fmt.Sprintf("%s[%d]", path, i)
		reqs, err := requirements(at, &list[i])
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(reqs, func(r requirement) bool { return r.source == "reserved" }) {
			peers, err := reserved(at, reqs)
			if err != nil {
				return nil, err
			}
			out = append(out, peers...)
			continue
		}
		p, named := pods(reqs)
		if !named && t.namespace != "" {
			p.Pods.InNamespace = t.namespace
		}
		out = append(out, p)
		if named && !slices.ContainsFunc(reqs, func(r requirement) bool { return positive(r.op) }) {
			// Nothing that it asks for is asked of pods only: what is not a pod has
			// no such labels either.
			const doubt = "whether a selector of labels that are absent matches what is not a pod depends on the version of Cilium"
			out = append(out, append(world(doubt), everyNode(doubt))...)
		}
	}
	return out, nil
}

// reserved translates a selector of reserved labels, which are entities by
// another name. Other conditions beside them can hold for nothing that has them.
func reserved(path string, reqs []requirement) ([]segment.Peer, error) {
	var names []string
	for _, r := range reqs {
		if r.source != "reserved" || r.op != segment.In && r.op != segment.Exists {
			return []segment.Peer{{Kind: segment.PeerAny, Doubt: "a selector of reserved labels beside others is not modelled"}}, nil
		}
		names = append(names, r.key)
	}
	if len(names) > 1 {
		return nil, nil // nothing has two of them
	}
	if names[0] == "all" || names[0] == "cluster" {
		return nil, nil // entities, but no labels
	}
	return entities(path, names, segment.Egress) // without the ease of ingress: in doubt rather than left out
}

// pods translates conditions on labels of pods and of their namespaces. named is
// true if one is about namespaces.
func pods(reqs []requirement) (p segment.Peer, named bool) {
	p.Kind = segment.PeerPods
	var onPods, onNamespaces []segment.Requirement
	for _, r := range reqs {
		x := segment.Requirement{Key: r.key, Op: r.op, Values: r.values}
		switch {
		case r.source == "reserved" && !positive(r.op):
			// No pod has a reserved label.
		case r.source != "" && r.source != "k8s" && r.source != "any":
			p.Doubt = "labels of source " + r.source + " are not modelled"
		case r.key == clusterKey:
			p.Doubt = "the name that Cilium gives to the cluster is not known"
		case r.key == namespaceKey:
			x.Key, named = nameLabel, true
			onNamespaces = append(onNamespaces, x)
		case strings.HasPrefix(r.key, namespaceLabels):
			x.Key, named = strings.TrimPrefix(r.key, namespaceLabels), true
			onNamespaces = append(onNamespaces, x)
		case leftOut(r.key):
			p.Doubt = "Cilium leaves label " + r.key + " out of identities unless it is configured otherwise"
		default:
			onPods = append(onPods, x)
		}
	}
	p.Pods.Pods, p.Pods.Namespaces = segment.NewSelector(onPods), segment.NewSelector(onNamespaces)
	return p, named
}

// leftOut reports whether the default label filter keeps a label of pods out of
// identities, so that selectors do not see it (documentation, "Limiting
// Identity-Relevant Labels").
func leftOut(key string) bool {
	if key == ServiceAccountLabel || strings.HasPrefix(key, "app.kubernetes.io") {
		return false
	}
	for _, prefix := range []string{"io.kubernetes", "kubernetes.io", "k8s.io", "statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index",
		"batch.kubernetes.io/job-completion-index", "batch.kubernetes.io/controller-uid", "pod-template-generation", "pod-template-hash", "controller-revision-hash", "annotation", "controller-uid", "etcd_node"} {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return strings.Contains(key, "beta.kubernetes.io")
}
