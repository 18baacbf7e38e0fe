package estate

import (
	"slices"
	"strings"
)

// Management is what the marks on one object say about the tools that keep it:
// none where there are no marks, which is no proof that nobody keeps it. Several
// at once are all told, those first that undo a change soonest.
type Management []Keeper

// Keeper is one tool, or one owning object, that keeps an object as it is.
type Keeper struct {
	Tool      string // "Helm", "Argo CD", "Flux", "kubectl", …; for ownerReferences the kind of the owner
	Object    string // what of the tool: "release", "Application", "Kustomization"; "" if it has no name for it
	Namespace string // of that, "" if unknown or without
	Name      string // of that, "" if unknown
	Undoes    Undoing
	// Copied says which object the mark names where that is not this one: the
	// mark came along with a copy, and the tool does not keep this object.
	Copied string
	// Makes is true where the object is made from another object by a controller in the
	// cluster, so that no manifest of this one is its source.
	Makes bool
	// Here is true where the very text that bears the mark may be what the tool is run
	// on: it stands in sources, too, and not on what comes of them alone.
	Here     bool
	Change   string // what to do so that a change lasts
	UndoneBy string // what undoes a change made in the cluster; "" if nothing does
}

// Undoing is when a tool takes back a change that was made past it.
type Undoing uint8

// When changes are undone, the soonest first.
const (
	AtOnce    Undoing = iota // a controller watches the object, or looks at it every few minutes
	NextRun                  // the next time that somebody runs the tool
	NotUndone                // nothing undoes it
)

// Marks are what ManagementOf reads of an object. Annotations need hold no more
// than the keys that it looks for.
type Marks struct {
	Group, Kind, Namespace, Name string
	Labels, Annotations          map[string]string
	Owners                       []OwnerReference
	Managers                     []string // metadata.managedFields[].manager
}

// OwnerReference is one of an object's ownerReferences.
type OwnerReference struct {
	Kind, Name string
	Controller bool
}

// ManagementOf reads the published marks of Argo CD, Flux, Helm, operators,
// Kyverno, Fleet and others.
func ManagementOf(m Marks) Management {
	if len(m.Labels) == 0 && len(m.Annotations) == 0 && len(m.Owners) == 0 && len(m.Managers) == 0 {
		return nil
	}
	var out Management
	for _, o := range m.Owners {
		if o.Kind == "" || o.Name == "" {
			continue
		}
		k := Keeper{Tool: o.Kind, Name: o.Name, Undoes: AtOnce, Makes: true, Change: "change " + o.Kind + " " + o.Name + ", from which it is made", UndoneBy: "its controller"}
		if !o.Controller {
			k.UndoneBy = "what made it"
		}
		out = append(out, k)
	}
	if len(m.Labels) > 0 || len(m.Annotations) > 0 {
		out = append(out, m.argo()...)
		out = append(out, m.flux()...)
		out = append(out, m.generated()...)
		out = append(out, m.helm()...)
		out = append(out, m.declared(out)...)
		if _, ok := m.Annotations[lastApplied]; ok {
			out = append(out, Keeper{Tool: "kubectl", Undoes: NextRun, Here: true, Change: "change the file that it was applied from", UndoneBy: "the next kubectl apply of that file"})
		}
	}
	out = append(out, m.managers(out)...)
	slices.SortStableFunc(out, func(a, b Keeper) int { return int(a.Undoes) - int(b.Undoes) })
	return out
}

// lastApplied holds the whole manifest as kubectl apply left it; only that it is
// there matters.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// argo reads Argo CD's tracking (https://argo-cd.readthedocs.io/en/stable/user-guide/resource_tracking/).
// The annotation names the object that it belongs to; the label
// app.kubernetes.io/instance alone is no proof, for charts set it too.
func (m *Marks) argo() []Keeper {
	k := Keeper{Tool: "Argo CD", Object: "Application", Undoes: AtOnce,
		Change: "change it in the Git repository that the Application reads", UndoneBy: "the next synchronisation (at once where self-healing is on)"}
	id := m.Annotations["argocd.argoproj.io/tracking-id"]
	if id == "" {
		k.Name = first(m.Labels["argocd.argoproj.io/instance"], m.Annotations["argocd.argoproj.io/instance"])
		if k.Name == "" {
			return nil
		}
		return []Keeper{k}
	}
	// application:group/kind:namespace/name; an application outside Argo's own
	// namespace is namespace_name.
	app, rest, _ := strings.Cut(id, ":")
	k.Name = app
	if ns, name, ok := strings.Cut(app, "_"); ok {
		k.Namespace, k.Name = ns, name
	}
	what, where, ok := strings.Cut(rest, ":")
	group, kind, also := strings.Cut(what, "/")
	ns, name, named := strings.Cut(where, "/")
	switch {
	case !ok || !also || !named:
		k.Copied = "something that cannot be read: " + id
	case kind != m.Kind || name != m.Name || !sameGroup(group, m.Group) || ns != m.Namespace && m.Namespace != "":
		k.Copied = title(kind, ns, name)
	}
	return []Keeper{k}
}

