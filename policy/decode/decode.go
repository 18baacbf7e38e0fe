package decode

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/policy"
	"github.com/cofferdam-io/cofferdam/policy/clusterimage"
	"github.com/cofferdam-io/cofferdam/policy/strict"
)

// MaxBytes bounds one file: the API server takes 1.5 MB of an object, and this is
// a list of hundreds.
const MaxBytes = 64 << 20

// maxDocuments bounds the objects of one file.
const maxDocuments = 100_000

// maxFaults bounds what is said about one object: the first hundred mend most.
const maxFaults = 1000

// File is what one input holds.
type File struct {
	Name    string
	Digest  ident.Digest // of its bytes; zero where they were not read
	Objects []Object
	// Others counts objects of kinds that are no policy, such as a ConfigMap beside one.
	Others int
	Faults []strict.Fault // of documents that are no object
}

// Object is one resource. Of the four readings at most one is set, and none where the
// resource cannot be used.
type Object struct {
	Kind, APIVersion, Name string
	At                     manifest.Place
	Faults                 []strict.Fault
	Image                  *clusterimage.Policy
	Root                   *clusterimage.TrustRoot
	Policy                 *policy.Policy // a VerificationPolicy, compiled
	Exception              *policy.Exception

	node manifest.Value
}

// Read reads one input, and compiles what is to be compiled by c. A cancelled context
// is told by a fault.
func Read(ctx context.Context, in manifest.Input, c *policy.Compiler) File {
	f := File{Name: in.Name, Digest: ident.SHA256(in.Data)}
	f.Faults = Resources(ctx, in, func(kind string, v manifest.Value) { f.read(c, kind, v) })
	return f
}

// Resources hands over the resources of one input with their kinds, those in lists one
// by one, and returns what is wrong with documents that hold none.
func Resources(ctx context.Context, in manifest.Input, each func(kind string, v manifest.Value)) []strict.Fault {
	docs, err := manifest.Documents(ctx, in, manifest.Options{MaxBytes: MaxBytes, MaxDocuments: maxDocuments})
	if err != nil {
		return []strict.Fault{faultOf(err, manifest.Place{Line: 1, Column: 1})}
	}
	var faults []strict.Fault
	for _, d := range docs {
		if d.Err != nil {
			faults = append(faults, faultOf(d.Err, d.At))
			continue
		}
		resources(d.Root, "", 0, &faults, each)
	}
	return faults
}

func resources(v manifest.Value, base string, depth int, faults *[]strict.Fault, each func(kind string, v manifest.Value)) {
	if v.Kind() != manifest.Map {
		strict.Root(v, faults).Fault(strict.RuleType, "a Kubernetes object is due here and not %s", v.Kind()).Mend("begin with apiVersion and kind")
		return
	}
	kind := v.Field("kind").Text()
	if kind == "" {
		kind = base
	}
	if list, ok := strings.CutSuffix(kind, "List"); ok && v.Field("items").Kind() == manifest.List && depth < maxNestedLists {
		for _, item := range v.Field("items").Items() {
			resources(item, list, depth+1, faults, each)
		}
		return
	}
	each(kind, v)
}

func faultOf(err error, at manifest.Place) strict.Fault {
	out := strict.Fault{At: at, Rule: strict.RuleSyntax, Message: err.Error()}
	var known *ident.Error
	if errors.As(err, &known) {
		out.Message, out.Hint = known.Message, known.Hint
		if known.Kind == ident.KindLimit {
			out.Rule = strict.RuleLimit
		}
	}
	return out
}

// maxNestedLists is manifest's: the API knows no lists of lists.
const maxNestedLists = 4

func (f *File) read(c *policy.Compiler, kind string, v manifest.Value) {
	var faults []strict.Fault
	root := strict.Root(v, &faults)
	o := Object{Kind: kind, APIVersion: v.Field("apiVersion").Text(), Name: v.Field("metadata").Field("name").Text(), At: v.At(), node: v}
	if !o.read(c, root, &faults) {
		f.Others++
		return
	}
	strict.Sort(faults)
	if len(faults) > maxFaults {
		faults = faults[:maxFaults]
	}
	o.Faults = faults
	f.Objects = append(f.Objects, o)
}

// read picks the reader; false is a kind that is no policy.
func (o *Object) read(c *policy.Compiler, root strict.Node, faults *[]strict.Fault) bool {
	group, version, grouped := strings.Cut(o.APIVersion, "/")
	if !grouped {
		group, version = "", o.APIVersion
	}
	sigstore, own := group == clusterimage.Group, group == Group
	switch {
	case o.Kind == "" || o.APIVersion == "":
		missing := "kind"
		if o.Kind != "" {
			missing = "apiVersion"
		}
		root.Fault(strict.RuleMissing, "%s is missing", missing).Mend("apiVersion: %s/%s, kind: %s", clusterimage.Group, clusterimage.V1Beta1, clusterimage.Kind)
	case o.Kind == clusterimage.Kind && sigstore && (version == clusterimage.V1Alpha1 || version == clusterimage.V1Beta1):
		o.Image = clusterimage.ReadPolicy(root, faults)
	case o.Kind == clusterimage.RootKind && sigstore && version == clusterimage.V1Alpha1:
		o.Root = clusterimage.ReadTrustRoot(root, faults)
	case o.Kind == PolicyKind && own && version == Version:
		o.Policy = readVerification(root, faults, c)
	case o.Kind == ExceptionKind && own && version == Version:
		o.Exception = readException(root, faults)
	case versions[o.Kind] != "":
		root.Get("apiVersion").Fault(strict.RuleValue, "%q is no version of %s", o.APIVersion, o.Kind).Mend("%s", versions[o.Kind])
	case sigstore:
		root.Get("kind").Fault(strict.RuleValue, "%q is no kind of %s", o.Kind, group).Mend("%s or %s", clusterimage.Kind, clusterimage.RootKind)
	case own && !slices.Contains(elsewhere, o.Kind):
		root.Get("kind").Fault(strict.RuleValue, "%q is no kind of %s", o.Kind, group).Mend("%s or %s", PolicyKind, ExceptionKind)
	default:
		return false
	}
	return true
}

// versions are the kinds that Read knows, with the versions to write.
var versions = map[string]string{
	clusterimage.Kind:     clusterimage.Group + "/" + clusterimage.V1Beta1 + " or " + clusterimage.Group + "/" + clusterimage.V1Alpha1,
	clusterimage.RootKind: clusterimage.Group + "/" + clusterimage.V1Alpha1,
	PolicyKind:            Group + "/" + Version,
	ExceptionKind:         Group + "/" + Version,
}

// elsewhere are kinds of our group that are no policy: packages manifest and
// policytest read them.
var elsewhere = []string{"Estate", "ImageFacts", "PolicyTest"}

// Kinds are the kinds of resource that Read knows.
func Kinds() []string { return slices.Sorted(maps.Keys(versions)) }
