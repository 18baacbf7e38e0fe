package contain

import (
	"context"
	"fmt"
	"strings"

	"github.com/cofferdam-io/cofferdam/contain/patch"
	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
	"github.com/cofferdam-io/cofferdam/segment/k8s"
)

// object is one that a plan adds or replaces, as the text that is applied.
type object struct {
	cluster string
	ref     segment.PolicyRef
	text    []byte
	why     string
	// was is the object that it replaces; nil if it is new.
	was *estate.Policy
	// removed is true where was is to be deleted.
	removed bool
	// newPods says what a pod that comes later and matches gets.
	newPods   []string
	edit      *patch.Edit // of the source of was; nil where that cannot be edited
	merge     any         // changes was in the cluster, where that was dumped
	unpatched string      // why not
	also      []ident.Ref // neighbours that labels cannot tell from what is meant
}

// newObject writes an object with a comment above it.
func newObject(cluster, why string, tree map[string]any) (*object, error) {
	text, err := patch.Text(tree)
	if err != nil {
		return nil, ident.Errorf(ident.KindFailure, "cannot write an object: %w", err)
	}
	meta, _ := tree["metadata"].(map[string]any)
	o := &object{cluster: cluster, why: why, ref: segment.PolicyRef{Kind: fmt.Sprint(tree["kind"]), Cluster: cluster, Name: fmt.Sprint(meta["name"])}}
	if ns, ok := meta["namespace"].(string); ok {
		o.ref.Namespace = ns
	}
	o.text = append(patch.Comment(why), text...)
	return o, nil
}

func (o *object) String() string {
	if o.ref.Namespace == "" {
		return o.ref.Kind + " " + o.ref.Name
	}
	return o.ref.Kind + " " + o.ref.Namespace + "/" + o.ref.Name
}

// file is the name of the object's text in the plan's folder.
func (o *object) file() string {
	parts := []string{strings.ToLower(o.ref.Kind)}
	if o.ref.Cluster != "" {
		parts = append([]string{o.ref.Cluster}, parts...)
	}
	if o.ref.Namespace != "" {
		parts = append(parts, o.ref.Namespace)
	}
	return "apply/" + strings.Join(append(parts, o.ref.Name), "_") + ".yaml"
}

// delta reads the objects as a cluster would and returns what they change of the
// model: what is proved is the text that is applied, not what was meant by it.
func delta(ctx context.Context, m *segment.Model, objects []*object) (*segment.Delta, error) {
	var inputs []manifest.Input
	d := &segment.Delta{}
	for _, o := range objects {
		if o.removed {
			d.DropPolicies = append(d.DropPolicies, o.ref)
			continue
		}
		inputs = append(inputs, manifest.Input{Name: o.file(), Cluster: o.cluster, Data: o.text})
	}
	if len(inputs) == 0 {
		return d, nil
	}
	set, err := manifest.Decode(ctx, inputs, manifest.Options{})
	if err != nil {
		return nil, err
	}
	if len(set.Estate.Faults) > 0 {
		f := set.Estate.Faults[0]
		return nil, ident.Errorf(ident.KindFailure, "%s: %s: %s", f.Object, f.Pointer, f.Message).At(f.Source.File)
	}
	policies, taints := k8s.Policies(m, set)
	if len(taints) > 0 {
		return nil, ident.Errorf(ident.KindUnsupported, "%s: %s", taints[0].Object, taints[0].Reason)
	}
	d.PutPolicies = policies
	return d, nil
}