func sameGroup(a, b string) bool {
	return a == b || a == "extensions" || b == "extensions" // the removed group holds kinds of three others
}

func title(kind, namespace, name string) string {
	if namespace == "" {
		return kind + " " + name
	}
	return kind + " " + namespace + "/" + name
}

// flux reads the labels of Flux's controllers
// (https://fluxcd.io/flux/faq/, "How do I know which Kustomization applied an object").
func (m *Marks) flux() []Keeper {
	var out []Keeper
	if name := first(m.Labels["kustomize.toolkit.fluxcd.io/name"], m.Annotations["kustomize.toolkit.fluxcd.io/name"]); name != "" {
		k := Keeper{Tool: "Flux", Object: "Kustomization", Name: name, Undoes: AtOnce,
			Namespace: first(m.Labels["kustomize.toolkit.fluxcd.io/namespace"], m.Annotations["kustomize.toolkit.fluxcd.io/namespace"]),
			Change:    "change it in the Git repository that the Kustomization reads", UndoneBy: "the next reconciliation"}
		if m.Annotations["kustomize.toolkit.fluxcd.io/reconcile"] == "disabled" || m.Annotations["kustomize.toolkit.fluxcd.io/ssa"] == "Ignore" {
			k.Undoes, k.UndoneBy = NotUndone, ""
			k.Change = "Flux is told to leave this object alone; change it in the Git repository as well, for the day on which it is not"
		}
		out = append(out, k)
	}
	if name := first(m.Labels["helm.toolkit.fluxcd.io/name"], m.Annotations["helm.toolkit.fluxcd.io/name"]); name != "" {
		out = append(out, Keeper{Tool: "Flux", Object: "HelmRelease", Name: name, Undoes: AtOnce,
			Namespace: first(m.Labels["helm.toolkit.fluxcd.io/namespace"], m.Annotations["helm.toolkit.fluxcd.io/namespace"]),
			Change:    "change the values of the HelmRelease in Git", UndoneBy: "the next reconciliation that finds drift, or the next upgrade"})
	}
	return out
}

// helm reads Helm's marks (https://helm.sh/docs/chart_best_practices/labels/):
// the annotations are set by Helm itself at installation, the label by the chart,
// which also stands on output of helm template.
func (m *Marks) helm() []Keeper {
	k := Keeper{Tool: "Helm", Object: "release", Undoes: NextRun, Change: "change the chart's values", UndoneBy: "the next upgrade",
		Name: m.Annotations["meta.helm.sh/release-name"], Namespace: m.Annotations["meta.helm.sh/release-namespace"]}
	by := first(m.Labels["app.kubernetes.io/managed-by"], m.Labels["heritage"])
	switch {
	case k.Name != "":
	case by == "Helm" || by == "Tiller":
		k.Name = first(m.Labels["app.kubernetes.io/instance"], m.Labels["release"])
	default:
		return nil
	}
	return []Keeper{k}
}

// generator is a tool that is known by one key, whose value names something.
type generator struct {
	key    string // of a label or an annotation
	space  string // key of the namespace of what is named, "" if it has none
	tool   string
	object string
	undoes Undoing
	change string
	by     string
	makes  bool // from another object of the cluster
	here   bool // see Keeper.Here
}

var generators = [...]generator{
	{"generate.kyverno.io/policy-name", "generate.kyverno.io/policy-namespace", "Kyverno", "policy", AtOnce, "change the rule that generates it", "Kyverno, where the rule keeps what it generates in step", true, false},
	{"hnc.x-k8s.io/inherited-from", "", "HNC", "copy from namespace", AtOnce, "change the original in the namespace that it is inherited from", "the hierarchical namespace controller", true, false},
	{"fleet.cattle.io/bundle-name", "fleet.cattle.io/bundle-namespace", "Rancher Fleet", "Bundle", NextRun, "change it in the Git repository that the GitRepo reads", "the next deployment of the bundle, or at once where drift is corrected", false, false},
	{"objectset.rio.cattle.io/owner-name", "objectset.rio.cattle.io/owner-namespace", "Rancher", "owner", AtOnce, "change the owner, such as the Addon of K3s and its file", "the controller", false, false},
	{"objectset.rio.cattle.io/id", "", "Rancher", "object set", AtOnce, "change what it is applied from, a bundle of Fleet or a file of K3s", "the controller", false, false},
	{"olm.owner", "olm.owner.namespace", "the Operator Lifecycle Manager", "owner", AtOnce, "change the operator's subscription or bundle", "the manager", true, false},
	{"configsync.gke.io/resource-id", "", "Config Sync", "resource", AtOnce, "change it in the repository that Config Sync reads", "Config Sync", false, false},
	{"kapp.k14s.io/app", "", "kapp", "app", NextRun, "change the files that kapp deploys", "the next kapp deploy", false, false},
	{"tanka.dev/environment", "", "Tanka", "environment", NextRun, "change the environment's Jsonnet", "the next tk apply", false, false},
	{"addonmanager.kubernetes.io/mode", "", "the addon manager", "mode", AtOnce, "change the addon's manifest on the control plane", "the addon manager", false, true},
}

