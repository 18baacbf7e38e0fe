package contain

import (
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/cofferdam-io/cofferdam/ident"
)

// File is one text of a plan's folder.
type File struct {
	Name string // with slashes, below the folder
	Data []byte
}

// The names of a plan's folder, which the command-line contract fixes.
const (
	planFile   = "plan.json"
	proofFile  = "proof.json"
	ticketFile = "ticket.md"
	diffFile   = "change.diff"
	applyDir   = "apply/"
	removeFile = "remove.txt"
)

// Folder writes the plan as files, sorted by name: the same plan is the same bytes.
// ticket is the plan for people, in Markdown.
func (p *Plan) Folder(ticket []byte) ([]File, error) {
	if err := p.Seal(); err != nil {
		return nil, err
	}
	var out []File
	var resources []string
	var removed []string
	for _, o := range p.objects {
		if o.removed {
			removed = append(removed, fmt.Sprintf("%s %s %s", strings.ToLower(o.ref.Kind), o.ref.Namespace, o.ref.Name))
			continue
		}
		out = append(out, File{o.file(), o.text})
		resources = append(resources, strings.TrimPrefix(o.file(), applyDir))
	}
	for i := range p.Labels {
		f, err := p.patchOf(&p.Labels[i])
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	slices.Sort(resources)
	kustomization, err := yaml.Marshal(map[string]any{"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": append([]string{}, resources...)})
	if err != nil {
		return nil, ident.Errorf(ident.KindFailure, "cannot write the kustomization: %w", err)
	}
	out = append(out, File{applyDir + "kustomization.yaml", kustomization})
	slices.Sort(removed)
	remove := strings.Join(removed, "\n")
	if remove != "" {
		remove += "\n"
	}
	out = append(out, File{removeFile, []byte(remove)})

	plan, err := Indented(p)
	if err != nil {
		return nil, err
	}
	diff, err := p.diff()
	if err != nil {
		return nil, err
	}
	out = append(out, File{planFile, plan}, File{diffFile, diff}, File{ticketFile, ticket})
	proof := *p.Proof
	bound, err := Bind(out, &proof, &proof.Inputs)
	if err != nil {
		return nil, err
	}
	out = append(out, bound)
	slices.SortFunc(out, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}
