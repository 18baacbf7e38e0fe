package decode

import (
	"github.com/cofferdam-io/cofferdam/policy/clusterimage"
	"github.com/cofferdam-io/cofferdam/policy/strict"
)

// RuleReference is about one resource that refers to another.
const RuleReference = "reference"

// Link judges resources together: one that stands in the files twice, and a reference
// to a TrustRoot that is not among them where others are.
func Link(files []File) {
	type identity struct{ kind, name string }
	seen := map[identity]string{}
	roots := map[string]*clusterimage.TrustRoot{}
	anyRoot := false
	for i := range files {
		for j := range files[i].Objects {
			o := &files[i].Objects[j]
			id := identity{o.Kind, o.Name}
			if at, again := seen[id]; again && o.Name != "" {
				strict.Root(o.node, &o.Faults).Get("metadata").Get("name").Fault(RuleReference, "%s %q stands in %s already", o.Kind, o.Name, at).Mend("remove one, or rename it: the cluster keeps the later one only")
			}
			seen[id] = files[i].Name
			if o.Kind == clusterimage.RootKind {
				anyRoot = true
				roots[o.Name] = o.Root
			}
		}
	}
	if !anyRoot {
		return // roots are kept apart from policies more often than not
	}
	for i := range files {
		for j := range files[i].Objects {
			if o := &files[i].Objects[j]; o.Image != nil {
				linkAuthorities(o, roots)
			}
		}
	}
}

func linkAuthorities(o *Object, roots map[string]*clusterimage.TrustRoot) {
	for _, a := range strict.Root(o.node, &o.Faults).Get("spec").Get("authorities").Items() {
		for _, field := range []string{"keyless", "ctlog", "rfc3161timestamp"} {
			n := a.Get(field).Get("trustRootRef")
			name := n.Text()
			if name == "" {
				continue
			}
			root, ok := roots[name]
			switch {
			case !ok:
				n.Warn(RuleReference, "no TrustRoot of the input is called %q", name).Mend("add it, or check its name")
			case root == nil || root.Keys == nil: // broken, or its keys are elsewhere
			case field == "rfc3161timestamp" && len(root.Keys.TimestampAuthorities) == 0:
				n.Fault(RuleReference, "TrustRoot %q has no timestampAuthorities", name).Mend("add the authority to it")
			case field == "keyless" && len(root.Keys.CertificateAuthorities) == 0:
				n.Fault(RuleReference, "TrustRoot %q has no certificateAuthorities", name).Mend("add the authority to it")
			case field == "ctlog" && len(root.Keys.TLogs) == 0:
				n.Fault(RuleReference, "TrustRoot %q has no tLogs", name).Mend("add the log to it")
			}
		}
	}
	strict.Sort(o.Faults)
}