// generated reads the marks of tools that need no more than a look at one key.
func (m *Marks) generated() []Keeper {
	var out []Keeper
	for _, g := range generators {
		name := first(m.Labels[g.key], m.Annotations[g.key])
		if name == "" || g.key == "objectset.rio.cattle.io/id" && len(out) > 0 && strings.HasPrefix(out[len(out)-1].Tool, "Rancher") {
			continue
		}
		k := Keeper{Tool: g.tool, Object: g.object, Name: name, Undoes: g.undoes, Makes: g.makes, Here: g.here, Change: g.change, UndoneBy: g.by}
		if g.space != "" {
			k.Namespace = first(m.Labels[g.space], m.Annotations[g.space])
		}
		if g.key == "addonmanager.kubernetes.io/mode" && name == "EnsureExists" {
			k.Undoes, k.UndoneBy = NotUndone, ""
		}
		out = append(out, k)
	}
	return out
}

// declared reads app.kubernetes.io/managed-by where it names a tool that no
// other mark has named.
func (m *Marks) declared(known Management) []Keeper {
	by := m.Labels["app.kubernetes.io/managed-by"]
	if by == "" || by == "Helm" || by == "Tiller" {
		return nil
	}
	for _, k := range known {
		if sameTool(k.Tool, by) {
			return nil
		}
	}
	switch strings.ToLower(by) {
	case "terraform", "opentofu":
		return []Keeper{terraform()}
	case "pulumi":
		return []Keeper{pulumi()}
	case "kustomize", "helmfile", "ansible", "skaffold", "cdk8s", "kubectl":
		return []Keeper{{Tool: by, Undoes: NextRun, Here: true, Change: "change what it is run on", UndoneBy: "the next run"}}
	}
	return []Keeper{{Tool: by, Undoes: AtOnce, Change: "change what it makes this object from", UndoneBy: by}}
}

func sameTool(a, b string) bool {
	plain := strings.NewReplacer(" ", "", "-", "", "_", "")
	x, y := strings.ToLower(plain.Replace(a)), strings.ToLower(plain.Replace(b))
	return strings.HasPrefix(y, x) || strings.HasPrefix(x, y)
}

func terraform() Keeper {
	return Keeper{Tool: "Terraform", Undoes: NextRun, Change: "change the Terraform configuration", UndoneBy: "the next terraform apply"}
}

func pulumi() Keeper {
	return Keeper{Tool: "Pulumi", Undoes: NextRun, Change: "change the Pulumi program", UndoneBy: "the next pulumi up"}
}

// managers reads who wrote fields, for tools that leave no other mark.
func (m *Marks) managers(known Management) []Keeper {
	for _, name := range m.Managers {
		var k Keeper
		switch lower := strings.ToLower(name); {
		case strings.HasPrefix(lower, "terraform"), lower == "opentofu":
			k = terraform()
		case strings.HasPrefix(lower, "pulumi"):
			k = pulumi()
		default:
			continue
		}
		for _, have := range known {
			if have.Tool == k.Tool {
				return nil
			}
		}
		return []Keeper{k}
	}
	return nil
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// String names the keeper: "Helm release web in namespace shop".
func (k Keeper) String() string {
	s := k.Tool
	if k.Object != "" {
		s += " " + k.Object
	}
	if k.Name != "" {
		s += " " + k.Name
	}
	if k.Namespace != "" {
		s += " in namespace " + k.Namespace
	}
	return s
}

// Advice is what a person does so that a change lasts: "Helm release web in
// namespace shop: change the chart's values; a kubectl apply is undone by the
// next upgrade".
func (k Keeper) Advice() string {
	if k.Copied != "" {
		return k.String() + ": its mark names " + k.Copied + " and was copied; " + k.Tool + " does not keep this object"
	}
	s := k.String() + ": " + k.Change
	if k.Tool == "kubectl" {
		return s + "; a change made in the cluster is undone by " + k.UndoneBy
	}
	if k.UndoneBy != "" {
		return s + "; a kubectl apply is undone by " + k.UndoneBy
	}
	return s
}

// Undoes is when a change that is made past all tools is undone at the soonest.
// Marks that were copied undo nothing.
func (m Management) Undoes() Undoing {
	soonest := NotUndone
	for _, k := range m {
		if k.Copied == "" {
			soonest = min(soonest, k.Undoes)
		}
	}
	return soonest
}

// MadeBy is the controller that makes the object from another one and undoes at once
// what is changed past it: a change of its text does not last.
func (m Management) MadeBy() (Keeper, bool) {
	for _, k := range m {
		if k.Makes && k.Copied == "" && k.Undoes == AtOnce {
			return k, true
		}
	}
	return Keeper{}, false
}

// Elsewhere is the keeper that takes a change back, the soonest first, and whose source
// is another text than the one that bears its mark.
func (m Management) Elsewhere() (Keeper, bool) {
	for _, k := range m {
		if k.Copied == "" && k.Undoes != NotUndone && !k.Here {
			return k, true
		}
	}
	return Keeper{}, false
}

// Advice has a line for each keeper.
func (m Management) Advice() []string {
	var out []string
	for _, k := range m {
		out = append(out, k.Advice())
	}
	return out
}
